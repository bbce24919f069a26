package limit

import (
	"net/netip"
	"sync"
	"time"
)

// BackoffOptions says how failures slow a pair down. Zero fields have working
// values.
type BackoffOptions struct {
	Now   func() time.Time
	Free  int           // attempts without any wait; zero means 5
	First time.Duration // the first wait, which doubles with each failure; zero means 1 s
	Max   time.Duration // the longest wait; zero means 15 min
	Rest  time.Duration // after which without attempts all is forgotten; zero means 24 h
	Size  int           // how many pairs are remembered at most; zero means 100,000
}

// Backoff slows down who tries one account from one address in vain. Nobody
// else is affected: not the account's owner at another address, not other
// accounts from this one. It is safe for concurrent use.
type Backoff struct {
	o     BackoffOptions
	mu    sync.Mutex
	pairs map[string]attempts
}

type attempts struct {
	n    int
	last time.Time
}

// NewBackoff returns a backoff without any failures.
func NewBackoff(o BackoffOptions) *Backoff {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Free = or(o.Free, 5)
	o.First = or(o.First, time.Second)
	o.Max = or(o.Max, 15*time.Minute)
	o.Rest = or(o.Rest, 24*time.Hour)
	o.Size = or(o.Size, defaultSize)
	return &Backoff{o: o, pairs: make(map[string]attempts)}
}

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Pair is the key of an account and an address. Of an IPv6 address only the
// first 64 bits count, since one person has all of the others.
func Pair(account string, address netip.Addr) string {
	return account + "\x00" + Network(address)
}

// Network names whom an address belongs to: an IPv4 address itself, the /64
// of an IPv6 address, "" for no address.
func Network(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	switch {
	case !address.IsValid():
		return ""
	case address.Is4():
		return address.String()
	}
	p, err := address.Prefix(64)
	if err != nil {
		return ""
	}
	return p.String()
}

// Try asks for an attempt. It is counted as failed from that moment, so many
// attempts at once get no further than one after the other; Succeed takes that
// back. While a wait lasts the answer is false with the rest of it, and the
// attempt does not count: nobody can prolong a wait by asking.
func (b *Backoff) Try(pair string) (ok bool, retryAfter time.Duration) {
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	a, known := b.pairs[pair]
	if known && now.Sub(a.last) >= b.o.Rest {
		a = attempts{}
	}
	if wait := b.wait(a.n) - now.Sub(a.last); a.n > 0 && wait > 0 {
		return false, min(wait, b.o.Max) // a clock set back adds nothing
	}
	if !known && len(b.pairs) >= b.o.Size {
		makeRoom(b.pairs, func(a attempts) int64 { return b.weight(a, now) })
	}
	b.pairs[pair] = attempts{n: a.n + 1, last: now}
	return true, 0
}

// wait returns how long after the n-th failure the next attempt may come.
func (b *Backoff) wait(n int) time.Duration {
	if n < b.o.Free {
		return 0
	}
	d := b.o.First
	for range n - b.o.Free {
		if d *= 2; d >= b.o.Max {
			return b.o.Max
		}
	}
	return min(d, b.o.Max)
}

// weight is how much would be forgiven by forgetting a.
func (b *Backoff) weight(a attempts, now time.Time) int64 {
	if now.Sub(a.last) >= b.o.Rest {
		return 0
	}
	return int64(a.n)
}

// Succeed forgets the pair's failures.
func (b *Backoff) Succeed(pair string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pairs, pair)
}

// Len returns how many pairs are remembered, for metrics.
func (b *Backoff) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pairs)
}
