package outbound

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"jeton/internal/problem"
)

// RelayHeader carries the relay's key from the program that uses it.
const RelayHeader = "Jeton-Relay"

// Relay lets a git process on this machine fetch from one repository elsewhere
// without reaching the network itself: git speaks plain HTTP to a loopback
// port, and the relay speaks HTTPS to the repository, through the Client's
// checks. git never sees the credentials, so that they stand in no argument,
// environment, URL or file.
type Relay struct {
	client *Client
	source *url.URL
	auth   func(*http.Request)
	limit  int64
	key    string
	server *http.Server
	ln     net.Listener

	mu     sync.Mutex
	failed error
}

// Relay starts a relay to the repository at an https URL. auth, if not nil,
// adds the credentials to each request. limit bounds what is received in all.
// Close ends it.
func (c *Client) Relay(ctx context.Context, source string, auth func(*http.Request), limit int64) (*Relay, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, problem.New(problem.Invalid, "The source must be an https address, without a user name, query or fragment in it.", "Give credentials on standard input.")
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{client: c, source: u, auth: auth, limit: limit, key: rand.Text(), ln: ln}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = r.server.Serve(ln) }()
	return r, nil
}

// URL is where git reaches the relay.
func (r *Relay) URL() string { return "http://" + r.ln.Addr().String() + "/source" }

// Key must be sent in RelayHeader: other users of the machine reach the port.
func (r *Relay) Key() string { return r.key }

// Close ends the relay, and what is still on its way.
func (r *Relay) Close() error { return r.server.Close() }

// Err returns why the last request failed, in words for the person.
func (r *Relay) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *Relay) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
}

// ServeHTTP passes on the two requests of a fetch, and nothing else.
func (r *Relay) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	if subtle.ConstantTimeCompare([]byte(in.Header.Get(RelayHeader)), []byte(r.key)) != 1 {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	path := map[string]string{
		"GET /source/info/refs?service=git-upload-pack": "/info/refs",
		"POST /source/git-upload-pack":                  "/git-upload-pack",
	}[in.Method+" "+in.URL.RequestURI()]
	if path == "" {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	if err := r.pass(w, in, path); err != nil {
		r.fail(err)
		panic(http.ErrAbortHandler)
	}
}

func (r *Relay) pass(w http.ResponseWriter, in *http.Request, path string) error {
	to := *r.source
	to = *to.JoinPath(path)
	to.RawQuery = in.URL.RawQuery
	out, err := http.NewRequestWithContext(in.Context(), in.Method, to.String(), in.Body)
	if err != nil {
		return errors.New("the source's address is malformed")
	}
	out.ContentLength = in.ContentLength
	for _, h := range []string{"Accept", "Accept-Encoding", "Content-Encoding", "Content-Type", "Git-Protocol", "User-Agent"} {
		if v := in.Header.Get(h); v != "" {
			out.Header.Set(h, v)
		}
	}
	if r.auth != nil {
		r.auth(out)
	}
	resp, err := r.client.Do(out)
	if err != nil {
		return sourceError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp.StatusCode)
	}
	for _, h := range []string{"Content-Type", "Content-Encoding"} {
		w.Header().Set(h, resp.Header.Get(h))
	}
	r.mu.Lock()
	left := r.limit
	r.mu.Unlock()
	n, err := io.Copy(w, io.LimitReader(resp.Body, left+1))
	r.mu.Lock()
	r.limit -= n
	over := r.limit < 0
	r.mu.Unlock()
	if over {
		return problem.New(problem.TooLarge, "The source is larger than this server takes.", "Raise the limit for packs (max-pack-size).")
	}
	if err != nil {
		return fmt.Errorf("receive from the source: %w", err)
	}
	return nil
}

// sourceError words a failed connection, without the address it was made to.
func sourceError(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	if errors.Is(err, ErrRedirect) {
		return problem.New(problem.Invalid, "The source redirects to another address, and redirects are not followed.", "Give the address that it redirects to.")
	}
	return problem.Wrap(err, problem.Unavailable, "The source can't be reached.", "Check its address, and that its certificate is one that this machine trusts.")
}

func statusError(code int) error {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return problem.New(problem.Forbidden, "The source refuses the credentials, or wants some.", "Give a user name and a token that may read it.")
	case http.StatusNotFound:
		return problem.New(problem.NotFound, "The source does not exist, or wants credentials.", "Check its address, and give a user name and a token that may read it.")
	}
	return problem.Newf(problem.Unavailable, "The source answers with status %d.", code)
}
