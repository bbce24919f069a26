package signin

import (
	"context"

	"jeton/internal/secret"
)

// Cached reports whether the session of a bearer value is in memory.
func (r *Room) Cached(bearer secret.Value) bool {
	raw, _ := parseBearer(bearer)
	_, sum := r.o.Keys.Digest(sessionLabel, raw[:])
	return r.cache.get(&sum) != nil
}

// FillAround begins a look-up of a session, runs between, and ends it as
// Session would: the interleaving that a change must win.
func (r *Room) FillAround(ctx context.Context, bearer secret.Value, between func()) error {
	raw, _ := parseBearer(bearer)
	_, sum := r.o.Keys.Digest(sessionLabel, raw[:])
	begun := r.cache.begin()
	l, err := r.load(ctx, raw[:])
	if err != nil {
		return err
	}
	between()
	r.cache.put(sum, l, begun)
	return nil
}

// Unfold opens what the hash is made of.
func (h Hash) Unfold() string { return h.phc }

// CheckHash is what a sign-in does with a stored hash.
func (r *Room) CheckHash(ctx context.Context, phc string, password secret.Value) (right, old bool, err error) {
	return r.hasher.check(ctx, phc, password)
}

// Hold takes every slot of the hasher until the returned function is called.
func (r *Room) Hold() (free func()) {
	for range cap(r.hasher.slots) {
		r.hasher.slots <- struct{}{}
	}
	return func() {
		for range cap(r.hasher.slots) {
			<-r.hasher.slots
		}
	}
}

// Slots is how many hashes run at once.
func (r *Room) Slots() int { return cap(r.hasher.slots) }

// Len returns how many secrets are kept.
func (r *Reveals) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}

// The most of each that are kept.
const (
	MaxReveals  = maxReveals
	MaxSessions = maxSessions
)

// ParseBearer says whether v has the form of a bearer value.
func ParseBearer(v secret.Value) bool { _, ok := parseBearer(v); return ok }

// Waiting is how many wait for a hash or compute one.
func (r *Room) Waiting() int { return r.hasher.gate.Running() }
