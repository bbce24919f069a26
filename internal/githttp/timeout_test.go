package githttp_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
)

// within is how long a request may outlast its limit: the last words, and a
// machine that is busy with other tests.
const within = 8 * time.Second

// ended waits for a result and checks when it came.
func ended(t *testing.T, result <-chan string, limit time.Duration, began time.Time) string {
	t.Helper()
	select {
	case got := <-result:
		if took := time.Since(began); took < limit {
			t.Errorf("ended after %v, before its limit of %v: %q", took, limit, got)
		}
		return got
	case <-time.After(limit + within):
		t.Fatalf("still runs %v after its limit", within)
	}
	return ""
}

// TestPushTimeout: a push whose client falls silent ends when it may take no
// longer, and moves nothing. An hour's patience would be the default.
func TestPushTimeout(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	w := newWorld(t, func(c *config.Config) { c.PushTimeout = limit })
	began := time.Now()
	result, started := slowPush(t, w.Server, "/ada/engine", w.git.Password)
	<-started
	if got := ended(t, result, limit, began); strings.Contains(got, "ok refs/heads/main") {
		t.Errorf("the push went through: %q", got)
	}
	if refs, err := w.Core.Git.Repo(w.row(t, "engine").ID).Refs(t.Context()); err != nil || !refs.Empty() {
		t.Errorf("refs after the push: %v, %v", refs.All(), err)
	}
	// The limit is the request's, not the repository's.
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")
	w.whole(t, "engine")
}

// TestFetchTimeout_silent: the same for a fetch whose request has no end.
func TestFetchTimeout_silent(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	w := newWorld(t, func(c *config.Config) { c.FetchTimeout = limit })
	body, feed := io.Pipe()
	defer feed.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", w.url("engine")+"/git-upload-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(basic("ada", w.git.Password), ": ")
	req.Header.Set(name, value)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	began, result := time.Now(), make(chan string, 1)
	go func() { _, _ = feed.Write(pktline.Append(nil, "command=fetch")) }()
	go func() {
		resp, err := w.Client.Do(req)
		if err != nil {
			result <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		result <- fmt.Sprint(resp.Status, " ", string(text), err)
	}()
	if got := ended(t, result, limit, began); strings.Contains(got, "PACK") {
		t.Errorf("a pack came: %.200q", got)
	}
	w.clone(t, "engine")
}

// TestFetchTimeout_unread: a client that asks for much and takes little of it
// does not get the rest later.
func TestFetchTimeout_unread(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second
	w := newWorld(t, func(c *config.Config) { c.FetchTimeout = limit })
	g := w.clone(t, "engine")
	noise := make([]byte, 24<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	g.Commit(t, "much", string(noise), "Much")
	g.Run(t, "push", "-q", "origin", "main")

	dialer := &net.Dialer{}
	raw, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.URL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := raw.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	settings := w.Wire.TLSClientConfig.Clone()
	settings.ServerName, settings.NextProtos = "localhost", []string{"http/1.1"}
	conn := tls.Client(raw, settings)
	body := wantV2(g.Run(t, "rev-parse", "HEAD"))
	_, err = fmt.Fprintf(conn, "POST /ada/engine.git/git-upload-pack HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		strings.TrimPrefix(w.URL(), "https://"), basic("ada", w.git.Password), len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	head := make([]byte, 15)
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200 OK" {
		t.Fatalf("got %q, %v", head, err)
	}
	<-time.After(time.Until(began.Add(limit + 2*time.Second))) // the limit and the last words
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, conn)
	if n >= int64(len(noise)) {
		t.Errorf("all of it came, %d bytes", n)
	}
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Errorf("the connection is still open %v after the limit: %v", within, err)
	}
	w.clone(t, "engine")
}
