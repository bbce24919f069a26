package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"jeton/internal/problem"
)

// LineOptions bounds what runs at once, and who waits. All are required.
type LineOptions struct {
	PerKey  int           // that run for one actor or address
	Total   int           // that run for all together
	Waiting int           // that may wait for one actor or address; eight times as many in all
	Wait    time.Duration // for how long
}

// Line is a Gate with a queue: who finds it full waits a while for a place, in the
// order of coming, since programs ask for many things at once. It is safe for
// concurrent use.
type Line struct {
	o LineOptions

	mu      sync.Mutex
	total   int            // that run; guarded by mu
	running map[string]int // guarded by mu
	queued  map[string]int // guarded by mu
	queue   []*inLine      // guarded by mu
}

type inLine struct {
	key  string
	turn chan struct{} // closed when it has its place
}

// NewLine makes a line.
func NewLine(o LineOptions) *Line {
	return &Line{o: o, running: map[string]int{}, queued: map[string]int{}}
}

// may reports whether there is a place for key. The caller holds mu.
func (l *Line) may(key string) bool { return l.total < l.o.Total && l.running[key] < l.o.PerKey }

// enter takes a place. The caller holds mu, and has asked whether it may.
func (l *Line) enter(key string) {
	l.total++
	l.running[key]++
}

// Enter waits for a place. leave must be called. It fails with problem.TooMany when
// key itself has too much running or waiting, with problem.Unavailable when all
// together have, and with ctx's error.
func (l *Line) Enter(ctx context.Context, key string) (leave func(), err error) {
	leave = sync.OnceFunc(func() { l.leave(key) })
	l.mu.Lock()
	if l.may(key) {
		l.enter(key)
		l.mu.Unlock()
		return leave, nil
	}
	if l.queued[key] >= l.o.Waiting || len(l.queue) >= 8*l.o.Waiting {
		err := l.refuse(key)
		l.mu.Unlock()
		return nil, err
	}
	w := &inLine{key: key, turn: make(chan struct{})}
	l.queue = append(l.queue, w)
	l.queued[key]++
	l.mu.Unlock()
	timer := time.NewTimer(l.o.Wait)
	defer timer.Stop()
	select {
	case <-w.turn:
		return leave, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, w); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
		l.dequeue(key)
	} else if err == nil {
		return leave, nil // its turn came in the same moment
	} else {
		l.free(key)
	}
	if err == nil {
		err = l.refuse(key)
	}
	return nil, err
}

func (l *Line) dequeue(key string) {
	if l.queued[key]--; l.queued[key] == 0 {
		delete(l.queued, key)
	}
}

func (l *Line) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free(key)
}

// free gives a place back, and to those who wait for one. The caller holds mu.
func (l *Line) free(key string) {
	l.total--
	if l.running[key]--; l.running[key] == 0 {
		delete(l.running, key)
	}
	l.queue = slices.DeleteFunc(l.queue, func(w *inLine) bool {
		if !l.may(w.key) {
			return false
		}
		l.enter(w.key)
		l.dequeue(w.key)
		close(w.turn)
		return true
	})
}

// refuse says whose fault it is. The caller holds mu.
func (l *Line) refuse(key string) error {
	if l.running[key] >= l.o.PerKey || l.queued[key] >= l.o.Waiting {
		return &problem.Error{Kind: problem.TooMany, Public: "You have exceeded a secondary rate limit: too many of your requests run at the same time.", Remedy: "Wait until some of them have ended.", After: 5}
	}
	return &problem.Error{Kind: problem.Unavailable, Public: "The server is busy.", Remedy: "Try again in a moment.", After: 5}
}
