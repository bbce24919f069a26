package token

import (
	"slices"
	"sync"
	"sync/atomic"

	"jeton/internal/id"
)

const shards = 64

// cache keeps verified tokens by digest. It is bounded, and it can never hold
// an answer older than the last change: whoever fills it says at which
// generation the look-up began, and a change in between turns the fill away.
type cache struct {
	generation atomic.Uint64
	perShard   int
	shard      [shards]cacheShard
}

type cacheShard struct {
	mu       sync.RWMutex
	byDigest map[[32]byte]*Verified  // guarded by mu
	byID     map[id.Token][][32]byte // guarded by mu; several when it was narrowed
}

func newCache(size int) *cache {
	c := &cache{perShard: max(1, size/shards)}
	for i := range c.shard {
		c.shard[i].byDigest = map[[32]byte]*Verified{}
		c.shard[i].byID = map[id.Token][][32]byte{}
	}
	return c
}

func (c *cache) of(digest *[32]byte) *cacheShard { return &c.shard[digest[0]%shards] }

func (c *cache) get(digest *[32]byte) *Verified {
	s := c.of(digest)
	s.mu.RLock()
	v := s.byDigest[*digest]
	s.mu.RUnlock()
	return v
}

// put keeps v, unless something changed since generation was read.
func (c *cache) put(digest [32]byte, v *Verified, generation uint64) {
	s := c.of(&digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.generation.Load() != generation {
		return
	}
	if len(s.byDigest) >= c.perShard {
		for d, old := range s.byDigest { // the runtime's random order picks the victim
			s.forget(d, old.Token)
			break
		}
	}
	if _, known := s.byDigest[digest]; !known {
		s.byID[v.Token] = append(s.byID[v.Token], digest)
	}
	s.byDigest[digest] = v
}

func (s *cacheShard) forget(digest [32]byte, of id.Token) {
	delete(s.byDigest, digest)
	s.byID[of] = slices.DeleteFunc(s.byID[of], func(d [32]byte) bool { return d == digest })
	if len(s.byID[of]) == 0 {
		delete(s.byID, of)
	}
}

// drop forgets one token. The generation moves first, so that a fill that
// began earlier is either refused or removed here.
func (c *cache) drop(tid id.Token) {
	c.generation.Add(1)
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		for _, d := range s.byID[tid] {
			delete(s.byDigest, d)
		}
		delete(s.byID, tid)
		s.mu.Unlock()
	}
}

// clear forgets everything.
func (c *cache) clear() {
	c.generation.Add(1)
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		clear(s.byDigest)
		clear(s.byID)
		s.mu.Unlock()
	}
}
