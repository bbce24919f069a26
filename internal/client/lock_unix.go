//go:build unix

package client

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lock lets one process at a time change what is remembered. It waits for the
// others; the kernel lets go when a process ends.
func (c *Client) lock() (unlock func(), err error) {
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return nil, c.store.failed(err)
	}
	f, err := os.OpenFile(filepath.Join(c.o.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, c.store.failed(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, c.store.failed(err)
	}
	return func() { _ = f.Close() }, nil
}
