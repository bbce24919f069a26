package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"jeton/internal/hook"
	"jeton/internal/right"
)

// receiver notes of which tips it was told.
type receiver struct {
	mu   sync.Mutex
	told map[string]int // by the commit that main names then; guarded by mu
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var body struct{ After string }
	if req.Header.Get("X-GitHub-Event") != "push" || json.NewDecoder(req.Body).Decode(&body) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[body.After]++
}

// TestKilled_webhooks kills the server at any moment of a push and of telling it:
// every push whose ref has moved is told in the end, and none that did not move one.
func TestKilled_webhooks(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	to := &receiver{told: map[string]int{}}
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	r, err := core.Repos.ByID(t.Context(), core.DB, h.id)
	if err != nil {
		t.Fatal(err)
	}
	kind := hook.JSON
	actor := right.Actor{Account: r.Owner, Login: "ada"}
	if _, err := core.Hooks.Create(t.Context(), actor, hook.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName()}, hook.Patch{URL: &server.URL, ContentType: &kind}); err != nil {
		t.Fatal(err)
	}
	random := seeded(t)
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	tips := []string{h.must(t, h.clone, "rev-parse", "HEAD")}
	h.must(t, h.clone, "push", "-q", h.url, "main")
	h.kill()
	for n := range rounds(8, 200) {
		h.start(t)
		h.commit(t, fmt.Sprint("f", n), "x\n")
		tips = append(tips, h.must(t, h.clone, "rev-parse", "HEAD"))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = h.git(t, h.clone, "push", "-q", h.url, "main")
		}()
		select {
		case <-done: // and perhaps while it is told
		case <-time.After(time.Duration(random.IntN(600)) * time.Millisecond):
		}
		h.kill()
		<-done
		// What main is now the next round begins with.
		h.start(t)
		now := h.refs(t)["refs/heads/main"]
		h.kill()
		if last := tips[len(tips)-1]; now != last {
			tips = tips[:len(tips)-1]
			h.must(t, h.clone, "reset", "-q", "--hard", "HEAD~")
		}
	}
	h.start(t)
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		to.mu.Lock()
		missing := 0
		for _, tip := range tips {
			if to.told[tip] == 0 {
				missing++
			}
		}
		extra := len(to.told) - (len(tips) - missing)
		to.mu.Unlock()
		if extra > 0 {
			t.Fatalf("%d pushes are told that moved nothing", extra)
		}
		if missing == 0 {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("%d of %d pushes were never told", missing, len(tips))
		case <-tick.C:
		}
	}
	t.Logf("%d pushes", len(tips))
}
