package largefile

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

const (
	// grace is how long bytes that no repository holds are kept: longer than any
	// upload may take, and long enough to notice a mistake.
	grace = 24 * time.Hour
	// tidyEvery is how often such bytes are looked for.
	tidyEvery = time.Hour
	// tidyAtOnce is how many are read at a time.
	tidyAtOnce = 500
)

// DropTx takes everything away that a repository holds, as its deletion asks.
// Bytes that no other repository holds are removed after a time of grace.
func (m *Room) DropTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	_, err := tx.Exec(ctx, `INSERT INTO lfs_loose (oid, at) SELECT oid, $2 FROM lfs_objects WHERE repo_id = $1 ON CONFLICT (oid) DO UPDATE SET at = excluded.at`, repo, db.Micros(m.o.Now()))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM lfs_objects WHERE repo_id = $1`, repo)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM lfs_locks WHERE repo_id = $1`, repo)
	}
	if err != nil {
		return fmt.Errorf("drop the large files of repository %d: %w", repo, err)
	}
	return nil
}

// LeaveAllTx removes every lock of an account, as its deletion asks.
func (m *Room) LeaveAllTx(ctx context.Context, tx *db.Tx, who id.Account) error {
	if _, err := tx.Exec(ctx, `DELETE FROM lfs_locks WHERE account_id = $1`, who); err != nil {
		return fmt.Errorf("remove the locks of account %d: %w", who, err)
	}
	return nil
}

// CopyTo lets the repository to hold what the repository from holds: to is a
// new fork of it, made by somebody who may read from. Locks stay behind.
func (m *Room) CopyTo(ctx context.Context, tx *db.Tx, from, to id.Repo) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO lfs_objects (repo_id, oid, size, created_at)
		SELECT $2, oid, size, created_at FROM lfs_objects WHERE repo_id = $1
		ON CONFLICT (repo_id, oid) DO NOTHING`, from, to)
	if err != nil {
		return fmt.Errorf("copy the large files of repository %d: %w", from, err)
	}
	bytes, err := m.Usage(ctx, tx, to)
	if err != nil {
		return err
	}
	return m.held(ctx, tx, to, bytes)
}

// Sweep removes what interrupted uploads left. The server calls it before it
// answers anybody: an upload that runs would lose its file.
func (m *Room) Sweep(ctx context.Context) error {
	n, err := m.o.Blobs.Sweep(ctx, time.Now()) // files have the machine's time
	if err != nil {
		return fmt.Errorf("remove what interrupted uploads of large files left: %w", err)
	}
	if n > 0 {
		m.o.Log.InfoContext(ctx, "removed what interrupted uploads of large files left", "files", n)
	}
	return nil
}

// Run removes what no repository holds any more, now and then, until ctx ends.
// Only the one server calls it.
func (m *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if n, err := m.Tidy(ctx); err != nil && ctx.Err() == nil {
			m.o.Log.WarnContext(ctx, "large files of nobody were not removed", "err", err)
		} else if n > 0 {
			m.o.Log.InfoContext(ctx, "removed large files that no repository holds", "files", n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Tidy removes the bytes that no repository has held for the time of grace, and
// returns how many objects they were.
func (m *Room) Tidy(ctx context.Context) (removed int, err error) {
	before := db.Micros(m.o.Now().Add(-grace))
	for {
		some, err := loose(ctx, m.o.DB, before)
		if err != nil || len(some) == 0 {
			return removed, err
		}
		for _, oid := range some {
			gone, err := m.tidy(ctx, oid, before)
			if err != nil {
				return removed, err
			}
			if gone {
				removed++
			}
		}
	}
}

func loose(ctx context.Context, r db.Reader, before int64) ([]OID, error) {
	rows, err := r.Query(ctx, `SELECT oid FROM lfs_loose WHERE at <= $1 ORDER BY at, oid LIMIT $2`, before, tidyAtOnce)
	if err != nil {
		return nil, fmt.Errorf("look for large files of nobody: %w", err)
	}
	defer rows.Close()
	var out []OID
	for rows.Next() {
		var oid string
		if err := rows.Scan(&oid); err != nil {
			return nil, fmt.Errorf("look for large files of nobody: %w", err)
		}
		out = append(out, OID(oid))
	}
	return out, rows.Err()
}

// tidy removes one object's bytes unless a repository holds it. The bytes go
// first: what is forgotten before it is removed is never found again.
func (m *Room) tidy(ctx context.Context, oid OID, before int64) (gone bool, err error) {
	defer m.keep(oid)()
	var held int
	if err := m.o.DB.QueryRow(ctx, `SELECT COUNT(1) FROM lfs_objects WHERE oid = $1`, string(oid)).Scan(&held); err != nil {
		return false, fmt.Errorf("look who holds a large file: %w", err)
	}
	if held == 0 {
		if err := m.o.Blobs.Remove(ctx, string(oid)); err != nil {
			return false, fmt.Errorf("remove a large file: %w", err)
		}
	}
	err = m.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM lfs_loose WHERE oid = $1 AND at <= $2`, string(oid), before)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("forget a large file: %w", err)
	}
	return held == 0, nil
}
