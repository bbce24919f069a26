// Package keys holds the server's keys: it digests what is looked up and
// seals what is needed again. The keys are files beside the database, or in a
// folder of their own, so that a stolen database alone opens nothing; the
// database only names them. A key must never leave this package.
package keys

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/db"
	"jeton/internal/problem"
)

// Options says where the keys are. Dir and DB are required.
type Options struct {
	Dir string // made with mode 0700 if it is missing and no key is named yet
	DB  *db.DB
	Now func() time.Time

	// Changed is called in the transaction that makes or retires a key, so
	// that other processes can be told to Reload.
	Changed func(ctx context.Context, tx *db.Tx) error
}

// Sum is a digest under one key.
type Sum struct {
	Key int64
	Sum [32]byte
}

// Ring is the set of live keys. It is safe for concurrent use.
type Ring struct {
	o       Options
	loading sync.Mutex
	live    atomic.Pointer[[]*key] // newest first, never empty
}

// Open reads the keys that the database names, or makes the first one. It
// fails with a remedy when a key's file is missing, is not the one that the
// database names, or can be read by others than its owner.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if o.Dir == "" || o.DB == nil {
		panic("keys: no Dir or no DB")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Ring{o: o}
	rows, err := r.rows(ctx)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if err := r.first(ctx); err != nil {
			return nil, err
		}
	}
	return r, r.Reload(ctx)
}

// Reload reads anew which keys there are. On an error the ring stays as it is.
func (r *Ring) Reload(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	rows, err := r.rows(ctx)
	if err != nil {
		return err
	}
	have := make(map[int64]*key)
	if live := r.live.Load(); live != nil {
		for _, k := range *live {
			have[k.id] = k
		}
	}
	var live []*key
	for _, row := range rows {
		k := have[row.id]
		if k == nil {
			if k, err = r.load(row); err != nil {
				return err
			}
		}
		live = append(live, k)
	}
	if len(live) == 0 {
		return problem.New(problem.Unavailable, "The database names no live server key.", "Restore the database from a backup.")
	}
	r.live.Store(&live)
	return nil
}

// Current returns the id of the key that new digests and seals are made with.
func (r *Ring) Current() int64 { return (*r.live.Load())[0].id }

// Live returns the ids of the live keys, the current one first.
func (r *Ring) Live() []int64 {
	var out []int64
	for _, k := range *r.live.Load() {
		out = append(out, k.id)
	}
	return out
}

// Rotate makes a new key the current one and returns its id. What was digested
// or sealed under the old ones stays good until they are retired.
func (r *Ring) Rotate(ctx context.Context) (int64, error) {
	if err := r.Reload(ctx); err != nil { // never beside a ring that lacks a file
		return 0, err
	}
	f, err := newFile(r.o.Dir)
	if err != nil {
		return 0, err
	}
	var id int64
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		id, err = r.insert(ctx, tx, f)
		return err
	})
	if err != nil {
		f.remove()
		return 0, err
	}
	return id, r.Reload(ctx)
}

// Retire ends a key: what was digested or sealed under it is lost. The current
// key cannot be retired. Its file is not removed, for a restored backup may
// need it.
func (r *Ring) Retire(ctx context.Context, id int64) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE server_keys SET retired_at = $1
			WHERE id = $2 AND retired_at = 0 AND id < (SELECT MAX(id) FROM server_keys WHERE retired_at = 0)`,
			db.Micros(r.o.Now()), id)
		if err != nil {
			return fmt.Errorf("retire key: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return problem.New(problem.Invalid, "That key is not live, or is the current one.", "Rotate first, then retire the older key.")
		}
		return r.changed(ctx, tx)
	})
	if err != nil {
		return err
	}
	return r.Reload(ctx)
}

func (r *Ring) changed(ctx context.Context, tx *db.Tx) error {
	if r.o.Changed == nil {
		return nil
	}
	return r.o.Changed(ctx, tx)
}

// first makes the first key, unless another process is quicker.
func (r *Ring) first(ctx context.Context) error {
	f, err := newFile(r.o.Dir)
	if err != nil {
		return err
	}
	lost := false
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(id) FROM server_keys`).Scan(&n); err != nil {
			return fmt.Errorf("count keys: %w", err)
		}
		if lost = n > 0; lost {
			return nil
		}
		_, err := r.insert(ctx, tx, f)
		return err
	})
	if err != nil || lost {
		f.remove()
	}
	return err
}

func (r *Ring) insert(ctx context.Context, tx *db.Tx, f *file) (int64, error) {
	var id int64
	err := tx.QueryRow(ctx, `INSERT INTO server_keys (created_at, check_sum, retired_at) VALUES ($1, $2, 0) RETURNING id`,
		db.Micros(r.o.Now()), f.check[:]).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("name key: %w", err)
	}
	return id, r.changed(ctx, tx)
}

type row struct {
	id    int64
	check []byte
}

// rows returns the live keys as the database names them, newest first.
func (r *Ring) rows(ctx context.Context) ([]row, error) {
	rows, err := r.o.DB.Query(ctx, `SELECT id, check_sum FROM server_keys WHERE retired_at = 0 ORDER BY id DESC`)
	if err != nil {
		return nil, fmt.Errorf("read key names: %w", err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var k row
		if err := rows.Scan(&k.id, &k.check); err != nil {
			return nil, fmt.Errorf("read key names: %w", err)
		}
		out = append(out, k)
	}
	return out, rows.Err()
}
