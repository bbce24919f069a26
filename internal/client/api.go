package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// The bounds of an answer, in bytes: of what is read of it, of its words for the
// person, and of a login in it.
const (
	maxAnswer = 1 << 20
	maxSaid   = 1000
	maxLogin  = 255
)

// api talks to one host.
type api struct {
	host      string
	authority []byte
	now       func() time.Time
}

func (c *Client) api(host string, authority []byte) *api {
	return &api{host: host, authority: authority, now: c.o.Now}
}

// send does one request and reads a JSON answer into v, unless that is nil.
func (a *api) send(ctx context.Context, method, path string, header http.Header, body io.Reader, v any) (*http.Response, error) {
	t, err := transport(a.authority)
	if err != nil {
		return nil, err
	}
	defer t.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, a.host+path, body)
	if err != nil {
		return nil, err
	}
	r.Header = header
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "jeton")
	// A redirect could carry a token elsewhere.
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, a.unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, a.unreachable(err)
	}
	if resp.StatusCode >= 400 {
		var said struct {
			Message string
			Errors  []struct{ Message string }
		}
		_ = json.Unmarshal(data, &said) // an answer without a message has its status
		for _, e := range said.Errors {
			said.Message += ": " + e.Message // of a field, beside GitHub's "Validation Failed"
		}
		return resp, &refused{a.host, resp.StatusCode, printable.Line(said.Message, maxSaid)}
	}
	if v != nil && json.Unmarshal(data, v) != nil {
		return resp, problem.New(problem.Invalid, a.host+" does not answer like a Git host of this kind", "Check the address.")
	}
	return resp, nil
}

// refused is a host's refusal.
type refused struct {
	host    string
	status  int
	message string
}

// Error returns what the host said.
func (r *refused) Error() string {
	if r.message == "" {
		return fmt.Sprintf("%s answers with status %d", r.host, r.status)
	}
	return r.host + " says: " + r.message
}

// unreachable words why a host could not be asked.
func (a *api) unreachable(err error) error {
	if s := unknown(err, a.host, a.now()); s != nil {
		return s
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	remedy := "Check the address and the network."
	if _, dns := errors.AsType[*net.DNSError](err); dns {
		remedy = "Check how the host is spelled."
	}
	return problem.Wrap(err, problem.Unavailable, fmt.Sprintf("%s can't be reached: %v", a.host, err), remedy)
}

// hello checks that the host speaks the API.
func (a *api) hello(ctx context.Context) error {
	var meta struct {
		Version string `json:"installed_version"`
	}
	_, err := a.send(ctx, http.MethodGet, "/api/v3/meta", http.Header{}, nil, &meta)
	if err == nil && meta.Version == "" {
		err = problem.New(problem.Invalid, a.host+" does not answer like a Git host of this kind", "Check the address.")
	}
	return err
}

// Identity is whose a token is and what it may do.
type Identity struct {
	Login   string    `json:"login"`
	Scopes  string    `json:"scopes"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// who asks whose the token is.
func (a *api) who(ctx context.Context, token secret.Value) (Identity, error) {
	var id Identity
	resp, err := a.send(ctx, http.MethodGet, "/api/v3/user", http.Header{"Authorization": {"token " + token.Reveal()}}, nil, &id)
	if err != nil {
		return Identity{}, err
	}
	if id.Login == "" || printable.Line(id.Login, maxLogin) != id.Login {
		return Identity{}, problem.New(problem.Invalid, a.host+" names no account that there can be", "Check the address.")
	}
	id.Scopes = resp.Header.Get("X-Oauth-Scopes")
	if end := resp.Header.Get("Github-Authentication-Token-Expiration"); end != "" {
		if id.Expires, err = time.Parse("2006-01-02 15:04:05 MST", end); err != nil {
			return Identity{}, problem.New(problem.Invalid, "the host tells the token's end in a form that is not known", "")
		}
	}
	return id, nil
}

// revoke hands the tokens in, which ends them.
func (a *api) revoke(ctx context.Context, tokens ...secret.Value) error {
	var plain []string
	for _, t := range tokens {
		if !t.IsZero() {
			plain = append(plain, t.Reveal())
		}
	}
	body, err := json.Marshal(map[string][]string{"credentials": plain})
	if err != nil {
		return err
	}
	_, err = a.send(ctx, http.MethodPost, "/api/v3/credentials/revoke", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(string(body)), nil)
	return err
}

// form posts a form of the OAuth endpoints, whose errors have the status 200.
func (a *api) form(ctx context.Context, path string, in url.Values, v any) error {
	var fault struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
		Interval    int    `json:"interval"`
	}
	var raw json.RawMessage
	if _, err := a.send(ctx, http.MethodPost, path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(in.Encode()), &raw); err != nil {
		return err
	}
	if json.Unmarshal(raw, &fault) == nil && fault.Code != "" {
		return &oauthError{printable.Line(fault.Code, maxSaid), printable.Line(fault.Description, maxSaid), time.Duration(fault.Interval) * time.Second}
	}
	return json.Unmarshal(raw, v)
}

// oauthError is a refusal of the OAuth endpoints.
type oauthError struct {
	code, description string
	interval          time.Duration
}

// Error returns the host's words.
func (e *oauthError) Error() string {
	if e.description != "" {
		return e.description
	}
	return e.code
}
