package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/id"
	"jeton/internal/problem"
)

func fork(t testing.TB, r *Repo, n id.Repo, f Fork) *Repo {
	t.Helper()
	im, err := r.store.Fork(t.Context(), r.bare.ID, r.bare.ID+n, f)
	if err != nil {
		t.Fatal(err)
	}
	made := r.store.Repo(r.bare.ID + n)
	if format, err := made.Format(); err != nil || format != im.Format {
		t.Errorf("format %s, told %s, %v", format, im.Format, err)
	}
	return made
}

// TestFork: origin and fork have the same refs and share their packs; whatever
// is done to the one, the other stays whole.
func TestFork(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			origin := testRepo(t, testStore(t), 1, format)
			p := newPusher(t, origin)
			p.times(t, 20)
			gittest.Git(t, p.dir, "tag", "-a", "-m", "v1", "v1")
			gittest.Git(t, p.dir, "push", "-q", "origin", "v1", "main:other", "main:refs/notes/x", "main:refs/hidden/x")
			maintain(t, origin, upkeep.Wish{})
			p.times(t, 2)
			all, one := fork(t, origin, 1, Fork{}), fork(t, origin, 2, Fork{DefaultBranchOnly: true})
			want := refMap(t, origin)
			delete(want, "refs/notes/x")
			if got := refMap(t, all); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the fork has %v, want %v", got, want)
			}
			if out := gittest.Git(t, all.bare.Dir, "for-each-ref"); strings.Contains(out, "hidden") || strings.Contains(out, "notes") {
				t.Errorf("other refs came along: %s", out)
			}
			if refs, err := all.Refs(t.Context()); err != nil || len(refs.Tags()) != 1 || refs.Tags()[0].Peeled == "" {
				t.Errorf("tags: %+v, %v", refs, err)
			}
			if got := refMap(t, one); len(got) != 2 || got["refs/heads/main"] != p.last {
				t.Errorf("the default branch alone: %v", got)
			}
			sharesPacks(t, origin, all)
			if u, err := all.Upkeep(); err != nil || !u.Bitmap {
				t.Errorf("the fork has no bitmap: %+v, %v", u, err)
			}
			for _, r := range []*Repo{all, origin, one} {
				maintain(t, r, upkeep.Wish{Full: true, Prune: true})
				for _, r := range []*Repo{all, origin, one} {
					verify(t, r)
				}
			}
			// Each is pushed to by itself.
			q := newPusher(t, all)
			gittest.Git(t, q.dir, "pull", "-q", "origin", "main")
			q.n, q.last = 100, p.last
			q.times(t, 1)
			p.times(t, 1)
			if err := origin.store.Delete(t.Context(), origin.bare.ID); err != nil {
				t.Fatal(err)
			}
			verify(t, all)
			verify(t, one)
			gittest.Git(t, t.TempDir(), "clone", "-q", all.bare.Dir, "copy")
			if err := all.store.Delete(t.Context(), all.bare.ID); err != nil {
				t.Fatal(err)
			}
			maintain(t, one, upkeep.Wish{Full: true, Prune: true})
			verify(t, one)
		})
	}
}

func sharesPacks(t *testing.T, a, b *Repo) {
	t.Helper()
	list := packFiles(t, a, ".pack")
	if len(list) == 0 {
		t.Error("there are no packs")
	}
	for _, path := range list {
		x, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.Stat(filepath.Join(b.bare.Dir, "objects", "pack", filepath.Base(path)))
		if err != nil || !os.SameFile(x, y) {
			t.Errorf("%s is not shared: %v", filepath.Base(path), err)
		}
	}
	if _, err := os.Stat(filepath.Join(b.bare.Dir, "objects", "info", "alternates")); err == nil {
		t.Error("the fork borrows")
	}
}

// TestFork_reach: what the origin can't reach, the fork can't either, although
// it lies in a pack of both; and what is pushed to the one is not in the other.
func TestFork_reach(t *testing.T) {
	t.Parallel()
	origin := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, origin)
	p.times(t, 3)
	secret, pack := p.make(t)
	if err := p.push(t.Context(), "refs/heads/secret", "", secret, pack); err != nil {
		t.Fatal(err)
	}
	maintain(t, origin, upkeep.Wish{Full: true})
	if err := p.push(t.Context(), "refs/heads/secret", secret, object.SHA1.Zero(), nil); err != nil {
		t.Fatal(err)
	}
	made := fork(t, origin, 1, Fork{})
	if _, err := gittest.Try(t.Context(), made.bare.Dir, nil, "cat-file", "-e", string(secret)); err != nil {
		t.Fatalf("the test is about an object that lies in the fork: %v", err)
	}
	for _, r := range []*Repo{origin, made} {
		refs, err := r.Refs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if bad, err := r.Unreachable(t.Context(), refs, []object.ID{secret, p.last}); err != nil || len(bad) != 1 || bad[0] != secret {
			t.Errorf("repository %d: out of reach is %v, %v", r.bare.ID, bad, err)
		}
	}
	q := newPusher(t, made)
	gittest.Git(t, q.dir, "pull", "-q", "origin", "main")
	q.n, q.last = 100, p.last
	q.times(t, 1)
	if _, err := gittest.Try(t.Context(), origin.bare.Dir, nil, "cat-file", "-e", string(q.last)); err == nil {
		t.Error("what was pushed to the fork is in the origin")
	}
}

func TestFork_refused(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	testRepo(t, s, 2, object.SHA1)
	if _, err := s.Fork(t.Context(), 1, 2, Fork{}); !problem.Is(err, problem.Conflict) {
		t.Errorf("onto another: %v", err)
	}
	if _, err := s.Fork(t.Context(), 9, 3, Fork{}); !problem.Is(err, problem.NotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if im, err := s.Fork(t.Context(), 1, 3, Fork{}); err != nil || !im.Empty || im.DefaultBranch != "main" {
		t.Errorf("of an empty one: %+v, %v", im, err)
	}
	gittest.Write(t, r.bare.Dir, "objects/info/alternates", "/nowhere\n")
	if _, err := s.Fork(t.Context(), 1, 4, Fork{}); !problem.Is(err, problem.Conflict) || s.Exists(4) {
		t.Errorf("of one that borrows: %v", err)
	}
	if left, err := os.ReadDir(s.tempDir()); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestCopyObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gittest.Write(t, dir, "a", "pack")
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := copyObject(a, b); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(b); err != nil || string(got) != "pack" {
		t.Errorf("%q, %v", got, err)
	}
	if err := copyObject(a, b); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
}

// TestFork_races forks while the origin is pushed to and repacked.
func TestFork_races(t *testing.T) {
	t.Parallel()
	origin := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, origin)
	p.times(t, 5)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := origin.Maintain(ctx, upkeep.Wish{Full: i%2 == 0, Prune: true}); err != nil && ctx.Err() == nil {
				t.Errorf("maintain: %v", err)
				return
			}
		}
	})
	for i := range 15 {
		p.times(t, 1)
		made := fork(t, origin, id.Repo(i+1), Fork{})
		verify(t, made)
		if got := refMap(t, made)["refs/heads/main"]; got != p.last {
			t.Errorf("fork %d has %s, want %s", i, got, p.last)
		}
	}
	cancel()
	work.Wait()
}
