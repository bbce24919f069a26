package token

import (
	"context"
	"maps"
	"slices"
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
}

type newDigest struct {
	old, sum [32]byte
	key      int64
}

func newUses(r *Room) *uses {
	return &uses{room: r, digests: map[id.Token]newDigest{}}
}

// UsedTx notes the latest use of tokens, in the transaction that writes their
// uses into the ledger. An earlier one than what is known changes nothing.
func (r *Room) UsedTx(ctx context.Context, tx *db.Tx, latest map[id.Token]Use) error {
	for _, tid := range slices.Sorted(maps.Keys(latest)) {
		if err := recordUse(ctx, tx, tid, latest[tid]); err != nil {
			return err
		}
	}
	return nil
}

func (u *uses) redigest(tid id.Token, old, sum [32]byte, key int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.digests[tid] = newDigest{old: old, sum: sum, key: key}
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
	digests := u.digests
	u.digests = map[id.Token]newDigest{}
	u.mu.Unlock()
	if len(digests) == 0 {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for tid, d := range digests {
			if err := redigest(ctx, tx, tid, d.old, d.sum, d.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(u.digests, digests)
	}
	return err
}
