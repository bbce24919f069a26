package githttp_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDrain: while the server stops, a fetch that is under way ends well, and
// what is new is told to come back.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.git.Run(t, "clone", "-q", w.url("engine"), "src")
	src := w.git.In("src")
	src.Commit(t, "README.md", "# Engine\n", "First")
	src.Run(t, "push", "-q", "origin", "main")
	head := src.Run(t, "rev-parse", "HEAD")

	// The stop must come after the request, not with it.
	running := func(n int) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); w.GitHTTP.Running() != n; {
			if time.Now().After(end) {
				t.Fatalf("%d requests run, want %d", w.GitHTTP.Running(), n)
			}
			runtime.Gosched()
		}
	}
	running(0)
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", w.url("engine")+"/git-upload-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.git.Password)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	type result struct {
		status int
		text   string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		resp, err := w.Client.Do(req)
		if err != nil {
			done <- result{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		done <- result{resp.StatusCode, string(text), err}
	}()
	if _, err := io.WriteString(feed, pkt("command=fetch\n")+"0001"); err != nil {
		t.Fatal(err)
	}
	running(1)

	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		stopped <- w.Close(ctx)
	}()
	// readyz says when the drain has begun.
	for end := time.Now().Add(5 * time.Second); ; {
		if a := w.Do(t, "GET", "/readyz", ""); a.StatusCode == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server does not begin to stop")
		}
	}
	a := w.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", "Authorization: Bearer "+w.git.Password)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Text, "stopping") {
		t.Errorf("a new clone: %d, Retry-After %q, %q", a.StatusCode, a.Header.Get("Retry-After"), a.Text)
	}
	if _, err := io.WriteString(feed, pkt("want "+head+"\n")+pkt("done\n")+"0000"); err != nil {
		t.Fatal(err)
	}
	_ = feed.Close()
	got := <-done
	if got.err != nil || got.status != http.StatusOK || !strings.Contains(got.text, "PACK") || !strings.HasSuffix(got.text, "0000") {
		t.Errorf("the clone that was under way: %d, %v, %d bytes", got.status, got.err, len(got.text))
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
}
