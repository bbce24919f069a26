package gitstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"jeton/internal/gitstore/wire"
)

// lanes let those who move different refs of one repository go on side by side,
// and have those who move the same wait for each other in the order in which they
// came. Each waits only for who came before, so that nobody waits for ever.
type lanes struct {
	mu   sync.Mutex
	busy []*lane // the oldest first; guarded by mu
}

// lane is what one of them moves.
type lane struct {
	names []string
	all   bool // every ref, HEAD and packed-refs
	left  chan struct{}
}

// maxLane is how many refs a lane names; more are taken for all of them. It must
// be less than what ref puts into packed-refs at once, under the lock of that
// alone: nobody else may move any of them then.
const maxLane = 16

// laneOf returns what updates need. Deletions, and refs that are made in great
// number, move packed-refs.
func laneOf(updates []wire.Update) *lane {
	l := &lane{left: make(chan struct{})}
	l.all = len(updates) > maxLane || slices.ContainsFunc(updates, func(u wire.Update) bool { return u.Deletes() })
	if !l.all {
		for _, u := range updates {
			l.names = append(l.names, u.Name)
		}
	}
	return l
}

func wholeLane() *lane { return &lane{all: true, left: make(chan struct{})} }

// enter waits until nobody else is in the way. After an error the lane has been
// left already.
func (ls *lanes) enter(ctx context.Context, l *lane) error {
	ls.mu.Lock()
	var before []*lane
	for _, other := range ls.busy {
		if l.meets(other) {
			before = append(before, other)
		}
	}
	ls.busy = append(ls.busy, l)
	ls.mu.Unlock()
	for _, other := range before {
		select {
		case <-other.left:
		case <-ctx.Done():
			ls.leave(l)
			return ctx.Err()
		}
	}
	return nil
}

func (ls *lanes) leave(l *lane) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.busy = slices.DeleteFunc(ls.busy, func(other *lane) bool { return other == l })
	close(l.left)
}

// meets reports whether the two move the same ref, or one whose name is a folder
// of the other's.
func (l *lane) meets(other *lane) bool {
	if l.all || other.all {
		return true
	}
	for _, a := range l.names {
		for _, b := range other.names {
			if a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/") {
				return true
			}
		}
	}
	return false
}
