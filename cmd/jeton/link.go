package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/db"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

const userInviteUsage = `Usage: jeton user invite [--email E] [--expires 7d] [--json] [--data DIR]

Print a one-use link for making an account. Give it to
that person alone.

  --email E       the address of the account; its person need not prove it
  --expires TIME  how long the link can be used, such as 12h or 7d
  --url URL       the public URL, if the server does not run on the data folder
`

func userInvite(c *call) error {
	email := c.flags.String("email", "", "")
	expires := c.flags.String("expires", "7d", "")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	life, err := parseLife(*expires)
	if err != nil {
		return err
	}
	if *email != "" {
		if err := account.CheckEmail(*email); err != nil {
			return err
		}
	}
	return c.with(func(k *app.Core) error { return c.link(k, signin.Invite, signin.For{Email: *email}, life) })
}

const userResetUsage = `Usage: jeton user reset-password LOGIN [--expires 1d] [--password-stdin] [--json] [--data DIR]

Print a one-use link for setting a new password. Or set the password here, with
--password-stdin. The account's sessions end when the
new password is set; its tokens go on.

  --expires TIME    how long the link can be used, such as 12h or 1d
  --password-stdin  read the new password from standard input, one line
  --url URL         the public URL, if the server does not run on the data folder
`

func userReset(c *call) error {
	expires := c.flags.String("expires", "1d", "")
	fromStdin := c.flags.Bool("password-stdin", false, "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	life, err := parseLife(*expires)
	if err != nil {
		return err
	}
	var password secret.Value
	if *fromStdin {
		if password, err = c.newPassword(true); err != nil {
			return err
		}
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		if password.IsZero() {
			return c.link(k, signin.Reset, signin.For{Account: a.ID}, life)
		}
		if err := k.Signin.SetPassword(c.ctx, right.Operator(), a.ID, password); err != nil {
			return err
		}
		return c.print(map[string]string{"login": a.Login, "done": "password set"}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "set the password of %s\n", a.Login) })
	})
}

// link makes a one-use link and prints it.
func (c *call) link(k *app.Core, kind signin.LinkKind, f signin.For, life time.Duration) error {
	plain, l, err := k.Signin.NewLink(c.ctx, right.Operator(), kind, f, life)
	if err != nil {
		return err
	}
	url := linkURL(c.url(), kind, plain)
	v := map[string]string{"url": url, "expires_at": l.ExpiresAt.UTC().Format(time.RFC3339)}
	return c.print(v, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, url)
		c.note("It works once, until %s.", l.ExpiresAt.UTC().Format("2006-01-02 15:04 MST"))
	})
}

// linkURL puts the secret into the fragment, which no browser sends anywhere.
func linkURL(base string, kind signin.LinkKind, plain secret.Value) string {
	path := map[signin.LinkKind]string{signin.Setup: "/setup", signin.Invite: "/join", signin.Reset: "/password_reset"}[kind]
	return base + path + "#" + plain.Reveal()
}

// createUser makes the account and its password in one transaction.
func createUser(c *call, k *app.Core, n account.NewAccount, password secret.Value) (a account.Account, err error) {
	var h signin.Hash
	if !password.IsZero() {
		if h, err = k.Signin.HashPassword(c.ctx, password, n.Login, n.Email); err != nil {
			return a, err
		}
	}
	err = k.DB.Write(c.ctx, func(tx *db.Tx) error {
		if a, err = k.Accounts.CreateTx(c.ctx, tx, right.Operator(), n); err != nil || password.IsZero() {
			return err
		}
		return k.Signin.SetPasswordTx(c.ctx, tx, a.ID, h)
	})
	return a, err
}

// setupLink returns the link for the first administrator, empty when there is
// an account.
func setupLink(ctx context.Context, k *app.Core) (string, error) {
	n, err := k.Accounts.Count(ctx, k.DB)
	if err != nil || n > 0 {
		return "", err
	}
	plain, _, err := k.Signin.NewLink(ctx, right.Operator(), signin.Setup, signin.For{}, 0)
	if err != nil {
		return "", err
	}
	return linkURL(k.Config.URL, signin.Setup, plain), nil
}
