package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// granted is what the token endpoint gives (RFC 6749, section 5.1).
type granted struct {
	Token   string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"` // seconds; 0: never
}

// credential fails for what would be more than a line of git's.
func (g *granted) credential(now time.Time) (credential, error) {
	if g.Token == "" || printable.Line(g.Token+g.Refresh, 0) != g.Token+g.Refresh {
		return credential{}, problem.New(problem.Invalid, "the host gave something that is no token", "Check the address.")
	}
	c := credential{token: secret.New(g.Token), refresh: secret.New(g.Refresh)}
	if g.Expires > 0 {
		c.expires = now.Add(time.Duration(g.Expires) * time.Second)
	}
	return c, nil
}

// device signs in by the device flow (RFC 8628): the person types a code on a
// page of the host.
func (c *Client) device(ctx context.Context, a *api, scopes string) (credential, error) {
	var begun struct {
		Device   string `json:"device_code"`
		User     string `json:"user_code"`
		Page     string `json:"verification_uri"`
		Expires  int    `json:"expires_in"`
		Interval int    `json:"interval"`
	}
	if err := a.form(ctx, "/login/device/code", url.Values{"client_id": {ID}, "scope": {scopes}}, &begun); err != nil {
		return credential{}, err
	}
	if begun.Device == "" || begun.User == "" {
		return credential{}, problem.New(problem.Invalid, a.host+" does not let devices in", "Sign in with a token: jeton login "+a.host+" --with-token")
	}
	_, _ = fmt.Fprintf(c.o.Out, "Open this page and sign in:\n  %s\nThen type this code:\n  %s\nWaiting until you have …\n", printable.Line(begun.Page, maxSaid), printable.Line(begun.User, maxSaid))
	wait := time.Duration(max(begun.Interval, 1)) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(max(begun.Expires, 1))*time.Second,
		problem.New(problem.Unavailable, "the code was not typed in time", "Run jeton login again."))
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return credential{}, context.Cause(ctx)
		case <-c.o.Wait(wait):
		}
		var g granted
		err := a.form(ctx, "/login/oauth/access_token", url.Values{"client_id": {ID}, "device_code": {begun.Device},
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}}, &g)
		fault, ok := errors.AsType[*oauthError](err)
		switch {
		case err == nil:
			return g.credential(c.o.Now())
		case !ok && problem.Is(err, problem.Unavailable): // the network may come back
		case !ok:
			return credential{}, err
		case fault.code == "authorization_pending":
		case fault.code == "slow_down":
			wait = max(wait+5*time.Second, fault.interval)
		case fault.code == "access_denied":
			return credential{}, problem.New(problem.Forbidden, "the sign-in was refused on the page", "")
		default:
			return credential{}, problem.New(problem.Invalid, fault.Error(), "Run jeton login again.")
		}
	}
}

// renew trades the refresh token for a new pair.
func (c *Client) renew(ctx context.Context, a *api, refresh secret.Value) (credential, error) {
	var g granted
	err := a.form(ctx, "/login/oauth/access_token", url.Values{"client_id": {ID}, "grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}, &g)
	if err != nil {
		return credential{}, err
	}
	return g.credential(c.o.Now())
}
