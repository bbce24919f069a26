// Package apptest starts the whole server for tests, as serve does: on
// loopback, on a free port, over HTTPS with its own authority, on a data folder
// of its own. With JETON_TEST_DATABASE=postgres the same tests run on
// PostgreSQL.
package apptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/event"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
	"jeton/internal/token"
)

// Password is every test user's. It is no secret: the accounts live as long as
// the test.
const Password = "plum lantern orbit teaspoon"

// Server is a running server with what a test needs to talk to it.
type Server struct {
	*app.App
	Client *http.Client    // trusts the server's authority, follows no redirects, keeps no cookies
	Wire   *http.Transport // what Client sends by
	CAFile string
	Log    *Log

	Broken bool // the test took something away: stopping may fail

	offset atomic.Int64 // how far Advance has moved the clock, in nanoseconds
}

// Start starts a server and stops it when the test ends.
func Start(t testing.TB, change ...func(*config.Config)) *Server {
	t.Helper()
	s := &Server{Log: &Log{}}
	c := config.Config{Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", DrainTime: 5 * time.Second}
	if os.Getenv("JETON_TEST_DATABASE") == "postgres" {
		c.Database = secret.New(dbtest.Migrated(t).URL)
	}
	for _, f := range change {
		f(&c)
	}
	c, err := c.Complete()
	if err != nil {
		t.Fatal(err)
	}
	place(t, c)
	s.App, err = app.New(t.Context(), c, app.Options{
		Log: slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: s.Now, Version: "test",
		PasswordCost: signin.Cost{Memory: 64, Passes: 1, Lanes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil && !s.Broken {
			t.Errorf("stop the server: %v", err)
		}
		if t.Failed() && testing.Verbose() {
			t.Logf("the server's log:\n%s", s.Log.String())
		}
	})
	if err := s.App.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.trust(t)
	return s
}

// place spares a first start on SQLite the making of the tables.
func place(t testing.TB, c config.Config) {
	t.Helper()
	if !c.Database.IsZero() {
		return
	}
	if _, err := os.Lstat(c.SQLite()); err == nil {
		return
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	dbtest.Place(t, c.SQLite())
}

func (s *Server) trust(t testing.TB) {
	transport := &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64}
	if a, local := s.Authority(); local {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(a.PEM)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
		s.CAFile = a.File
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.Wire = transport
	s.Client = &http.Client{Transport: described{transport, t}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Now is the server's time.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// Advance moves the server's clock.
func (s *Server) Advance(d time.Duration) { s.offset.Add(int64(d)) }

// User makes an account with Password and the address LOGIN@example.com.
func (s *Server) User(t testing.TB, login string) account.Account {
	t.Helper()
	return s.user(t, account.NewAccount{Login: login, Email: login + "@example.com", EmailVerified: true})
}

// Admin makes a site administrator.
func (s *Server) Admin(t testing.TB, login string) account.Account {
	t.Helper()
	return s.user(t, account.NewAccount{Login: login, Email: login + "@example.com", SiteAdmin: true})
}

func (s *Server) user(t testing.TB, n account.NewAccount) account.Account {
	t.Helper()
	a, err := s.Accounts.Create(t.Context(), right.Operator(), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Signin.SetPassword(t.Context(), right.Operator(), a.ID, secret.New(Password)); err != nil {
		t.Fatal(err)
	}
	return a
}

// Token makes a token of the account, without an end.
func (s *Server) Token(t testing.TB, a account.Account, note string, scopes ...string) (token.Token, string) {
	t.Helper()
	return s.TokenUntil(t, a, note, time.Time{}, scopes...)
}

// TokenUntil makes a token that expires at end.
func (s *Server) TokenUntil(t testing.TB, a account.Account, note string, end time.Time, scopes ...string) (token.Token, string) {
	t.Helper()
	set, err := right.ParseScopes(scopes)
	if err != nil {
		t.Fatal(err)
	}
	tok, plain, err := s.Tokens.Create(t.Context(), right.Operator(), a.ID, token.NewToken{Note: note, Scopes: set, ExpiresAt: end})
	if err != nil {
		t.Fatal(err)
	}
	return tok, plain.Reveal()
}

// OAuthToken makes a token that the account gives to an application, past all
// questions.
func (s *Server) OAuthToken(t testing.TB, a account.Account, clientID string, scopes ...string) string {
	t.Helper()
	set, err := right.ParseScopes(scopes)
	if err != nil {
		t.Fatal(err)
	}
	app, err := s.Apps.ByClientID(t.Context(), clientID)
	if err != nil {
		t.Fatal(err)
	}
	var plain secret.Value
	err = s.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
		_, plain, err = s.Tokens.IssueTx(t.Context(), tx, right.Operator(), a.ID, token.NewOAuth{App: app.ClientID, Note: app.Name, Scopes: set})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return plain.Reveal()
}

// FineToken makes a fine-grained token without an end, past all questions.
// permissions are as GitHub's headers have them: "contents=write,metadata=read".
func (s *Server) FineToken(t testing.TB, a account.Account, n token.NewFine, permissions string) (token.Token, string) {
	t.Helper()
	n.Permissions = right.ParseFine(permissions)
	tok, plain, err := s.Tokens.CreateFine(t.Context(), right.Operator(), a.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	return tok, plain.Reveal()
}

// Session signs the account in and returns the cookie's value.
func (s *Server) Session(t testing.TB, a account.Account) secret.Value {
	t.Helper()
	ctx := event.With(t.Context(), &event.Event{Address: netip.MustParseAddr("127.0.0.1"), Client: "apptest"})
	bearer, _, err := s.Signin.SignIn(ctx, a.Login, secret.New(Password))
	if err != nil {
		t.Fatal(err)
	}
	return bearer
}

// Repo makes a repository of the account.
func (s *Server) Repo(t testing.TB, a account.Account, name string, private bool) repo.Repo {
	t.Helper()
	r, err := s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: a.ID, Name: name, Private: private})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Org makes an organisation that a owns.
func (s *Server) Org(t testing.TB, a account.Account, login string) org.Found {
	t.Helper()
	o, err := s.Orgs.Create(context.WithoutCancel(t.Context()), right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}, login, "", a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Join makes accounts members of the organisation, at once.
func (s *Server) Join(t testing.TB, o org.Found, role org.Role, accounts ...account.Account) {
	t.Helper()
	for _, a := range accounts {
		if _, err := s.Orgs.SetRole(context.WithoutCancel(t.Context()), right.Operator(), o.ID, a.ID, role); err != nil {
			t.Fatal(err)
		}
	}
}

// Share gives the account a level on the repository.
func (s *Server) Share(t testing.TB, r repo.Repo, a account.Account, level right.Level) {
	t.Helper()
	if err := s.Repos.SetCollaborator(t.Context(), right.Operator(), r.ID, a.ID, level); err != nil {
		t.Fatal(err)
	}
}

// Answer is a response with its body read.
type Answer struct {
	*http.Response
	Text string
}

// Do sends a request to path. Each header is "Name: value".
func (s *Server) Do(t testing.TB, method, path, body string, headers ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Response: resp, Text: string(text)}
}

// Log collects what the server logs.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String returns everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
