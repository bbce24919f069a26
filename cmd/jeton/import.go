package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"jeton/internal/app"
	"jeton/internal/gitstore"
	"jeton/internal/right"
	"jeton/internal/secret"
)

const repoImportUsage = `Usage: jeton repo import OWNER/NAME PATH-OR-HTTPS-URL [--private]
                         [--credentials-stdin] [--json] [--data DIR]

Make a repository with the branches and tags of another one. Its hooks,
configuration and links are not taken over. From a URL no redirect is followed
and no private address is reached.

  --private            seen by its owner and collaborators alone
  --description TEXT   what it is
  --credentials-stdin  read a user name and a password or token for the URL from
                       standard input, one line each
`

func repoImport(c *call) error {
	n := c.newRepoFlags()
	fromStdin := c.flags.Bool("credentials-stdin", false, "")
	if err := c.parse(2, 2); err != nil {
		return err
	}
	owner, err := c.nameRepo(n)
	if err != nil {
		return err
	}
	from, err := importSource(c.args[1])
	if err != nil {
		return err
	}
	if *fromStdin {
		if from.User, from.Password, err = c.credentials(); err != nil {
			return err
		}
	}
	return c.with(func(k *app.Core) error {
		a, err := c.user(k, owner)
		if err != nil {
			return err
		}
		n.Owner = a.ID
		r, err := k.Lifecycle.ImportRepo(c.ctx, right.Operator(), *n, from)
		if err != nil {
			return err
		}
		return c.madeRepo("imported", r)
	})
}

// importSource tells a URL from a path, and refuses credentials in a URL: every
// process of the machine can read them there.
func importSource(text string) (gitstore.Source, error) {
	if !strings.Contains(text, "://") {
		path, err := filepath.Abs(text)
		return gitstore.Source{Path: path}, err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return gitstore.Source{}, usageError("a repository is imported from a path or an https:// URL", "Write it as https://HOST/PATH.git.")
	case u.User != nil:
		return gitstore.Source{}, usageError("there are credentials in the URL", "Everybody on this machine can read them there. Take them out of it, and give them with --credentials-stdin.")
	}
	return gitstore.Source{URL: text}, nil
}

// credentials reads a user name and a password, one line each: from standard
// input, or, where that is a terminal, by asking.
func (c *call) credentials() (string, secret.Value, error) {
	if f, ok := c.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(c.stderr, "User name: ")
		user, err := bufio.NewReader(f).ReadString('\n')
		if err != nil {
			return "", secret.Value{}, fmt.Errorf("read the user name: %w", err)
		}
		password, err := c.ask(f, "Password or token (it is not shown): ")
		return strings.TrimSpace(user), password, err
	}
	in := bufio.NewReader(io.LimitReader(c.stdin, 16<<10))
	user, err := in.ReadString('\n')
	var password string
	if err == nil {
		password, err = in.ReadString('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", secret.Value{}, fmt.Errorf("read the credentials: %w", err)
	}
	user, password = strings.TrimSpace(user), strings.TrimSpace(password)
	if user == "" || password == "" {
		return "", secret.Value{}, usageError("there are no credentials on standard input", "Give the user name as its first line and the password or token as the second.")
	}
	return user, secret.New(password), nil
}
