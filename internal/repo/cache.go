package repo

import (
	"context"
	"sync"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Exactness says what may be older in what FindCached finds.
type Exactness int

// Exact is for who shows when a repository was pushed to, OldTimes for who does
// not.
const (
	Exact    Exactness = iota // nothing but the size
	OldTimes                  // the times of change and push, too
)

// FindCached is Find for those who ask on every request: what was found under
// its name of today is answered from memory until a change of the repository,
// or of its owner, is heard, and what was not found until any change is. Then
// cached is true.
func (m *Room) FindCached(ctx context.Context, r db.Reader, owner, name string, viewer id.Account, how Exactness) (f Found, cached bool, err error) {
	if !m.o.Change.Fresh() {
		f, err = m.Find(ctx, r, owner, name, viewer)
		return f, false, err
	}
	// As it was written: another spelling is another entry, which costs less than
	// folding the usual one each time.
	key := findKey{owner, name, viewer}
	f, ok, missing := m.found.get(key, how)
	switch {
	case ok:
		return f, true, nil
	case missing:
		return Found{}, true, notFound()
	}
	begun := m.found.begin()
	f, err = m.Find(ctx, r, owner, name, viewer)
	switch {
	case err == nil && !f.Renamed:
		m.found.put(key, f, begun)
	case problem.Is(err, problem.NotFound):
		m.found.note(m.found.missing, key, begun)
	}
	return f, false, err
}

// Miss does the work that FindCached does for a repository that does not exist,
// less what it did already, and tells nothing. The gate calls it when it hides
// one that does, so that the two answers take the same time: the first time, and
// when it is known.
func (m *Room) Miss(ctx context.Context, r db.Reader, owner, name string, viewer id.Account, cached bool) {
	key := findKey{owner, name, viewer}
	if cached && m.found.noted(m.found.hidden, key) {
		return
	}
	begun := m.found.begin()
	ownerKey, nameKey, ok := lookupKeys(owner, name)
	if !ok {
		return
	}
	if cached {
		_, _ = m.findNow(ctx, r, ownerKey, nameKey, viewer)
	}
	_, _ = m.findOld(ctx, r, ownerKey, nameKey, viewer)
	m.found.note(m.found.hidden, key, begun)
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
	entries map[findKey]*entry             //
	byRepo  map[id.Repo]map[findKey]bool   //
	byOwner map[id.Account]map[id.Repo]int // how many entries each repository has

	// At which gen a name was looked for and not found, and at which the same
	// work was done for one that was hidden.
	missing, hidden map[findKey]uint64
}

// entry is what was found under a name.
type entry struct {
	Found
	pushed bool // to since then
}

func newFoundCache() *foundCache {
	return &foundCache{entries: map[findKey]*entry{}, byRepo: map[id.Repo]map[findKey]bool{}, byOwner: map[id.Account]map[id.Repo]int{},
		missing: map[findKey]uint64{}, hidden: map[findKey]uint64{}}
}

func (c *foundCache) get(k findKey, how Exactness) (f Found, ok, missing bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.entries[k]; e != nil && (!e.pushed || how == OldTimes) {
		return e.Found, true, false
	}
	at, missing := c.missing[k]
	return f, false, missing && at == c.gen
}

// noted reports whether k was noted since the last change.
func (c *foundCache) noted(in map[findKey]uint64, k findKey) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at, ok := in[k]
	return ok && at == c.gen
}

// maxNoted bounds the names that are remembered as nobody's, which anybody can
// make up.
const maxNoted = 200

func (c *foundCache) note(in map[findKey]uint64, k findKey, begun uint64) {
	if len(k.owner)+len(k.name) > maxNoted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(in) >= maxFound/2 {
		clear(in)
	}
	in[k] = begun
}

func (c *foundCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

func (c *foundCache) put(k findKey, f Found, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != begun {
		return
	}
	if e := c.entries[k]; e != nil && !e.pushed {
		return
	}
	c.drop(k)
	if len(c.entries) >= maxFound {
		for old := range c.entries { // any one will do: it is read again when asked for
			c.drop(old)
			break
		}
	}
	c.entries[k] = &entry{Found: f}
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
	f := c.entries[k]
	if f == nil {
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
	case change.RepoPushed:
		c.gen++
		for k := range c.byRepo[id.Repo(ch.Subject)] {
			c.entries[k].pushed = true
		}
	case change.RepoChanged:
		c.gen++
		c.dropRepo(id.Repo(ch.Subject))
	case change.AccountChanged, change.OrgChanged: // its login may have changed, or who may what
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
