package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// Login says how to sign in at a host.
type Login struct {
	Host    string                       // as ParseHost returns it
	Token   func() (secret.Value, error) // asks for a token of the person's own; nil: by the device flow
	Scopes  string                       // for the device flow; empty: Scopes
	Confirm Confirm                      // nil: an unknown authority is refused
}

// Session is somebody signed in at a host.
type Session struct {
	Host     string   `json:"host"`
	Identity Identity `json:"identity"`
	Keyring  bool     `json:"keyring"` // the secret is in the operating system's keyring
	Device   bool     `json:"device"`  // the token was made by signing in here
}

// Login signs in, remembers the credential, and makes this program git's helper
// for the host.
func (c *Client) Login(ctx context.Context, l Login) (Session, error) {
	authority, err := c.meet(ctx, l.Host, l.Confirm)
	if err != nil {
		return Session{}, err
	}
	a := c.api(l.Host, authority)
	cred, err := c.obtain(ctx, a, l)
	if err != nil {
		return Session{}, err
	}
	id, err := a.who(ctx, cred.token)
	if err != nil {
		return Session{}, tokenRefused(err)
	}
	if cred.expires.IsZero() {
		cred.expires = id.Expires
	}
	cred.since = c.o.Now()
	unlock, err := c.lock() // not before: the person takes their time
	if err != nil {
		return Session{}, err
	}
	defer unlock()
	if err := c.endFormer(ctx, l.Host); err != nil {
		return Session{}, err
	}
	kept, err := c.store.save(l.Host, account{Login: id.Login, Device: l.Token == nil, Authority: string(authority)}, cred)
	if err != nil {
		return Session{}, err
	}
	return session(l.Host, kept, id), c.configureGit(ctx, l.Host, authority)
}

// obtain gets a credential, now that it is known who would get it.
func (c *Client) obtain(ctx context.Context, a *api, l Login) (credential, error) {
	if l.Token != nil {
		token, err := l.Token()
		return credential{token: token}, err
	}
	if l.Scopes == "" {
		l.Scopes = Scopes
	}
	return c.device(ctx, a, l.Scopes)
}

func session(host string, a account, id Identity) Session {
	return Session{Host: host, Identity: id, Keyring: a.Keyring, Device: a.Device}
}

func tokenRefused(err error) error {
	if r, ok := errors.AsType[*refused](err); ok && r.status == http.StatusUnauthorized {
		return problem.Wrap(err, problem.Unauthenticated, r.Error(), "Make a token on the host's page Settings → Developer settings → Personal access tokens.")
	}
	return err
}

// endFormer ends the token that an earlier sign-in at the host made, so that
// none lives on that nobody knows of.
func (c *Client) endFormer(ctx context.Context, host string) error {
	all, err := c.store.accounts()
	if err != nil {
		return err
	}
	a, ok := all[host]
	if !ok || !a.Device {
		return nil
	}
	cred, ok, err := c.store.load(host, a)
	if err != nil || !ok {
		return err
	}
	if err := c.api(host, authorityOf(a)).revoke(ctx, cred.token, cred.refresh); err != nil {
		_, _ = fmt.Fprintf(c.o.Out, "The token of the earlier sign-in could not be revoked: %v\n", err)
	}
	return nil
}

func authorityOf(a account) []byte {
	if a.Authority == "" {
		return nil
	}
	return []byte(a.Authority)
}

// Logout ends the token that signing in made, forgets the host, and takes this
// program out of git's configuration for it. A token that the person brought is
// forgotten and lives on, unless revoke says otherwise. Host empty means the only
// host where somebody is signed in.
func (c *Client) Logout(ctx context.Context, host string, revoke bool) (Session, error) {
	unlock, err := c.lock()
	if err != nil {
		return Session{}, err
	}
	defer unlock()
	host, a, err := c.find(host)
	if err != nil {
		return Session{}, err
	}
	cred, ok, err := c.store.load(host, a)
	if err != nil {
		return Session{}, err
	}
	var left error
	if ok && (a.Device || revoke) {
		if err := c.api(host, authorityOf(a)).revoke(ctx, cred.token, cred.refresh); err != nil {
			left = problem.Wrap(err, problem.Unavailable, "signed out here, but the token could not be revoked: "+err.Error(),
				"Revoke it at "+host+"/settings/applications.")
		}
	}
	if err := c.store.forget(host); err != nil {
		return Session{}, err
	}
	if err := c.unconfigureGit(ctx, host); err != nil {
		return Session{}, err
	}
	return session(host, a, Identity{Login: a.Login}), left
}

// find picks the host: the given one, or the only one.
func (c *Client) find(host string) (string, account, error) {
	all, err := c.store.accounts()
	if err != nil {
		return "", account{}, err
	}
	if host == "" {
		hosts := slices.Sorted(maps.Keys(all))
		switch len(hosts) {
		case 0:
			return "", account{}, problem.New(problem.NotFound, "you are not signed in anywhere", "Sign in with: jeton login https://HOST")
		case 1:
			host = hosts[0]
		default:
			return "", account{}, problem.New(problem.Invalid, "you are signed in at several hosts", "Name one of: "+fmt.Sprint(hosts))
		}
	}
	a, ok := all[host]
	if !ok {
		return "", account{}, problem.New(problem.NotFound, "you are not signed in at "+host, "Sign in with: jeton login "+host)
	}
	return host, a, nil
}

// Whoami asks the host whose the credential is.
func (c *Client) Whoami(ctx context.Context, host string) (Session, error) {
	host, a, err := c.find(host)
	if err != nil {
		return Session{}, err
	}
	cred, err := c.fresh(ctx, host)
	if err != nil {
		return Session{}, err
	}
	id, err := c.api(host, authorityOf(a)).who(ctx, cred.token)
	if err != nil {
		return Session{}, tokenRefused(err)
	}
	return session(host, a, id), nil
}
