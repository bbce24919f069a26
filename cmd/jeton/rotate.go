package main

import (
	"fmt"
	"io"
	"time"

	"jeton/internal/client"
	"jeton/internal/problem"
)

const tokenRotateUsage = `Usage: jeton token rotate [https://HOST] [--window 24h] [--close-at-first-use] [--json]
       jeton token rotate https://HOST --with-token [--key K] [--fingerprint F] …

Replace a personal access token by a new secret of the same token. The new one
works at once, the old one for a while yet. Without --with-token it is the one that
"jeton login" keeps, and the new one is kept in its place.

  --with-token          read the token from standard input, and print the new one,
                        which stands alone on standard output
  --window TIME         how long the old one works on, from 1m to 168h (default: until
                        its end if it is kept here, for a week at most, else 24h)
  --close-at-first-use  end the old one as soon as the new one is used: for a token
                        that this program alone holds
  --key K               ask again for an answer that was lost, with --with-token: the
                        key is told when that happens
  --fingerprint F       as for "jeton login"
`

func tokenRotate(c *call) error {
	withToken := c.flags.Bool("with-token", false, "")
	window := c.flags.Duration("window", 0, "")
	closes := c.flags.Bool("close-at-first-use", false, "")
	key := c.flags.String("key", "", "")
	fingerprint := c.flags.String("fingerprint", "", "")
	k, host, err := c.atHost()
	if err != nil {
		return err
	}
	if *window != 0 && (*window < time.Minute || *window > 7*24*time.Hour) {
		return usageError("--window is between 1m and 168h", "")
	}
	r := client.Rotate{Host: host, Window: *window, Closes: *closes, Confirm: c.confirm(*fingerprint)}
	switch {
	case *withToken && host == "":
		return usageError("--with-token needs the host", "Add https://HOST.")
	case *withToken:
		if r.Token, r.Key = c.token, *key; r.Key == "" {
			r.Key = client.NewKey()
		}
	case *key != "":
		return usageError("--key belongs to --with-token", "What is kept here remembers its key.")
	}
	done, err := k.Rotate(c.ctx, r)
	if err != nil {
		if p := problem.Of(err); p.Kind == problem.Unavailable && *withToken {
			return problem.Wrap(err, p.Kind, p.Public, "If the answer was lost, ask again with: --key "+r.Key)
		}
		return err
	}
	v := struct {
		client.Rotated
		Token string `json:"token,omitempty"`
	}{done, done.Token.Reveal()}
	return c.print(v, func(w io.Writer) {
		if *withToken {
			_, _ = fmt.Fprintln(w, v.Token)
			c.note("The old one works until %s.", clock(done.OldEndsAt))
			return
		}
		_, _ = fmt.Fprintf(w, "The token for %s was replaced. The old one works until %s.\n", done.Host, clock(done.OldEndsAt))
	})
}

func clock(t time.Time) string { return t.UTC().Format("Monday, 2 January 2006, 15:04 MST") }
