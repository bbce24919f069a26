// Package share bounds how much of one kind of work runs at a time, and how much of
// that one account or network has.
package share

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"jeton/internal/id"
	"jeton/internal/problem"
)

// Who is whose share a piece of work takes: an account's, wherever it comes
// from, or, when there is none, that of a visitor's network.
type Who struct {
	Account id.Account
	Network string // as limit.Network has it
}

func (w Who) visitor() bool { return w.Account == 0 }

// Name tells one from another: it is no name of a person. No network has the name
// of an account.
func (w Who) Name() string {
	if w.visitor() {
		return w.Network
	}
	return "account " + strconv.FormatInt(int64(w.Account), 10)
}

// Pool bounds how much of one kind of work runs at a time. No account gets more
// than a half of it, nor all visitors together, and a network of theirs a
// quarter: who reads or sends slowly, on purpose or not, leaves room for the
// others. Whoever must wait is served in the order of coming.
type Pool struct {
	what  string // the work, for those who are refused
	total int

	mu       sync.Mutex
	running  int         // guarded by mu
	visitors int         // of them; guarded by mu
	held     map[Who]int // guarded by mu
	queue    []*waiter   // guarded by mu
}

type waiter struct {
	who   Who
	ready chan struct{} // closed when it has its slot
}

// NewPool makes a pool of so many slots. what names the work, in the plural.
func NewPool(what string, total int) *Pool {
	return &Pool{what: what, total: total, held: map[Who]int{}}
}

// share is how many slots of the pool one may have.
func (p *Pool) share(who Who) int {
	if who.visitor() {
		return max(1, p.total/4)
	}
	return max(1, p.total/2)
}

// may reports whether there is a slot for who now. The caller holds mu.
func (p *Pool) may(who Who) bool {
	if who.visitor() && p.visitors >= max(1, p.total/2) {
		return false
	}
	return p.running < p.total && p.held[who] < p.share(who)
}

// enter gives who a slot. The caller holds mu and has asked whether it may.
func (p *Pool) enter(who Who) {
	p.running++
	p.held[who]++
	if who.visitor() {
		p.visitors++
	}
}

// Taken tells how many slots are taken now.
func (p *Pool) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

func (p *Pool) leave(who Who) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	if p.held[who]--; p.held[who] == 0 {
		delete(p.held, who)
	}
	if who.visitor() {
		p.visitors--
	}
	p.queue = slices.DeleteFunc(p.queue, func(w *waiter) bool {
		if !p.may(w.who) {
			return false
		}
		p.enter(w.who)
		close(w.ready)
		return true
	})
}

// Take waits a moment for a slot; release may be called more than once. It
// fails with problem.TooMany when who alone has too much running, and with
// problem.Unavailable when all together have.
func (p *Pool) Take(ctx context.Context, who Who, wait time.Duration) (release func(), err error) {
	release = sync.OnceFunc(func() { p.leave(who) })
	p.mu.Lock()
	if p.may(who) {
		p.enter(who)
		p.mu.Unlock()
		return release, nil
	}
	w := &waiter{who: who, ready: make(chan struct{})}
	p.queue = append(p.queue, w)
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.ready:
		return release, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	return p.giveUp(w, release, err)
}

// giveUp ends a wait, unless it was successful in the same moment.
func (p *Pool) giveUp(w *waiter, release func(), err error) (func(), error) {
	p.mu.Lock()
	i := slices.Index(p.queue, w)
	if i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	}
	mine := p.held[w.who] >= p.share(w.who)
	p.mu.Unlock()
	switch {
	case i < 0 && err == nil:
		return release, nil
	case i < 0:
		release()
		return nil, err
	case err != nil:
		return nil, err
	case mine && w.who.visitor():
		return nil, &problem.Error{Kind: problem.TooMany, Public: "too many " + p.what + " from your network run at once", Remedy: "Wait until one of them has ended, or sign in.", After: 3}
	case mine:
		return nil, &problem.Error{Kind: problem.TooMany, Public: "you have too many " + p.what + " running at once", Remedy: "Wait until one of them has ended.", After: 3}
	}
	return nil, busy()
}
