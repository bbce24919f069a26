// Package limit says when somebody must slow down: rates, the backing off
// after wrong passwords, and how much expensive work runs at once. Its
// arithmetic is pure and its memory is bounded. It must never make one
// person's failures another person's refusal.
package limit

import (
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// Rate allows Count in each Per, and up to Burst at once after a rest. A zero
// Burst is Count. A Rate without Count or Per allows everything.
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

func (r Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return r.Count
}

// State is the outcome of one question.
type State struct {
	OK         bool
	RetryAfter time.Duration // when the same cost would be allowed; zero if OK
	Remaining  int           // how many more of cost 1 would be allowed at once
	Reset      time.Duration // when everything is allowed again
}

// decide is the generic cell rate algorithm. due is when the bucket is empty,
// in nanoseconds on the scale of now; it returns what due becomes. A refusal
// changes nothing.
func decide(due, now int64, r Rate, cost int) (int64, State) {
	interval := max(1, int64(r.Per)/int64(r.Count))
	window := mul(interval, r.burst())
	due = max(due, now)
	// A clock that was set back must not lock anybody out for longer than a
	// full bucket lasts.
	due = min(due, now+window)
	next := due + mul(interval, cost)
	s := State{OK: next-now <= window}
	if s.OK {
		due = next
	} else {
		s.RetryAfter = time.Duration(next - now - window)
	}
	s.Remaining = int((window - (due - now)) / interval)
	s.Reset = time.Duration(due - now)
	return due, s
}

// mul multiplies without overflow: a year of nanoseconds is enough.
func mul(interval int64, n int) int64 {
	const most = math.MaxInt64 / 4
	if n > 0 && interval > most/int64(n) {
		return most
	}
	return interval * int64(n)
}

// Options bounds a Limiter.
type Options struct {
	Now  func() time.Time
	Size int // how many keys are remembered at most; zero means 100,000
}

// Limiter remembers the rates of keys in memory. It is safe for concurrent use.
//
// A key that has rested is forgotten without any effect. Only when every slot
// is taken by keys that have not, one that owes little is forgotten for a new
// one: the heaviest users stay limited.
type Limiter struct {
	now   func() time.Time
	base  time.Time
	seed  maphash.Seed
	parts [shards]shard
}

const (
	shards      = 16
	defaultSize = 100_000
	sample      = 8 // how many are looked at to make room
)

type shard struct {
	mu   sync.Mutex
	due  map[string]int64
	size int
}

// New returns an empty limiter.
func New(o Options) *Limiter {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Size <= 0 {
		o.Size = defaultSize
	}
	l := &Limiter{now: o.Now, base: o.Now(), seed: maphash.MakeSeed()}
	for i := range l.parts {
		l.parts[i] = shard{due: make(map[string]int64), size: max(1, (o.Size+shards-1)/shards)}
	}
	return l
}

// Allow takes cost from key's allowance if it is there, and says otherwise
// when it will be. A cost greater than the burst is never allowed.
func (l *Limiter) Allow(key string, rate Rate, cost int) (ok bool, retryAfter time.Duration) {
	s := l.Take(key, rate, cost)
	return s.OK, s.RetryAfter
}

// Take is Allow with everything that a rate-limit header tells. A cost of 0
// only looks.
func (l *Limiter) Take(key string, rate Rate, cost int) State {
	if rate.Count <= 0 || rate.Per <= 0 {
		return State{OK: true, Remaining: math.MaxInt32}
	}
	now := int64(l.now().Sub(l.base))
	p := &l.parts[maphash.String(l.seed, key)%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.due[key]
	if !known {
		was = now // negative times occur when the clock is set back
	}
	due, s := decide(was, now, rate, max(0, cost))
	switch {
	case due <= now:
		delete(p.due, key)
	case known || s.OK:
		if !known && len(p.due) >= p.size {
			makeRoom(p.due, func(d int64) int64 { return d - now })
		}
		p.due[key] = due
	}
	return s
}

// Return gives back cost that Take took for what turned out not to count.
func (l *Limiter) Return(key string, rate Rate, cost int) {
	if rate.Count <= 0 || rate.Per <= 0 || cost <= 0 {
		return
	}
	now := int64(l.now().Sub(l.base))
	p := &l.parts[maphash.String(l.seed, key)%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	due, known := p.due[key]
	if !known {
		return
	}
	if due -= mul(max(1, int64(rate.Per)/int64(rate.Count)), cost); due > now {
		p.due[key] = due
	} else {
		delete(p.due, key)
	}
}

// Len returns how many keys are remembered, for metrics.
func (l *Limiter) Len() int {
	n := 0
	for i := range l.parts {
		l.parts[i].mu.Lock()
		n += len(l.parts[i].due)
		l.parts[i].mu.Unlock()
	}
	return n
}

// makeRoom forgets, of a few that the map's random order puts first, those
// that weigh nothing, and at least the one that weighs least.
func makeRoom[V any](m map[string]V, weight func(V) int64) {
	lightest, least, looked := "", int64(math.MaxInt64), 0
	for k, v := range m {
		w := weight(v)
		if w <= 0 {
			delete(m, k)
			least = math.MinInt64
		} else if w < least {
			lightest, least = k, w
		}
		if looked++; looked == sample {
			break
		}
	}
	if least != math.MinInt64 {
		delete(m, lightest)
	}
}
