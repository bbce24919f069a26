package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// CreateOwned makes a file and locks it. Between the two somebody who looks for
// what the dead left may take it for that, and remove it: it is made again then.
func CreateOwned(dir, prefix string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(dir, prefix)
		if err != nil {
			return nil, err
		}
		if own(f) {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// own locks a file that is there still, and reports whether it could.
func own(f *os.File) bool {
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	mine, merr := f.Stat()
	return err == nil && merr == nil && os.SameFile(there, mine)
}

// LetGo unlocks a file and closes it. To close it is not enough: a program that is
// just being started has it open, too, for a moment, and whoever looks at the
// file then takes its owner for alive.
func LetGo(f *os.File) error {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return f.Close()
}

// OpenOwned opens a file of ours and locks it. It returns nil when the file is
// gone, or somebody works on it.
func OpenOwned(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !own(f) {
		return nil, LetGo(f)
	}
	return f, nil
}

// InUse reports whether a process holds the lock on a file.
func InUse(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	free := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	_ = LetGo(f)
	return !free
}
