package ref

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// becomes reports whether the item's lock will be the ref's own file.
func (t *Tx) becomes(it *item) bool {
	return !it.Deletes() && !it.done && (!t.into || !it.creates())
}

// Sync makes the files durable that Commit will put in place.
func (t *Tx) Sync() error {
	var paths []string
	for i := range t.items {
		if it := &t.items[i]; t.becomes(it) {
			paths = append(paths, lockOf(t.db.path(it.Name)))
		}
	}
	if t.anew {
		paths = append(paths, lockOf(t.db.packed.path))
	}
	if t.headed {
		paths = append(paths, lockOf(t.db.head.path))
	}
	if len(paths) == 0 {
		return nil
	}
	return syncAll(paths)
}

// Commit moves the refs, lets go of the locks, and returns when all of it is on
// the disk. After an error some have moved and others not: whoever accepted the
// set has to bring it about. No lock stays, as far as that can be done.
func (t *Tx) Commit() error {
	if err := t.Move(); err != nil {
		return err
	}
	return t.SyncFolders()
}

// Move is the first half of Commit: afterwards everybody sees the refs moved.
func (t *Tx) Move() error {
	err := t.put()
	err = errors.Join(err, t.release())
	t.removeFolders()
	return err
}

// SyncFolders is the second half of Commit: it returns when all is on the disk.
func (t *Tx) SyncFolders() error { return syncAll(t.folders()) }

// removeFolders removes the folders that hold nothing any more: of what was
// deleted, and of the locks of what is in packed-refs.
func (t *Tx) removeFolders() {
	seen := map[string]bool{}
	for i := range t.items {
		it := &t.items[i]
		if dir := parent(it.Name); (it.Deletes() || t.into && it.creates()) && !seen[dir] {
			seen[dir] = true
			t.db.removeFolders(it.Name)
		}
	}
}

// put moves everything to its place. packed-refs comes after the files of refs
// that are deleted: its lock must be held until they are gone, or a git pack-refs
// in between would pack what is being deleted. Until then another program may see
// the older value that packed-refs has; nobody who asks the server does.
func (t *Tx) put() error {
	for i := range t.items {
		it := &t.items[i]
		if !t.becomes(it) {
			continue
		}
		path := t.db.path(it.Name)
		err := become(lockOf(path), path)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOTEMPTY) {
			if err = removeEmpty(path); err == nil {
				err = os.Rename(lockOf(path), path)
			}
		}
		if err != nil {
			return err
		}
		it.locked = false
	}
	for i := range t.items {
		if it := &t.items[i]; it.Deletes() {
			err := unix.Unlink(t.db.path(it.Name))
			if err != nil && !gone(err) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
				return &fs.PathError{Op: "unlink", Path: t.db.path(it.Name), Err: err}
			}
		}
	}
	if t.anew {
		if err := become(lockOf(t.db.packed.path), t.db.packed.path); err != nil {
			return err
		}
		t.packed, t.anew = false, false
	}
	if t.headed {
		if err := become(lockOf(t.db.head.path), t.db.head.path); err != nil {
			return err
		}
		t.headed = false
	}
	return nil
}

// release removes the locks that are still held.
func (t *Tx) release() error {
	var err error
	for i := range t.items {
		if it := &t.items[i]; it.locked {
			it.locked = false
			err = errors.Join(err, os.Remove(lockOf(t.db.path(it.Name))))
		}
	}
	if t.packed {
		t.packed, t.anew = false, false
		err = errors.Join(err, os.Remove(lockOf(t.db.packed.path)))
	}
	if t.headed {
		t.headed = false
		err = errors.Join(err, os.Remove(lockOf(t.db.head.path)))
	}
	return err
}

// Abort lets go of the locks. Nothing has moved. It may be called after Commit.
func (t *Tx) Abort() error {
	err := t.release()
	for _, dir := range slices.Backward(t.made) {
		_ = unix.Rmdir(dir) // fails if somebody uses it by now
	}
	return err
}

// folders are those whose names changed: of each ref the folder that it is in,
// and those above it down from that of its kind, since they may be new.
func (t *Tx) folders() []string { return t.db.foldersOf(t.items, t.head != "", t.into) }

func (d *DB) foldersOf(items []item, head, into bool) []string {
	var out []string
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
	}
	top := head || into
	for i := range items {
		it := &items[i]
		top = top || it.Deletes()
		if it.done || into && it.creates() {
			continue
		}
		for dir := parent(it.Name); strings.Contains(dir, "/"); dir = parent(dir) {
			add(d.path(dir))
		}
		if !strings.HasPrefix(it.Name, "refs/heads/") && !strings.HasPrefix(it.Name, "refs/tags/") {
			add(d.path("refs")) // git makes the folders of branches and tags with the repository
		}
	}
	if top {
		add(d.dir)
	}
	return out
}
