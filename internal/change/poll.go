package change

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/problem"
)

// poller is the state of the one goroutine that reads changes.
type poller struct {
	b      *Bus
	last   int64     // the newest id that was told
	ok     time.Time // when the last good read began
	told   bool      // that nothing can be trusted now
	trim   time.Time // when rows were last trimmed
	report bool      // a failure was logged
}

// Start begins to tell subscribers of the changes of other processes. It
// returns when the bus is fresh. It runs until Close or the end of ctx.
func (b *Bus) Start(ctx context.Context) error {
	if !b.started.CompareAndSwap(false, true) {
		return problem.New(problem.Internal, "the change bus was started twice", "")
	}
	p := &poller{b: b, ok: b.o.Now(), trim: b.o.Now()}
	if err := b.o.DB.QueryRow(ctx, `SELECT COALESCE(MAX(id), 0) FROM changes`).Scan(&p.last); err != nil {
		b.started.Store(false)
		return fmt.Errorf("read changes: %w", err)
	}
	listener, err := b.listen()
	if err != nil {
		b.started.Store(false)
		return err
	}
	b.tell(Change{Kind: All})
	b.trust(p.ok)

	ctx, b.stop = context.WithCancel(ctx)
	if listener != nil {
		b.running.Go(func() { b.hear(listener) })
		context.AfterFunc(ctx, func() { _ = listener.Close() })
	}
	b.running.Go(func() { p.run(ctx) })
	return nil
}

// Close ends what Start began and waits for it. The bus can still record.
func (b *Bus) Close() {
	if b.stop == nil {
		return
	}
	b.stop()
	b.running.Wait()
	b.fresh.Store(0)
}

// trust lets caches be trusted for a second from the given time on.
func (b *Bus) trust(from time.Time) {
	b.fresh.Store(int64(from.Sub(b.base) + staleAfter))
}

func (p *poller) run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.b.wake:
		}
		p.poll(ctx)
		if now := p.b.o.Now(); now.Sub(p.trim) >= trimEvery && !p.told {
			p.trim = now
			p.b.trimRows(ctx)
		}
	}
}

// poll reads what is new. Freshness counts from the moment before the read:
// what was committed before it has been told.
func (p *poller) poll(ctx context.Context) {
	start := p.b.o.Now()
	limited, cancel := context.WithTimeout(ctx, staleAfter)
	changes, last, err := p.b.readAfter(limited, p.last)
	cancel()
	if ctx.Err() != nil {
		return
	}
	stale := p.b.o.Now().Sub(p.ok) >= staleAfter
	if err != nil {
		if !p.report {
			p.report = true
			p.b.o.Log.ErrorContext(ctx, "changes cannot be read; caches are not trusted until they can", "err", err)
		}
		if stale && !p.told {
			p.told = true
			p.b.tell(Change{Kind: All})
		}
		return
	}
	// After a gap caches may have been filled by those who did not ask
	// whether they could be trusted, so they are emptied before they can be.
	if stale || p.told || last < p.last || len(changes) > batch {
		changes = []Change{{Kind: All}}
	}
	if p.report {
		p.b.o.Log.InfoContext(ctx, "changes can be read again")
	}
	p.last, p.ok, p.told, p.report = last, start, false, false
	p.b.tell(changes...)
	p.b.trust(start)
}

// readAfter returns the changes after the given id and the newest id. An id
// less than the given one means that the database is not the one it was.
func (b *Bus) readAfter(ctx context.Context, after int64) ([]Change, int64, error) {
	rows, err := b.o.DB.Query(ctx, `SELECT id, kind, subject FROM changes WHERE id > $1 ORDER BY id LIMIT $2`, after, batch+1)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var out []Change
	last := after
	for rows.Next() {
		var c Change
		if err := rows.Scan(&last, &c.Kind, &c.Subject); err != nil {
			return nil, 0, err
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	if len(out) > batch {
		err = b.o.DB.QueryRow(ctx, `SELECT id FROM changes ORDER BY id DESC LIMIT 1`).Scan(&last)
		if err != nil && err != sql.ErrNoRows {
			return nil, 0, err
		}
	}
	return out, last, nil
}

// trimRows forgets changes that every living process has long read: one that
// reads nothing for an hour has emptied its caches.
func (b *Bus) trimRows(ctx context.Context) {
	err := b.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM changes WHERE at < $1`, db.Micros(b.o.Now().Add(-keep)))
		return err
	})
	if err != nil && ctx.Err() == nil {
		b.o.Log.WarnContext(ctx, "old changes cannot be trimmed", "err", err)
	}
}
