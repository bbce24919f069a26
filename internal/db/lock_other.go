//go:build !unix

package db

import (
	"errors"
	"os"
)

// tryLock refuses: the server runs on Unix-like systems only.
func tryLock(*os.File, lockMode) (bool, error) {
	return false, errors.New("file locks are not supported on this system")
}

func unlock(f *os.File) error { return f.Close() }
