package account

import (
	"context"

	"jeton/internal/id"
)

// FillAround begins a look-up of facts, runs between, and ends it as Facts
// would: the interleaving that a change must win.
func (r *Room) FillAround(ctx context.Context, a id.Account, between func()) error {
	begun := r.facts.begin()
	var f Facts
	err := r.o.DB.QueryRow(ctx, `SELECT login, site_admin FROM accounts WHERE id = $1`, a).Scan(&f.Login, &f.SiteAdmin)
	if err != nil {
		return err
	}
	between()
	r.facts.put(a, f, begun)
	return nil
}

// Cached reports whether a's facts are in memory.
func (r *Room) Cached(a id.Account) bool {
	_, ok := r.facts.get(a)
	return ok
}
