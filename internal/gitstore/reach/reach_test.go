package reach_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
)

// testRepo makes an empty repository in a store of its own, and returns it with its
// folder.
func testRepo(t testing.TB, git string, format object.Format) (*gitstore.Repo, string) {
	t.Helper()
	s, err := gitstore.Open(gitstore.Options{Dir: t.TempDir(), Git: git})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), 1, format, "main"); err != nil {
		t.Fatal(err)
	}
	return s.Repo(1), filepath.Join(s.Dir(), "0", "1.git")
}

func refsOf(t *testing.T, r *gitstore.Repo) *ref.Snapshot {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// TestUnreachable_forward: what is in reach stays so when the refs move forward,
// and is asked about anew when they move elsewhere.
func TestUnreachable_forward(t *testing.T) {
	t.Parallel()
	program, runs := gittest.Counting(t)
	r, at := testRepo(t, program, object.SHA1)
	dir := gittest.Work(t, at)
	var blobs []object.ID
	for i := range 4 {
		gittest.Write(t, dir, "file", fmt.Sprint("content ", i))
		gittest.Commit(t, dir, fmt.Sprint(i))
		blobs = append(blobs, object.ID(gittest.Git(t, dir, "rev-parse", "HEAD:file")))
	}
	gittest.Git(t, dir, "push", "-q", at, "HEAD:refs/heads/main")
	check := func(what string, walks int, want ...object.ID) {
		t.Helper()
		runs()
		bad, err := r.Unreachable(t.Context(), refsOf(t, r), blobs)
		if err != nil || fmt.Sprint(bad) != fmt.Sprint(want) {
			t.Errorf("%s: unreachable %v, %v, want %v", what, bad, err, want)
		}
		if n := gittest.Counted(runs(), "rev-list --objects"); n != walks {
			t.Errorf("%s: %d walks, want %d", what, n, walks)
		}
	}
	check("at first", 2)
	check("again", 0)
	gittest.Write(t, dir, "file", "content 4")
	gittest.Commit(t, dir, "4")
	gittest.Git(t, dir, "push", "-q", at, "HEAD:refs/heads/main", "HEAD~3:refs/heads/other")
	check("moved forward", 0)
	gittest.Git(t, dir, "push", "-q", at, ":refs/heads/other")
	gittest.Git(t, dir, "push", "-q", at, "HEAD~4:refs/heads/base")
	check("another deleted and one made", 0)
	gittest.Git(t, dir, "push", "-q", "--force", at, "HEAD~2:refs/heads/main")
	check("moved back", 2, blobs[3])
	check("and again", 0, blobs[3])
	gittest.Git(t, dir, "push", "-q", at, "HEAD:refs/heads/main")
	check("forth", 2) // what was out of reach is asked about anew
}

// TestUnreachable_bitmap: with a bitmap no history is walked for what is in
// reach, however old, and what is not in reach is still found so.
func TestUnreachable_bitmap(t *testing.T) {
	t.Parallel()
	program, runs := gittest.Counting(t)
	r, at := testRepo(t, program, object.SHA1)
	dir := gittest.Work(t, at)
	var ids []object.ID
	for i := range 20 {
		gittest.Write(t, dir, "dir/file", fmt.Sprint("content ", i))
		gittest.Commit(t, dir, fmt.Sprint(i))
		ids = append(ids, object.ID(gittest.Git(t, dir, "rev-parse", "HEAD:dir/file")), object.ID(gittest.Git(t, dir, "rev-parse", "HEAD:dir")))
	}
	gittest.Git(t, dir, "push", "-q", at, "HEAD:refs/heads/main")
	secret := object.ID(gittest.In(t, at, strings.NewReader("secret"), "hash-object", "-w", "--stdin"))
	gittest.Git(t, at, "repack", "-adbq", "--keep-unreachable")
	gittest.Write(t, dir, "dir/file", "newer than the bitmap")
	gittest.Commit(t, dir, "newer")
	ids = append(ids, object.ID(gittest.Git(t, dir, "rev-parse", "HEAD:dir/file")))
	gittest.Git(t, dir, "push", "-q", at, "HEAD:refs/heads/main", "HEAD:refs/heads/other")
	runs()
	bad, err := r.Unreachable(t.Context(), refsOf(t, r), ids)
	if err != nil || len(bad) > 0 {
		t.Errorf("out of reach: %v, %v", bad, err)
	}
	if got := runs(); gittest.Counted(got, "--use-bitmap-index") != 1 || gittest.Counted(got, "rev-list --objects") != 0 {
		t.Errorf("runs: %q", got)
	}
	bad, err = r.Unreachable(t.Context(), refsOf(t, r), append(ids, secret))
	if err != nil || len(bad) != 1 || bad[0] != secret {
		t.Errorf("out of reach: %v, %v", bad, err)
	}
}
