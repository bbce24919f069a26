package limit

import (
	"sync"

	"jeton/internal/problem"
)

// GateOptions bounds what runs at once. A bound of zero is none.
type GateOptions struct {
	PerKey int // for one actor or address
	Total  int // for all together
	After  int // seconds that a refusal asks to wait; zero means 2
}

// Gate bounds how much expensive work runs at once. It has no queue: who finds
// it full is refused at once and told when to come back. It is safe for
// concurrent use.
type Gate struct {
	o       GateOptions
	mu      sync.Mutex
	total   int
	running map[string]int
}

// NewGate returns an empty gate.
func NewGate(o GateOptions) *Gate {
	o.After = or(o.After, 2)
	return &Gate{o: o, running: make(map[string]int)}
}

// Enter lets one piece of work of key begin; leave, called when it has ended,
// may be called more than once. It fails with problem.TooMany when key alone
// has too much running, with problem.Unavailable when all together have.
func (g *Gate) Enter(key string) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.o.PerKey > 0 && g.running[key] >= g.o.PerKey {
		return nil, &problem.Error{Kind: problem.TooMany, After: g.o.After,
			Public: "You have too many expensive requests running at once.", Remedy: "Wait until one of them has ended."}
	}
	if g.o.Total > 0 && g.total >= g.o.Total {
		return nil, &problem.Error{Kind: problem.Unavailable, After: g.o.After,
			Public: "The server is busy with many expensive requests.", Remedy: "Try again in a moment."}
	}
	g.running[key]++
	g.total++
	left := false // guarded by mu
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !left {
			left = true
			g.leave(key)
		}
	}, nil
}

// leave takes a piece of work of key away. The caller holds mu.
func (g *Gate) leave(key string) {
	g.total--
	if g.running[key]--; g.running[key] == 0 {
		delete(g.running, key)
	}
}

// Running returns how much runs now, for metrics.
func (g *Gate) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}
