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
