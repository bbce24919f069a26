package db

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"jeton/internal/problem"
)

// attempts is how often a transaction that others came between is tried.
const attempts = 12

// runner is what statements run on: a transaction of database/sql, or the one
// writing connection of SQLite.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction. It belongs to the function that got it, and to one
// goroutine at a time.
type Tx struct {
	d      *DB
	c      runner
	raw    runner // runs text as it is, without a cache
	before []func(ctx context.Context) error
	after  []func()
}

// Exec runs a statement that returns no rows.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.c.ExecContext(ctx, query, args...)
}

// QueryRow runs a statement that returns at most one row. Scan it before the
// next statement.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.c.QueryRowContext(ctx, query, args...)
}

// Query runs a statement that returns rows. The caller closes them before the
// next statement: PostgreSQL has one answer at a time on a connection.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.c.QueryContext(ctx, query, args...)
}

// AfterCommit registers fn to be called once the transaction has been
// committed, in the order of registration, before Write returns. It isn't
// called when the transaction fails.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// BeforeCommit registers fn to be called when the transaction's function has
// succeeded, as its last act. An error undoes everything.
func (tx *Tx) BeforeCommit(fn func(ctx context.Context) error) { tx.before = append(tx.before, fn) }

// Order makes the transactions that called it commit one after the other, so
// that the ids which they draw after the call become visible in their order.
// Call it from BeforeCommit: it is a lock that is held until the end.
func (tx *Tx) Order(ctx context.Context) error {
	if tx.d.sqlite != nil {
		return nil // there is one writer at a time anyway
	}
	_, err := tx.c.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, orderLock)
	return err
}

// Write calls fn in one transaction that writes and commits it if fn returns
// nil. Transactions are serializable: each sees the database as if it were
// alone. For this fn may be called more than once, so what it does outside of
// the database belongs into tx.AfterCommit. It must not call Write.
func (d *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return d.write(ctx, sql.LevelSerializable, fn)
}

// WriteAlone is Write for what is appended to one end by one transaction at a
// time, whoever else writes: they wait for each other, and each statement sees
// what was committed before it. It is not serializable, so fn must touch nothing
// that a decision of others rests on.
func (d *DB) WriteAlone(ctx context.Context, fn func(tx *Tx) error) error {
	return d.write(ctx, sql.LevelReadCommitted, func(tx *Tx) error {
		if d.sqlite == nil {
			if _, err := tx.c.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(aloneLock)); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

func (d *DB) write(ctx context.Context, level sql.IsolationLevel, fn func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		tx, err := d.writeOnce(ctx, level, fn)
		if err == nil {
			for _, hook := range tx.after {
				hook()
			}
			return nil
		}
		if isFull(err) {
			return problem.Wrap(err, problem.Unavailable, "The server's disk is full.", "Ask its administrator to make room, then try again.")
		}
		if attempt == attempts || !isRetryable(err) {
			return err
		}
		wait := time.Duration(1+rand.IntN(4<<min(attempt, 6))) * time.Millisecond
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (d *DB) writeOnce(ctx context.Context, level sql.IsolationLevel, fn func(tx *Tx) error) (*Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.sqlite != nil {
		return d.sqlite.write(ctx, d, fn)
	}
	// The commit must not be torn from its answer by a caller who goes away,
	// so the transaction outlives ctx; each statement in it respects ctx.
	t, err := d.read.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: level})
	if err != nil {
		return nil, busy(fmt.Errorf("begin: %w", err))
	}
	defer func() { _ = t.Rollback() }()
	tx := &Tx{d: d, c: t, raw: t}
	if err := tx.run(ctx, fn); err != nil {
		return nil, err
	}
	if err := t.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}

// run calls fn and the BeforeCommit functions.
func (tx *Tx) run(ctx context.Context, fn func(tx *Tx) error) error {
	if err := fn(tx); err != nil {
		return err
	}
	for i := 0; i < len(tx.before); i++ { // one may register another
		if err := tx.before[i](ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// plain returns a runner over t that takes one text for both engines.
func (d *DB) plain(t *sql.Tx) runner {
	if d.sqlite == nil {
		return t
	}
	return numberedTx{t: t, texts: &d.texts}
}

// numberedTx is a reading transaction of SQLite.
type numberedTx struct {
	t     *sql.Tx
	texts *textCache
}

func (n numberedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return n.t.ExecContext(ctx, n.texts.numbered(query), args...)
}

func (n numberedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return n.t.QueryContext(ctx, n.texts.numbered(query), args...)
}

func (n numberedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return n.t.QueryRowContext(ctx, n.texts.numbered(query), args...)
}

func busy(err error) error {
	return &problem.Error{Kind: problem.Unavailable, Public: "The database is busy.", Remedy: "Try again in a moment.", After: 5, Err: err}
}
