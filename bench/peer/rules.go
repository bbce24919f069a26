package peer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Protect makes a rule for all branches of a repository and one for its tags,
// on the pages, as a person would: what a push is checked against costs
// something. A version that has no such page has no such rules.
func (j *Jeton) Protect(ctx context.Context, name string) error {
	settings := "/" + Owner + "/" + name + "/settings/branches"
	session, err := j.signIn(ctx)
	if err != nil {
		return err
	}
	if status, _, err := j.page(ctx, "GET", settings, nil, session); err != nil || status == http.StatusNotFound {
		return err
	}
	for _, kind := range []string{"branch", "tag"} {
		status, _, err := j.page(ctx, "POST", settings+"/new", url.Values{"kind": {kind}, "pattern": {"*"}, "push": {"write"}}, session)
		if err != nil {
			return err
		}
		if status != http.StatusSeeOther {
			return fmt.Errorf("make a rule for each %s: the page answers %d", kind, status)
		}
	}
	return nil
}

// signIn returns the session's cookie.
func (j *Jeton) signIn(ctx context.Context) (*http.Cookie, error) {
	status, cookies, err := j.page(ctx, "POST", "/login", url.Values{"login": {Owner}, "password": {j.secret}}, nil)
	if err != nil {
		return nil, err
	}
	for _, c := range cookies {
		if strings.Contains(c.Name, "session") {
			return c, nil
		}
	}
	return nil, fmt.Errorf("sign in: the page answers %d and sets no session", status)
}

// page asks for a page or sends a form, and does not follow where it leads.
func (j *Jeton) page(ctx context.Context, method, path string, form url.Values, session *http.Cookie) (int, []*http.Cookie, error) {
	scheme := "http"
	if j.Cert != nil {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+j.Host()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if session != nil {
		req.AddCookie(session)
	}
	transport := &http.Transport{TLSClientConfig: j.Cert.Trust(), DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Cookies(), err
}
