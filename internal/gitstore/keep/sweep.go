package keep

import (
	"cmp"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jeton/internal/id"
)

// sweep takes over what an earlier process kept, the newest first, and removes
// what it left unfinished.
func (c *Cache) sweep() {
	groups, err := os.ReadDir(c.o.Dir)
	if err != nil {
		c.o.Log.Warn("the cache of fetches can't be read", "err", err)
		return
	}
	var found []*entry
	for _, g := range groups {
		if c.ctx.Err() != nil {
			return
		}
		repo, ok := id.Parse[id.Repo](g.Name())
		if !ok || !g.IsDir() {
			continue // none of ours
		}
		found = append(found, c.sweepGroup(repo)...)
	}
	slices.SortFunc(found, func(a, b *entry) int { return cmp.Compare(b.touched.UnixNano(), a.touched.UnixNano()) })
	for _, e := range found {
		c.takeOver(e)
	}
}

func (c *Cache) sweepGroup(repo id.Repo) []*entry {
	dir := c.group(repo)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var found []*entry
	for _, d := range files {
		path := filepath.Join(dir, d.Name())
		fi, err := d.Info()
		sum, herr := hex.DecodeString(d.Name())
		switch {
		case err == nil && herr == nil && len(sum) == len(Key{}.Sum) && fi.Mode().IsRegular():
			found = append(found, &entry{key: Key{Repo: repo, Sum: [32]byte(sum)}, path: path, size: fi.Size(), cost: cost(fi.Size()), touched: fi.ModTime()})
		case strings.HasSuffix(d.Name(), partSuffix) && !strings.HasPrefix(d.Name(), c.instance+"-"):
			_ = os.Remove(path)
		}
	}
	if len(files) == 0 {
		_ = os.Remove(dir)
	}
	return found
}

// takeOver enters what was found, behind what this process used already, or
// removes it when there is no room.
func (c *Cache) takeOver(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[e.key]; old != nil {
		return // made again meanwhile, under the same name
	}
	if c.used+e.cost > c.o.Bytes || len(c.entries) >= maxEntries || time.Since(e.touched) < -24*time.Hour {
		_ = os.Remove(e.path)
		return
	}
	c.take(e.by, e.cost) // whose it was is not known any more
	e.place, e.mine = c.recent.PushBack(e), c.share(e.by).recent.PushBack(e)
	c.entries[e.key] = e
}
