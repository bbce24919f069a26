package gitstore

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/outbound"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// sourceRepo makes a repository with everything in it that must not come along.
func sourceRepo(t *testing.T, format object.Format) (dir string, head object.ID) {
	t.Helper()
	dir = t.TempDir()
	gittest.Git(t, dir, "init", "-q", "-b", "trunk", "--object-format="+string(format), ".")
	gittest.Write(t, dir, "file", "content\n")
	head = gittest.Commit(t, dir, "First")
	gittest.Git(t, dir, "tag", "-am", "one", "v1")
	gittest.Git(t, dir, "branch", "feature/x")
	gittest.Git(t, dir, "update-ref", "refs/pull/1/head", "HEAD")
	gittest.Git(t, dir, "config", "core.fsmonitor", "touch "+filepath.Join(dir, "ran"))
	gittest.Git(t, dir, "config", "uploadpack.packObjectsHook", "touch "+filepath.Join(dir, "ran"))
	for _, hook := range []string{"post-upload-pack", "reference-transaction", "post-checkout"} {
		if err := os.WriteFile(filepath.Join(dir, ".git", "hooks", hook), []byte("#!/bin/sh\ntouch "+filepath.Join(dir, "ran")+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(dir, ".git", "objects", "etc")); err != nil {
		t.Fatal(err)
	}
	return dir, head
}

func checkImported(t *testing.T, s *Store, head object.ID, format object.Format, im Imported) {
	t.Helper()
	r := s.Repo(7)
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, ref := range refs.All() {
		names = append(names, ref.Name)
	}
	if got := strings.Join(names, " "); got != "refs/heads/feature/x refs/heads/trunk refs/tags/v1" {
		t.Errorf("refs: %s", got)
	}
	if ref, ok := refs.Default(); !ok || ref.ID != head || refs.Head != "refs/heads/trunk" || im.DefaultBranch != "trunk" || im.Format != format || refs.Format != format {
		t.Errorf("head: %+v %+v", ref, im)
	}
	if err := r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	config, err := os.ReadFile(filepath.Join(r.bare.Dir, "config"))
	if err != nil || strings.Contains(string(config), "remote") || strings.Contains(string(config), "ran") {
		t.Errorf("config: %s %v", config, err)
	}
	err = filepath.Walk(r.bare.Dir, func(path string, fi os.FileInfo, err error) error {
		if err != nil || fi.Mode()&os.ModeSymlink != 0 || strings.Contains(path, "alternates") || strings.Contains(path, "/hooks/") || strings.HasSuffix(path, "FETCH_HEAD") || strings.HasSuffix(path, ".lock") {
			t.Errorf("%s came along: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestImport_path(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			dir, head := sourceRepo(t, format)
			s := testStore(t)
			im, err := s.Import(t.Context(), 7, Source{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			checkImported(t, s, head, format, im)
			if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
				t.Error("something of the source's was run")
			}
			if _, err := s.Import(t.Context(), 7, Source{Path: dir}); !problem.Is(err, problem.Conflict) {
				t.Errorf("import over a repository: %v", err)
			}
			if left, err := os.ReadDir(s.tempDir()); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// J2: what is ours is not imported by its path, nor anything but https by URL.
func TestImport_refused(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(r.bare.Dir, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(file, []byte("# v2 git bundle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, src := range []Source{
		{}, {Path: r.bare.Dir}, {Path: link}, {Path: s.dir}, {Path: "/nonexistent"}, {Path: file}, {Path: t.TempDir()}, {Path: "-x"},
		{URL: "file://" + r.bare.Dir}, {URL: r.bare.Dir}, {URL: "http://example.com/x"}, {URL: "git://example.com/x"}, {URL: "ssh://example.com/x"},
		{URL: "ext::sh -c true"}, {URL: "https://user:secret@example.com/x"}, {URL: "--upload-pack=x"},
	} {
		if _, err := s.Import(t.Context(), 7, src); !problem.Is(err, problem.Invalid) {
			t.Errorf("%+v: %v", src, err)
		}
	}
	if s.Exists(7) {
		t.Error("a repository was made")
	}
}

func TestImport_https(t *testing.T) {
	t.Parallel()
	dir, head := sourceRepo(t, object.SHA1)
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Root: "/source.git",
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(dir, ".git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "someone" || password != "opensesame" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if p := r.Header.Get("Git-Protocol"); p != "" {
			h := *backend
			h.Env = append(append([]string{}, backend.Env...), "GIT_PROTOCOL="+p)
			h.ServeHTTP(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer srv.Close()
	s, err := Open(Options{Dir: t.TempDir(), Outbound: outbound.New(outbound.Options{
		Roots: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	if err != nil {
		t.Fatal(err)
	}
	im, err := s.Import(t.Context(), 7, Source{URL: srv.URL + "/source.git", User: "someone", Password: secret.New("opensesame")})
	if err != nil {
		t.Fatal(err)
	}
	checkImported(t, s, head, object.SHA1, im)
	_, err = s.Import(t.Context(), 8, Source{URL: srv.URL + "/source.git", User: "someone", Password: secret.New("wrong")})
	if !problem.Is(err, problem.Forbidden) || s.Exists(8) {
		t.Errorf("wrong credentials: %v", err)
	}
	closed, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = closed.Import(t.Context(), 7, Source{URL: srv.URL + "/source.git"})
	if !problem.Is(err, problem.Forbidden) || !strings.Contains(err.Error(), "public Internet") {
		t.Errorf("a private address was reached: %v", err)
	}
}

// TestImport_indexLeadsOut: an index of many packs may name a pack in another
// repository, which git would read. What is imported has no part of that.
func TestImport_indexLeadsOut(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	outside, inside := filepath.Join(top, "private", "outside.git"), filepath.Join(top, "old", "inside.git")
	dir, _ := sourceRepo(t, object.SHA1)
	gittest.Git(t, top, "clone", "-q", "--bare", "--no-local", dir, outside)
	gittest.Git(t, top, "init", "-q", "--bare", "-b", "trunk", inside)
	gittest.Git(t, outside, "repack", "-adq")
	gittest.Git(t, outside, "multi-pack-index", "write")
	index, err := os.ReadFile(filepath.Join(outside, "objects", "pack", "multi-pack-index"))
	if err == nil {
		err = os.WriteFile(filepath.Join(inside, "objects", "pack", "multi-pack-index"), leadingTo(index, "../../../../private/outside.git/objects/pack/"), 0o600)
	}
	if err == nil {
		err = os.Link(filepath.Join(outside, "packed-refs"), filepath.Join(inside, "packed-refs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := gittest.Git(t, inside, "show", "trunk:file"); got != "content" {
		t.Fatalf("git reads %q there: the index leads nowhere", got)
	}
	s := testStore(t)
	if _, err := s.Import(t.Context(), 7, Source{Path: inside}); !problem.Is(err, problem.Invalid) {
		t.Errorf("it is imported: %v", err)
	}
	if s.Exists(7) {
		t.Error("something was left")
	}
}

// leadingTo is an index of one pack (gitformat-pack(5)) whose pack is in folder.
func leadingTo(index []byte, folder string) []byte {
	const head, row = 12, 12
	n := int(index[6])
	at := func(i int) uint64 { return binary.BigEndian.Uint64(index[head+i*row+4:]) }
	table, body := bytes.Clone(index[:head]), []byte(nil)
	for i := range n + 1 {
		id := index[head+i*row:][:4]
		table = binary.BigEndian.AppendUint64(append(table, id...), uint64(head+(n+1)*row+len(body)))
		if i == n {
			break
		}
		chunk := bytes.Clone(index[at(i):at(i+1)])
		if string(id) == "PNAM" {
			chunk = append([]byte(folder), chunk...)
			chunk = append(chunk, make([]byte, (4-len(chunk)%4)%4)...)
		}
		body = append(body, chunk...)
	}
	out := append(table, body...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}
