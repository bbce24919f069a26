package account

import (
	"context"

	"jeton/internal/id"
)

// FillAround begins a look-up of facts, runs between, and ends it as Facts
// would: the interleaving that a change must win.
func (r *Room) FillAround(ctx context.Context, a id.Account, between func()) error {
	begun := r.known.begin()
	f, err := r.ByID(ctx, r.o.DB, a)
	if err != nil {
		return err
	}
	between()
	r.known.put(a, f, begun)
	return nil
}

// Cached reports whether a is in memory.
func (r *Room) Cached(a id.Account) bool {
	_, ok := r.known.get(a)
	return ok
}
