package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"jeton/internal/app"
	"jeton/internal/right"
	"jeton/internal/token"
)

const tokenCreateText = `Usage: jeton token create LOGIN --note N --expires 30d|2027-01-31|never [--scope S]…
                          [--json] [--data DIR]

Make a personal access token (classic) and print it. It stands alone on standard
output, and is shown this once.

  --note N       what the token is for
  --expires WHEN in so many days, at the end of a date (UTC), or never
  --scope S      a scope, or several parted by commas; may be given more than once.
                 Without one the token reads what is public. The scopes:
`

// tokenCreateUsage is the help with every scope that there is.
func tokenCreateUsage() string {
	const indent, width = "                 ", 80
	out, line := tokenCreateText, indent
	for i, s := range right.Scopes() {
		word := string(s.Name)
		if i < len(right.Scopes())-1 {
			word += ", "
		}
		if len(line)+len(word) > width {
			out, line = out+strings.TrimRight(line, " ")+"\n", indent
		}
		line += word
	}
	return out + line + "\n"
}

// words is a flag that may be given more than once, or as a list.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

func (w *words) Set(s string) error {
	*w = append(*w, right.SplitScopes(s)...)
	return nil
}

func tokenCreate(c *call) error {
	note := c.flags.String("note", "", "")
	expires := c.flags.String("expires", "", "")
	var names words
	c.flags.Var(&names, "scope", "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if *note == "" || *expires == "" {
		return usageError("a token needs a note and an expiration", "Add --note \"what it is for\" and --expires 30d, a date, or never.")
	}
	scopes, err := right.ParseScopes(names)
	if err != nil {
		return usageError(err.Error(), "See \"jeton token create --help\" for the scopes.")
	}
	until, err := parseExpiry(*expires, time.Now())
	if err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		t, plain, err := k.Tokens.Create(c.ctx, right.Operator(), a.ID, token.NewToken{Note: *note, Scopes: scopes, ExpiresAt: until})
		if err != nil {
			return err
		}
		v := struct {
			Token string `json:"token"`
			tokenJSON
		}{plain.Reveal(), tokenLine(t, a.Login)}
		return c.print(v, func(w io.Writer) { _, _ = fmt.Fprintln(w, v.Token) })
	})
}

// tokenJSON is a token as --json has it.
type tokenJSON struct {
	ID         int64      `json:"id"`
	Login      string     `json:"login"`
	Kind       string     `json:"kind"`        // classic, fine-grained, or oauth: an application's
	App        string     `json:"application"` // its client id; empty for personal ones
	Note       string     `json:"note"`
	Scopes     []string   `json:"scopes"`
	LastEight  string     `json:"token_last_eight"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"` // null: never
	Expired    bool       `json:"expired"`
	Frozen     bool       `json:"frozen"`       // an old secret was used after its time
	LastUsedAt *time.Time `json:"last_used_at"` // null: never
	Carried    string     `json:"carried_from"` // the system that made its secret; empty: this one
}

func tokenLine(t token.Token, login string) tokenJSON {
	return tokenJSON{int64(t.ID), login, t.Kind.String(), t.App, t.Note, t.Scopes.Names(), t.LastEight, t.CreatedAt, orNull(t.ExpiresAt), t.Expired(time.Now()), !t.FrozenAt.IsZero(), orNull(t.LastUse.At), t.Carried}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

const tokenRevokeAllUsage = `Usage: jeton token revoke-all LOGIN [--json] [--data DIR]

End all tokens of an account, those of applications included, at once and for
good.
`

func tokenRevokeAll(c *call) error {
	if err := c.parse(1, 1); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		n, err := k.Tokens.RevokeEverything(c.ctx, right.Operator(), a.ID)
		if err != nil {
			return err
		}
		return c.print(map[string]any{"login": a.Login, "revoked": n}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked %d\n", n) })
	})
}
