package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"jeton/internal/client"
	"jeton/internal/printable"
	"jeton/internal/secret"
)

const loginUsage = `Usage: jeton login https://HOST [--with-token] [--scopes LIST] [--fingerprint F]
                   [--store keyring|file] [--json]

Sign in at a host, and let git use that. You open a page of the host, type a code
there, and git asks for no token any more. The credential is kept in the operating
system's keyring, or in a file that only you can read where there is none, and is
replaced before it ends. A personal access token that ends is replaced too, in the
last tenth of its life: where else the old one stands it works until its end.

  --with-token     read a personal access token from standard input instead
  --scopes LIST    what the credential may do, as scopes with spaces or commas between
                   them (default: repo workflow read:user user:email)
  --fingerprint F  trust the host's own certificate authority if it has this
                   fingerprint, which "jeton serve" shows on the host
  --store WHERE    keyring or file (default: keyring if there is one)
`

func login(c *call) error {
	withToken := c.flags.Bool("with-token", false, "")
	scopes := c.flags.String("scopes", "", "")
	fingerprint := c.flags.String("fingerprint", "", "")
	where := c.flags.String("store", "keyring", "")
	if err := c.parseArgs(1, 1); err != nil {
		return err
	}
	host, err := client.ParseHost(c.args[0])
	if err != nil {
		return err
	}
	if *where != "keyring" && *where != "file" {
		return usageError("--store is keyring or file", "")
	}
	k, err := c.client(*where == "keyring")
	if err != nil {
		return err
	}
	l := client.Login{Host: host, Scopes: strings.Join(strings.FieldsFunc(*scopes, func(r rune) bool { return r == ',' || r == ' ' }), " "), Confirm: c.confirm(*fingerprint)}
	if *withToken {
		l.Token = c.token
	}
	s, err := k.Login(c.ctx, l)
	if err != nil {
		return err
	}
	return c.print(s, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Signed in at %s as %s. git uses it from now on.\n", s.Host, s.Identity.Login)
		_, _ = fmt.Fprintln(w, said(s))
	})
}

// said is what is worth knowing of a session, in a line.
func said(s client.Session) string {
	place, end := "in a file that only you can read", "has no end"
	if s.Keyring {
		place = "in the keyring"
	}
	if !s.Identity.Expires.IsZero() {
		end = "ends on " + s.Identity.Expires.UTC().Format("Monday, 2 January 2006, 15:04 MST")
		if s.Device {
			end += ", and is replaced before"
		}
	}
	return fmt.Sprintf("The token is kept %s and %s. Scopes: %s.", place, end, printable.Line(or(s.Identity.Scopes, "none"), 0))
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// client is the person's side, with what it remembers in their own folder.
func (c *call) client(keyring bool) (*client.Client, error) {
	dir, err := client.DefaultDir()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's path: %w", err)
	}
	o := client.Options{Dir: dir, Git: "git", Self: self, Env: c.env, Out: c.stderr}
	if keyring {
		o.Keyring = client.System{}
	}
	return client.New(o), nil
}

// confirm asks the person about an authority, unless its fingerprint was given.
// Where nobody can be asked it is nil.
func (c *call) confirm(fingerprint string) client.Confirm {
	f, ok := c.stdin.(*os.File)
	ask := ok && term.IsTerminal(int(f.Fd()))
	if fingerprint == "" && !ask {
		return nil
	}
	return func(host string, a client.Authority) (bool, error) {
		if fingerprint != "" {
			return client.SameFingerprint(fingerprint, a.Fingerprint), nil
		}
		c.note("%s has a certificate of its own authority, %s, which this machine does not know.\nIts fingerprint (SHA-256) is\n  %s\nThe host's administrator sees it when \"jeton serve\" starts. Is it the same? Type yes to trust it for this host alone:",
			host, printable.Line(a.Name, 0), a.Fingerprint)
		line, err := bufio.NewReader(f).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read the answer: %w", err)
		}
		return strings.TrimSpace(line) == "yes", nil
	}
}

// token reads a token: from standard input, or by asking without showing it.
func (c *call) token() (secret.Value, error) {
	if f, ok := c.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.ask(f, "Token (it is not shown): ")
	}
	line, err := bufio.NewReader(io.LimitReader(c.stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Value{}, fmt.Errorf("read the token: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return secret.Value{}, usageError("there is no token on standard input", "Give it as one line.")
	}
	return secret.New(line), nil
}

const logoutUsage = `Usage: jeton logout [https://HOST] [--revoke] [--json]

Sign out at a host. The token that signing in made is revoked, forgotten here, and
git does not ask this program any more. A token of your own is only forgotten.

  --revoke  revoke a token of your own, too
`

func logout(c *call) error {
	revoke := c.flags.Bool("revoke", false, "")
	k, host, err := c.atHost()
	if err != nil {
		return err
	}
	s, err := k.Logout(c.ctx, host, *revoke)
	if err != nil {
		return err
	}
	return c.print(s, func(w io.Writer) { _, _ = fmt.Fprintf(w, "Signed out at %s.\n", s.Host) })
}

// atHost reads a command line with one host at most.
func (c *call) atHost() (*client.Client, string, error) {
	if err := c.parseArgs(0, 1); err != nil {
		return nil, "", err
	}
	host := ""
	if len(c.args) > 0 {
		var err error
		if host, err = client.ParseHost(c.args[0]); err != nil {
			return nil, "", err
		}
	}
	k, err := c.client(true)
	return k, host, err
}

const whoamiUsage = `Usage: jeton whoami [https://HOST] [--json]

Say as whom you are signed in at a host. The host itself is asked, and tells until
when and with which scopes.
`

func whoami(c *call) error {
	k, host, err := c.atHost()
	if err != nil {
		return err
	}
	s, err := k.Whoami(c.ctx, host)
	if err != nil {
		return err
	}
	return c.print(s, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s at %s\n%s\n", s.Identity.Login, s.Host, said(s))
	})
}

const credentialUsage = `Usage: jeton credential get|store|erase

Answer git as its credential helper. "jeton login" names this command in git's
configuration; you need not run it yourself.
`

func credentialHelper(c *call) error {
	if err := c.parseArgs(1, 1); err != nil {
		return err
	}
	k, err := c.client(true)
	if err != nil {
		return err
	}
	return k.Helper(c.ctx, c.args[0], c.stdin, c.stdout)
}
