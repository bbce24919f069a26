package account

import (
	"context"
	"sync"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
)

// Facts is what the gate must know of an account on every request.
type Facts struct {
	Login     string
	SiteAdmin bool
	Suspended bool
	Org       bool       // an organisation, as which nobody acts
	Machine   bool       // no person: it never signs in, owns nothing and consents to nothing
	Manager   id.Account // who answers for a machine
	Hidden    bool       // a machine of one repository
}

// maxKnown bounds the cache. An entry is about half a kilobyte.
const maxKnown = 1 << 15

// Facts returns what the gate needs of a, or problem.NotFound.
func (r *Room) Facts(ctx context.Context, read db.Reader, a id.Account) (Facts, error) {
	known, err := r.Known(ctx, read, a)
	return Facts{Login: known.Login, SiteAdmin: known.SiteAdmin, Suspended: known.Suspended, Org: known.IsOrg(), Machine: known.IsMachine(), Manager: known.Manager, Hidden: !known.Named()}, err
}

// Known is ByID for those who ask on every request: it answers from memory where
// that is safe. A transaction is answered from the database alone, and fills
// nothing: what it sees may not be committed.
func (r *Room) Known(ctx context.Context, read db.Reader, a id.Account) (Account, error) {
	_, pool := read.(*db.DB)
	cached := pool && r.o.Change.Fresh()
	if !cached {
		return r.ByID(ctx, read, a)
	}
	if known, ok := r.known.get(a); ok {
		return known, nil
	}
	begun := r.known.begin()
	known, err := r.ByID(ctx, read, a)
	if err == nil {
		r.known.put(a, known, begun)
	}
	return known, err
}

// knownCache keeps accounts until a change is heard. Every change raises gen, and
// what was read under an older gen is not put in: a look-up that began before a
// change can so never fill the cache after it.
type knownCache struct {
	mu      sync.RWMutex
	gen     uint64
	entries map[id.Account]Account
}

func (c *knownCache) get(a id.Account) (Account, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, ok := c.entries[a]
	return f, ok
}

func (c *knownCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

func (c *knownCache) put(a id.Account, f Account, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != begun {
		return
	}
	if len(c.entries) >= maxKnown {
		for old := range c.entries { // any one will do: it is read again when asked for
			delete(c.entries, old)
			break
		}
	}
	c.entries[a] = f
}

func (c *knownCache) hear(ch change.Change) {
	if ch.Kind != change.AccountChanged && ch.Kind != change.All {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if ch.Kind == change.All {
		clear(c.entries)
		return
	}
	delete(c.entries, id.Account(ch.Subject))
}
