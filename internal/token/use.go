package token

import (
	"context"
	"sync"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

const (
	flushEvery = time.Second
	maxPending = 1 << 17 // tokens with an unwritten use; beyond it the newest are dropped
)

// uses collects what was used, so that no request waits for the record. At most
// the last second is lost in a crash.
type uses struct {
	room *Room
	done chan struct{}
	stop func()

	mu      sync.Mutex
	latest  map[id.Token]Use       // guarded by mu
	digests map[id.Token]newDigest // guarded by mu
	nodes   map[id.Token][]step    // guarded by mu; chains that were seen for the first time
	old     map[id.Token]Use       // guarded by mu; by secrets that rotations took out
}

type newDigest struct {
	old, sum [32]byte
	key      int64
}

func newUses(r *Room) *uses {
	return &uses{room: r, latest: map[id.Token]Use{}, digests: map[id.Token]newDigest{}, nodes: map[id.Token][]step{}, old: map[id.Token]Use{}}
}

// Used remembers a use of a token; it is written within a second.
func (r *Room) Used(tid id.Token, u Use) {
	r.uses.mu.Lock()
	defer r.uses.mu.Unlock()
	if _, known := r.uses.latest[tid]; known || len(r.uses.latest) < maxPending {
		r.uses.latest[tid] = u
		if u.Old != "" {
			r.uses.old[tid] = u // the new secret may be used in the same second
		}
	}
}

func (u *uses) redigest(tid id.Token, old, sum [32]byte, key int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.digests[tid] = newDigest{old: old, sum: sum, key: key}
}

// seen has the nodes of a chain kept. At most the last second is lost in a crash.
func (u *uses) seen(tid id.Token, steps []step) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.nodes[tid]) < maxNodes {
		u.nodes[tid] = append(u.nodes[tid], steps...)
	}
}

// Start writes the collected uses in batches until Close.
func (r *Room) Start(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a cancelled start must still flush: Close ends it
	r.uses.stop, r.uses.done = cancel, make(chan struct{})
	go func() {
		defer close(r.uses.done)
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
					r.o.Log.WarnContext(ctx, "uses of tokens not written yet", "err", err)
				}
			}
		}
	}()
}

// Close stops the background work and writes what is left.
func (r *Room) Close(ctx context.Context) error {
	if r.uses.stop != nil {
		r.uses.stop()
		<-r.uses.done
	}
	return r.Flush(ctx)
}

// Flush writes what was collected so far. What cannot be written is kept for
// the next time.
func (r *Room) Flush(ctx context.Context) error {
	u := r.uses
	u.mu.Lock()
	latest, digests, nodes, old := u.latest, u.digests, u.nodes, u.old
	u.latest, u.digests, u.nodes, u.old = map[id.Token]Use{}, map[id.Token]newDigest{}, map[id.Token][]step{}, map[id.Token]Use{}
	u.mu.Unlock()
	if len(latest) == 0 && len(digests) == 0 && len(nodes) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for tid, steps := range nodes {
			if err := remember(ctx, tx, tid, steps, r.o.Now()); err != nil {
				return err
			}
		}
		for tid, use := range latest {
			if err := recordUse(ctx, tx, tid, use); err != nil {
				return err
			}
			if use.Node == "" {
				continue
			}
			if err := recordNodeUse(ctx, tx, tid, use.Node, use); err != nil {
				return err
			}
		}
		for tid, use := range old {
			if err := recordOldUse(ctx, tx, tid, use); err != nil {
				return err
			}
		}
		for tid, d := range digests {
			if err := redigest(ctx, tx, tid, d.old, d.sum, d.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.putBack(latest, old, digests, nodes)
	}
	return err
}

func (u *uses) putBack(latest, old map[id.Token]Use, digests map[id.Token]newDigest, nodes map[id.Token][]step) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for tid, use := range latest {
		if _, newer := u.latest[tid]; !newer {
			u.latest[tid] = use
		}
	}
	for tid, use := range old {
		if _, newer := u.old[tid]; !newer {
			u.old[tid] = use
		}
	}
	for tid, d := range digests {
		u.digests[tid] = d
	}
	for tid, steps := range nodes {
		u.nodes[tid] = append(steps, u.nodes[tid]...)
	}
}
