package alert

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

// The kinds of a scan, as GitHub names them.
const (
	Backfill    = "backfill"    // of everything
	Incremental = "incremental" // of what came since the last one
)

// State is what is known of scans of a repository.
type State struct {
	Tips    []string // what refs named when it was looked through
	Kind    string   // of the last scan; empty: none was finished
	Started time.Time
	Done    time.Time
}

// maxTips bounds what is remembered of a scan: with more, the next one looks
// through everything.
const maxTips = 2000

// Due delivers something when there may be a repository to look through.
func (m *Room) Due() <-chan struct{} { return m.due }

// NewTx notes a repository that is made in this transaction: an empty one needs no
// look, since what is pushed is looked at on its way.
func (m *Room) NewTx(ctx context.Context, tx *db.Tx, repo id.Repo, empty bool) error {
	if m == nil {
		return nil
	}
	due := int64(0)
	if !empty {
		due = 1
		tx.AfterCommit(m.poke)
	}
	return m.write(ctx, tx, repo, due)
}

// Request has a repository looked through soon.
func (m *Room) Request(ctx context.Context, repo id.Repo) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		tx.AfterCommit(m.poke)
		return m.write(ctx, tx, repo, 1)
	})
}

func (m *Room) write(ctx context.Context, tx *db.Tx, repo id.Repo, due int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO secret_scans (repo_id, tips, due_at, kind, started_at, done_at) VALUES ($1, '', $2, '', 0, 0)
		ON CONFLICT (repo_id) DO UPDATE SET due_at = excluded.due_at`, repo, due)
	if err != nil {
		return fmt.Errorf("note a scan of repository %d: %w", repo, err)
	}
	return nil
}

func (m *Room) poke() {
	select {
	case m.due <- struct{}{}:
	default: // somebody is about to look anyway
	}
}

// Next returns a repository to look through: one that somebody asked for, then one
// that never was; 0 when there is none.
func (m *Room) Next(ctx context.Context, r db.Reader) (id.Repo, error) {
	for _, q := range []string{
		`SELECT repo_id FROM secret_scans WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at, repo_id LIMIT 1`,
		`SELECT r.id FROM repositories r WHERE NOT EXISTS (SELECT 1 FROM secret_scans s WHERE s.repo_id = r.id) AND r.created_at <= $1 ORDER BY r.id LIMIT 1`,
	} {
		var repo id.Repo
		err := r.QueryRow(ctx, q, db.Micros(m.o.Now())).Scan(&repo)
		if err == nil || !none(err) {
			return repo, err
		}
	}
	return 0, nil
}

// State returns what is known of scans of a repository.
func (m *Room) State(ctx context.Context, r db.Reader, repo id.Repo) (State, error) {
	var s State
	var tips string
	var started, done int64
	err := r.QueryRow(ctx, `SELECT tips, kind, started_at, done_at FROM secret_scans WHERE repo_id = $1`, repo).Scan(&tips, &s.Kind, &started, &done)
	if none(err) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("read the scans of repository %d: %w", repo, err)
	}
	s.Tips, s.Started, s.Done = strings.Fields(tips), db.Time(started), db.Time(done)
	return s, nil
}

// Scanned notes that a repository was looked through.
func (m *Room) Scanned(ctx context.Context, repo id.Repo, s State) error {
	if len(s.Tips) > maxTips {
		s.Tips = nil
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE secret_scans SET tips = $2, due_at = 0, kind = $3, started_at = $4, done_at = $5 WHERE repo_id = $1`,
			repo, strings.Join(s.Tips, " "), s.Kind, db.Micros(s.Started), db.Micros(s.Done))
		return err
	})
}

// Failed has a repository that could not be looked through tried again later.
func (m *Room) Failed(ctx context.Context, repo id.Repo, after time.Duration) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		return m.write(ctx, tx, repo, db.Micros(m.o.Now().Add(after)))
	})
}
