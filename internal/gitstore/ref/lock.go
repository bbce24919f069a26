package ref

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Refused is why a set of updates can't be made, in git's words. Nothing has
// moved.
type Refused struct {
	Name   string // the ref
	Reason string // fit for the client: without a path
	Locked bool   // somebody holds a lock; Reason does not say whose
}

// Error returns the reason.
func (e *Refused) Error() string { return e.Reason }

// lockMode marks a lock as ours: no other program makes one that its owner may
// not write. What such a lock becomes gets fileMode first.
const (
	lockMode fs.FileMode = 0o444
	fileMode fs.FileMode = 0o644
)

// MarkedLock reports whether a lock file was made by this package, and not by
// git.
func MarkedLock(fi fs.FileInfo) bool {
	return fi.Mode().IsRegular() && fi.Mode().Perm()&0o200 == 0
}

// git waits this long for the lock of a ref, and of packed-refs.
const (
	refWait    = 100 * time.Millisecond
	packedWait = time.Second
)

var errLocked = errors.New("the lock is held")

// takeLock makes a lock file and writes its content. errLocked means that
// somebody held it all the time.
func takeLock(ctx context.Context, path, content string, wait time.Duration) error {
	f, err := openLock(ctx, path, wait)
	if err != nil {
		return err
	}
	if content != "" {
		_, err = f.WriteString(content)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func openLock(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	end := time.Now().Add(wait)
	for pause := time.Millisecond; ; pause *= 2 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, lockMode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		if time.Now().Add(pause).After(end) {
			return nil, errLocked
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// become turns a lock into the file that it locks.
func become(lock, path string) error {
	if err := os.Chmod(lock, fileMode); err != nil {
		return err
	}
	return os.Rename(lock, path)
}

// makeFolders makes the folders of a ref, and returns those that were not
// there, the outermost first. It fails with unix.ENOTDIR when a file is in the
// way.
func (d *DB) makeFolders(name string) (made []string, err error) {
	dir := filepath.Dir(d.path(name))
	for range 4 { // somebody may be tidying up at the same time
		if err = os.Mkdir(dir, 0o755); err == nil {
			return []string{dir}, nil
		}
		if errors.Is(err, fs.ErrExist) {
			s, err := look(dir)
			if err != nil || s.isDir() {
				return nil, err
			}
			if s.exists() {
				return nil, unix.ENOTDIR
			}
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		made, err = d.makeEach(name)
		if err == nil || errors.Is(err, unix.ENOTDIR) {
			return made, err
		}
	}
	return made, err
}

func (d *DB) makeEach(name string) (made []string, err error) {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		dir := d.path(name[:i])
		err := os.Mkdir(dir, 0o755)
		switch {
		case err == nil:
			made = append(made, dir)
		case !errors.Is(err, fs.ErrExist):
			return made, err
		}
	}
	return made, nil
}

func (d *DB) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// removeFolders removes the empty folders above a ref, up to that of its kind,
// as git does after a deletion.
func (d *DB) removeFolders(name string) {
	for dir := parent(name); strings.Count(dir, "/") > 1; dir = parent(dir) {
		if unix.Rmdir(d.path(dir)) != nil {
			return
		}
	}
}

func parent(name string) string { return name[:max(0, strings.LastIndexByte(name, '/'))] }

// removeEmpty removes a folder that holds nothing but empty folders. It fails
// when there is something else in it.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			return unix.ENOTEMPTY
		}
		if err := removeEmpty(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
