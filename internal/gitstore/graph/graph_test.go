package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func hash(t testing.TB, id string) odb.Hash {
	t.Helper()
	h, ok := odb.ParseHash(object.ID(id))
	if !ok {
		t.Fatalf("%q is no id", id)
	}
	return h
}

// history is a repository of so many commits, each of which changes one file
// deep in its tree.
func history(t testing.TB, n int) (dir string, db *odb.DB) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for i := range n {
		for _, name := range []string{"a", "d/e/f", "d/g", "h/i"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if i == 0 || name == "d/e/f" {
				if err := os.WriteFile(path, []byte(fmt.Sprint(name, i)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-qm", fmt.Sprint(i))
	}
	return dir, odb.NewPool(odb.Options{}).Open(filepath.Join(dir, ".git", "objects"), object.SHA1)
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := NewTable(object.SHA1, 6000)
	id := func(n int) (h odb.Hash) {
		copy(h[:20], fmt.Sprintf("%020d", n))
		return h
	}
	const n = 5000
	var l Links
	for i := range n {
		l.Reset()
		for j := range 3 {
			h := id(i + j + 1)
			l.Add(h[:20], object.KindBlob)
		}
		h := id(i)
		if !table.Add(&h, object.KindBlob, &l) {
			t.Fatal("there are too many")
		}
	}
	out, ok := table.Outside()
	if !ok || len(out) != 3 {
		t.Fatalf("outside: %d %v", len(out), ok)
	}
	for _, o := range out {
		if o.Kind != object.KindBlob || table.Kind(o.ID) != "" {
			t.Errorf("got %+v", o)
		}
	}
	if table.Kind(id(n-1)) != object.KindBlob || len(table.Of(object.KindBlob)) != n || len(table.Of(object.KindTree)) != 0 {
		t.Error("what was put in is not there")
	}
	l.Reset()
	h := id(7)
	l.Add(h[:20], object.KindTree)
	table.Add(&h, object.KindBlob, &l)
	if _, ok := table.Outside(); ok {
		t.Error("a blob is a tree")
	}
	l.Reset()
	for i := range 2000 {
		h := id(-i - 1)
		l.Add(h[:20], object.KindBlob)
	}
	if table.Add(&h, object.KindBlob, &l) || len(table.rows) > 8192*21 {
		t.Errorf("more than it may have are %d bytes", len(table.rows))
	}
}

// TestTable_chosen: ids that a client chose to be alike take no longer than others.
func TestTable_chosen(t *testing.T) {
	t.Parallel()
	const n = 200_000
	fill := func(at int) time.Duration {
		var l Links
		id := make([]byte, 20)
		for i := range n {
			binary.BigEndian.PutUint32(id[at:], uint32(i))
			l.Add(id, object.KindBlob)
		}
		table := NewTable(object.SHA1, n+1)
		began := time.Now()
		if !table.Add(&odb.Hash{1}, object.KindTree, &l) {
			t.Fatal("there are too many")
		}
		return time.Since(began)
	}
	front, end := fill(0), fill(16)
	if end > 20*front+time.Second {
		t.Errorf("%v, others %v", end, front)
	}
}

func TestAncestors(t *testing.T) {
	t.Parallel()
	dir, db := history(t, 12)
	head, first := hash(t, git(t, dir, "rev-parse", "HEAD")), hash(t, git(t, dir, "rev-parse", "HEAD~11"))
	git(t, dir, "checkout", "-q", "-b", "side", "HEAD~3")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "side")
	side := hash(t, git(t, dir, "rev-parse", "HEAD"))
	tree := hash(t, git(t, dir, "rev-parse", "HEAD^{tree}"))

	wanted := map[odb.Hash]bool{first: true, side: true, tree: true}
	if _, err := Ancestors(t.Context(), db, []odb.Hash{head}, wanted, 100); err != nil || wanted[first] || !wanted[side] || !wanted[tree] {
		t.Errorf("left: %v, %v", wanted, err)
	}
	wanted = map[odb.Hash]bool{first: true}
	if done, err := Ancestors(t.Context(), db, []odb.Hash{head}, wanted, 5); err != nil || done || !wanted[first] {
		t.Errorf("within 5 commits: %v %v %v", done, wanted, err)
	}
	wanted = map[odb.Hash]bool{side: true}
	if done, err := Ancestors(t.Context(), db, []odb.Hash{head}, wanted, 100); err != nil || !done || !wanted[side] {
		t.Errorf("a commit of another branch: %v %v", done, err)
	}
	if _, err := Commit(db, tree); !errors.Is(err, odb.ErrNotFound) {
		t.Errorf("a tree as a commit: %v", err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	dir, db := history(t, 3)
	at := func(rev string) odb.Hash { return hash(t, git(t, dir, "rev-parse", rev)) }
	fresh := map[odb.Hash]bool{at("HEAD^{tree}"): true, at("HEAD:d"): true, at("HEAD:d/e"): true}
	left := map[odb.Hash]object.Kind{
		at("HEAD:a"):      object.KindBlob,
		at("HEAD:d/g"):    object.KindBlob,
		at("HEAD:h"):      object.KindTree,
		at("HEAD~:d/e"):   object.KindTree, // a base of a delta, say
		at("HEAD~:d/e/f"): object.KindBlob,
		at("HEAD:h/i"):    object.KindBlob, // below what is not new
		at("HEAD~2:d/e"):  object.KindTree, // older than what it is held against
	}
	s := Search{DB: db, Left: left, Limit: 100, New: func(h odb.Hash) bool { return fresh[h] }}
	if err := s.Beside(t.Context(), at("HEAD^{tree}"), at("HEAD~^{tree}")); err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 || left[at("HEAD:h/i")] == "" {
		t.Errorf("left beside: %v", left)
	}
	if err := s.Whole(t.Context(), at("HEAD~^{tree}")); err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[at("HEAD~2:d/e")] == "" {
		t.Errorf("left in the whole: %v", left)
	}
	// Of another kind it is not what was looked for.
	left = map[odb.Hash]object.Kind{at("HEAD:a"): object.KindTree}
	s = Search{DB: db, Left: left, Limit: 100, New: s.New}
	if err := s.Whole(t.Context(), at("HEAD^{tree}")); err != nil || len(left) != 1 {
		t.Errorf("a file as a folder: %v, %v", left, err)
	}
}
