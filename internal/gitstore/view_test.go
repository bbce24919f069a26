package gitstore

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/view"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// testStore opens a store in a folder of the test's own.
func testStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testRepo makes an empty repository.
func testRepo(t testing.TB, s *Store, n id.Repo, format object.Format) *Repo {
	t.Helper()
	if err := s.Create(t.Context(), n, format, "main"); err != nil {
		t.Fatal(err)
	}
	return s.Repo(n)
}

// git runs the real git in a folder as a person would, and returns its output.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return gitIn(t, dir, nil, args...)
}

func gitIn(t testing.TB, dir string, stdin io.Reader, args ...string) string {
	t.Helper()
	out, err := gitTry(t.Context(), dir, stdin, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

func gitTry(ctx context.Context, dir string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE=1700000000 +0200",
		"GIT_COMMITTER_NAME=C O Mitter", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE=1700000100 +0000",
	}
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	return both.String(), err
}

// work makes a clone-like folder whose origin is the repository's own folder.
func work(t testing.TB, r *Repo) string {
	t.Helper()
	format, err := r.Format()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main", "--object-format="+string(format), ".")
	git(t, dir, "remote", "add", "origin", r.bare.Dir)
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func commit(t testing.TB, dir, message string) object.ID {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	return object.ID(git(t, dir, "rev-parse", "HEAD"))
}

func TestView(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			s := testStore(t)
			r := testRepo(t, s, 12345, format)
			if _, err := r.View(t.Context(), ""); err != view.ErrEmpty {
				t.Fatalf("view of an empty repository: %v", err)
			}
			dir := work(t, r)
			odd := "d/odd \xff\nname\t\"x\""
			write(t, dir, "README.md", "# Hello\n")
			write(t, dir, "d/a", "1\n2\n3\n")
			first := commit(t, dir, "First\n\nBody of it.")
			write(t, dir, odd, "odd\n")
			write(t, dir, "d/a", "1\n2 changed\n3")
			second := commit(t, dir, "Second")
			git(t, dir, "tag", "-a", "-m", "The tag", "v1", string(first))
			git(t, dir, "push", "-q", "origin", "HEAD:main", "HEAD:feature/x", "v1")

			v, path, err := r.ViewPath(t.Context(), "feature/x/d/a")
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if path != "d/a" || v.Ref != "refs/heads/feature/x" || v.Commit.ID != second || v.Commit.Author.Name != "A U Thor" {
				t.Fatalf("got %q %q %+v", path, v.Ref, v.Commit)
			}
			tree, err := v.Tree("d", 10)
			if err != nil || tree.Total != 2 || tree.Entries[1].Name != strings.TrimPrefix(odd, "d/") {
				t.Fatalf("tree: %+v %v", tree, err)
			}
			b, err := v.Blob("d/a")
			if err != nil || b.Size != 13 {
				t.Fatalf("blob: %+v %v", b, err)
			}
			if data, err := v.Read(b, 100); err != nil || string(data) != "1\n2 changed\n3" {
				t.Fatalf("read: %q %v", data, err)
			}
			if _, err := v.Read(b, 5); !problem.Is(err, problem.TooLarge) {
				t.Fatalf("read past the limit: %v", err)
			}
			if data, err := v.ReadHead(b, 5); err != nil || string(data) != "1\n2 c" {
				t.Fatalf("head: %q %v", data, err)
			}
			rd, err := v.Stream(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(rd); err != nil || len(data) != 13 {
				t.Fatalf("stream: %q %v", data, err)
			}
			_ = rd.Close()
			last, complete, err := v.LastCommits("", []string{"README.md", "d", "nothing"})
			if err != nil || complete || last["README.md"].ID != first || last["d"].ID != second {
				t.Fatalf("last: %+v %v %v", last, complete, err)
			}
			last, complete, err = v.LastCommits("d", []string{"a", strings.TrimPrefix(odd, "d/")})
			if err != nil || !complete || last["a"].ID != second {
				t.Fatalf("last: %+v %v %v", last, complete, err)
			}
			list, more, err := v.Commits("README.md", 0, 10)
			if err != nil || more || len(list) != 1 || list[0].ID != first || list[0].Body() != "Body of it." {
				t.Fatalf("commits: %+v %v", list, err)
			}
			d, err := v.Diff(view.DiffLimits{})
			if err != nil || d.Total != 2 || d.Truncated {
				t.Fatalf("diff: %+v %v", d, err)
			}
			if f := d.Files[0]; f.NewPath != "d/a" || f.Status != 'M' || f.Added != 2 || f.Deleted != 2 || len(f.Hunks) != 1 || f.Hunks[0].OldLines != 3 {
				t.Fatalf("diff of a: %+v", f)
			}
			if f := d.Files[1]; f.NewPath != odd || f.Status != 'A' || f.Added != 1 {
				t.Fatalf("diff of odd: %+v", f)
			}
			if _, err := v.Tree("../..", 10); !problem.Is(err, problem.NotFound) {
				t.Fatalf("tree outside: %v", err)
			}
			tagged, err := r.View(t.Context(), "v1")
			if err != nil || tagged.Commit.ID != first {
				t.Fatalf("tag: %v", err)
			}
			if tag, ok, err := tagged.Tag(); err != nil || !ok || tag.Message != "The tag\n" {
				t.Fatalf("tag: %+v %v %v", tag, ok, err)
			}
			tagged.Close()
			short, err := r.View(t.Context(), first.Short()+"0")
			if err == nil && short.Commit.ID != first {
				t.Fatal("another commit")
			}
			for _, bad := range []string{"nope", "--upload-pack=x", "v1^{tree}", "main..v1", "@{-1}", "HEAD~1"} {
				if _, err := r.View(t.Context(), bad); !problem.Is(err, problem.NotFound) {
					t.Errorf("view of %q: %v", bad, err)
				}
			}
			if err := r.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// J7 for pages: a commit that no ref reaches is not there.
func TestViewUnreachable(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	commit(t, dir, "base")
	git(t, dir, "push", "-q", "origin", "main")
	hidden := commit(t, dir, "secret")
	git(t, dir, "push", "-q", "origin", "HEAD:refs/pull/1/head", "HEAD:refs/heads/gone")
	git(t, dir, "push", "-q", "origin", ":refs/heads/gone")
	if _, err := r.View(t.Context(), string(hidden)); !problem.Is(err, problem.NotFound) {
		t.Fatalf("an unreachable commit is shown: %v", err)
	}
	refs, err := r.Refs(t.Context())
	if err != nil || len(refs.All()) != 1 {
		t.Fatalf("refs: %+v %v", refs, err)
	}
}

// One folder of 100,000 files and one line of a gigabyte must be answered
// within the limits, or refused.
func TestViewHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a gigabyte")
	}
	t.Parallel()
	// What is too much is left away, however slow the machine is.
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{ReadTime: 10 * time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	var in strings.Builder
	small := gitIn(t, r.bare.Dir, strings.NewReader("x\n"), "hash-object", "-w", "--stdin")
	for i := range 100_000 {
		fmt.Fprintf(&in, "100644 blob %s\tfile-number-%06d\n", small, i)
	}
	wide := gitIn(t, r.bare.Dir, strings.NewReader(in.String()), "mktree")
	git(t, r.bare.Dir, "update-ref", "refs/heads/main", git(t, r.bare.Dir, "commit-tree", "-m", "m", wide))
	const size = 1 << 30
	line := hugeBlob(t, r, size)
	tree1 := gitIn(t, r.bare.Dir, strings.NewReader("100644 blob "+string(line)+"\tline\n"), "mktree")
	git(t, r.bare.Dir, "update-ref", "refs/heads/huge", git(t, r.bare.Dir, "commit-tree", "-m", "m", tree1))

	start := time.Now()
	v, err := r.View(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	tree, err := v.Tree("", 1000)
	if err != nil || tree.Total != 100_000 || len(tree.Entries) != 1000 {
		t.Fatalf("tree: %d %v", tree.Total, err)
	}
	names := make([]string, 0, len(tree.Entries))
	for _, e := range tree.Entries {
		names = append(names, e.Name)
	}
	if last, complete, err := v.LastCommits("", names); err != nil || !complete || len(last) != 1000 {
		t.Fatalf("last: %d %v %v", len(last), complete, err)
	}
	d, err := v.Diff(view.DiffLimits{})
	if err != nil || d.Total != 100_000 || len(d.Files) != 300 || !d.Truncated {
		t.Fatalf("diff: %d %d %v", d.Total, len(d.Files), err)
	}
	huge, err := r.View(t.Context(), "huge")
	if err != nil {
		t.Fatal(err)
	}
	defer huge.Close()
	if d, err = huge.Diff(view.DiffLimits{}); err != nil || len(d.Files) != 1 || !d.Files[0].Binary {
		t.Fatalf("diff of a line of a gigabyte: %+v %v", d.Files, err)
	}
	b, err := huge.Blob("line")
	if err != nil || b.Size != size {
		t.Fatalf("blob: %+v %v", b, err)
	}
	if data, err := huge.ReadHead(b, 1000); err != nil || len(data) != 1000 {
		t.Fatalf("head: %d %v", len(data), err)
	}
	t.Logf("all in %v", time.Since(start))
}

// hugeBlob writes a loose object of one long line, without git: that would take
// a minute.
func hugeBlob(t testing.TB, r *Repo, size int) object.ID {
	t.Helper()
	chunk := bytes.Repeat([]byte{'a'}, 1<<16)
	head := fmt.Appendf(nil, "blob %d\x00", size)
	h := sha1.New()
	h.Write(head)
	for range size / len(chunk) {
		h.Write(chunk)
	}
	name := hex.EncodeToString(h.Sum(nil))
	path := filepath.Join(r.bare.Dir, "objects", name[:2], name[2:])
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewWriterLevel(f, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write(head)
	for range size / len(chunk) {
		_, _ = z.Write(chunk)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return object.ID(name)
}

// TestStream_ownPool: whoever downloads files slowly keeps nobody from cloning.
func TestStream_ownPool(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{Fetches: 1, Files: 1}})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	write(t, dir, "a", "1\n")
	commit(t, dir, "1")
	git(t, dir, "push", "-q", "origin", "main")
	v, err := r.View(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Blob("a")
	if err != nil {
		t.Fatal(err)
	}
	file, err := v.Stream(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Stream(t.Context(), b); !problem.Is(err, problem.Unavailable) {
		t.Errorf("one file too many: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	release, err := s.FetchSlot(ctx, share.Who{Account: 1})
	if err != nil {
		t.Fatalf("a fetch beside a download: %v", err)
	}
	release()
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	v.Close()
	if n := len(s.readers) + len(s.views.Files); n != 0 {
		t.Errorf("%d slots are still held", n)
	}
}

// TestView_closeTwice: a view that is closed twice gives back one slot.
func TestView_closeTwice(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	write(t, dir, "a", "1\n")
	commit(t, dir, "1")
	git(t, dir, "push", "-q", "origin", "main")
	open := func() *view.View {
		v, err := r.View(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first, second := open(), open()
	defer second.Close()
	first.Close()
	first.Close()
	if n := len(s.readers); n != 1 {
		t.Errorf("one of two views is open, and %d slots are held", n)
	}
}
