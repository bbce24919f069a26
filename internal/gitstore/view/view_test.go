package view_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/view"
	"jeton/internal/problem"
)

// testRepo makes an empty repository in a store of its own, and returns it with its
// folder.
func testRepo(t testing.TB, limits gitstore.Limits, format object.Format) (*gitstore.Repo, string) {
	t.Helper()
	s, err := gitstore.Open(gitstore.Options{Dir: t.TempDir(), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), 12345, format, "main"); err != nil {
		t.Fatal(err)
	}
	return s.Repo(12345), filepath.Join(s.Dir(), "12", "12345.git")
}

func TestView(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			r, at := testRepo(t, gitstore.Limits{}, format)
			if _, err := r.View(t.Context(), ""); err != view.ErrEmpty {
				t.Fatalf("view of an empty repository: %v", err)
			}
			dir := gittest.Work(t, at)
			odd := "d/odd \xff\nname\t\"x\""
			gittest.Write(t, dir, "README.md", "# Hello\n")
			gittest.Write(t, dir, "d/a", "1\n2\n3\n")
			first := gittest.Commit(t, dir, "First\n\nBody of it.")
			gittest.Write(t, dir, odd, "odd\n")
			gittest.Write(t, dir, "d/a", "1\n2 changed\n3")
			second := gittest.Commit(t, dir, "Second")
			gittest.Git(t, dir, "tag", "-a", "-m", "The tag", "v1", string(first))
			gittest.Git(t, dir, "push", "-q", "origin", "HEAD:main", "HEAD:feature/x", "v1")

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
	r, at := testRepo(t, gitstore.Limits{}, object.SHA1)
	dir := gittest.Work(t, at)
	gittest.Commit(t, dir, "base")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	hidden := gittest.Commit(t, dir, "secret")
	gittest.Git(t, dir, "push", "-q", "origin", "HEAD:refs/pull/1/head", "HEAD:refs/heads/gone")
	gittest.Git(t, dir, "push", "-q", "origin", ":refs/heads/gone")
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
	r, at := testRepo(t, gitstore.Limits{ReadTime: 10 * time.Minute}, object.SHA1)
	var in strings.Builder
	small := gittest.In(t, at, strings.NewReader("x\n"), "hash-object", "-w", "--stdin")
	for i := range 100_000 {
		fmt.Fprintf(&in, "100644 blob %s\tfile-number-%06d\n", small, i)
	}
	wide := gittest.In(t, at, strings.NewReader(in.String()), "mktree")
	gittest.Git(t, at, "update-ref", "refs/heads/main", gittest.Git(t, at, "commit-tree", "-m", "m", wide))
	const size = 1 << 30
	line := hugeBlob(t, at, size)
	tree1 := gittest.In(t, at, strings.NewReader("100644 blob "+string(line)+"\tline\n"), "mktree")
	gittest.Git(t, at, "update-ref", "refs/heads/huge", gittest.Git(t, at, "commit-tree", "-m", "m", tree1))

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
func hugeBlob(t testing.TB, at string, size int) object.ID {
	t.Helper()
	chunk := bytes.Repeat([]byte{'a'}, 1<<16)
	head := fmt.Appendf(nil, "blob %d\x00", size)
	h := sha1.New()
	h.Write(head)
	for range size / len(chunk) {
		h.Write(chunk)
	}
	name := hex.EncodeToString(h.Sum(nil))
	path := filepath.Join(at, "objects", name[:2], name[2:])
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
