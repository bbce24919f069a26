package githttp_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/config"
)

// TestClosed: a server that is closed to visitors asks for a token even where a
// repository is public; any token will do.
func TestClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.Closed = true })
	w.Repo(t, w.ada, "gears", false)
	g := w.clone(t, "gears")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")

	const path = ".git/info/refs?service=git-upload-pack"
	got := w.Do(t, "GET", "/ada/gears"+path, "")
	if got.StatusCode != 401 || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("a visitor got %d, challenge %q", got.StatusCode, got.Header.Get("WWW-Authenticate"))
	}
	equal(t, got.Text, w.Do(t, "GET", "/ada/nothing"+path, "").Text, "what a visitor hears")
	if got := w.Do(t, "POST", "/ada/gears.git/git-upload-pack", wantV2(g.Run(t, "rev-parse", "HEAD")), "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2"); got.StatusCode != 401 {
		t.Errorf("a visitor who skips discovery got %d", got.StatusCode)
	}
	if out, code := w.Git(t, "", "").Try(t, "clone", w.url("gears"), "c"); code == 0 {
		t.Errorf("a visitor cloned:\n%s", out)
	}
	_, plain := w.Token(t, w.User(t, "eve"), "nothing ticked")
	w.Git(t, "eve", plain).Run(t, "clone", "-q", w.url("gears"), "c")
}

// TestAPILimit_notGit: who has used up the API's requests still clones and
// pushes.
func TestAPILimit_notGit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.APIRateLimit = 2 })
	auth := "Authorization: Bearer " + w.git.Password
	status := 0
	for range 5 {
		status = w.Do(t, "GET", "/api/v3/user", "", auth).StatusCode
	}
	if status != 403 && status != 429 {
		t.Fatalf("the limit is not used up: %d", status)
	}
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")
	w.clone(t, "engine")
	if status := w.Do(t, "GET", "/api/v3/user", "", auth).StatusCode; status != 403 && status != 429 {
		t.Errorf("the API answers again: %d", status)
	}
}

// TestFetch_gzip: git packs a long list of haves, and so may any client.
func TestFetch_gzip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")
	head := g.Run(t, "rev-parse", "HEAD")
	for _, v := range []string{"0", "2"} {
		c := w.clone(t, "engine", "protocol.version="+v)
		// A history that the server has never heard of.
		var stream strings.Builder
		for i := range 200 {
			fmt.Fprintf(&stream, "commit refs/heads/local\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", 1900000000+i)
			if i == 0 {
				fmt.Fprintf(&stream, "from %s\n", head)
			}
		}
		if out, code := c.TryIn(t, stream.String(), "fast-import", "--quiet"); code != 0 {
			t.Fatal(out)
		}
		g.Commit(t, "v"+v, "b\n", "B")
		g.Run(t, "push", "-q", "origin", "main")
		c.Env("GIT_TRACE_CURL", "1")
		out := c.Run(t, "fetch", "origin", "main")
		if !strings.Contains(strings.ToLower(out), "=> send header: content-encoding: gzip") {
			t.Errorf("version %s: git did not pack its request", v)
		}
		c.Env("GIT_TRACE_CURL", "0")
		equal(t, c.Run(t, "rev-parse", "FETCH_HEAD"), g.Run(t, "rev-parse", "HEAD"), "fetched in version "+v)
	}
	for _, name := range []string{"gzip", "x-gzip"} {
		var body bytes.Buffer
		z := gzip.NewWriter(&body)
		_, _ = z.Write([]byte(wantV2(head)))
		_ = z.Close()
		got := w.post(t, "engine", "git-upload-pack", body.String(), "Git-Protocol: version=2", "Content-Encoding: "+name)
		if got.StatusCode != 200 || !strings.Contains(got.Text, "PACK") {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.Text)
		}
	}
}
