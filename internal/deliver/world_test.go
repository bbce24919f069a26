package deliver_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/hook"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// patience is how long a test waits for what must come.
const patience = 40 * time.Second

// got is a request that a receiver got.
type got struct {
	http.Header
	body []byte
}

// payload reads the JSON that was sent, in whichever form.
func (g got) payload(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(g.body, &out); err != nil {
		t.Fatalf("the payload is no JSON object: %v\n%s", err, g.body)
	}
	return out
}

// receiver is a real server that is told things.
type receiver struct {
	*httptest.Server
	came   chan got
	answer func(w http.ResponseWriter, n int) // nil: 200 and a word
	n      atomic.Int64
}

// handle notes a request and answers it; requests come one after the other.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	n := int(r.n.Add(1))
	r.came <- got{req.Header.Clone(), body}
	if r.answer != nil {
		r.answer(w, n)
		return
	}
	_, _ = io.WriteString(w, "thanks")
}

func plainReceiver(t *testing.T, answer func(http.ResponseWriter, int)) *receiver {
	t.Helper()
	r := &receiver{came: make(chan got, 1000), answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func tlsReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{came: make(chan got, 1000)}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	return r
}

// next waits for the next request that is about the event; others are left out.
func (r *receiver) next(t *testing.T, event string) got {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case g := <-r.came:
			if g.Get("X-GitHub-Event") == event {
				return g
			}
		case <-deadline:
			t.Fatalf("no %s came", event)
		}
	}
}

// none fails the test if anything has come so far.
func (r *receiver) none(t *testing.T) {
	t.Helper()
	select {
	case g := <-r.came:
		t.Errorf("%s was sent", g.Get("X-GitHub-Event"))
	default:
	}
}

// loopback opens this machine to webhooks.
func loopback(c *config.Config) {
	c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// trusting has the server trust the receiver's certificate.
func trusting(t *testing.T, r *receiver) func(*config.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "receiver.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *config.Config) { c.WebhookCA = file }
}

func place(r repo.Repo) hook.Place { return hook.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName()} }

func owner(r repo.Repo) right.Actor { return right.Actor{Account: r.Owner, Login: r.OwnerLogin} }

// hookUp makes a webhook of the repository, by its owner unless another actor is
// named.
func hookUp(t *testing.T, s *apptest.Server, r repo.Repo, url, key string, events ...string) hook.Hook {
	t.Helper()
	return hookBy(t, s, owner(r), r, url, key, events...)
}

func hookBy(t *testing.T, s *apptest.Server, by right.Actor, r repo.Repo, url, key string, events ...string) hook.Hook {
	t.Helper()
	kind, plain := hook.JSON, secret.New(key)
	h, err := s.Hooks.Create(t.Context(), by, place(r), hook.Patch{URL: &url, ContentType: &kind, Secret: &plain, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// delivered waits until n deliveries of the hook are done, and returns them, the
// newest first.
func delivered(t *testing.T, s *apptest.Server, h hook.Hook, n int) []hook.Exchange {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := s.Hooks.Deliveries(t.Context(), s.DB, h.ID, 0, 100, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) >= n {
			out := make([]hook.Exchange, len(list))
			for i := range list {
				if out[i], err = s.Hooks.Exchange(t.Context(), s.DB, h.ID, list[i].ID); err != nil {
					t.Fatal(err)
				}
			}
			return out
		}
		select {
		case <-deadline:
			t.Fatalf("%d deliveries are done, want %d", len(list), n)
		case <-tick.C:
		}
	}
}

// clone gives ada a clone of her repository that may be pushed.
func clone(t *testing.T, s *apptest.Server, login, plain string, r repo.Repo) *apptest.Git {
	t.Helper()
	g := s.Git(t, login, plain)
	g.Run(t, "clone", "-q", s.URL()+"/"+r.FullName()+".git", "w")
	return g.In("w")
}

func texts(v any) string {
	list, _ := v.([]any)
	var out []string
	for _, one := range list {
		out = append(out, one.(string))
	}
	return strings.Join(out, " ")
}
