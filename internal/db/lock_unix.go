//go:build unix

package db

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks f for this process without waiting.
func tryLock(f *os.File, mode lockMode) (bool, error) {
	how := syscall.LOCK_EX
	if mode == shared {
		how = syscall.LOCK_SH
	}
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// unlock gives f's lock back and closes it. Closing alone is not enough: a child
// that is just being started holds the same open file until its program is run.
func unlock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
