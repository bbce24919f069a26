package token

import (
	"context"
	"maps"
	"sync"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

const flushEvery = time.Second

// uses collects which digests move to the current key, so that no request waits
// for that. What a crash loses is done at the token's next use.
type uses struct {
	room *Room
	done chan struct{}
	stop func()

	mu      sync.Mutex
	digests map[id.Token]newDigest // guarded by mu
	nodes   map[id.Token][]step    // guarded by mu; chains that were seen for the first time
}

type newDigest struct {
	old, sum [32]byte
	key      int64
}

func newUses(r *Room) *uses {
	return &uses{room: r, digests: map[id.Token]newDigest{}, nodes: map[id.Token][]step{}}
}

// UsedTx notes the latest use of tokens, in the transaction that writes their
// uses into the ledger. An earlier one than what is known changes nothing.
func (r *Room) UsedTx(ctx context.Context, tx *db.Tx, latest map[Holder]Use) error {
	for h, use := range latest {
		if err := recordUse(ctx, tx, h.Token, use); err != nil {
			return err
		}
		if h.Old != "" {
			if err := recordOldUse(ctx, tx, h.Token, h.Old, use); err != nil {
				return err
			}
		}
		if h.Node == "" {
			continue
		}
		if err := recordNodeUse(ctx, tx, h.Token, h.Node, use); err != nil {
			return err
		}
	}
	return nil
}

// Holder is who uses a token: itself, or one that was narrowed out of it. Old is how
// the secret ends by which that is, if a rotation took it out.
type Holder struct {
	Token     id.Token
	Node, Old string
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

// Start writes what was collected in batches until Close.
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
					r.o.Log.WarnContext(ctx, "digests of tokens not renewed yet", "err", err)
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
	digests, nodes := u.digests, u.nodes
	u.digests, u.nodes = map[id.Token]newDigest{}, map[id.Token][]step{}
	u.mu.Unlock()
	if len(digests) == 0 && len(nodes) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for tid, steps := range nodes {
			if err := remember(ctx, tx, tid, steps, r.o.Now()); err != nil {
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
		u.putBack(digests, nodes)
	}
	return err
}

func (u *uses) putBack(digests map[id.Token]newDigest, nodes map[id.Token][]step) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(u.digests, digests)
	for tid, steps := range nodes {
		u.nodes[tid] = append(steps, u.nodes[tid]...)
	}
}
