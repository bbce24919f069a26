package limit

import (
	"sync"
	"time"
)

// RecentOptions bounds a Recent. Life is required.
type RecentOptions struct {
	Now  func() time.Time
	Life time.Duration // how long a key is remembered
	Size int           // how many keys are remembered at most; zero means 100,000
}

// Recent remembers for a while that something happened to a key. When it is
// full, one of the older keys is forgotten for a new one. It is safe for
// concurrent use.
type Recent struct {
	o    RecentOptions
	mu   sync.Mutex
	last map[string]time.Time
}

// NewRecent returns a Recent that remembers nothing yet.
func NewRecent(o RecentOptions) *Recent {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Size = or(o.Size, defaultSize)
	return &Recent{o: o, last: make(map[string]time.Time)}
}

// Add remembers key from now on.
func (r *Recent) Add(key string) {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.last[key]; !known && len(r.last) >= r.o.Size {
		makeRoom(r.last, func(at time.Time) int64 { return int64(r.o.Life - now.Sub(at)) })
	}
	r.last[key] = now
}

// Has reports whether key was added within the life of a memory.
func (r *Recent) Has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.last[key]
	return known && r.o.Now().Sub(at) < r.o.Life
}

// Len returns how many keys are remembered, for metrics.
func (r *Recent) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.last)
}
