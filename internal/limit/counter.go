package limit

import (
	"sync"
	"time"
)

// CounterOptions bounds a Counter. Per is required.
type CounterOptions struct {
	Now  func() time.Time
	Per  time.Duration // a count begins anew after this
	Size int           // how many keys are counted at most; zero means 100,000
}

// Counter counts what happens by key, refusing nothing. When it is full, a key
// with a low count is forgotten for a new one. It is safe for concurrent use.
type Counter struct {
	o    CounterOptions
	mu   sync.Mutex
	keys map[string]count
}

type count struct {
	n     int
	since time.Time
}

// NewCounter returns a counter without any counts.
func NewCounter(o CounterOptions) *Counter {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Size = or(o.Size, defaultSize)
	return &Counter{o: o, keys: make(map[string]count)}
}

// Add counts one more for key and returns how many there are by now.
func (c *Counter) Add(key string) int {
	now := c.o.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	k, known := c.keys[key]
	if !known && len(c.keys) >= c.o.Size {
		makeRoom(c.keys, func(k count) int64 { return c.weight(k, now) })
	}
	if c.weight(k, now) == 0 {
		k = count{since: now}
	}
	k.n++
	c.keys[key] = k
	return k.n
}

// weight is k's count, or nothing when its time is over.
func (c *Counter) weight(k count, now time.Time) int64 {
	if now.Sub(k.since) >= c.o.Per {
		return 0
	}
	return int64(k.n)
}

// Len returns how many keys are remembered, for metrics.
func (c *Counter) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.keys)
}
