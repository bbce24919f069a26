package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

const userCreateUsage = `Usage: jeton user create LOGIN [--email E] [--admin] [--password-stdin] [--json] [--data DIR]

Make an account. The password is asked for without being shown. Without a
terminal and without --password-stdin the account has none: give its person a
link with "jeton user reset-password LOGIN".

  --email E         the e-mail address, taken as verified
  --name NAME       the name that pages show
  --admin           a site administrator
  --password-stdin  read the password from standard input, one line
`

func userCreate(c *call) error {
	email := c.flags.String("email", "", "")
	name := c.flags.String("name", "", "")
	admin := c.flags.Bool("admin", false, "")
	fromStdin := c.flags.Bool("password-stdin", false, "")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	login := c.args[0]
	if err := account.CheckLogin(login); err != nil {
		return err
	}
	password, err := c.newPassword(*fromStdin)
	if err != nil {
		return err
	}
	if err := checkRestored(c.config.Data); err != nil {
		return err
	}
	if err := c.checkOwner(c.config.SQLite()); err != nil {
		return err
	}
	return c.withNew(func(k *app.Core) error {
		a, err := createUser(c, k, account.NewAccount{Login: login, Email: *email, Name: *name, SiteAdmin: *admin, EmailVerified: *email != ""}, password)
		if err != nil {
			return err
		}
		if password.IsZero() {
			c.note("The account has no password. \"jeton user reset-password %s\" makes a link to set one.", a.Login)
		}
		return c.print(userLine(a), func(w io.Writer) { _, _ = fmt.Fprintf(w, "made user %s\n", a.Login) })
	})
}

const userListUsage = `Usage: jeton user list [--json] [--data DIR]

List the accounts of people, and service accounts.
`

// userJSON is an account as --json has it.
type userJSON struct {
	Login     string    `json:"login"`
	Kind      string    `json:"kind"` // user, or machine: a service account
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	SiteAdmin bool      `json:"site_admin"`
	Suspended bool      `json:"suspended"`
	CreatedAt time.Time `json:"created_at"`
}

func userLine(a account.Account) userJSON {
	return userJSON{a.Login, a.Kind, a.Name, a.Email, a.SiteAdmin, a.Suspended, a.CreatedAt}
}

func userList(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		list := []userJSON{}
		for q := (account.Query{Limit: 200, Machines: true}); ; {
			page, err := k.Accounts.List(c.ctx, k.DB, q)
			if err != nil {
				return err
			}
			for _, a := range page {
				list = append(list, userLine(a))
				q.After = a.Login
			}
			if len(page) < q.Limit {
				break
			}
		}
		return c.print(list, func(w io.Writer) {
			c.table("LOGIN\tKIND\tE-MAIL\tCREATED\tSTATE", len(list), func(t io.Writer, i int) {
				u := list[i]
				var state []string
				if u.SiteAdmin {
					state = append(state, "admin")
				}
				if u.Suspended {
					state = append(state, "suspended")
				}
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", u.Login, u.Kind, printable.Line(u.Email, 0), u.CreatedAt.Format(time.DateOnly), strings.Join(state, ", "))
			})
		})
	})
}

const userSuspendUsage = `Usage: jeton user suspend LOGIN [--json] [--data DIR]

Shut an account out of every door and end its sessions. Its tokens are refused
while it is suspended.
`

func userSuspend(c *call) error {
	return c.onUser("suspended", func(k *app.Core, a account.Account) error {
		return k.Lifecycle.SuspendAccount(c.ctx, right.Operator(), a.ID)
	})
}

const userUnsuspendUsage = `Usage: jeton user unsuspend LOGIN [--json] [--data DIR]

Let a suspended account in again.
`

func userUnsuspend(c *call) error {
	return c.onUser("let in again", func(k *app.Core, a account.Account) error {
		return k.Lifecycle.UnsuspendAccount(c.ctx, right.Operator(), a.ID)
	})
}

const userDeleteUsage = `Usage: jeton user delete LOGIN [--transfer-to LOGIN] [--json] [--data DIR]

Delete an account for good, with its tokens and sessions. An account that owns
repositories is not deleted unless they go to somebody else.

  --transfer-to LOGIN  who gets its repositories
`

func userDelete(c *call) error {
	to := c.flags.String("transfer-to", "", "")
	return c.onUser("deleted", func(k *app.Core, a account.Account) error {
		if *to == "" {
			return k.Lifecycle.DeleteAccount(c.ctx, right.Operator(), a.ID, 0)
		}
		heir, err := k.Accounts.ByLogin(c.ctx, k.DB, *to)
		if err != nil {
			return err
		}
		return k.Lifecycle.DeleteAccount(c.ctx, right.Operator(), a.ID, heir.ID)
	})
}

// onUser runs f for the account of the one argument and says what was done.
func (c *call) onUser(done string, f func(*app.Core, account.Account) error) error {
	if err := c.parse(1, 1); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, c.args[0])
		if err != nil {
			return err
		}
		if err := f(k, a); err != nil {
			return err
		}
		return c.print(map[string]string{"login": a.Login, "done": done}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "%s %s\n", done, a.Login) })
	})
}

func (c *call) user(k *app.Core, login string) (account.Account, error) {
	a, err := k.Accounts.ByLogin(c.ctx, k.DB, login)
	if repo, ok := account.PlaceOf(login); ok {
		a, err = k.Accounts.OfPlace(c.ctx, k.DB, repo)
	}
	if problem.Is(err, problem.NotFound) {
		return a, problem.New(problem.NotFound, "there is no user "+printable.Line(login, 0), "\"jeton user list\" shows who there is.")
	}
	return a, err
}

// newPassword reads a new password: a line of standard input, or twice from the
// terminal. Without a terminal there is none, and the empty value is returned.
func (c *call) newPassword(fromStdin bool) (secret.Value, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(c.stdin, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return secret.Value{}, fmt.Errorf("read the password: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return secret.Value{}, usageError("there is no password on standard input", "Give it as one line, as in: jeton "+c.name+" … --password-stdin < FILE")
		}
		return secret.New(line), nil
	}
	f, ok := c.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return secret.Value{}, nil
	}
	first, err := c.ask(f, "Password (it is not shown): ")
	if err != nil {
		return secret.Value{}, err
	}
	second, err := c.ask(f, "The same again: ")
	if err != nil {
		return secret.Value{}, err
	}
	if !first.Equal(second) {
		return secret.Value{}, problem.New(problem.Invalid, "the two passwords differ", "Run the command again.")
	}
	return first, nil
}

func (c *call) ask(f *os.File, prompt string) (secret.Value, error) {
	_, _ = fmt.Fprint(c.stderr, prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	_, _ = fmt.Fprintln(c.stderr)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read the password: %w", err)
	}
	return secret.New(string(b)), nil
}

// table prints a table with a head line, or a dash for an empty one.
func (c *call) table(head string, n int, line func(t io.Writer, i int)) {
	if n == 0 {
		_, _ = fmt.Fprintln(c.stdout, "none")
		return
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, head)
	for i := range n {
		line(t, i)
	}
	_ = t.Flush()
}
