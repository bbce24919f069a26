package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/id"
)

// running has the store's upkeep run until the test ends.
func running(t *testing.T, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.RunUpkeep(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("upkeep ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// TestRunUpkeep pushes many times while upkeep runs: the packs stay few, and a
// bitmap is there soon.
func TestRunUpkeep(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Upkeep: UpkeepOptions{Quiet: time.Millisecond, Wait: 5 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int64, 1000)
	s.OnMeasured(func(_ context.Context, _ id.Repo, n int64) error { done <- n; return nil })
	r := testRepo(t, s, 1, object.SHA1)
	running(t, s)
	p := newPusher(t, r)
	most, times, long := 0, 100, os.Getenv("JETON_LONG") != ""
	if long {
		times = 10_000
	}
	packs := func() int {
		n := len(packFiles(t, r, ".pack"))
		most = max(most, n)
		return n
	}
	for range times {
		p.times(t, 1)
		// A few pushes may all come before a busy machine gets round to upkeep.
		for n := packs(); !long && n > 2*somePacks; n = packs() {
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatalf("%d packs, and no upkeep", n)
			}
		}
	}
	t.Logf("at most %d packs at a time while %d pushes came", most, times)
	if most > 3*somePacks {
		t.Errorf("there were %d packs at a time", most)
	}
	s.RequestUpkeep(1)
	for u := (upkeep.State{}); !u.Bitmap || u.Packs != 1; {
		<-done
		if u, err = r.Upkeep(); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, r)
}

// TestRunUpkeep_look: a repository that was left untended by another process is
// found.
func TestRunUpkeep_look(t *testing.T) {
	t.Parallel()
	first := testStore(t)
	newPusher(t, testRepo(t, first, 7, object.SHA1)).times(t, somePacks)
	s, err := Open(Options{Dir: first.dir, Upkeep: UpkeepOptions{Quiet: time.Millisecond, Wait: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan id.Repo, 10)
	s.OnMeasured(func(_ context.Context, n id.Repo, _ int64) error { done <- n; return nil })
	running(t, s)
	if got := <-done; got != 7 {
		t.Errorf("maintained %d", got)
	}
}

func TestRunUpkeep_off(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Upkeep: UpkeepOptions{Off: true}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan id.Repo, 10)
	s.OnMeasured(func(_ context.Context, n id.Repo, _ int64) error { done <- n; return nil })
	newPusher(t, testRepo(t, s, 1, object.SHA1)).times(t, 2)
	newPusher(t, testRepo(t, s, 2, object.SHA1)).times(t, 2)
	running(t, s)
	s.RequestUpkeep(2)
	if got := <-done; got != 2 {
		t.Errorf("maintained %d", got)
	}
}

// TestMaintain_races: clones and pushes go on while the repository is repacked
// over and over, none fails, and every accepted push is there; then it is
// deleted under all of them.
func TestMaintain_races(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	p := newPusher(t, r)
	p.times(t, 3)
	var deleted atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var work sync.WaitGroup
	fine := func(what string, err error) bool {
		if err != nil && !deleted.Load() && ctx.Err() == nil {
			t.Errorf("%s: %v", what, err)
		}
		return err == nil && ctx.Err() == nil && !deleted.Load()
	}
	loop := func(what string, f func(i int) error) {
		work.Go(func() {
			for i := 0; fine(what, f(i)); i++ {
			}
		})
	}
	loop("maintain", func(i int) error {
		_, err := r.Maintain(ctx, upkeep.Wish{Full: i%3 > 0, Prune: i%3 == 1})
		return err
	})
	for n := range 2 {
		dir := t.TempDir()
		loop("clone", func(i int) error {
			out, err := gittest.Try(ctx, dir, nil, "clone", "-q", "--bare", "--no-local", r.bare.Dir, fmt.Sprintf("%d-%d", n, i))
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	loop("read", func(int) error {
		v, err := r.View(ctx, "")
		if err != nil {
			return err
		}
		defer v.Close()
		_, err = v.Tree("", 100)
		return err
	})
	type made struct {
		id   object.ID
		pack []byte
	}
	var packs []made
	from := p.last
	for range 40 {
		next, pack := p.make(t)
		packs, p.last = append(packs, made{next, pack}), next
	}
	p.last = from
	for i, m := range packs[:30] {
		if err := p.push(ctx, "refs/heads/main", p.last, m.id, m.pack); err != nil {
			t.Fatalf("push %d: %v", i, err)
		}
		// The same objects come and go on another branch.
		if err := p.push(ctx, "refs/heads/comes", "", m.id, m.pack); err != nil {
			t.Fatalf("push %d again: %v", i, err)
		}
		if err := p.push(ctx, "refs/heads/comes", m.id, object.SHA1.Zero(), nil); err != nil {
			t.Fatalf("delete %d: %v", i, err)
		}
		p.last = m.id
	}
	verify(t, r)
	if got := refMap(t, r)["refs/heads/main"]; got != p.last {
		t.Errorf("main is %s, want %s", got, p.last)
	}
	deleted.Store(true)
	_ = r.store.Delete(t.Context(), 1) // what a git still wrote into it, the sweep removes
	for _, m := range packs[30:] {
		if err := p.push(ctx, "refs/heads/main", p.last, m.id, m.pack); err == nil {
			t.Error("pushed to what is deleted")
		}
	}
	cancel()
	work.Wait()
	if r.store.Exists(1) {
		t.Error("it is there again")
	}
}
