// Package disk is what the file system must be told, or asked, beyond reading and
// writing: to make things durable, whether there is room, and files whose lock dies
// with the process that works on them. It knows nothing of git.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"jeton/internal/problem"
)

// Sync makes a file's content durable, or the names in a folder.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncTree makes every file and folder below dir durable.
func SyncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return nil
		}
		return Sync(path)
	})
}

// Worded has an error say, to whoever asked for what failed, that the disk is
// full, if that is what it comes from: problem.Unavailable. Others stay as they are.
func Worded(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return problem.Wrap(err, problem.Unavailable, "The server's disk is full.", "Ask its administrator to make room, then try again.")
	}
	return err
}

// removeTries is how often RemoveAll begins, over about four seconds.
const removeTries = 20

// RemoveAll removes a folder into which something may still write for a moment: a
// push, or a git that has not noticed yet that its repository is gone.
func RemoveAll(dir string) error {
	for i := 1; ; i++ {
		err := os.RemoveAll(dir)
		if !errors.Is(err, syscall.ENOTEMPTY) || i == removeTries {
			return err
		}
		<-time.After(time.Duration(i) * 20 * time.Millisecond)
	}
}
