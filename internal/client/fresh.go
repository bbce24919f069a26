package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jeton/internal/problem"
)

// renewBefore is how long before its end a token is replaced: a long clone that
// begins with it should not lose it on the way.
const renewBefore = 30 * time.Minute

// fresh returns the credential of a host, replaced if it is about to end. Of
// several processes that find it so, one replaces it and the others take what it
// got: the host revokes a refresh token that comes twice.
func (c *Client) fresh(ctx context.Context, host string) (credential, error) {
	cred, ok, err := c.current(host)
	if err != nil || !ok || !c.due(cred) {
		return cred, c.gone(host, ok, err)
	}
	unlock, err := c.lock()
	if err != nil {
		return credential{}, err
	}
	defer unlock()
	if cred, ok, err = c.current(host); err != nil || !ok || !c.due(cred) {
		return cred, c.gone(host, ok, err)
	}
	_, a, err := c.find(host)
	if err != nil {
		return credential{}, err
	}
	if cred.refresh.IsZero() {
		renewed, _, err := c.replace(ctx, host, a, cred, rotation{})
		if err != nil {
			_, _ = fmt.Fprintf(c.o.Out, "The token for %s could not be replaced before its end: %v\n", host, err)
		}
		return renewed, nil // what is stored is good for a while yet
	}
	renewed, err := c.renew(ctx, c.api(host, authorityOf(a)), cred.refresh)
	if _, refused := errors.AsType[*oauthError](err); refused {
		// Nothing can be had for it any more.
		return credential{}, errors.Join(c.store.forget(host), problem.Wrap(err, problem.Unauthenticated, "the sign-in at "+host+" has ended: "+err.Error(), "Sign in again with: jeton login "+host))
	}
	if err != nil {
		if c.o.Now().Before(cred.expires) {
			return cred, nil // it is good for a while yet
		}
		return credential{}, err
	}
	_, err = c.store.save(host, a, renewed)
	return renewed, err
}

func (c *Client) gone(host string, ok bool, err error) error {
	if err == nil && !ok {
		err = problem.New(problem.NotFound, "you are not signed in at "+host, "Sign in with: jeton login "+host)
	}
	return err
}

func (c *Client) current(host string) (credential, bool, error) {
	all, err := c.store.accounts()
	if err != nil {
		return credential{}, false, err
	}
	a, ok := all[host]
	if !ok {
		return credential{}, false, nil
	}
	return c.store.load(host, a)
}

// due reports whether a token is to be replaced and can be: one that was given when
// signing in by its refresh token, a personal one by a rotation.
func (c *Client) due(cred credential) bool {
	if cred.refresh.IsZero() {
		return c.dueToRotate(cred)
	}
	return !cred.refresh.IsZero() && !cred.expires.IsZero() && !c.o.Now().Add(renewBefore).Before(cred.expires)
}
