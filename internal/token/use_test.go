package token

import (
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
)

// TestUsed_day: the day of the last use changes with it, never back, and a use later
// that day changes no index: PostgreSQL writes the row alone.
func TestUsed_day(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, _ := h.create(t, "used", time.Time{})
		midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		first := Day(db.Micros(midnight)) - 1
		for _, c := range []struct {
			at         time.Time
			day        int64
			alone, all int64 // of the rows that PostgreSQL wrote
		}{
			{midnight.Add(-time.Hour), first, 0, 1},
			{midnight.Add(-time.Minute), first, 1, 1},
			{midnight.Add(-time.Microsecond), first, 1, 1},
			{midnight, first + 1, 0, 1},
			{midnight.Add(-time.Second), first + 1, 0, 0}, // late
			{midnight, first + 1, 0, 0},
			{midnight.Add(24*time.Hour - 1000), first + 1, 1, 1},
			{midnight.Add(100 * 24 * time.Hour), first + 101, 0, 1},
		} {
			var day, alone, all int64
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				alone0, all0, err := written(t, d, tx)
				if err != nil {
					return err
				}
				if err := h.UsedTx(t.Context(), tx, map[Holder]Use{{Token: tok.ID}: {At: c.at}}); err != nil {
					return err
				}
				if alone, all, err = written(t, d, tx); err != nil {
					return err
				}
				alone, all = alone-alone0, all-all0
				return tx.QueryRow(t.Context(), `SELECT used_day FROM tokens WHERE id = $1`, tok.ID).Scan(&day)
			})
			if err != nil {
				t.Fatal(err)
			}
			if day != c.day {
				t.Errorf("used %v: day %d, want %d", c.at, day, c.day)
			}
			if d.Engine() == "postgres" && (alone != c.alone || all != c.all) {
				t.Errorf("used %v: %d rows written, %d of them alone; want %d, %d", c.at, all, alone, c.all, c.alone)
			}
		}
	})
}

// written is how many rows of tokens PostgreSQL has written anew on this connection, and
// how many without a change of an index.
func written(t *testing.T, d *db.DB, tx *db.Tx) (alone, all int64, err error) {
	if d.Engine() == "postgres" {
		err = tx.QueryRow(t.Context(), `SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'tokens'`).Scan(&alone, &all)
	}
	return alone, all, err
}
