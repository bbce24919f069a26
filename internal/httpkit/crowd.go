package httpkit

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/right"
)

// How many requests of a door for programs may be under way. No account gets
// more than a quarter, a class of visitors behind one address an eighth, all
// visitors a half.
const (
	requestsInAll      = 1024
	requestsPerActor   = requestsInAll / 4
	visitorsInAll      = requestsInAll / 2
	visitorsPerNetwork = requestsInAll / 8
)

// Crowd bounds the requests of a door that are under way, and waits for their
// end. It is safe for concurrent use.
type Crowd struct {
	requests, visitors *limit.Gate

	mu      sync.Mutex
	running int           // requests; guarded by mu
	idle    chan struct{} // closed when none runs any more; nil while nobody waits; guarded by mu
}

// NewCrowd returns a crowd of nobody.
func NewCrowd() *Crowd {
	return &Crowd{
		requests: limit.NewGate(limit.GateOptions{PerKey: requestsPerActor, Total: requestsInAll}),
		visitors: limit.NewGate(limit.GateOptions{PerKey: visitorsPerNetwork, Total: visitorsInAll})}
}

// Begin counts a request that runs, until the returned function is called.
func (c *Crowd) Begin() (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
	left := false // guarded by mu
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if left {
			return
		}
		left = true
		if c.running--; c.running == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}
}

// Running returns how many requests run now, for metrics.
func (c *Crowd) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}

// Drain waits until no request runs, or ctx has ended. New ones may come
// meanwhile, which a sync.WaitGroup would not stand.
func (c *Crowd) Drain(ctx context.Context) {
	c.mu.Lock()
	if c.running == 0 {
		c.mu.Unlock()
		return
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Enter takes a place for a request of actor.
func (c *Crowd) Enter(r *http.Request, actor *right.Actor) (leave func(), err error) {
	if !actor.IsAnonymous() {
		return c.requests.Enter("account " + strconv.FormatInt(int64(actor.Account), 10))
	}
	network := limit.Network(event.From(r.Context()).Address)
	leaveVisitors, err := c.visitors.Enter(network)
	if err != nil {
		return nil, err
	}
	leaveAll, err := c.requests.Enter(network)
	if err != nil {
		leaveVisitors()
		return nil, err
	}
	return func() { leaveVisitors(); leaveAll() }, nil
}
