// Package carried is the room that remembers what was brought over from other
// systems, so that nothing is brought twice and that another database is told from
// the one before. It writes the table carried, and nothing else does. It must never
// know what the things are.
package carried

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/db"
)

// Thing is one thing of another system.
type Thing struct {
	Source string // which system it is, as whoever brings it over calls it
	Kind   string
	Theirs string    // its number there, or several with slashes between them
	Stamp  time.Time // when it was made there; zero: not known
}

// Options are the parts that the room needs. DB is required.
type Options struct {
	DB  *db.DB
	Now func() time.Time // nil: time.Now
}

// Room answers what is known of things, and notes them.
type Room struct{ o Options }

// New makes the room.
func New(o Options) *Room {
	if o.DB == nil {
		panic("carried: New without DB")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

// Find returns the number that a thing has here, and whether it was brought over; and
// whether it may be another one with the same number, which was made at another time.
func (r *Room) Find(ctx context.Context, t Thing) (ours int64, there, other bool, err error) {
	var stamp int64
	err = r.o.DB.QueryRow(ctx, `SELECT ours, stamp FROM carried WHERE source = $1 AND kind = $2 AND theirs = $3`, t.Source, t.Kind, t.Theirs).Scan(&ours, &stamp)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, false, nil
	}
	if err != nil {
		return 0, false, false, fmt.Errorf("look for what was brought over: %w", err)
	}
	return ours, true, stamp != db.Micros(t.Stamp), nil
}

// Others reports whether ours is already what another thing than t of its kind and
// source was brought over as.
func (r *Room) Others(ctx context.Context, t Thing, ours int64) (bool, error) {
	var n int
	err := r.o.DB.QueryRow(ctx, `SELECT COUNT(*) FROM carried WHERE source = $1 AND kind = $2 AND ours = $3 AND theirs <> $4`, t.Source, t.Kind, ours, t.Theirs).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for what was brought over: %w", err)
	}
	return n > 0, nil
}

// NoteTx notes, in the transaction that makes it, which number a thing has here.
func (r *Room) NoteTx(ctx context.Context, tx *db.Tx, t Thing, ours int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO carried (source, kind, theirs, ours, stamp, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (source, kind, theirs) DO UPDATE SET ours = excluded.ours, stamp = excluded.stamp, at = excluded.at`,
		t.Source, t.Kind, t.Theirs, ours, db.Micros(t.Stamp), db.Micros(r.o.Now()))
	if err != nil {
		return fmt.Errorf("note what was brought over: %w", err)
	}
	return nil
}

// Note is NoteTx in a transaction of its own, for what may be done twice.
func (r *Room) Note(ctx context.Context, t Thing, ours int64) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error { return r.NoteTx(ctx, tx, t, ours) })
}
