package odb

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options bounds what all databases of a pool hold together. A zero field takes
// its default.
type Options struct {
	// Root is the folder in which alternates may be. Empty allows none.
	Root       string
	CacheBytes int64            // of objects that others are deltas of; 16 MiB
	OpenPacks  int              // at a time; 256
	Idle       time.Duration    // after which a pack is closed; 1 min
	Now        func() time.Time // nil is time.Now
}

// Pool is what the databases of a store share: a cache of objects, and the
// bound on packs that are open at a time. It is safe for concurrent use.
type Pool struct {
	root      string
	max       int
	idle      time.Duration
	now       func() time.Time
	cache     *cache
	kept      atomic.Int64 // bytes of deltas in arenas
	keys      atomic.Uint64
	inflaters inflaters
	deflaters deflaters
	big       sync.Mutex // held by who works on objects too large to hold many of

	mu    sync.Mutex
	open  []*Pack // those with files mapped; guarded by mu
	armed bool    // sweep will be called; guarded by mu
}

// NewPool makes an empty pool.
func NewPool(o Options) *Pool {
	if o.CacheBytes <= 0 {
		o.CacheBytes = 16 << 20
	}
	if o.OpenPacks <= 0 {
		o.OpenPacks = 256
	}
	if o.Idle <= 0 {
		o.Idle = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pool{root: o.Root, max: o.OpenPacks, idle: o.Idle, now: o.Now, cache: newCache(o.CacheBytes)}
}

// opened notes that a pack has its files mapped, and lets go of those that have
// not been used for the longest time when there are too many.
func (p *Pool) opened(pack *Pack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, pack)
	p.arm()
	if len(p.open) <= p.max {
		return
	}
	// A quarter at a time, so that sorting is rare.
	slices.SortFunc(p.open, func(a, b *Pack) int { return int(min(1, max(-1, a.used.Load()-b.used.Load()))) })
	over := len(p.open) - p.max + p.max/4
	p.open = slices.DeleteFunc(p.open, func(x *Pack) bool {
		if over == 0 || x == pack || !x.closeIdle() {
			return false
		}
		over--
		return true
	})
}

// arm has sweep called later. There is no timer while nothing is open. The
// caller holds mu.
func (p *Pool) arm() {
	if !p.armed && len(p.open) > 0 {
		p.armed = true
		time.AfterFunc(p.idle, p.sweep)
	}
}

func (p *Pool) sweep() {
	p.CloseIdle(p.idle)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	p.arm()
}

// CloseIdle lets go of the packs that nobody has used for that long; they are
// opened again when they are needed.
func (p *Pool) CloseIdle(age time.Duration) {
	before := p.now().Add(-age).UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = slices.DeleteFunc(p.open, func(x *Pack) bool {
		return x.used.Load() <= before && x.closeIdle()
	})
}

// forget takes a pack that was closed off the list.
func (p *Pool) forget(pack *Pack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.open, pack); i >= 0 {
		p.open = slices.Delete(p.open, i, i+1)
	}
}
