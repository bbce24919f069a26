package gitstore

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/ref"
)

// staleLock is how old git's lock file must be for its owner to be surely gone:
// its commands take milliseconds. Our own need not be old: see removeAbandoned.
const staleLock = time.Minute

// readEntry reads a journal. What is none is the zero entry.
func readEntry(f *os.File) (e journalEntry, err error) {
	data, err := io.ReadAll(io.LimitReader(f, 1<<30))
	if err == nil && json.Unmarshal(data, &e) != nil {
		e = journalEntry{}
	}
	return e, err
}

// removeAbandoned removes the ref locks of processes of ours that died before
// their set was accepted. Each has left a journal without its final name, which
// nobody holds any more and which names the refs. own is the journal of the
// caller, who waits for these locks and has none of them.
func (r *Repo) removeAbandoned(own string) (removed bool, err error) {
	files, err := filepath.Glob(filepath.Join(r.bare.Dir, bare.OwnFolder, newPrefix+"*"))
	for _, path := range files {
		if err != nil {
			break
		}
		var some bool
		some, err = r.abandoned(path, own)
		removed = removed || some
	}
	return removed, err
}

// abandoned removes one such journal with its locks.
func (r *Repo) abandoned(path, own string) (removed bool, err error) {
	f, err := disk.OpenOwned(path)
	if err != nil || f == nil {
		return false, err
	}
	defer func() { err = errors.Join(err, disk.LetGo(f)) }()
	e, err := readEntry(f)
	if err != nil {
		return false, err
	}
	if !e.of(path) {
		return false, os.Remove(path) // it had taken no lock yet
	}
	// The dead may have named a ref whose lock somebody else of ours has. That
	// one names it too, since before it took the lock; so the locks are looked at
	// first, and then who is alive.
	found := map[string]os.FileInfo{}
	for _, name := range ref.LockNames(e.moved().Updates) {
		lock := filepath.Join(r.bare.Dir, filepath.FromSlash(name))
		if fi, err := os.Lstat(lock); err == nil && ref.MarkedLock(fi) {
			found[lock] = fi
		}
	}
	if len(found) > 0 {
		if err := r.spareLiving(found, path, own); err != nil {
			return false, err
		}
	}
	for lock, fi := range found {
		now, err := os.Lstat(lock)
		if err != nil || !os.SameFile(fi, now) {
			continue
		}
		if err := os.Remove(lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = true
	}
	return removed, os.Remove(path)
}

// spareLiving takes out of found the locks that a journal names on which a
// process works, but for some.
func (r *Repo) spareLiving(found map[string]os.FileInfo, but ...string) error {
	dir := filepath.Join(r.bare.Dir, bare.OwnFolder)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		if slices.Contains(but, path) || !disk.InUse(path) {
			continue
		}
		data, err := os.ReadFile(path)
		var e journalEntry
		if err == nil {
			err = json.Unmarshal(data, &e)
		}
		if err != nil || !e.of(path) {
			continue // it is being made, and has no lock yet, or has just ended
		}
		for _, name := range ref.LockNames(e.moved().Updates) {
			delete(found, filepath.Join(r.bare.Dir, filepath.FromSlash(name)))
		}
	}
	return nil
}
