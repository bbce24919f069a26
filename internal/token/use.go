package token

import (
	"context"
	"maps"
	"sync"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
)

const (
	flushEvery = time.Second
	maxEarly   = 1 << 14
)

// uses collects which digests move to the current key, so that no request waits
// for that. What a crash loses is done at the token's next use.
type uses struct {
	room *Room
	done chan struct{}
	stop func()

	mu      sync.Mutex
	digests map[id.Token]newDigest // guarded by mu
	nodes   map[Holder][]step      // guarded by mu; chains that were seen for the first time, by their first node
	used    map[Holder]Use         // guarded by mu; of narrowed tokens that were not listed when they were used
}

type newDigest struct {
	old, sum [32]byte
	key      int64
}

func newUses(r *Room) *uses {
	return &uses{room: r, digests: map[id.Token]newDigest{}, nodes: map[Holder][]step{}, used: map[Holder]Use{}}
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
		listed, err := recordNodeUse(ctx, tx, h, use)
		if err != nil {
			return err
		}
		if !listed {
			r.uses.usedEarly(h, use)
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

// usedEarly keeps the use of a narrowed token that is not listed yet until it is.
func (u *uses) usedEarly(n Holder, use Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.used) < maxEarly {
		u.used[n] = use
	}
}

// seen has the nodes of a chain kept. At most the last second is lost in a crash.
// More than what is kept below one first node is not collected, so that nobody
// crowds others out.
func (u *uses) seen(tid id.Token, steps []step) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := Holder{Token: tid, Node: steps[0].top}
	if len(u.nodes[n]) < 8*MaxBelow { // a chain brings those above it along
		u.nodes[n] = append(u.nodes[n], steps...)
	}
}

// Start writes what was collected in batches until Close.
func (r *Room) Start(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a cancelled start must still flush: Close ends it
	r.uses.stop, r.uses.done = cancel, make(chan struct{})
	go func() {
		defer close(r.uses.done)
		tick, hourly := time.NewTicker(flushEvery), time.NewTicker(time.Hour)
		defer tick.Stop()
		defer hourly.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hourly.C:
				if err := r.EndCarried(ctx); err != nil && ctx.Err() == nil {
					r.o.Log.WarnContext(ctx, "digests of tokens that were brought over not forgotten yet", "err", err)
				}
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
	digests, nodes, used := u.digests, u.nodes, u.used
	u.digests, u.nodes, u.used = map[id.Token]newDigest{}, map[Holder][]step{}, map[Holder]Use{}
	u.mu.Unlock()
	if len(digests) == 0 && len(nodes) == 0 && len(used) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.flushNodes(ctx, tx, nodes, used); err != nil {
			return err
		}
		for tid, d := range digests {
			if err := redigest(ctx, tx, tid, d.old, d.sum, d.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.putBack(digests, nodes, used)
	}
	return err
}

func (u *uses) putBack(digests map[id.Token]newDigest, nodes map[Holder][]step, used map[Holder]Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(u.digests, digests)
	for n, steps := range nodes {
		u.nodes[n] = append(steps, u.nodes[n]...)
	}
	for n, use := range used {
		if _, newer := u.used[n]; !newer {
			u.used[n] = use
		}
	}
}

func (r *Room) flushNodes(ctx context.Context, tx *db.Tx, nodes map[Holder][]step, used map[Holder]Use) error {
	for n, steps := range nodes {
		elsewhere, err := remember(ctx, tx, n.Token, steps, r.o.Now())
		if err != nil {
			return err
		}
		if elsewhere {
			if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(n.Token)}); err != nil {
				return err
			}
		}
	}
	for n, use := range used {
		if _, err := recordNodeUse(ctx, tx, n, use); err != nil {
			return err
		}
	}
	return nil
}
