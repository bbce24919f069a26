package githttp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/right"
)

// bundlePath waits until a bundle other than old is offered, and returns its
// path.
func (w *world) bundlePath(t *testing.T, old string) string {
	t.Helper()
	body := string(pktline.AppendFlush(pktline.Append(pktline.Append(nil, "command=bundle-uri"), "object-format=sha1")))
	for end := time.Now().Add(20 * time.Second); ; {
		caps := w.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", basic("ada", w.git.Password), "Git-Protocol: version=2")
		if strings.Contains(caps.Text, "bundle-uri\n") {
			a := w.post(t, "engine", "git-upload-pack", body, "Git-Protocol: version=2")
			if !strings.Contains(a.Text, "bundle.version=1") || !strings.Contains(a.Text, "bundle.mode=any") || !strings.HasSuffix(a.Text, "0000") {
				t.Fatalf("bundle-uri: %q", a.Text)
			}
			_, url, _ := strings.Cut(a.Text, ".uri="+w.URL())
			if url = strings.TrimSuffix(url, "0000"); url != old {
				return url
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no bundle is offered: %q", caps.Text)
		}
	}
}

// TestBundle: a repository that is cloned gets a bundle, from which Debian's
// git begins a clone. Everybody who may read the repository may take it or a
// part of it, nobody else, and nobody once something in it was taken back.
func TestBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.GitBundleSize = 1 })
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "tag", "-am", "one", "v1")
	g.Run(t, "push", "-q", "--follow-tags", "origin", "main")
	disk := w.disk(t, "engine")
	disk.Run(t, "tag", "-am", "hidden", "hidden", "main")
	hidden := disk.Run(t, "rev-parse", "hidden")
	disk.Run(t, "update-ref", "refs/pull/1/head", hidden)
	disk.Run(t, "tag", "-d", "hidden")
	w.clone(t, "engine")
	path := w.bundlePath(t, "")
	auth := basic("ada", w.git.Password)

	c := w.terminal(t)
	c.Run(t, "clone", "-q", "--bundle-uri="+w.URL()+path, w.url("engine"), "c")
	in := c.In("c")
	equal(t, in.Run(t, "rev-parse", "HEAD", "v1"), g.Run(t, "rev-parse", "HEAD", "v1"), "cloned")
	equal(t, in.Run(t, "rev-parse", "refs/bundles/main"), g.Run(t, "rev-parse", "HEAD"), "from the bundle")
	if out, code := in.Try(t, "cat-file", "-e", hidden); code == 0 {
		t.Errorf("the bundle holds a hidden ref's tag: %s", out)
	}

	whole := w.Do(t, "GET", path, "", auth)
	if whole.StatusCode != 200 || !strings.HasPrefix(whole.Text, "# v2 git bundle\n") || whole.ContentLength != int64(len(whole.Text)) {
		t.Errorf("the bundle: %d, %d bytes", whole.StatusCode, len(whole.Text))
	}
	part := w.Do(t, "GET", path, "", auth, "Range: bytes=10-19", "If-Range: "+whole.Header.Get("ETag"))
	if part.StatusCode != http.StatusPartialContent || part.Text != whole.Text[10:20] {
		t.Errorf("a part: %d %q", part.StatusCode, part.Text)
	}
	if a := w.Do(t, "HEAD", path, "", auth); a.StatusCode != 200 || a.Header.Get("Content-Length") != whole.Header.Get("Content-Length") {
		t.Errorf("HEAD: %d %v", a.StatusCode, a.Header)
	}
	if a := w.Do(t, "POST", path, "", auth); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.StatusCode)
	}
	if a := w.Do(t, "GET", strings.Replace(path, "bundles/", "bundles/0", 1), "", auth); a.StatusCode != http.StatusGone {
		t.Errorf("another name: %d", a.StatusCode)
	}

	// Others.
	if a := w.Do(t, "GET", path, ""); a.StatusCode != 401 {
		t.Errorf("a visitor: %d", a.StatusCode)
	}
	stranger, reader := w.share(t, "eve", "engine", right.None, "repo"), w.share(t, "bob", "engine", right.Read, "repo")
	if a := w.Do(t, "GET", path, "", basic("eve", stranger.Password)); a.StatusCode != 404 {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
	if a := w.Do(t, "GET", path, "", basic("bob", reader.Password)); a.StatusCode != 200 {
		t.Errorf("a reader: %d", a.StatusCode)
	}
	w.Repo(t, w.ada, "other", true)
	if a := w.Do(t, "GET", strings.Replace(path, "/engine.git/", "/other.git/", 1), "", auth); a.StatusCode != http.StatusGone {
		t.Errorf("by way of another repository: %d", a.StatusCode)
	}

	// Forward it stays, and when something is taken back it goes.
	g.Commit(t, "a", "b\n", "B")
	g.Run(t, "push", "-q", "origin", "main")
	if a := w.Do(t, "GET", path, "", auth); a.StatusCode != 200 {
		t.Errorf("after a push: %d", a.StatusCode)
	}
	g.Run(t, "push", "-q", "origin", ":v1")
	if a := w.Do(t, "GET", path, "", auth); a.StatusCode != http.StatusGone {
		t.Errorf("after its tag was deleted: %d", a.StatusCode)
	}
	caps := w.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", auth, "Git-Protocol: version=2")
	if strings.Contains(caps.Text, "bundle-uri") {
		t.Errorf("it is still offered: %q", caps.Text)
	}
	w.Advance(2 * time.Minute)
	w.clone(t, "engine")
	if next := w.bundlePath(t, path); w.Do(t, "GET", next, "", auth).StatusCode != 200 {
		t.Error("no new one")
	}
}

// TestBundle_off: unless somebody asks for them, there are none.
func TestBundle_off(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")
	w.clone(t, "engine")
	caps := w.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", basic("ada", w.git.Password), "Git-Protocol: version=2")
	if strings.Contains(caps.Text, "bundle-uri") {
		t.Errorf("offered: %q", caps.Text)
	}
	a := w.post(t, "engine", "git-upload-pack", string(pktline.AppendFlush(pktline.Append(nil, "command=bundle-uri"))), "Git-Protocol: version=2")
	if !strings.Contains(a.Text, "ERR ") {
		t.Errorf("answered: %q", a.Text)
	}
}
