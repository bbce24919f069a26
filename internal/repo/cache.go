package repo

import (
	"context"
	"sync"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
)

// FindCached is Find for those who ask on every request: what was found under
// its name of today is answered from memory until a change of the repository,
// or of its owner, is heard; then cached is true. The size may be older than that.
func (m *Room) FindCached(ctx context.Context, r db.Reader, owner, name string, viewer id.Account) (f Found, cached bool, err error) {
	if !m.o.Change.Fresh() {
		f, err = m.Find(ctx, r, owner, name, viewer)
		return f, false, err
	}
	// As it was written: another spelling is another entry, which costs less than
	// folding the usual one each time.
	key := findKey{owner, name, viewer}
	if f, ok := m.found.get(key); ok {
		return f, true, nil
	}
	begun := m.found.begin()
	f, err = m.Find(ctx, r, owner, name, viewer)
	if err == nil && !f.Renamed {
		m.found.put(key, f, begun)
	}
	return f, false, err
}

// maxFound bounds the cache. An entry takes about half a kilobyte.
const maxFound = 1 << 15

type findKey struct {
	owner, name string
	viewer      id.Account
}

// foundCache keeps what was found until a change is heard. Every change raises
// gen, and what was read under an older gen is not put in: a look-up that began
// before a change can so never fill the cache after it.
type foundCache struct {
	mu      sync.RWMutex
	gen     uint64                         // guarded by mu, as all that follows
	entries map[findKey]Found              //
	byRepo  map[id.Repo]map[findKey]bool   //
	byOwner map[id.Account]map[id.Repo]int // how many entries each repository has
}

func newFoundCache() *foundCache {
	return &foundCache{entries: map[findKey]Found{}, byRepo: map[id.Repo]map[findKey]bool{}, byOwner: map[id.Account]map[id.Repo]int{}}
}

func (c *foundCache) get(k findKey) (Found, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, ok := c.entries[k]
	return f, ok
}

func (c *foundCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

func (c *foundCache) put(k findKey, f Found, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.entries[k]; there || c.gen != begun {
		return
	}
	if len(c.entries) >= maxFound {
		for old := range c.entries { // any one will do: it is read again when asked for
			c.drop(old)
			break
		}
	}
	c.entries[k] = f
	if c.byRepo[f.ID] == nil {
		c.byRepo[f.ID] = map[findKey]bool{}
	}
	c.byRepo[f.ID][k] = true
	if c.byOwner[f.Owner] == nil {
		c.byOwner[f.Owner] = map[id.Repo]int{}
	}
	c.byOwner[f.Owner][f.ID]++
}

func (c *foundCache) drop(k findKey) {
	f, ok := c.entries[k]
	if !ok {
		return
	}
	delete(c.entries, k)
	if delete(c.byRepo[f.ID], k); len(c.byRepo[f.ID]) == 0 {
		delete(c.byRepo, f.ID)
	}
	if c.byOwner[f.Owner][f.ID]--; c.byOwner[f.Owner][f.ID] == 0 {
		delete(c.byOwner[f.Owner], f.ID)
	}
	if len(c.byOwner[f.Owner]) == 0 {
		delete(c.byOwner, f.Owner)
	}
}

func (c *foundCache) dropRepo(repo id.Repo) {
	for k := range c.byRepo[repo] {
		c.drop(k)
	}
}

func (c *foundCache) hear(ch change.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ch.Kind {
	case change.RepoChanged:
		c.gen++
		c.dropRepo(id.Repo(ch.Subject))
	case change.AccountChanged: // its login may have changed
		c.gen++
		for repo := range c.byOwner[id.Account(ch.Subject)] {
			c.dropRepo(repo)
		}
	case change.All:
		c.gen++
		clear(c.entries)
		clear(c.byRepo)
		clear(c.byOwner)
	}
}
