package account

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The longest profile fields, in characters.
const (
	MaxName     = 255
	MaxBio      = 160
	MaxLocation = 255
	MaxWebsite  = 255
)

// Profile is what a person says about themselves.
type Profile struct{ Name, Bio, Location, Website string }

// UpdateProfile replaces the account's profile fields.
func (r *Room) UpdateProfile(ctx context.Context, actor right.Actor, a id.Account, p Profile) (Account, error) {
	p, err := p.check()
	if err != nil {
		return Account{}, err
	}
	var out Account
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := r.ByID(ctx, tx, a)
		if err != nil {
			return err
		}
		if p == (Profile{old.Name, old.Bio, old.Location, old.Website}) {
			out = old
			return nil
		}
		_, err = tx.Exec(ctx, `
			UPDATE accounts SET name = $1, bio = $2, location = $3, website = $4, updated_at = $5 WHERE id = $6`,
			p.Name, p.Bio, p.Location, p.Website, db.Micros(r.o.Now()), a)
		if err != nil {
			return fmt.Errorf("update profile: %w", err)
		}
		if err := r.record(ctx, tx, actor, old.event("account.update_profile", "org.update_profile", "service_account.update_profile"), a, old.Login, nil); err != nil {
			return err
		}
		out, err = r.ByID(ctx, tx, a)
		return err
	})
	return out, err
}

func (p Profile) check() (Profile, error) {
	p = Profile{strings.TrimSpace(p.Name), strings.TrimSpace(p.Bio), strings.TrimSpace(p.Location), strings.TrimSpace(p.Website)}
	p.Bio = strings.ReplaceAll(p.Bio, "\r\n", "\n")
	for _, f := range []struct {
		field, label, value string
		limit               int
	}{
		{"name", "Name", p.Name, MaxName},
		{"bio", "Bio", strings.ReplaceAll(p.Bio, "\n", " "), MaxBio},
		{"location", "Location", p.Location, MaxLocation},
		{"website", "Website", p.Website, MaxWebsite},
	} {
		if err := checkText(f.field, f.label, f.value, f.limit); err != nil {
			return Profile{}, err
		}
	}
	if p.Website == "" {
		return p, nil
	}
	if !strings.Contains(p.Website, ":") {
		p.Website = "https://" + p.Website
	}
	// A page makes a link of it: nothing but a web address may stand there.
	u, err := url.Parse(p.Website)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return Profile{}, problem.Field("website", "Website must be an address that starts with https:// or http://")
	}
	return p, nil
}

// checkText refuses what is too long and what could not be shown on one line
// as it is: control characters, and those that turn the direction of a text.
func checkText(field, label, s string, limit int) error {
	if utf8.RuneCountInString(s) > limit {
		return problem.Field(field, label+" is too long (maximum is "+strconv.Itoa(limit)+" characters)")
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return problem.Field(field, label+" may not contain control characters")
	}
	return nil
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
