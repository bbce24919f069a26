package signin

import (
	"sync"
	"sync/atomic"

	"jeton/internal/change"
	"jeton/internal/id"
)

// maxLive bounds the sessions in memory. One takes some three hundred bytes.
const maxLive = 1 << 16

// live is a session in memory. All but seen is fixed.
type live struct {
	s    Session
	seen atomic.Int64 // microseconds
}

// sessionCache keeps sessions by the digest of their bearer value. Every change
// that it hears raises gen, and what was read under an older gen is not put in:
// a look-up that began before a session ended cannot bring it back.
type sessionCache struct {
	mu        sync.RWMutex
	gen       uint64
	sessions  map[[32]byte]*live
	byAccount map[id.Account]map[[32]byte]struct{}
}

func (c *sessionCache) reset() {
	c.sessions = map[[32]byte]*live{}
	c.byAccount = map[id.Account]map[[32]byte]struct{}{}
}

func (c *sessionCache) get(sum *[32]byte) *live {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.sessions[*sum]
}

func (c *sessionCache) begin() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

func (c *sessionCache) put(sum [32]byte, l *live, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != begun {
		return
	}
	if len(c.sessions) >= maxLive {
		for old, o := range c.sessions { // any one will do: it is read again when used
			c.remove(old, o.s.Account)
			break
		}
	}
	c.sessions[sum] = l
	of := c.byAccount[l.s.Account]
	if of == nil {
		of = map[[32]byte]struct{}{}
		c.byAccount[l.s.Account] = of
	}
	of[sum] = struct{}{}
}

func (c *sessionCache) remove(sum [32]byte, a id.Account) {
	delete(c.sessions, sum)
	delete(c.byAccount[a], sum)
	if len(c.byAccount[a]) == 0 {
		delete(c.byAccount, a)
	}
}

// hear drops the sessions of an account of which something changed.
func (c *sessionCache) hear(ch change.Change) {
	switch ch.Kind {
	case change.SessionChanged, change.AccountChanged, change.All:
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if ch.Kind == change.All {
		c.reset()
		return
	}
	a := id.Account(ch.Subject)
	for sum := range c.byAccount[a] {
		delete(c.sessions, sum)
	}
	delete(c.byAccount, a)
}

// seenBatch collects when sessions were last used until they are written.
type seenBatch struct {
	mu sync.Mutex
	at map[id.Session]int64
}

func (b *seenBatch) note(s id.Session, at int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = map[id.Session]int64{}
	}
	b.at[s] = max(b.at[s], at)
}

func (b *seenBatch) pending(s id.Session) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at[s]
}

func (b *seenBatch) take() map[id.Session]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.at
	b.at = nil
	return out
}
