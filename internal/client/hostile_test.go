package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/client"
	"jeton/internal/secret"
)

// stranger is a host that says what it likes.
func stranger(t *testing.T, login, token, word string) (*client.Client, *screen, string) {
	t.Helper()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v3/meta", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"installed_version": "3.2.0"})
	})
	mux.HandleFunc("/api/v3/user", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), "refuse") {
			w.WriteHeader(http.StatusUnauthorized)
			answer(w, map[string]string{"message": word})
			return
		}
		answer(w, map[string]string{"login": login})
	})
	mux.HandleFunc("/login/device/code", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"device_code": "d", "user_code": word, "verification_uri": word, "expires_in": 60, "interval": 1})
	})
	mux.HandleFunc("/login/oauth/access_token", func(w http.ResponseWriter, _ *http.Request) {
		if token == "" {
			answer(w, map[string]string{"error": "wrong", "error_description": word})
			return
		}
		answer(w, map[string]string{"access_token": token})
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	home, out := t.TempDir(), &screen{}
	c := client.New(client.Options{Dir: filepath.Join(home, "config"), Git: "git", Self: "/usr/bin/jeton", Out: out,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1"}})
	return c, out, srv.URL
}

// TestHostile: what a host says of itself adds no line to what git reads, and moves
// no cursor.
func TestHostile(t *testing.T) {
	t.Parallel()
	const escape = "\x1b]0;x\a\x1b[2Jhello"
	for name, c := range map[string]struct{ login, token string }{
		"the login": {"eve\nhost=git.example.com", "t"},
		"no login":  {"", "t"},
		"the token": {"eve", "t\nhost=git.example.com"},
	} {
		l, out, host := stranger(t, c.login, c.token, escape)
		_, err := l.Login(t.Context(), client.Login{Host: host})
		if err == nil {
			t.Errorf("%s: signed in", name)
		}
		if strings.ContainsAny(out.text(), "\x1b\a") {
			t.Errorf("%s: the terminal gets %q", name, out.text())
		}
		var said bytes.Buffer
		scheme, rest, _ := strings.Cut(host, "://")
		_ = l.Helper(t.Context(), "get", strings.NewReader("protocol="+scheme+"\nhost="+rest+"\n\n"), &said)
		if strings.Contains(said.String(), "example.com") {
			t.Errorf("%s: git reads %q", name, said.String())
		}
	}
	l, _, host := stranger(t, "eve", "", escape)
	for name, in := range map[string]client.Login{
		"a refused token":  {Host: host, Token: func() (secret.Value, error) { return secret.New("refuse"), nil }},
		"a refused device": {Host: host},
	} {
		if _, err := l.Login(t.Context(), in); err == nil || strings.ContainsAny(err.Error(), "\x1b\a") || !strings.Contains(err.Error(), "hello") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// TestHelper_otherHosts: only the very host at which somebody signed in gets the
// credential, whatever git was led to ask.
func TestHelper_otherHosts(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	l := newLaptop(t, s, false)
	_, plain := s.Token(t, s.User(t, "ada"), "laptop", "repo")
	if _, err := l.Login(context.WithoutCancel(t.Context()), client.Login{Host: s.URL(), Confirm: l.confirm, Token: func() (secret.Value, error) { return secret.New(plain), nil }}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.get(t); got != plain || err != nil {
		t.Fatalf("nothing for the host itself: %v", err)
	}
	host := strings.TrimPrefix(s.URL(), "https://")
	for _, asked := range []string{
		"protocol=https\nhost=" + host + "/.example.com", "protocol=https\nhost=" + host + "?.example.com", "protocol=https\nhost=" + host + "#.example.com",
		"protocol=https\nhost=" + host + ".example.com", "protocol=https\nhost=example.com@" + host, "protocol=http\nhost=" + host,
		"protocol=https\nhost=" + host + "\\.example.com", "protocol=https\nhost=", "host=" + host, "protocol=https://" + host + "/\nhost=example.com",
	} {
		var out bytes.Buffer
		_ = l.Helper(t.Context(), "get", strings.NewReader(asked+"\n\n"), &out)
		if out.Len() > 0 {
			t.Errorf("%q gets the credential", asked)
		}
	}
}
