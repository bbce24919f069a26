package lfs_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/largefile"
	"jeton/internal/right"
)

// upload sends an object with ada's token.
func (w *world) upload(t *testing.T, name, content string) string {
	t.Helper()
	oid := string(largefile.Sum([]byte(content)))
	if a := w.Do(t, "PUT", "/ada/"+name+".git/info/lfs/objects/"+oid, content, bearer(w.token)); a.StatusCode != 200 {
		t.Fatalf("upload: %d %s", a.StatusCode, a.Text)
	}
	return oid
}

// TestDownload_ranges: what was interrupted goes on where it ended, as long as
// it is the same object.
func TestDownload_ranges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const content = "0123456789"
	path := "/ada/shut.git/info/lfs/objects/" + w.upload(t, "shut", content)
	tag := w.Do(t, "HEAD", path, "", bearer(w.token)).Header.Get("ETag")
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		text    string
	}{
		{"whole", nil, 200, content},
		{"the rest", []string{"Range: bytes=4-"}, 206, "456789"},
		{"a part", []string{"Range: bytes=2-3"}, 206, "23"},
		{"the end", []string{"Range: bytes=-2"}, 206, "89"},
		{"past the end", []string{"Range: bytes=10-"}, 416, ""},
		{"if it is the same", []string{"Range: bytes=4-", "If-Range: " + tag}, 206, "456789"},
		{"if it is another", []string{"Range: bytes=4-", `If-Range: "x"`}, 200, content},
		{"several", []string{"Range: bytes=0-0,2-2"}, 200, content},
		{"unless it is known", []string{"If-None-Match: " + tag}, 304, ""},
	} {
		a := w.Do(t, "GET", path, "", append(c.headers, bearer(w.token))...)
		if a.StatusCode != c.status || c.text != "" && a.Text != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.name, a.StatusCode, a.Text, c.status, c.text)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || c.status == 200 && !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: the headers are %v", c.name, a.Header)
		}
	}
}

// TestDownload_resumed: git-lfs goes on with what it has of an object.
func TestDownload_resumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := noise(1 << 20)
	w.fill(t, w.clone(t, w.git(t, "ada", w.token), "shut"), content)
	g := w.git(t, "ada", w.token)
	g.Env("GIT_LFS_SKIP_SMUDGE", "1")
	c := w.clone(t, g, "shut")
	oid := string(largefile.Sum([]byte(content)))
	c.Write(t, filepath.Join(".git", "lfs", "incomplete", oid+".part"), content[:700_000])
	c.Env("GIT_TRACE", "1")
	out := c.Run(t, "lfs", "pull")
	if !strings.Contains(out, "Attempting to resume download") || !strings.Contains(out, "server accepted resume") {
		t.Errorf("no resumed download:\n%.2000s", out)
	}
	if got, err := os.ReadFile(filepath.Join(c.Dir, "large.bin")); err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// batchOne asks for one object and returns the action.
func (w *world) batchOne(t *testing.T, name, operation, content, auth string) (href string, header map[string]string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"operation": operation, "transfers": []string{"tus", "basic"}, "ref": map[string]string{"name": "refs/heads/main"},
		"objects": []map[string]any{{"oid": largefile.Sum([]byte(content)), "size": len(content)}}})
	if err != nil {
		t.Fatal(err)
	}
	a := w.Do(t, "POST", "/ada/"+name+".git/info/lfs/objects/batch", string(body), auth, jsonType)
	var out struct {
		Transfer string
		Objects  []struct {
			Actions map[string]struct {
				Href   string
				Header map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(a.Text), &out); err != nil || a.StatusCode != 200 || out.Transfer != "basic" || a.Header.Get("Content-Type") != "application/vnd.git-lfs+json" {
		t.Fatalf("batch: %d %s, %v", a.StatusCode, a.Text, err)
	}
	act := out.Objects[0].Actions[operation]
	return strings.TrimPrefix(act.Href, w.URL()), act.Header
}

// TestUpload_again: an object that the repository holds is not asked for, and
// its upload is harmless.
func TestUpload_again(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload(t, "shut", "content")
	w.upload(t, "shut", "content")
	if href, _ := w.batchOne(t, "shut", "upload", "content", bearer(w.token)); href != "" {
		t.Errorf("it is asked for: %s", href)
	}
	if href, header := w.batchOne(t, "open", "download", "content", "X-Nothing: x"); href != "" || header != nil {
		t.Errorf("another repository offers it: %s", href)
	}
	w.upload(t, "open", "content")
	href, header := w.batchOne(t, "open", "download", "content", "X-Nothing: x")
	if href == "" || header != nil {
		t.Errorf("a visitor gets %q, %v", href, header)
	}
	if a := w.Do(t, "GET", href, ""); a.StatusCode != 200 || a.Text != "content" {
		t.Errorf("a visitor: %d %q", a.StatusCode, a.Text)
	}
}

// TestUpload_repairs: what the disk has lost is asked for again, and nobody but
// the repository that held it has it then.
func TestUpload_repairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	oid := w.upload(t, "shut", "content")
	if err := w.Blobs.Remove(t.Context(), oid); err != nil {
		t.Fatal(err)
	}
	if href, _ := w.batchOne(t, "shut", "upload", "content", bearer(w.token)); href == "" {
		t.Error("it is not asked for")
	}
	w.upload(t, "shut", "content")
	for name, want := range map[string]int{"shut": 200, "open": 404} {
		if a := w.Do(t, "GET", "/ada/"+name+".git/info/lfs/objects/"+oid, "", bearer(w.token)); a.StatusCode != want {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
}

// TestUpload_swept: what an upload of a server that was killed has left goes
// at the next start.
func TestUpload_swept(t *testing.T) {
	t.Parallel()
	var left string
	newWorld(t, func(c *config.Config) {
		left = filepath.Join(c.Data, "lfs", "tmp", "0123456789abcdef")
		if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.Data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left, []byte("half of it"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestUpload_empty: nothing at all is an object as well.
func TestUpload_empty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	oid := w.upload(t, "shut", "")
	if a := w.Do(t, "GET", "/ada/shut.git/info/lfs/objects/"+oid, "", bearer(w.token)); a.StatusCode != 200 || a.Text != "" {
		t.Errorf("%d %q", a.StatusCode, a.Text)
	}
}

// TestUpload_tooLarge: the limit is told before anything is sent, and holds for
// who sends all the same.
func TestUpload_tooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.LFSMaxObjectSize = 100 })
	g := w.clone(t, w.git(t, "ada", w.token), "shut")
	g.Run(t, "lfs", "track", "*.bin")
	content := noise(101)
	g.Commit(t, "large.bin", content, "Too large")
	out, code := g.Try(t, "push", "origin", "HEAD:main")
	if code == 0 || !strings.Contains(out, "larger than the 100 bytes") || !strings.Contains(out, "lfs-max-object-size") {
		t.Errorf("the push: exit %d\n%s", code, out)
	}
	oid := string(largefile.Sum([]byte(content)))
	if a := w.Do(t, "PUT", "/ada/shut.git/info/lfs/objects/"+oid, content, bearer(w.token)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("sent all the same: %d %s", a.StatusCode, a.Text)
	}
}

// TestExpired: git-lfs goes on with a token of its own when the transfer
// credential that it was given is over.
func TestExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload(t, "shut", "content")
	href, header := w.batchOne(t, "shut", "download", "content", bearer(w.token))
	auth := "Authorization: " + header["Authorization"]
	if a := w.Do(t, "GET", href, "", auth); a.StatusCode != 200 {
		t.Errorf("before: %d %s", a.StatusCode, a.Text)
	}
	w.Advance(16 * time.Minute)
	if a := w.Do(t, "GET", href, "", auth); a.StatusCode != 401 {
		t.Errorf("after: %d %s", a.StatusCode, a.Text)
	}
	if a := w.Do(t, "GET", href, "", bearer(w.token)); a.StatusCode != 200 {
		t.Errorf("with the token itself: %d %s", a.StatusCode, a.Text)
	}
}

// TestReadOnly: a token that may not write pushes no object, nor does a reader.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, w.clone(t, w.git(t, "ada", w.token), "open"), "first")
	_, narrow := w.Token(t, w.ada, "narrow", "read:user")
	_, eves := w.Token(t, w.eve, "all", "repo")
	for name, c := range map[string][3]string{"a small token": {"ada", narrow, "lacks the public_repo or repo scope"}, "a reader": {"eve", eves, "denied to eve"}} {
		g := w.clone(t, w.git(t, c[0], c[1]), "open")
		g.Commit(t, "large.bin", "second", "Not allowed")
		out, code := g.Try(t, "lfs", "push", "--all", "origin")
		if code == 0 || !strings.Contains(out, c[2]) {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
}

// TestRenamed: a clone with the old address fetches and pushes on.
func TestRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, w.git(t, "ada", w.token), "shut")
	w.fill(t, g, "first")
	if _, err := w.Repos.Rename(t.Context(), right.Operator(), w.shut.ID, "closed"); err != nil {
		t.Fatal(err)
	}
	g.Commit(t, "large.bin", "second", "After the rename")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	g.Run(t, "lfs", "fetch", "--all")
	other := w.clone(t, w.git(t, "ada", w.token), "closed")
	if got, err := os.ReadFile(filepath.Join(other.Dir, "large.bin")); err != nil || string(got) != "second" {
		t.Errorf("got %q, %v", got, err)
	}
	href, _ := w.batchOne(t, "shut", "download", "second", bearer(w.token))
	if !strings.HasPrefix(href, "/ada/closed.git/") {
		t.Errorf("the link leads to %s", href)
	}
}

// TestArchived: an archived repository gives its objects and takes none.
func TestArchived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	oid := w.upload(t, "open", "content")
	if _, err := w.Repos.SetArchived(t.Context(), right.Operator(), w.open.ID, true); err != nil {
		t.Fatal(err)
	}
	base := "/ada/open.git/info/lfs/"
	if a := w.Do(t, "GET", base+"objects/"+oid, ""); a.StatusCode != 200 {
		t.Errorf("download: %d", a.StatusCode)
	}
	other := string(largefile.Sum([]byte("new")))
	if a := w.Do(t, "PUT", base+"objects/"+other, "new", bearer(w.token)); a.StatusCode != 403 || !strings.Contains(a.Text, "archived") {
		t.Errorf("upload: %d %s", a.StatusCode, a.Text)
	}
}

// TestOff: without Git LFS every address says so, and no page offers it.
func TestOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.LFS = config.SwitchedOff })
	for _, path := range []string{"/ada/open.git/info/lfs/objects/batch", "/ada/nothing.git/info/lfs/locks"} {
		if a := w.Do(t, "POST", path, `{"operation":"download","objects":[]}`, jsonType); a.StatusCode != 501 || !strings.Contains(a.Text, "switched off") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
}

// TestPage: a file's page says that its content is in Git LFS, and leads to it.
func TestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := noise(3 << 20)
	g := w.clone(t, w.git(t, "ada", w.token), "open")
	w.fill(t, g, content)
	a := w.Do(t, "GET", "/ada/open/blob/main/large.bin", "")
	if a.StatusCode != 200 || !strings.Contains(a.Text, "Stored with Git LFS") || !strings.Contains(a.Text, "3.00 MiB") || !strings.Contains(a.Text, `href="/ada/open/media/main/large.bin"`) {
		t.Errorf("the page: %d\n%s", a.StatusCode, a.Text)
	}
	d := w.Do(t, "GET", "/ada/open/media/main/large.bin", "")
	if d.StatusCode != 200 || d.Text != content || d.Header.Get("Content-Disposition") != "attachment; filename=large.bin" ||
		!strings.Contains(d.Header.Get("Content-Security-Policy"), "sandbox") || d.Header.Get("X-Content-Type-Options") != "nosniff" || d.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("the download: %d, %d bytes, %v", d.StatusCode, len(d.Text), d.Header)
	}
	if raw := w.Do(t, "GET", "/ada/open/raw/main/large.bin", ""); !strings.HasPrefix(raw.Text, "version https://git-lfs") {
		t.Errorf("raw: %.80q", raw.Text)
	}
	if plain := w.Do(t, "GET", "/ada/open/media/main/.gitattributes", ""); plain.StatusCode != 404 {
		t.Errorf("a file that is no pointer: %d", plain.StatusCode)
	}
}
