package signin

import (
	"sync"
	"time"

	"jeton/internal/id"
	"jeton/internal/secret"
)

const (
	revealLife = 60 * time.Second
	maxReveals = 1024
)

// Reveals holds secrets for the moment between the request that made them and
// the page that shows them. It is in memory alone, bound to a session, and
// gives each secret out once. The zero value is not usable: see NewReveals.
type Reveals struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[revealKey]*reveal
}

type revealKey struct {
	session id.Session
	key     string
}

type reveal struct {
	value secret.Value
	end   time.Time
	timer *time.Timer
}

// NewReveals makes an empty store. A nil now is time.Now.
func NewReveals(now func() time.Time) *Reveals {
	if now == nil {
		now = time.Now
	}
	return &Reveals{now: now, entries: map[revealKey]*reveal{}}
}

// Put keeps v for the session under key, in the place of what was there, for at
// most a minute. When too many are kept, the one nearest to its end goes.
func (r *Reveals) Put(session id.Session, key string, v secret.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := revealKey{session, key}
	r.drop(at)
	if len(r.entries) >= maxReveals {
		r.drop(r.oldest())
	}
	e := &reveal{value: v, end: r.now().Add(revealLife)}
	// The timer takes the secret out of memory even when nobody asks again.
	e.timer = time.AfterFunc(revealLife, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.entries[at] == e {
			delete(r.entries, at)
		}
	})
	r.entries[at] = e
}

// Take returns what was put for the session under key, once.
func (r *Reveals) Take(session id.Session, key string) (secret.Value, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := revealKey{session, key}
	e := r.entries[at]
	if e == nil {
		return secret.Value{}, false
	}
	r.drop(at)
	if !r.now().Before(e.end) {
		return secret.Value{}, false
	}
	return e.value, true
}

func (r *Reveals) drop(at revealKey) {
	if e := r.entries[at]; e != nil {
		e.timer.Stop()
		delete(r.entries, at)
	}
}

func (r *Reveals) oldest() revealKey {
	var at revealKey
	var end time.Time
	for k, e := range r.entries {
		if end.IsZero() || e.end.Before(end) {
			at, end = k, e.end
		}
	}
	return at
}
