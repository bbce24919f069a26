package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/client"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

func (l *laptop) loginBy(t *testing.T, plain string) {
	t.Helper()
	if _, err := l.Login(t.Context(), client.Login{Host: l.s.URL(), Token: func() (secret.Value, error) { return secret.New(plain), nil }, Confirm: l.confirm}); err != nil {
		t.Fatal(err)
	}
}

// TestHelper_rotates: a personal token that is kept is replaced in the last tenth of
// its life, once for all who ask, and works elsewhere until its end.
func TestHelper_rotates(t *testing.T) {
	t.Parallel()
	for _, broken := range []bool{false, true} {
		s := apptest.Start(t)
		ada := s.User(t, "ada")
		_, plain := s.TokenUntil(t, ada, "laptop", s.Now().Add(10*24*time.Hour), "repo")
		l := newLaptop(t, s, broken)
		l.loginBy(t, plain)
		s.Advance(9*24*time.Hour - time.Hour)
		if got, err := l.get(t); err != nil || got != plain {
			t.Fatalf("before its time: another token, %v", err)
		}
		s.Advance(2 * time.Hour)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]bool{}
		for range 5 {
			wg.Go(func() {
				one, err := l.get(t)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				got[one] = true
			})
		}
		wg.Wait()
		if len(got) != 1 || got[plain] {
			t.Fatalf("%d tokens, the old one among them: %v", len(got), got[plain])
		}
		for one := range got {
			if status(t, s, one) != 200 || status(t, s, plain) != 200 {
				t.Errorf("the new one gives %d, the old one %d", status(t, s, one), status(t, s, plain))
			}
			s.Advance(23 * time.Hour)
			if status(t, s, one) != 200 || status(t, s, plain) != 401 {
				t.Errorf("at the old one's end the new one gives %d, the old one %d", status(t, s, one), status(t, s, plain))
			}
			if again, err := l.get(t); err != nil || again != one {
				t.Errorf("replaced again, %v", err)
			}
		}
	}
}

// TestHelper_lostAnswer: a token whose rotation was answered to nobody is had by the
// next try.
func TestHelper_lostAnswer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	tok, plain := s.TokenUntil(t, ada, "laptop", s.Now().Add(10*24*time.Hour), "repo")
	to, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	var lose atomic.Bool
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: s.Client.Transport,
		ModifyResponse: func(r *http.Response) error {
			if lose.Load() && strings.HasSuffix(r.Request.URL.Path, "/rotate") {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
	})
	defer front.Close()
	l := newLaptop(t, s, true)
	if _, err := l.Login(t.Context(), client.Login{Host: front.URL, Token: func() (secret.Value, error) { return secret.New(plain), nil }}); err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		var out strings.Builder
		if err := l.Helper(t.Context(), "get", strings.NewReader("protocol=http\nhost="+strings.TrimPrefix(front.URL, "http://")+"\n\n"), &out); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(out.String(), "password=")
		got, _, _ := strings.Cut(rest, "\n")
		return got
	}
	s.Advance(9*24*time.Hour + time.Hour)
	lose.Store(true)
	for range 2 {
		if got := ask(); got != plain {
			t.Fatalf("without an answer there is another token")
		}
	}
	if is, err := s.Tokens.ByID(t.Context(), ada.ID, tok.ID); err != nil || is.LastEight == plain[len(plain)-8:] {
		t.Fatalf("nothing was rotated: %v", err)
	}
	lose.Store(false)
	got := ask()
	if got == plain || status(t, s, got) != 200 || !strings.Contains(l.out.text(), "could not be replaced") {
		t.Errorf("the answer was not had again: %d\n%s", status(t, s, got), l.out.text())
	}
	if again := ask(); again != got {
		t.Error("it was rotated once more")
	}
}

// TestRotate_byHand: of the token that is kept, and of one that is given.
func TestRotate_byHand(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "laptop", "repo")
	l := newLaptop(t, s, false)
	l.loginBy(t, plain)
	done, err := l.Rotate(t.Context(), client.Rotate{Host: s.URL(), Closes: true, Window: time.Hour})
	if err != nil || !done.Token.IsZero() || !done.OldEndsAt.After(s.Now()) {
		t.Fatalf("%+v, %v", done, err)
	}
	got, err := l.get(t)
	if err != nil || got == plain || status(t, s, plain) != 200 || status(t, s, got) != 200 || status(t, s, plain) != 401 {
		t.Errorf("the old one did not end at the first use of the new one: %v", err)
	}
	give := func() (secret.Value, error) { return secret.New(got), nil }
	key := client.NewKey()
	done, err = l.Rotate(t.Context(), client.Rotate{Host: s.URL(), Token: give, Key: key, Confirm: l.confirm})
	if err != nil || done.Token.IsZero() {
		t.Fatal(err)
	}
	again, err := l.Rotate(t.Context(), client.Rotate{Host: s.URL(), Token: give, Key: key, Confirm: l.confirm})
	if err != nil || !again.Token.Equal(done.Token) {
		t.Errorf("asked again: %v", err)
	}
	// What the host refuses is told, and tried with another key next time.
	if _, err := l.Rotate(t.Context(), client.Rotate{Host: s.URL()}); err == nil || !strings.Contains(err.Error(), "rotated already") {
		t.Errorf("while the old one works: %v", err)
	}
	if got, err := l.get(t); err != nil || status(t, s, got) != 200 {
		t.Errorf("what is kept does not work: %v", err)
	}
	s.Advance(token.DefaultWindow)
	p := newLaptop(t, s, false)
	p.person = approve(t, s, ada)
	if _, err := p.login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Rotate(t.Context(), client.Rotate{Host: s.URL()}); !problem.Is(err, problem.Invalid) {
		t.Errorf("a token of signing in: %v", err)
	}
	if _, err := s.Tokens.RevokeAll(t.Context(), right.Operator(), ada.ID, token.Personal); err != nil {
		t.Fatal(err)
	}
}
