package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// A personal token is replaced in the last tenth of its life, and not sooner than so
// long before its end. The host lets an old one work on for that long.
const (
	rotateBefore = 7 * 24 * time.Hour
	minWindow    = time.Minute
	// ofUnknownAge is how long before its end a token is replaced of which nobody
	// knows how long it lives.
	ofUnknownAge = 24 * time.Hour
)

func (c *Client) dueToRotate(cred credential) bool {
	plain, now := cred.token.Reveal(), c.o.Now()
	if cred.expires.IsZero() || !now.Before(cred.expires) || !strings.HasPrefix(plain, "jtp_") && !strings.HasPrefix(plain, "jtf_") {
		return false
	}
	before := ofUnknownAge
	if !cred.since.IsZero() {
		before = min(cred.expires.Sub(cred.since)/10, rotateBefore)
	}
	return cred.rotation != "" || !now.Add(before).Before(cred.expires)
}

// rotation is what a person may say about one.
type rotation struct {
	window time.Duration // for the old token; 0: until its end, or as the host has it
	closes bool
}

// replace rotates a personal token that is kept here. The key of the request is
// remembered first, so that an answer that is lost can be asked for again; the
// caller holds the lock. On an error it returns what is kept still.
func (c *Client) replace(ctx context.Context, host string, a account, cred credential, r rotation) (credential, rotated, error) {
	if cred.rotation == "" {
		cred.rotation = NewKey()
		if _, err := c.store.save(host, a, cred); err != nil {
			cred.rotation = ""
			return cred, rotated{}, err
		}
	}
	if r.window == 0 && !cred.expires.IsZero() {
		r.window = max(minWindow, min(rotateBefore, cred.expires.Sub(c.o.Now())))
	}
	got, err := c.api(host, authorityOf(a)).rotate(ctx, cred.token, cred.rotation, r)
	if said, ok := errors.AsType[*refused](err); ok && said.status < 500 && said.status != http.StatusTooManyRequests {
		// The host has decided, and says the same to the same question. Later is
		// another day: what is left of the life has a last tenth, too.
		cred.rotation, cred.since = "", c.o.Now()
		_, failed := c.store.save(host, a, cred)
		return cred, rotated{}, errors.Join(err, failed)
	}
	if err != nil {
		return cred, rotated{}, err
	}
	next := credential{token: secret.New(got.Token), since: c.o.Now()}
	if got.ExpiresAt != nil {
		next.expires = *got.ExpiresAt
	}
	if _, err := c.store.save(host, a, next); err != nil {
		return cred, rotated{}, err // with the key it can be asked for again
	}
	return next, got, nil
}

// rotated is the host's answer.
type rotated struct {
	Token     string     `json:"token"`
	ExpiresAt *time.Time `json:"expires_at"`
	OldEndsAt time.Time  `json:"old_token_ends_at"`
}

func (a *api) rotate(ctx context.Context, token secret.Value, key string, r rotation) (rotated, error) {
	in := map[string]any{"idempotency_key": key, "close_at_first_use": r.closes}
	if r.window != 0 {
		in["window"] = int64(r.window / time.Second)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return rotated{}, err
	}
	var out rotated
	header := http.Header{"Authorization": {"token " + token.Reveal()}, "Content-Type": {"application/json"}}
	if _, err := a.send(ctx, http.MethodPost, "/api/v3/user/token/rotate", header, strings.NewReader(string(body)), &out); err != nil {
		return rotated{}, err
	}
	if out.Token == "" || printable.Line(out.Token, maxLogin) != out.Token {
		return rotated{}, problem.New(problem.Invalid, a.host+" gave something that is no token", "Check the address.")
	}
	return out, nil
}

// NewKey draws the key of one rotation.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// Rotate says how a personal token is replaced.
type Rotate struct {
	Host    string
	Token   func() (secret.Value, error) // asks for the token; nil: the one that is kept here
	Key     string                       // of an earlier try whose answer did not come; with Token only
	Window  time.Duration                // for how long the old one works on; 0: as the host has it
	Closes  bool                         // the first use of the new one ends the old one
	Confirm Confirm                      // nil: an unknown authority is refused
}

// Rotated is what became of a token.
type Rotated struct {
	Host      string       `json:"host"`
	Token     secret.Value `json:"-"` // the new one, if the old one was given and not kept here
	ExpiresAt time.Time    `json:"expires,omitzero"`
	OldEndsAt time.Time    `json:"old_token_ends_at"`
}

// Rotate replaces a personal token: one that is kept here, in its place, or one that
// the person gives and gets back.
func (c *Client) Rotate(ctx context.Context, r Rotate) (Rotated, error) {
	out := Rotated{Host: r.Host}
	var got rotated
	how := rotation{r.Window, r.Closes}
	if r.Token != nil {
		authority, err := c.meet(ctx, r.Host, r.Confirm)
		if err != nil {
			return out, err
		}
		token, err := r.Token()
		if err != nil {
			return out, err
		}
		if got, err = c.api(r.Host, authority).rotate(ctx, token, r.Key, how); err != nil {
			return out, err
		}
		out.Token = secret.New(got.Token)
	} else {
		unlock, err := c.lock()
		if err != nil {
			return out, err
		}
		defer unlock()
		host, a, err := c.find(r.Host)
		if err != nil {
			return out, err
		}
		cred, ok, err := c.store.load(host, a)
		if err != nil || !ok {
			return out, c.gone(host, ok, err)
		}
		if !cred.refresh.IsZero() || a.Device {
			return out, problem.New(problem.Invalid, "the token for "+host+" was given when signing in", "It is replaced by itself. To have another one now: jeton login "+host)
		}
		if _, got, err = c.replace(ctx, host, a, cred, how); err != nil {
			return out, err
		}
		out.Host = host
	}
	out.OldEndsAt = got.OldEndsAt
	if got.ExpiresAt != nil {
		out.ExpiresAt = *got.ExpiresAt
	}
	return out, nil
}
