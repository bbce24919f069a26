package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// Helper answers git as a credential helper (gitcredentials(7)): what is get,
// store or erase, and in holds git's lines. For hosts where nobody is signed in
// it says nothing, so that git goes on as if it were not there.
func (c *Client) Helper(ctx context.Context, what string, in io.Reader, out io.Writer) error {
	asked, err := attributes(in)
	if err != nil {
		return err
	}
	full := asked["protocol"] + "://" + strings.ToLower(asked["host"])
	host, err := ParseHost(full)
	if err != nil || host != full && host+":443" != full {
		// git decodes what stands in a URL: "HOST%2F.example.com" would begin with a
		// host that is known.
		return nil
	}
	all, err := c.store.accounts()
	if err != nil {
		return err
	}
	a, ok := all[host]
	if !ok || asked["username"] != "" && asked["username"] != a.Login {
		return nil
	}
	switch what {
	case "get":
		return c.give(ctx, host, a, out)
	case "erase":
		return c.erase(host, a, secret.New(asked["password"]))
	}
	return nil // git says what it used, which came from here
}

// attributes reads git's lines up to an empty one. A list keeps its last value.
func attributes(in io.Reader) (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(in, 1<<20))
	lines.Buffer(nil, 1<<17)
	for lines.Scan() && lines.Text() != "" {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			return nil, problem.New(problem.Invalid, "a line of git's is not NAME=VALUE", "This command is for git: git config credential.helper '!jeton credential'")
		}
		out[name] = value
	}
	return out, lines.Err()
}

// give writes the credential.
func (c *Client) give(ctx context.Context, host string, a account, out io.Writer) error {
	cred, err := c.fresh(ctx, host)
	if err != nil {
		return err
	}
	text := "username=" + a.Login + "\npassword=" + cred.token.Reveal() + "\n"
	if !cred.expires.IsZero() {
		if !c.o.Now().Before(cred.expires) {
			return problem.New(problem.Unauthenticated, "the token for "+host+" ended on "+cred.expires.UTC().Format("Monday, 2 January 2006"), "Sign in again with: jeton login "+host)
		}
		text += "password_expiry_utc=" + strconv.FormatInt(cred.expires.Unix(), 10) + "\n"
	}
	_, err = fmt.Fprint(out, text)
	return err
}

// erase is git's word that the host refused a password: if it is the one that is
// kept, it is worth nothing any more. What can be replaced is marked as ended.
func (c *Client) erase(host string, a account, password secret.Value) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	cred, ok, err := c.store.load(host, a)
	if err != nil || !ok || !cred.token.Equal(password) {
		return err
	}
	if cred.refresh.IsZero() {
		return c.store.forget(host)
	}
	cred.expires = c.o.Now()
	_, err = c.store.save(host, a, cred)
	return err
}
