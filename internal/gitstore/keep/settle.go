package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// settleLater gives a whole answer its lasting name, but not at once: of a
// repository that is pushed to, most answers are of no use to anybody soon, and
// never need to be written to the disk. The caller holds mu.
func (c *Cache) settleLater(e *entry) {
	e.settle = time.AfterFunc(c.o.Settle, func() { c.settle(e) })
}

// settleAll settles now whatever waits for it.
func (c *Cache) settleAll() {
	c.mu.Lock()
	entries := slices.Collect(maps.Values(c.entries))
	c.mu.Unlock()
	for _, e := range entries {
		c.settle(e)
	}
}

// settle syncs a whole answer, and gives it its lasting name only then: after a
// crash nothing that was cut short is taken for whole.
func (c *Cache) settle(e *entry) {
	c.settling.Lock()
	defer c.settling.Unlock()
	c.mu.Lock()
	path, waits := e.path, e.settle != nil && c.entries[e.key] == e
	c.mu.Unlock()
	if !waits {
		return
	}
	err := syncFile(path)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[e.key] != e {
		return
	}
	e.settle.Stop()
	e.settle = nil
	final := c.final(e.key)
	if err == nil {
		if err = os.Rename(path, final); err == nil {
			e.path = final
			return
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.o.Log.Warn("a fetch can't be kept", "err", fmt.Errorf("settle: %w", err))
	}
	c.drop(e)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
