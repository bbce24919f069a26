package gitstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/incoming"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// settle brings about an accepted set, whatever of it was done already, and
// makes it durable. moving is held.
func (r *Repo) settle(ctx context.Context, e journalEntry) error {
	refs, err := r.readRefs(ctx)
	if err != nil {
		return err
	}
	var left []wire.Update
	for _, u := range e.moved().Updates {
		ref, exists := refs.Get(u.Name)
		switch {
		case u.Deletes() && !exists, exists && ref.ID == u.New:
		case exists && ref.ID == u.Old, !exists && u.Old.IsZero():
			left = append(left, u)
		default:
			// Somebody moved it since, knowingly: their move stands.
			r.store.log.WarnContext(ctx, "a journal names a ref that has moved on", "repository", int64(r.bare.ID))
		}
	}
	head := e.Head
	if head == refs.Head {
		head = ""
	}
	if _, err := ref.RemoveLocks(r.bare.Dir, e.moved().Updates, r.store.now(), 0); err != nil {
		return err
	}
	tx, err := r.prepare(ctx, left, head, "")
	if err != nil {
		return err
	}
	if err := tx.Sync(); err != nil {
		return errors.Join(err, tx.Abort())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return r.syncRefs(e)
}

// syncRefs makes the folders durable in which refs appeared or vanished, for
// what was done already before a crash. The files themselves were synced.
func (r *Repo) syncRefs(e journalEntry) error {
	dirs := map[string]bool{r.bare.Dir: true}
	for _, u := range e.Updates {
		for dir := filepath.Dir(filepath.Join(r.bare.Dir, filepath.FromSlash(string(u.Name)))); len(dir) > len(r.bare.Dir); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	for dir := range dirs {
		if err := disk.Sync(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return nil
}

// Recorder gets the events of pushes that a crash cut off between moving refs
// and forgetting the journal. It may have recorded them, and must not do so twice.
type Recorder func(ctx context.Context, repo id.Repo, m Moved) error

// OnRecovered sets who records what recovery completes. It must be called
// before the store is used; without it events wait in their journals.
func (s *Store) OnRecovered(f Recorder) { s.recorder = f }

// recover completes what a crash interrupted, before the repository is first
// served by this process.
func (r *Repo) recover(ctx context.Context) error {
	if r.recovered.Load() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	l := wholeLane()
	if err := r.lanes.enter(ctx, l); err != nil {
		return err
	}
	defer r.lanes.leave(l)
	r.moving.Lock()
	defer r.moving.Unlock()
	if r.recovered.Load() {
		return nil
	}
	if !r.swept {
		if err := r.removeQuarantines(); err != nil {
			return err
		}
		r.swept = true
	}
	dir := filepath.Join(r.bare.Dir, bare.OwnFolder)
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	until := time.Now().Add(heirWait)
	for _, file := range files {
		if strings.HasPrefix(file.Name(), upkeep.Prefix) {
			continue
		}
		if err := r.complete(ctx, filepath.Join(dir, file.Name()), until); err != nil {
			return problem.Wrap(err, problem.Unavailable, "this repository is being repaired", "Try again in a moment, or ask the administrator.")
		}
	}
	r.recovered.Store(true)
	return nil
}

// heirWait is how long a recovery waits for journals that somebody holds. Who
// works on one is done with it by then. And the dead hold theirs for a moment: a
// program that they were just starting has all of their files open until it begins.
const heirWait = time.Second

// openLeft is disk.OpenOwned for a journal, with some patience.
func openLeft(path string, until time.Time) (*os.File, error) {
	for {
		f, err := disk.OpenOwned(path)
		if f != nil || err != nil {
			return f, err
		}
		if _, err := os.Lstat(path); err != nil || time.Now().After(until) {
			return nil, nil // it is gone, which is well, or somebody's
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// complete carries out one journal that nobody works on any more. Until then it
// waits for those who do.
func (r *Repo) complete(ctx context.Context, path string, until time.Time) error {
	if strings.HasPrefix(filepath.Base(path), newPrefix) {
		_, err := r.abandoned(path, "")
		return err
	}
	name := filepath.Base(path)
	accepted := strings.HasPrefix(name, journalPrefix)
	if !accepted && !strings.HasPrefix(name, movedPrefix) && !isSpare(path) {
		return nil
	}
	if isSpare(path) {
		until = time.Time{}
	}
	f, err := openLeft(path, until)
	if err != nil || f == nil {
		return err
	}
	j := &journal{repo: r, file: f, path: path}
	if isSpare(path) {
		return j.remove()
	}
	if j.entry, err = readEntry(f); err != nil {
		return errors.Join(err, disk.LetGo(f))
	}
	if !j.entry.of(path) {
		r.store.log.InfoContext(ctx, "a journal's file was in use again: what its name tells of is done", "repository", int64(r.bare.ID))
		return j.remove()
	}
	if accepted {
		err := r.settle(ctx, j.entry)
		if err == nil {
			err = j.settled()
		}
		if err != nil {
			return errors.Join(err, disk.LetGo(f))
		}
	}
	if r.store.recorder == nil {
		return disk.LetGo(f) // the refs are right; the event waits for a server
	}
	if err := r.store.recorder(ctx, r.bare.ID, j.entry.moved()); err != nil {
		return errors.Join(err, disk.LetGo(f))
	}
	return j.remove()
}

// removeQuarantines removes the folders of pushes whose process is gone.
func (r *Repo) removeQuarantines() error {
	objects := filepath.Join(r.bare.Dir, "objects")
	entries, err := os.ReadDir(objects)
	if err != nil {
		return bare.Gone(err)
	}
	for _, e := range entries {
		dir := filepath.Join(objects, e.Name())
		if !strings.HasPrefix(e.Name(), bare.IncomingPrefix) || disk.InUse(filepath.Join(dir, bare.OwnerLock)) {
			continue
		}
		// A git that outlived its server by a moment may be writing there still.
		// Nothing believes in what it writes: the next start removes the rest.
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return incoming.RemoveHalfPacks(r.bare)
}
