package gitstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

func laneFor(names ...string) *lane {
	var updates []wire.Update
	for _, n := range names {
		updates = append(updates, wire.Update{Name: n, Old: object.SHA1.Zero(), New: object.ID("1")})
	}
	return laneOf(updates)
}

// Who moves other refs goes on; who moves the same waits for those before.
func TestLanes(t *testing.T) {
	t.Parallel()
	var ls lanes
	enter := func(l *lane) <-chan error {
		in := make(chan error, 1)
		seen := len(ls.lookAt())
		go func() { in <- ls.enter(t.Context(), l) }()
		for len(ls.lookAt()) == seen {
			runtime.Gosched() // until it stands in the row
		}
		return in
	}
	goes := func(what string, in <-chan error) {
		t.Helper()
		select {
		case err := <-in:
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s waits", what)
		}
	}
	waits := func(what string, in <-chan error) {
		t.Helper()
		select {
		case <-in:
			t.Errorf("%s does not wait", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	a, b, same, below, above, all, late := laneFor("refs/heads/a/b"), laneFor("refs/heads/a/bc", "refs/heads/x"), laneFor("refs/heads/y", "refs/heads/x"),
		laneFor("refs/heads/a/b/c"), laneFor("refs/heads/a"), laneFor(), laneFor("refs/heads/z")
	all.all = true
	goes("the first", enter(a))
	goes("another name", enter(b))
	inSame := enter(same)
	waits("the same name", inSame)
	inBelow, inAbove := enter(below), enter(above)
	waits("a name in its folder", inBelow)
	waits("its folder's name", inAbove)
	inAll := enter(all)
	waits("all", inAll)
	inLate := enter(late)
	waits("who comes after all", inLate)
	ls.leave(a)
	goes("a name in its folder", inBelow)
	waits("its folder's name", inAbove)
	ls.leave(b)
	goes("the same name", inSame)
	ls.leave(below)
	goes("its folder's name", inAbove)
	ls.leave(above)
	waits("all", inAll)
	ls.leave(same)
	goes("all", inAll)
	waits("who comes after all", inLate)

	// Who gives up is in nobody's way.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ls.enter(ctx, laneFor("refs/heads/z")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ls.leave(all)
	goes("who comes after all", inLate)
	ls.leave(late)
	if n := len(ls.lookAt()); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
}

func (ls *lanes) lookAt() []*lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.busy
}

// Pushes to different branches don't wait for each other, and each is asked about
// right before its refs move.
func TestPublish_sideBySide(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	second := gittest.Commit(t, dir, "2")
	gittest.Git(t, dir, "push", "-q", "origin", "main:refs/heads/two")
	zero := object.SHA1.Zero()
	push := func(name string, still func(context.Context) error) {
		t.Helper()
		results, err := publish(t.Context(), r, nil, Publication{Updates: []wire.Update{{Name: "refs/heads/" + name, Old: zero, New: second}}, Still: still})
		if err != nil || results[0].Reason != "" {
			t.Errorf("%s: %v %v", name, results, err)
		}
	}
	same := make(chan struct{})
	push("slow", func(ctx context.Context) error {
		push("quick", func(context.Context) error { return nil })
		go func() {
			defer close(same)
			results, err := publish(ctx, r, nil, Publication{Updates: []wire.Update{{Name: "refs/heads/slow", Old: zero, New: first}}})
			if err != nil || results[0].Reason == "" {
				t.Errorf("it moved a ref that another push had just made: %v %v", results, err)
			}
		}()
		for len(r.lanes.lookAt()) < 2 {
			runtime.Gosched() // until it waits
		}
		return nil
	})
	<-same
	if got := refMap(t, r); got["refs/heads/slow"] != second || got["refs/heads/quick"] != second {
		t.Error(got)
	}
}

// Of the first pushes to an empty repository, which come at once, one says what
// HEAD names, and none fails for that.
func TestPublish_firstAtOnce(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	tip := gittest.Commit(t, dir, "1")
	pack := gittest.PackOf(t, dir, tip, "")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			results, err := publish(t.Context(), r, pack, Publication{Updates: []wire.Update{{Name: fmt.Sprintf("refs/heads/b%d", i), Old: object.SHA1.Zero(), New: tip}}})
			if err != nil || results[0].Reason != "" {
				t.Errorf("%v %v", results, err)
			}
		})
	}
	wg.Wait()
	got := refMap(t, r)
	if len(got) != 7 || got[string(got["HEAD"])] != tip {
		t.Error(got)
	}
}
