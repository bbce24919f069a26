package gitstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/id"
)

// TestBundles_room: bundles take no more of the disk than their part, and go
// where somebody asks for another one; with a disk that is nearly full none is
// made.
func TestBundles_room(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	if err := s.KeepFetches(FetchOptions{BundleLeast: 1, BundleDir: filepath.Join(t.TempDir(), "bundles"), Spare: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.CloseFetches)
	b := s.bundle
	disk := int64(1 << 40) // of which bundles take a part
	b.free = func(string) (int64, bool) { return disk - b.bytes, true }
	begin := time.Now()
	bundle := func(n id.Repo) {
		t.Helper()
		r := s.Repo(n)
		b.mu.Lock()
		if b.repos[n] == nil {
			b.repos[n] = newBundled()
		}
		b.repos[n].asked = begin.Add(time.Duration(n) * time.Second)
		b.mu.Unlock()
		if err := b.work(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	have := func() (out []id.Repo) {
		t.Helper()
		b.mu.Lock()
		defer b.mu.Unlock()
		files, sum := 0, int64(0)
		for n := id.Repo(1); n < 9; n++ {
			if one := b.repos[n]; one != nil && len(one.list) > 0 {
				out = append(out, n)
				files += len(one.list)
				sum += one.list[0].size
			}
		}
		found, err := filepath.Glob(filepath.Join(b.dir, "*", "*.bundle"))
		if err != nil || len(found) != files || sum != b.bytes {
			t.Errorf("%d files of %d bundles, %v; %d bytes counted, not %d", len(found), files, err, b.bytes, sum)
		}
		return out
	}
	var size int64
	for n := id.Repo(1); n <= 4; n++ {
		r := testRepo(t, s, n, object.SHA1)
		dir := t.TempDir()
		gittest.Git(t, dir, "init", "-q", "-b", "main")
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600); err != nil {
			t.Fatal(err)
		}
		gittest.Commit(t, dir, "a")
		gittest.Git(t, dir, "push", "-q", r.bare.Dir, "main")
		var err error
		if size, err = r.Size(); err != nil {
			t.Fatal(err)
		}
	}
	bundle(1)
	bundle(2)
	if got := have(); len(got) != 2 {
		t.Fatalf("made: %v", got)
	}
	disk = bundleShare * (size + b.bytes/2) // room for one more, if one goes
	bundle(3)
	if got := have(); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("then: %v", got)
	}
	disk = size // nothing to spare
	bundle(4)
	if got := have(); len(got) != 0 {
		t.Errorf("on a full disk: %v", got)
	}
	disk = 1 << 40
	bundle(4)
	s.forgetFetches(4)
	if got := have(); len(got) != 0 {
		t.Errorf("after it was deleted: %v", got)
	}
}

// TestBundles_together: of many who ask for bundles after a push, one has git look
// whether they still hold.
func TestBundles_together(t *testing.T) {
	t.Parallel()
	s, runs := countingStore(t)
	if err := s.KeepFetches(FetchOptions{BundleLeast: 1, BundleDir: filepath.Join(t.TempDir(), "bundles"), Spare: 1}); err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	s.bundle.mu.Lock()
	s.bundle.repos[1] = newBundled()
	s.bundle.mu.Unlock()
	if err := s.bundle.work(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	gittest.Commit(t, dir, "2")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = runs()
	one := s.bundle.repos[1]
	one.judging <- struct{}{} // somebody looks already
	for range 20 {
		if list, err := r.Bundles(t.Context(), refs); err != nil || len(list) > 0 {
			t.Errorf("%v, %v", list, err)
		}
	}
	<-one.judging
	if list, err := r.Bundles(t.Context(), refs); err != nil || len(list) != 1 {
		t.Errorf("then: %v, %v", list, err)
	}
	if n := gittest.Counted(runs(), "rev-list"); n != 1 {
		t.Errorf("git was asked %d times", n)
	}
}
