package repo

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// Usage is what an account's repositories come to.
type Usage struct {
	Public, Private int   // how many it owns
	Size            int64 // KiB of all of them, with what Git LFS keeps for them
}

// KnownUsage is Usage for those who ask often: it answers from memory until any
// change of a repository is heard. The size may be older, as in FindCached.
func (m *Room) KnownUsage(ctx context.Context, r db.Reader, owner id.Account) (Usage, error) {
	if !m.o.Change.Fresh() {
		return m.Usage(ctx, r, owner)
	}
	begun := m.found.begin()
	if u, ok := m.usages.get(owner, begun); ok {
		return u, nil
	}
	u, err := m.Usage(ctx, r, owner)
	if err == nil {
		m.usages.put(owner, u, begun)
	}
	return u, err
}

// usageCache keeps counts by owner, each with the generation of foundCache in
// which it was read: in another it counts for nothing.
type usageCache struct {
	mu      sync.RWMutex
	entries map[id.Account]usageEntry
}

type usageEntry struct {
	Usage
	gen uint64
}

func (c *usageCache) get(owner id.Account, gen uint64) (Usage, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[owner]
	return e.Usage, ok && e.gen == gen
}

func (c *usageCache) put(owner id.Account, u Usage, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxFound {
		c.entries = map[id.Account]usageEntry{}
	}
	c.entries[owner] = usageEntry{u, gen}
}

// Usage counts what owner owns, whoever asks: it is for the owner's own eyes,
// save for Public.
func (m *Room) Usage(ctx context.Context, r db.Reader, owner id.Account) (Usage, error) {
	var u Usage
	err := r.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN private THEN 0 ELSE 1 END), 0), COALESCE(SUM(CASE WHEN private THEN 1 ELSE 0 END), 0), COALESCE(SUM(size_kib + lfs_bytes / 1024), 0)
		FROM repositories WHERE owner_id = $1`, owner).Scan(&u.Public, &u.Private, &u.Size)
	if err != nil {
		return Usage{}, fmt.Errorf("count repositories: %w", err)
	}
	return u, nil
}

// Usages is Usage for many owners, in one query. Who owns nothing is left out.
func (m *Room) Usages(ctx context.Context, r db.Reader, owners []id.Account) (map[id.Account]Usage, error) {
	out := map[id.Account]Usage{}
	if len(owners) == 0 {
		return out, nil
	}
	var c clause
	var in []string
	for _, o := range owners {
		in = append(in, c.arg(o))
	}
	rows, err := r.Query(ctx, `
		SELECT owner_id, SUM(CASE WHEN private THEN 0 ELSE 1 END), SUM(CASE WHEN private THEN 1 ELSE 0 END), SUM(size_kib + lfs_bytes / 1024)
		FROM repositories WHERE owner_id IN (`+strings.Join(in, ", ")+`) GROUP BY owner_id`, c.args...)
	if err != nil {
		return nil, fmt.Errorf("count repositories: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var o id.Account
		var u Usage
		if err := rows.Scan(&o, &u.Public, &u.Private, &u.Size); err != nil {
			return nil, fmt.Errorf("count repositories: %w", err)
		}
		out[o] = u
	}
	return out, rows.Err()
}

// CountForks returns how many repositories were forked from one, whoever may see
// CountForks counts the forks of a repository that the viewer may know of.
func (m *Room) CountForks(ctx context.Context, r db.Reader, viewer *right.Actor, of id.Repo, closed bool) (int, error) {
	var n int // most have none, which is one small query
	if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM repositories WHERE fork_of = $1 AND fork_of <> 0`, of).Scan(&n); err != nil {
		return 0, fmt.Errorf("count forks: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	_, n, err := m.ListVisible(ctx, r, viewer, Query{Fork: of, Skip: math.MaxInt32, Closed: closed})
	return n, err
}
