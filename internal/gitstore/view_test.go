package gitstore

import (
	"context"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
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

// TestStream_ownPool: whoever downloads files slowly keeps nobody from cloning.
func TestStream_ownPool(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{Fetches: 1, Files: 1}})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
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
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
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
