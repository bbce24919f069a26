package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Facts is what the gate must know of an account on every request.
type Facts struct {
	Login     string
	SiteAdmin bool
	Suspended bool
	Org       bool // an organisation, as which nobody acts
}

// maxFacts bounds the cache. An entry is about a hundred bytes.
const maxFacts = 1 << 16

// Facts returns what the gate needs of a, from memory where that is safe, or
// problem.NotFound. A transaction is answered from the database alone, and
// fills nothing: what it sees may not be committed.
func (r *Room) Facts(ctx context.Context, read db.Reader, a id.Account) (Facts, error) {
	_, pool := read.(*db.DB)
	cached := pool && r.o.Change.Fresh()
	if cached {
		if f, ok := r.facts.get(a); ok {
			return f, nil
		}
	}
	begun := r.facts.begin()
	var f Facts
	var suspended int64
	var kind string
	err := read.QueryRow(ctx, `SELECT login, kind, site_admin, suspended_at FROM accounts WHERE id = $1`, a).
		Scan(&f.Login, &kind, &f.SiteAdmin, &suspended)
	if errors.Is(err, sql.ErrNoRows) {
		return Facts{}, problem.New(problem.NotFound, "There is no such user.", "")
	}
	if err != nil {
		return Facts{}, fmt.Errorf("read account facts: %w", err)
	}
	f.Suspended, f.Org = suspended != 0, kind == KindOrg
	if cached {
		r.facts.put(a, f, begun)
	}
	return f, nil
}

// factsCache keeps facts until a change is heard. Every change raises gen, and
// what was read under an older gen is not put in: a look-up that began before a
// change can so never fill the cache after it.
type factsCache struct {
	mu      sync.RWMutex
	gen     uint64
	entries map[id.Account]Facts
}

func (c *factsCache) get(a id.Account) (Facts, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f, ok := c.entries[a]
	return f, ok
}

func (c *factsCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

func (c *factsCache) put(a id.Account, f Facts, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != begun {
		return
	}
	if len(c.entries) >= maxFacts {
		for old := range c.entries { // any one will do: it is read again when asked for
			delete(c.entries, old)
			break
		}
	}
	c.entries[a] = f
}

func (c *factsCache) hear(ch change.Change) {
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
