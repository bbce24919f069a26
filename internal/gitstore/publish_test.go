package gitstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
)

func publish(ctx context.Context, r *Repo, pack []byte, p Publication) ([]wire.Result, error) {
	in, err := r.Incoming(ctx, share.Who{Account: 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	if pack != nil {
		if err := in.Index(ctx, bytes.NewReader(pack), nil); err != nil {
			return nil, err
		}
	}
	return in.Publish(ctx, p)
}

// reopen is a new process on the same folder.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	n, err := Open(Options{Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func refMap(t testing.TB, r *Repo) map[string]object.ID {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]object.ID{"HEAD": object.ID(refs.Head)}
	for _, ref := range refs.All() {
		out[ref.Name] = ref.ID
	}
	return out
}

// crashed is a repository in which a push was accepted, and the process ended
// before its refs had moved.
type crashed struct {
	s          *Store
	r          *Repo
	first      object.ID
	second     object.ID
	updates    []wire.Update
	recordings []Moved
}

func newCrashed(t *testing.T) *crashed {
	t.Helper()
	c := &crashed{s: testStore(t)}
	c.r = testRepo(t, c.s, 1, object.SHA1)
	dir := gittest.Work(t, c.r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	c.first = gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main", "main:old", "main:also")
	gittest.Write(t, dir, "a", "2\n")
	c.second = gittest.Commit(t, dir, "2")
	gittest.Git(t, dir, "push", "-q", "origin", "main:refs/heads/tmp")
	gittest.Git(t, c.r.bare.Dir, "update-ref", "-d", "refs/heads/tmp")
	c.updates = []wire.Update{
		{Name: "refs/heads/main", Old: c.first, New: c.second},
		{Name: "refs/heads/made", Old: object.SHA1.Zero(), New: c.second},
		{Name: "refs/heads/old", Old: c.first, New: object.SHA1.Zero()},
	}
	j, err := c.r.acceptedJournal(c.updates, "refs/heads/made", []byte("event"))
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.LetGo(j.file); err != nil { // the process's locks die with it
		t.Fatal(err)
	}
	return c
}

func (c *crashed) restart(t *testing.T) {
	t.Helper()
	c.s = reopen(t, c.s)
	c.s.OnRecovered(func(_ context.Context, _ id.Repo, m Moved) error {
		c.recordings = append(c.recordings, m)
		return nil
	})
	c.r = c.s.Repo(1)
}

func (c *crashed) check(t *testing.T) {
	t.Helper()
	got := refMap(t, c.r)
	if got["refs/heads/main"] != c.second || got["refs/heads/made"] != c.second || got["refs/heads/old"] != "" || got["refs/heads/also"] != c.first || got["HEAD"] != "refs/heads/made" {
		t.Errorf("after recovery: %v", got)
	}
	if len(c.recordings) != 1 || string(c.recordings[0].Event) != "event" || len(c.recordings[0].Updates) != 3 {
		t.Errorf("recorded: %+v", c.recordings)
	}
	if left := journals(t, c.r); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := c.r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, *crashed){
		"nothing moved": func(*testing.T, *crashed) {},
		"locks were left": func(t *testing.T, c *crashed) {
			for _, n := range []string{"HEAD.lock", "packed-refs.lock", "refs/heads/main.lock", "refs/heads/made.lock", "refs/heads/old.lock"} {
				gittest.Write(t, c.r.bare.Dir, n, "")
			}
		},
		"one moved": func(t *testing.T, c *crashed) {
			gittest.Git(t, c.r.bare.Dir, "update-ref", "refs/heads/main", string(c.second))
		},
		"all moved": func(t *testing.T, c *crashed) {
			gittest.Git(t, c.r.bare.Dir, "update-ref", "refs/heads/main", string(c.second))
			gittest.Git(t, c.r.bare.Dir, "update-ref", "refs/heads/made", string(c.second))
			gittest.Git(t, c.r.bare.Dir, "update-ref", "-d", "refs/heads/old")
			gittest.Git(t, c.r.bare.Dir, "symbolic-ref", "HEAD", "refs/heads/made")
		},
		"packed": func(t *testing.T, c *crashed) { gittest.Git(t, c.r.bare.Dir, "pack-refs", "--all") },
		"leftovers": func(t *testing.T, c *crashed) {
			gittest.Write(t, c.r.bare.Dir, "objects/incoming-1/pack/tmp_pack_1", "x")
			gittest.Write(t, c.r.bare.Dir, "objects/incoming-1/"+bare.OwnerLock, "")
			gittest.Write(t, c.r.bare.Dir, bare.OwnFolder+"/new-1", "{")
			// So new a file may be one that is just being made.
			long := time.Now().Add(-2 * staleLock)
			if err := os.Chtimes(filepath.Join(c.r.bare.Dir, bare.OwnFolder, "new-1"), long, long); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrashed(t)
			damage(t, c)
			c.restart(t)
			c.check(t)
			if _, err := os.Stat(filepath.Join(c.r.bare.Dir, "objects/incoming-1")); err == nil {
				t.Error("a quarantine stayed")
			}
			c.restart(t)
			_ = refMap(t, c.r)
			if len(c.recordings) != 1 {
				t.Errorf("recorded again: %d", len(c.recordings))
			}
		})
	}
}

// Who moved a ref after the crash, knowingly, is not overruled.
func TestRecover_movedOn(t *testing.T) {
	t.Parallel()
	c := newCrashed(t)
	third := object.ID(gittest.Git(t, c.r.bare.Dir, "commit-tree", "-p", string(c.second), "-m", "3", string(c.second)+"^{tree}"))
	gittest.Git(t, c.r.bare.Dir, "update-ref", "refs/heads/main", string(third))
	c.restart(t)
	if got := refMap(t, c.r); got["refs/heads/main"] != third || got["refs/heads/made"] != c.second {
		t.Errorf("after recovery: %v", got)
	}
}

// An event that can't be recorded waits, and the refs are right meanwhile.
func TestRecover_recorderFails(t *testing.T) {
	t.Parallel()
	c := newCrashed(t)
	c.s = reopen(t, c.s)
	broken := errors.New("no database")
	c.s.OnRecovered(func(context.Context, id.Repo, Moved) error { return broken })
	c.r = c.s.Repo(1)
	if _, err := c.r.Refs(t.Context()); !errors.Is(err, broken) {
		t.Errorf("served before it is recorded: %v", err)
	}
	c.restart(t)
	c.check(t)
}

// A journal or a quarantine that another process works on is left alone.
func TestRecover_inUse(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	in, err := r.Incoming(t.Context(), share.Who{Account: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	dir := gittest.Work(t, r.bare.Dir)
	large := make([]byte, 2<<20) // no room in memory
	_, _ = rand.Read(large)
	gittest.Write(t, dir, "large", string(large))
	if err := in.Index(t.Context(), bytes.NewReader(gittest.PackOf(t, dir, gittest.Commit(t, dir, "large"), "")), nil); err != nil {
		t.Fatal(err)
	}
	j, err := r.acceptedJournal([]wire.Update{{Name: "refs/heads/x", Old: object.SHA1.Zero(), New: object.ID(strings.Repeat("1", 40))}}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := refMap(t, reopen(t, s).Repo(1)); got["refs/heads/x"] != "" {
		t.Errorf("another's journal was carried out: %v", got)
	}
	if left, err := filepath.Glob(filepath.Join(r.bare.Dir, "objects", bare.IncomingPrefix+"*")); err != nil || len(left) != 1 {
		t.Errorf("another's quarantine was removed: %v, %v", left, err)
	}
	if err := j.remove(); err != nil {
		t.Fatal(err)
	}
}

// A program that a server was starting when it was killed holds the server's
// journals for a moment longer. They are waited for.
func TestRecover_heldForAMoment(t *testing.T) {
	t.Parallel()
	c := newCrashed(t)
	held, err := disk.OpenOwned(journals(t, c.r)[0])
	if err != nil || held == nil {
		t.Fatal(held, err)
	}
	time.AfterFunc(heirWait/8, func() { _ = disk.LetGo(held) })
	c.restart(t)
	_ = refMap(t, c.r)
	c.check(t)
}

// The event is recorded after the refs moved and before the journal goes.
func TestPublish_record(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	first := gittest.Commit(t, dir, "1")
	var moved []Moved
	record := func(_ context.Context, m Moved) error {
		moved = append(moved, m)
		if got := refMap(t, r); got["refs/heads/trunk"] != first {
			t.Errorf("recorded before the refs moved: %v", got)
		}
		if files, _ := filepath.Glob(filepath.Join(r.bare.Dir, bare.OwnFolder, movedPrefix+"*")); len(files) != 1 {
			t.Errorf("journals: %v", files)
		}
		return nil
	}
	results, err := publish(t.Context(), r, gittest.PackOf(t, dir, first, ""), Publication{
		Updates: []wire.Update{{Name: "refs/heads/trunk", Old: object.SHA1.Zero(), New: first}}, Event: []byte("e"), Record: record})
	if err != nil || len(results) != 1 || results[0].Reason != "" {
		t.Fatalf("%v %v", results, err)
	}
	if len(moved) != 1 || moved[0].Head != "refs/heads/trunk" || string(moved[0].Event) != "e" {
		t.Errorf("recorded: %+v", moved)
	}
	if left := journals(t, r); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if entries, _ := filepath.Glob(filepath.Join(r.bare.Dir, "objects", bare.IncomingPrefix+"*")); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}

// Locks of a git that died block a ref for a minute, not for ever.
func TestPublish_staleLock(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	lock := filepath.Join(r.bare.Dir, "refs/heads/main.lock")
	p := Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: object.SHA1.Zero(), New: first}}}
	gittest.Write(t, r.bare.Dir, "refs/heads/main.lock", "")
	results, err := publish(t.Context(), r, gittest.PackOf(t, dir, first, ""), p)
	if err != nil || results[0].Reason != "failed to update ref" {
		t.Fatalf("a fresh lock was ignored: %v %v", results, err)
	}
	old := time.Now().Add(-2 * time.Minute)
	if err := os.Chtimes(lock, old, old); err != nil {
		t.Fatal(err)
	}
	if results, err = publish(t.Context(), r, nil, p); err != nil || results[0].Reason != "" {
		t.Fatalf("%v %v", results, err)
	}
}

// A client that goes away while refs move leaves no lock behind.
func TestPublish_cancelled(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main:tmp")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j, err := r.transact(ctx, []wire.Update{{Name: "refs/heads/main", Old: object.SHA1.Zero(), New: first}}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.remove(); err != nil {
		t.Fatal(err)
	}
	if got := refMap(t, r); got["refs/heads/main"] != first {
		t.Errorf("got %v", got)
	}
}

// Many at once: on different refs all succeed; on one ref, from the same old
// value, exactly one.
func TestPublish_concurrent(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	zero := object.SHA1.Zero()
	if _, err := publish(t.Context(), r, gittest.PackOf(t, dir, first, ""), Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: zero, New: first}}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		gittest.Git(t, dir, "checkout", "-q", "--detach", string(first))
		gittest.Write(t, dir, "a", fmt.Sprint(i))
		next := gittest.Commit(t, dir, fmt.Sprint(i))
		pack := gittest.PackOf(t, dir, next, first)
		wg.Go(func() {
			results, err := publish(t.Context(), r, pack, Publication{Updates: []wire.Update{
				{Name: "refs/heads/main", Old: first, New: next},
				{Name: fmt.Sprintf("refs/heads/b%d", i), Old: zero, New: next},
			}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || results[1].Reason != "" {
				t.Errorf("%d: %v %v", i, results, err)
				return
			}
			if results[0].Reason == "" {
				won++
			} else if !strings.Contains(results[0].Reason, "but expected "+string(first)) {
				t.Errorf("%d: %s", i, results[0].Reason)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d pushes won", won)
	}
	if err := r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// acceptedJournal is a journal as a transaction has it when its refs move.
func (r *Repo) acceptedJournal(updates []wire.Update, head string, event []byte) (*journal, error) {
	j, err := r.newJournal(updates, head, event)
	if err == nil {
		err = errors.Join(j.file.Sync(), j.accept())
	}
	return j, err
}

// Who moved a ref back after a push, before that was recorded, is not overruled
// by its journal: the ref has its old value again, as if the push had never
// moved it, but the journal knows better.
func TestRecover_movedBack(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	first := gittest.Commit(t, dir, "1")
	gittest.Write(t, dir, "a", "2\n")
	second := gittest.Commit(t, dir, "2")
	gittest.Git(t, dir, "push", "-q", "origin", string(first)+":refs/heads/main")
	back := func(context.Context, Moved) error {
		results, err := publish(t.Context(), r, nil, Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: second, New: first}}})
		if err != nil || results[0].Reason != "" {
			t.Errorf("%v %v", results, err)
		}
		return errors.New("cut off")
	}
	results, err := publish(t.Context(), r, gittest.PackOf(t, dir, second, first), Publication{
		Updates: []wire.Update{{Name: "refs/heads/main", Old: first, New: second}}, Event: []byte("e"), Record: back})
	if err != nil || results[0].Reason != "" {
		t.Fatalf("%v %v", results, err)
	}
	again := reopen(t, s)
	var events []string
	again.OnRecovered(func(_ context.Context, _ id.Repo, m Moved) error {
		events = append(events, string(m.Event))
		return nil
	})
	if got := refMap(t, again.Repo(1)); got["refs/heads/main"] != first {
		t.Errorf("the second push is lost: main is at %v, and was at %s at its end", got, first)
	}
	if len(events) != 1 || events[0] != "e" {
		t.Errorf("recorded: %q", events)
	}
}
