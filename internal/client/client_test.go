package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/client"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// laptop is a person's computer with a client of the server.
type laptop struct {
	*client.Client
	s      *apptest.Server
	home   string
	out    *screen
	ring   *ring
	person func(code string) // types the code; nil: nobody does
}

// screen is what the person sees.
type screen struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(b)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.String()
}

// ring is a keyring that a test can take away.
type ring struct {
	mu     sync.Mutex
	broken bool
	all    map[string]string
}

func (r *ring) Get(service, user string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.all[service+" "+user]
	if !ok || r.broken {
		return "", errors.New("no such secret")
	}
	return v, nil
}

func (r *ring) Set(service, user, password string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return errors.New("no keyring")
	}
	r.all[service+" "+user] = password
	return nil
}

func (r *ring) Delete(service, user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, service+" "+user)
	return nil
}

var userCode = regexp.MustCompile(`[A-Z0-9]{4}-[A-Z0-9]{4}`)

func newLaptop(t *testing.T, s *apptest.Server, broken bool) *laptop {
	t.Helper()
	l := &laptop{s: s, home: t.TempDir(), out: &screen{}, ring: &ring{broken: broken, all: map[string]string{}}}
	typed := ""
	l.Client = client.New(client.Options{
		Dir: filepath.Join(l.home, "config"), Git: "git", Self: "/usr/bin/jeton", Out: l.out, Keyring: l.ring, Now: s.Now,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.home, "GIT_CONFIG_NOSYSTEM=1"},
		// Nobody waits for long: the person types while the client would.
		Wait: func(time.Duration) <-chan time.Time {
			if code := userCode.FindString(l.out.text()); l.person != nil && code != "" && code != typed {
				typed = code
				l.person(code)
			}
			return time.After(time.Millisecond)
		},
	})
	return l
}

func (l *laptop) confirm(_ string, a client.Authority) (bool, error) {
	ours, _ := l.s.Authority()
	return client.SameFingerprint(a.Fingerprint, ours.Fingerprint), nil
}

func (l *laptop) login(ctx context.Context) (client.Session, error) {
	return l.Login(ctx, client.Login{Host: l.s.URL(), Confirm: l.confirm})
}

// get asks as git does and returns the password.
func (l *laptop) get(t *testing.T) (password string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = l.Helper(t.Context(), "get", strings.NewReader("protocol=https\nhost="+strings.TrimPrefix(l.s.URL(), "https://")+"\n\n"), &out)
	_, rest, _ := strings.Cut(out.String(), "password=")
	password, _, _ = strings.Cut(rest, "\n")
	return password, err
}

func status(t *testing.T, s *apptest.Server, token string) int {
	t.Helper()
	return s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+token).StatusCode
}

// approve lets the device in, as the person.
func approve(t *testing.T, s *apptest.Server, a account.Account) func(string) {
	p := s.Person(t, a)
	return func(code string) { p.ConnectDevice(t, code) }
}

// TestLogin_device: the token is made on a page, replaced before it ends, once for
// all who ask, and dead after signing out.
func TestLogin_device(t *testing.T) {
	t.Parallel()
	for _, broken := range []bool{false, true} {
		t.Run(fmt.Sprint("without a keyring: ", broken), func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t)
			ada := s.User(t, "ada")
			l := newLaptop(t, s, broken)
			l.person = approve(t, s, ada)
			session, err := l.login(t.Context())
			if err != nil || session.Identity.Login != "ada" || session.Keyring == broken || !session.Device {
				t.Fatalf("%+v, %v\n%s", session, err, l.out.text())
			}
			if session.Identity.Expires.IsZero() {
				t.Fatal("the token has no end")
			}
			first, err := l.get(t)
			if err != nil || status(t, s, first) != 200 {
				t.Fatalf("the first token: %v", err)
			}
			if again, _ := l.get(t); again != first {
				t.Error("another token though the first is good for long")
			}

			// Before its end it is replaced, once, whoever asks.
			s.Advance(session.Identity.Expires.Sub(s.Now()) - 10*time.Minute)
			got := make([]string, 6)
			var group sync.WaitGroup
			for i := range got {
				group.Go(func() { got[i], _ = l.get(t) })
			}
			group.Wait()
			for _, g := range got {
				if g != got[0] || g == first || g == "" {
					t.Errorf("replaced by several tokens, or by none")
				}
			}
			if status(t, s, got[0]) != 200 {
				t.Error("the new token does not do")
			}
			if _, err := l.Whoami(t.Context(), ""); err != nil {
				t.Error(err)
			}

			// What the host refused is not given again.
			refused := "protocol=https\nhost=" + strings.TrimPrefix(s.URL(), "https://") + "\nusername=ada\npassword=" + got[0] + "\n\n"
			if err := l.Helper(t.Context(), "erase", strings.NewReader(refused), &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			next, err := l.get(t)
			if err != nil || next == got[0] || status(t, s, next) != 200 {
				t.Errorf("after it was refused: %v", err)
			}

			if _, err := l.Logout(t.Context(), "", false); err != nil {
				t.Fatal(err)
			}
			if status(t, s, next) != 401 {
				t.Error("the token lives on after signing out")
			}
			if _, err := l.Whoami(t.Context(), ""); !problem.Is(err, problem.NotFound) {
				t.Errorf("after signing out: %v", err)
			}
			for name, secret := range map[string]string{"first": first, "next": next} {
				if left := grep(t, l.home, secret); left != "" {
					t.Errorf("the %s token is left in %s", name, left)
				}
			}
		})
	}
}

// grep names a file below dir that holds text.
func grep(t *testing.T, dir, text string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), text) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLogin_again: signing in anew ends the token of the sign-in before.
func TestLogin_again(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	l := newLaptop(t, s, true)
	l.person = approve(t, s, s.User(t, "ada"))
	if _, err := l.login(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, _ := l.get(t)
	l.out.Reset()
	if _, err := l.login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second, _ := l.get(t); second == first || status(t, s, first) != 401 || status(t, s, second) != 200 {
		t.Error("two sign-ins, two living tokens")
	}
}

// TestLogin_refused: what can go wrong on the way, and nothing is kept then.
func TestLogin_refused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := s.Person(t, ada)
	for name, c := range map[string]struct {
		person  func(*laptop) func(string)
		confirm client.Confirm
		kind    problem.Kind
	}{
		"the person says no": {func(*laptop) func(string) {
			return func(code string) {
				page := p.Post(t, "/login/device", map[string][]string{"user_code": {code}})
				form := page.Hidden()
				form.Set("decision", "cancel")
				p.Post(t, "/login/device/confirmation", form)
			}
		}, nil, problem.Forbidden},
		"nobody types":        {func(*laptop) func(string) { return func(string) { s.Advance(time.Hour) } }, nil, problem.Invalid},
		"another authority":   {nil, func(string, client.Authority) (bool, error) { return false, nil }, problem.Forbidden},
		"nobody can be asked": {nil, nil, problem.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaptop(t, s, true)
			confirm := c.confirm
			if c.person != nil {
				l.person, confirm = c.person(l), l.confirm
			}
			_, err := l.Login(t.Context(), client.Login{Host: s.URL(), Confirm: confirm})
			if !problem.Is(err, c.kind) {
				t.Errorf("%v, want %v", err, c.kind)
			}
			if _, err := os.Stat(filepath.Join(l.home, "config", "hosts.json")); err == nil {
				t.Error("something is remembered")
			}
		})
	}
}

// TestRefresh_ended: a sign-in that was ended on the pages is forgotten, with the
// way to a new one.
func TestRefresh_ended(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	l := newLaptop(t, s, true)
	l.person = approve(t, s, ada)
	session, err := l.login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := s.Person(t, ada)
	page := p.Get(t, "/settings/applications")
	if !strings.Contains(page.Text, "jeton") {
		t.Fatalf("Settings → Applications does not list it: %.1000s", page.Text)
	}
	if done := p.Post(t, "/settings/applications/revoke_all", map[string][]string{"confirm": {"ada"}}); done.StatusCode >= 400 {
		t.Fatalf("revoke: %d %.500s", done.StatusCode, done.Text)
	}
	s.Advance(session.Identity.Expires.Sub(s.Now()))
	if _, err := l.get(t); !problem.Is(err, problem.Unauthenticated) || !strings.Contains(problem.Of(err).Remedy, "jeton login") {
		t.Errorf("%v", err)
	}
	if _, err := l.Whoami(t.Context(), ""); !problem.Is(err, problem.NotFound) {
		t.Errorf("it is still remembered: %v", err)
	}
}

func TestParseHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"git.example.com": "https://git.example.com", "https://Git.Example.com:443/": "https://git.example.com", "https://localhost:8443/x": "https://localhost:8443",
		"http://127.0.0.1:3000": "http://127.0.0.1:3000", "http://git.example.com": "", "": "", "https://": "", "https://u:p@git.example.com": "", "ftp://localhost": "",
	} {
		if got, err := client.ParseHost(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// TestLogin_token: a token of the person's own outlives signing out, unless it is
// revoked.
func TestLogin_token(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	_, plain := s.Token(t, s.User(t, "ada"), "own", "repo")
	for _, revoke := range []bool{false, true} {
		l := newLaptop(t, s, true)
		token := func() (secret.Value, error) { return secret.New(plain), nil }
		if _, err := l.Login(t.Context(), client.Login{Host: s.URL(), Confirm: l.confirm, Token: token}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Logout(t.Context(), s.URL(), revoke); err != nil {
			t.Fatal(err)
		}
		if got := status(t, s, plain) == 401; got != revoke {
			t.Errorf("revoke %v: dead %v", revoke, got)
		}
	}
}
