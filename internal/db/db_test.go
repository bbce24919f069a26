package db_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
)

func exec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func number(t *testing.T, r db.Reader, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := r.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestOneTextForBothEngines(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL, flag BOOLEAN NOT NULL DEFAULT FALSE, raw TEXT)`)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			var a, b string
			// Out of order and twice: a driver that binds by appearance fails here.
			return tx.QueryRow(t.Context(), `INSERT INTO things (id, name, flag, raw) VALUES ($2, $1, $3, CAST($1 AS TEXT)) RETURNING name, raw`,
				"it's $1", 7, true).Scan(&a, &b)
		})
		if err != nil {
			t.Fatal(err)
		}
		var name string
		var flag bool
		if err := d.QueryRow(t.Context(), `SELECT name, flag FROM things WHERE id = $1 AND name <> '$1' AND flag = TRUE`, 7).Scan(&name, &flag); err != nil {
			t.Fatal(err)
		}
		if name != "it's $1" || !flag {
			t.Errorf("got %q, %v", name, flag)
		}
		if n := number(t, d, `SELECT COUNT(id) FROM things WHERE name LIKE $1`, "IT%"); n != 0 {
			t.Error("LIKE takes a capital for a small letter")
		}
	})
}

func TestWriteIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
		boom := errors.New("boom")
		called := false
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() { called = true })
			if _, err := tx.Exec(t.Context(), `INSERT INTO things (id) VALUES (1)`); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || called {
			t.Errorf("err %v, hook called %v", err, called)
		}
		func() {
			defer func() { _ = recover() }()
			_ = d.Write(t.Context(), func(tx *db.Tx) error {
				if _, err := tx.Exec(t.Context(), `INSERT INTO things (id) VALUES (2)`); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			tx.BeforeCommit(func(ctx context.Context) error { return boom })
			_, err := tx.Exec(t.Context(), `INSERT INTO things (id) VALUES (3)`)
			return err
		})
		if !errors.Is(err, boom) {
			t.Errorf("BeforeCommit's error is lost: %v", err)
		}
		if n := number(t, d, `SELECT COUNT(id) FROM things`); n != 0 {
			t.Errorf("%d rows of failed transactions are there", n)
		}
		exec(t, d, `INSERT INTO things (id) VALUES (4)`)
	})
}

func TestHooksRunInOrderAfterTheCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
		var order []string
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() {
				if number(t, d, `SELECT COUNT(id) FROM things`) == 1 {
					order = append(order, "first")
				}
				exec(t, d, `INSERT INTO things (id) VALUES (2)`) // a hook may write
			})
			tx.AfterCommit(func() { order = append(order, "second") })
			tx.BeforeCommit(func(ctx context.Context) error {
				order = append(order, "before")
				return nil
			})
			_, err := tx.Exec(t.Context(), `INSERT INTO things (id) VALUES (1)`)
			return err
		})
		if err != nil || len(order) != 3 || order[0] != "before" || order[1] != "first" || order[2] != "second" {
			t.Errorf("order %v, err %v", order, err)
		}
	})
}

func TestTransactionsAreSerializable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)`)
		exec(t, d, `INSERT INTO counters (id, n) VALUES (1, 0)`)
		const workers, rounds = 4, 10
		errs := make(chan error, workers)
		for range workers {
			go func() {
				for range rounds {
					err := d.Write(t.Context(), func(tx *db.Tx) error {
						var n int64
						if err := tx.QueryRow(t.Context(), `SELECT n FROM counters WHERE id = 1`).Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(t.Context(), `UPDATE counters SET n = $1 WHERE id = 1`, n+1)
						return err
					})
					if err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for range workers {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := number(t, d, `SELECT n FROM counters WHERE id = 1`); n != workers*rounds {
			t.Errorf("counted %d, want %d: an update was lost", n, workers*rounds)
		}
	})
}

func TestReadSeesOneState(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
		err := d.Read(t.Context(), func(r db.Reader) error {
			if n := number(t, r, `SELECT COUNT(id) FROM things`); n != 0 {
				t.Errorf("%d rows at first", n)
			}
			exec(t, d, `INSERT INTO things (id) VALUES (1)`)
			if n := number(t, r, `SELECT COUNT(id) FROM things WHERE id >= $1`, 0); n != 0 {
				t.Errorf("%d rows: the state changed while reading", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestIsUnique(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT UNIQUE, other BIGINT REFERENCES things (id))`)
		exec(t, d, `INSERT INTO things (id, name) VALUES (1, 'a')`)
		insert := func(query string) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), query)
				return err
			})
		}
		for _, q := range []string{`INSERT INTO things (id, name) VALUES (1, 'b')`, `INSERT INTO things (id, name) VALUES (2, 'a')`} {
			if err := insert(q); !db.IsUnique(err) {
				t.Errorf("%s: %v is not unique", q, err)
			}
		}
		if err := insert(`INSERT INTO things (id, other) VALUES (3, 99)`); err == nil || db.IsUnique(err) || !db.IsForeign(err) {
			t.Errorf("a missing parent gave %v", err)
		}
	})
}

func TestQueriesRespectTheContext(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		endless := `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT COUNT(i) FROM n`
		run := map[string]func(ctx context.Context) error{
			"read": func(ctx context.Context) error {
				var n int64
				return d.QueryRow(ctx, endless).Scan(&n)
			},
			"write": func(ctx context.Context) error {
				return d.Write(ctx, func(tx *db.Tx) error {
					var n int64
					return tx.QueryRow(ctx, endless).Scan(&n)
				})
			},
		}
		for name, fn := range run {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			start := time.Now()
			err := fn(ctx)
			cancel()
			if err == nil || time.Since(start) > 5*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
		// The connection that was interrupted does not harm who comes next.
		exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
		if n := number(t, d, `SELECT COUNT(id) FROM things`); n != 0 {
			t.Error(n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO things (id) VALUES (1)`)
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) || number(t, d, `SELECT COUNT(id) FROM things`) != 0 {
			t.Errorf("a transaction whose caller went away before the commit gave %v", err)
		}
	})
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
	var n int64
	if err := d.QueryRow(t.Context(), `INSERT INTO things (id) VALUES (1) RETURNING id`).Scan(&n); err == nil {
		t.Error("a read wrote")
	}
}

func TestOpenRowsDoNotDisturbTheSameText(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
	exec(t, d, `INSERT INTO things (id) VALUES (1), (2), (3)`)
	const q = `SELECT id FROM things WHERE id >= $1 ORDER BY id`
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(t.Context(), q, 1)
		if err != nil {
			return err
		}
		defer rows.Close()
		seen := 0
		for rows.Next() {
			var id, inner int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if err := tx.QueryRow(t.Context(), q, 3).Scan(&inner); err != nil || inner != 3 {
				t.Errorf("inner %d, %v", inner, err)
			}
			seen++
		}
		if seen != 3 {
			t.Errorf("%d rows, want 3", seen)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 1, 2, 3, 4000, time.FixedZone("x", 3600))
	if got := db.Time(db.Micros(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("got %v", got)
	}
	if db.Micros(time.Time{}) != 0 || !db.Time(0).IsZero() {
		t.Error("the zero time is not 0")
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		var none int
		if err := d.QueryRow(t.Context(), `SELECT 1 WHERE FALSE`).Scan(&none); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
	})
}
