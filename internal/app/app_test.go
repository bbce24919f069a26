package app_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// command opens the same data folder as an administrator's command does.
func command(t *testing.T, s *apptest.Server) *app.Core {
	t.Helper()
	k, err := app.OpenCore(t.Context(), s.Config, app.Options{Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// within asks until the answer is status, and fails when that takes longer than
// a second.
func within(t *testing.T, s *apptest.Server, status int, path, header, what string) {
	t.Helper()
	end := time.Now().Add(time.Second)
	for {
		a := s.Do(t, "GET", path, "", header)
		if a.StatusCode == status {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still %d a second later, want %d", what, a.StatusCode, status)
		}
	}
}

func TestCommand_holdsInServer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	k := command(t, s)
	ada, err := k.Accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "ada", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	tok, plain, err := k.Tokens.Create(t.Context(), right.Operator(), ada.ID, token.NewToken{Note: "x"})
	if err != nil {
		t.Fatal(err)
	}
	auth := "Authorization: token " + plain.Reveal()
	within(t, s, http.StatusOK, "/api/v3/user", auth, "a token that a command made")
	if err := k.Lifecycle.SuspendAccount(t.Context(), right.Operator(), ada.ID); err != nil {
		t.Fatal(err)
	}
	within(t, s, http.StatusForbidden, "/api/v3/user", auth, "an account that a command suspended")
	if err := k.Lifecycle.UnsuspendAccount(t.Context(), right.Operator(), ada.ID); err != nil {
		t.Fatal(err)
	}
	within(t, s, http.StatusOK, "/api/v3/user", auth, "an account that a command let in again")
	if _, err := k.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	within(t, s, http.StatusUnauthorized, "/api/v3/user", auth, "a token that a command revoked")
}

func TestKeyRotation_holdsInServer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, before := s.Token(t, ada, "before")
	k := command(t, s)
	if _, err := k.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, after, err := k.Tokens.Create(t.Context(), right.Operator(), ada.ID, token.NewToken{Note: "after"})
	if err != nil {
		t.Fatal(err)
	}
	within(t, s, http.StatusOK, "/api/v3/user", "Authorization: token "+before, "a token from before the rotation")
	within(t, s, http.StatusOK, "/api/v3/user", "Authorization: token "+after.Reveal(), "a token from after the rotation")
}

func TestSecondServer_refused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	c := s.Config
	c.Listen = "127.0.0.1:0"
	second, err := app.New(t.Context(), c, app.Options{})
	if err == nil {
		_ = second.Close(context.Background())
		t.Fatal("a second server started on the same data")
	}
	if p := problem.Of(err); p.Public == "" || p.Remedy == "" {
		t.Errorf("the refusal says %q and no remedy", p.Public)
	}
	if a := s.Do(t, "GET", "/healthz", ""); a.StatusCode != http.StatusOK {
		t.Errorf("the first server: %d", a.StatusCode)
	}
}

func TestMissingKey_refused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	c := s.Config
	c.Keys = t.TempDir() + "/others"
	k, err := app.OpenCore(t.Context(), c, app.Options{})
	if err == nil {
		_ = k.Close(context.Background())
		t.Fatal("opened without the keys that the database names")
	}
	if problem.Of(err).Remedy == "" {
		t.Errorf("%v: no remedy", err)
	}
}

// TestDatabaseLost: what can't be checked is refused within a second, on the
// doors for tokens and for sessions, and the server says that it isn't ready.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "x")
	auth := "Authorization: token " + plain
	if a := s.Do(t, "GET", "/api/v3/user", "", auth); a.StatusCode != http.StatusOK {
		t.Fatalf("before: %d", a.StatusCode)
	}
	s.Broken = true
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(2 * time.Second)
	for {
		a := s.Do(t, "GET", "/api/v3/user", "", auth)
		if a.StatusCode >= 500 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("still %d with the database gone", a.StatusCode)
		}
	}
	if a := s.Do(t, "GET", "/readyz", ""); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", a.StatusCode)
	}
	if a := s.Do(t, "GET", "/healthz", ""); a.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", a.StatusCode)
	}
}

// TestProxy: forwarded headers are believed from the named proxy alone.
func TestProxy(t *testing.T) {
	t.Parallel()
	behind := func(prefix string) func(*config.Config) {
		return func(c *config.Config) {
			c.TLS, c.URL = config.Off, "https://git.example.com"
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(prefix)}
		}
	}
	for name, c := range map[string]struct {
		prefix, forwarded, want string
	}{
		"trusted":              {"127.0.0.0/8", "203.0.113.7", "203.0.113.7"},
		"trusted, chain":       {"127.0.0.0/8", "198.51.100.1, 203.0.113.7, 127.0.0.2", "203.0.113.7"},
		"trusted, mapped":      {"127.0.0.0/8", "::ffff:203.0.113.7", "203.0.113.7"},
		"trusted, nonsense":    {"127.0.0.0/8", "203.0.113.7, nonsense", "127.0.0.1"},
		"somebody else":        {"192.0.2.0/24", "203.0.113.7", "127.0.0.1"},
		"trusted, no header":   {"127.0.0.0/8", "", "127.0.0.1"},
		"a mapped prefix's v4": {"::/0", "203.0.113.7", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, behind(c.prefix))
			ada := s.User(t, "ada")
			tok, plain := s.Token(t, ada, "x")
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+"/api/v3/user", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "git.example.com"
			req.Header.Set("Authorization", "token "+plain)
			if c.forwarded != "" {
				req.Header.Set("X-Forwarded-For", c.forwarded)
			}
			resp, err := s.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d", resp.StatusCode)
			}
			if got := usedFrom(t, s, ada.ID, tok.ID); got != c.want {
				t.Errorf("the token was used from %s, want %s", got, c.want)
			}
		})
	}
}

func usedFrom(t *testing.T, s *apptest.Server, a id.Account, tok id.Token) string {
	t.Helper()
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Tokens.ByID(t.Context(), a, tok)
	if err != nil {
		t.Fatal(err)
	}
	return got.LastUse.Address
}

// TestHeaders: what every answer carries.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	for _, path := range []string{"/", "/login", "/api/v3/", "/nobody/nothing", "/nobody/nothing.git/info/refs?service=git-upload-pack", "/healthz"} {
		a := s.Do(t, "GET", path, "")
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") && !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("%s: Content-Security-Policy is %q", path, csp)
		}
		if a.Header.Get("X-GitHub-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
		if a.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS with a local authority", path)
		}
	}
}

// TestHSTS: a browser is held to HTTPS wherever the certificate is not one that
// the server may have to make anew.
func TestHSTS(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) {
		c.TLS, c.URL = config.Off, "https://git.example.com"
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+"/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "git.example.com"
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
		t.Errorf("Strict-Transport-Security behind a proxy is %q", got)
	}
}

// TestStop: a stopped server is gone, and its data folder can be served again.
func TestStop(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-s.Done(); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving ended with %v", err)
	}
	c := s.Config
	c.Listen, c.URL = "127.0.0.1:0", ""
	again, err := app.New(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(ctx); err != nil {
		t.Error(err)
	}
}
