package push

import (
	"context"
	"io"
	"sync"

	"jeton/internal/id"
	"jeton/internal/repo"
)

// claims are the bytes that running pushes are about to add. With them, pushes
// side by side can't fill the same room twice. The index of a pack is counted
// when it is there: a quota can be passed by that much.
type claims struct {
	mu    sync.Mutex
	repo  map[id.Repo]int64    // guarded by mu
	owner map[id.Account]int64 // guarded by mu
}

// take claims n bytes, if free says that they fit beside what others claim.
func (c *claims) take(r *repo.Repo, n int64, free func(inRepo, ofOwner int64) error) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := free(c.repo[r.ID], c.owner[r.Owner]); err != nil {
		return nil, err
	}
	c.add(r.ID, r.Owner, n)
	number, owner := r.ID, r.Owner
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.add(number, owner, -n)
	}), nil
}

// add is for holders of mu.
func (c *claims) add(r id.Repo, owner id.Account, n int64) {
	if c.repo == nil {
		c.repo, c.owner = map[id.Repo]int64{}, map[id.Account]int64{}
	}
	if c.repo[r] += n; c.repo[r] == 0 {
		delete(c.repo, r)
	}
	if c.owner[owner] += n; c.owner[owner] == 0 {
		delete(c.owner, owner)
	}
}

// metered counts a pack while it comes in, and ends it where the room ends.
type metered struct {
	r     io.Reader
	n     int64
	space repo.Space // the zero space is without end
}

// Read implements io.Reader.
func (m *metered) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	if full := m.space.Refuse(m.n); full != nil {
		return n, full
	}
	return n, err
}

// roomLeft refuses at once when there is no room at all. Deleting is free.
func (p *pushing) roomLeft(ctx context.Context) (repo.Space, error) {
	space, err := p.flow.o.Repos.Space(ctx, p.flow.o.DB, &p.repo.Repo)
	if err != nil {
		return repo.Space{}, err
	}
	return space, space.Refuse(0)
}

// claim asks again, now that it is known how much comes, and keeps the room
// until the push is recorded.
func (p *pushing) claim(ctx context.Context, n int64) (release func(), err error) {
	if mine, all := p.flow.o.Repos.Quotas(&p.repo.Repo); n == 0 || mine == 0 && all == 0 {
		return func() {}, nil
	}
	return p.flow.claims.take(&p.repo.Repo, n, func(inRepo, ofOwner int64) error {
		mine, all, err := p.flow.o.Repos.Spaces(ctx, p.flow.o.DB, &p.repo.Repo)
		if err != nil {
			return err
		}
		if err := mine.Refuse(inRepo + n); err != nil {
			return err
		}
		return all.Refuse(ofOwner + n)
	})
}
