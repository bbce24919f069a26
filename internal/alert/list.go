package alert

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

const columns = `id, repo_id, number, kind, app, token_id, owner_id, last_eight, resolution, comment, resolved_by, resolved_at, created_at, updated_at, bypassed_by, bypassed_at`

type scanner interface{ Scan(...any) error }

func scan(row scanner) (Alert, error) {
	var a Alert
	var resolved, created, updated, bypassed int64
	err := row.Scan(&a.ID, &a.Repo, &a.Number, &a.Kind, &a.App, &a.Token, &a.Owner, &a.LastEight, &a.Resolution, &a.Comment, &a.ResolvedBy, &resolved, &created, &updated, &a.BypassedBy, &bypassed)
	a.ResolvedAt, a.CreatedAt, a.UpdatedAt, a.BypassedAt = db.Time(resolved), db.Time(created), db.Time(updated), db.Time(bypassed)
	return a, err
}

// Filter says which alerts, in GitHub's words; what is empty does not count.
type Filter struct {
	State, Resolution, Type, Validity string
	Sort, Direction                   string // created (the default) or updated; desc or asc
}

// check fails with problem.Invalid for a word that means nothing.
func (f *Filter) check() error {
	for _, one := range []struct {
		field, value string
		words        []string
	}{
		{"state", f.State, []string{"open", "resolved"}},
		{"sort", f.Sort, []string{"created", "updated"}},
		{"direction", f.Direction, []string{"asc", "desc"}},
	} {
		if one.value != "" && !slices.Contains(one.words, one.value) {
			return problem.Field(one.field, one.field+" must be "+strings.Join(one.words, " or "))
		}
	}
	return nil
}

func (f *Filter) takes(a *Alert) bool {
	in := func(list, value string) bool { return list == "" || slices.Contains(strings.Split(list, ","), value) }
	return (f.State == "" || (f.State == "open") == a.Open()) && in(f.Type, Type(a.Kind)) && in(f.Validity, string(a.Validity)) &&
		(f.Resolution == "" || !a.Open() && in(f.Resolution, a.Resolution))
}

// maxAlerts bounds how many alerts of a repository are looked at for a list.
const maxAlerts = 5000

// List returns the alerts of a repository that the filter takes, with the validity
// of each at this moment. It asks the database twice, whatever their number.
func (m *Room) List(ctx context.Context, r db.Reader, repo id.Repo, f Filter) ([]Alert, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	all, err := m.query(ctx, r, `SELECT `+columns+` FROM secret_alerts WHERE repo_id = $1 ORDER BY id DESC LIMIT $2`, repo, maxAlerts)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a Alert) bool { return !f.takes(&a) })
	slices.SortStableFunc(all, func(a, b Alert) int {
		n := cmp.Compare(a.Number, b.Number)
		if f.Sort == "updated" {
			n = a.UpdatedAt.Compare(b.UpdatedAt)
		}
		if f.Direction == "asc" {
			return n
		}
		return -n
	})
	return all, nil
}

// ByNumber returns an alert of that repository, or problem.NotFound.
func (m *Room) ByNumber(ctx context.Context, r db.Reader, repo id.Repo, number int64) (Alert, error) {
	list, err := m.query(ctx, r, `SELECT `+columns+` FROM secret_alerts WHERE repo_id = $1 AND number = $2`, repo, number)
	if err != nil {
		return Alert{}, err
	}
	if len(list) == 0 {
		return Alert{}, notFound()
	}
	return list[0], nil
}

func (m *Room) query(ctx context.Context, r db.Reader, query string, args ...any) ([]Alert, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	defer rows.Close()
	out := []Alert{}
	var ids []id.Token
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list alerts: %w", err)
		}
		out, ids = append(out, a), append(ids, a.Token)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	rows.Close()
	// What a token can do is asked now: it may have been revoked, or made anew.
	tokens, err := m.o.Tokens.ByIDs(ctx, r, ids)
	if err != nil {
		return nil, err
	}
	old, err := m.o.Tokens.OldSecrets(ctx, r, ids...)
	if err != nil {
		return nil, err
	}
	now := m.o.Now()
	for i := range out {
		a := &out[i]
		t, ok := tokens[a.Token]
		a.Note = t.Note
		live := ok && t.RevokedAt.IsZero()
		switch {
		case a.Kind == token.AppSecret, a.Kind == token.Refresh && live:
			a.Validity = Unknown
		case a.Kind != token.Refresh && live && (t.LastEight == a.LastEight || old[a.Token].LastEight == a.LastEight) && !t.Expired(now):
			a.Validity = Active
		default:
			a.Validity = Inactive
		}
	}
	return out, nil
}

// Locations lists where an alert's token stands, in the order in which the places
// were found.
func (m *Room) Locations(ctx context.Context, r db.Reader, alert int64) ([]Location, error) {
	rows, err := r.Query(ctx, `SELECT kind, object_id, commit_id, path, line, start_column FROM secret_locations WHERE alert_id = $1 ORDER BY id`, alert)
	if err != nil {
		return nil, fmt.Errorf("list places: %w", err)
	}
	defer rows.Close()
	out := []Location{}
	for rows.Next() {
		var l Location
		if err := rows.Scan(&l.Kind, &l.Object, &l.Commit, &l.Path, &l.Line, &l.Column); err != nil {
			return nil, fmt.Errorf("list places: %w", err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// Patch is what somebody decides about an alert. Resolution empty opens it again.
type Patch struct {
	Resolution string
	Comment    string
}

// Decide closes an alert, or opens it again. It fails with problem.Invalid, with
// the field, and with problem.NotFound.
func (m *Room) Decide(ctx context.Context, actor right.Actor, at Place, number int64, p Patch) (Alert, error) {
	if p.Resolution != "" && !slices.Contains(Resolutions(), p.Resolution) {
		return Alert{}, problem.Field("resolution", "resolution must be "+strings.Join(Resolutions(), ", "))
	}
	if utf8.RuneCountInString(p.Comment) > maxComment {
		return Alert{}, problem.Field("resolution_comment", "The comment is longer than 280 characters.")
	}
	var out Alert
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := m.ByNumber(ctx, tx, at.Repo, number)
		if err != nil {
			return err
		}
		now := m.o.Now()
		by, when, action := actor.Account, db.Micros(now), "secret_scanning_alert.resolve"
		if p.Resolution == "" {
			by, when, action, p.Comment = 0, 0, "secret_scanning_alert.reopen", ""
		}
		_, err = tx.Exec(ctx, `UPDATE secret_alerts SET resolution = $2, comment = $3, resolved_by = $4, resolved_at = $5, updated_at = $6 WHERE id = $1`,
			a.ID, p.Resolution, text(p.Comment), by, when, db.Micros(now))
		if err != nil {
			return fmt.Errorf("decide about an alert: %w", err)
		}
		if p.Resolution != a.Resolution {
			detail := map[string]string{"alert_number": fmt.Sprint(number)}
			if p.Resolution != "" {
				detail["resolution"] = p.Resolution
			}
			if err := m.o.Audit.Record(ctx, tx, audit.Entry{Action: action, Actor: actor, Account: at.Owner, Repo: at.Repo, Target: at.Name, Detail: detail}); err != nil {
				return err
			}
			told := "resolved"
			if p.Resolution == "" {
				told = "reopened"
			}
			if err := m.tell(ctx, tx, actor, at.Repo, told, number); err != nil {
				return err
			}
		}
		out, err = m.ByNumber(ctx, tx, at.Repo, number)
		return err
	})
	return out, err
}

// text is fit for a database: it takes no zero bytes and nothing but UTF-8.
func text(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }

func none(err error) bool { return errors.Is(err, sql.ErrNoRows) }
