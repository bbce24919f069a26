package ref

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"jeton/internal/gitstore/wire"
)

// RemoveLocks removes the lock files in a repository's folder, of at least that age at
// the time now, that a git which was killed, or a machine that lost its power, left
// behind.
func RemoveLocks(dir string, updates []wire.Update, now time.Time, age time.Duration) (removed bool, err error) {
	for _, n := range append(LockNames(updates), "packed-refs.new") {
		path := filepath.Join(dir, filepath.FromSlash(n))
		fi, err := os.Lstat(path)
		if err != nil || now.Sub(fi.ModTime()) < age {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = true
	}
	return removed, nil
}

// LockNames are the locks that a transaction may take.
func LockNames(updates []wire.Update) []string {
	names := []string{"HEAD.lock", "packed-refs.lock"}
	for _, u := range updates {
		names = append(names, u.Name+".lock")
	}
	return names
}
