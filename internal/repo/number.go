package repo

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Draw returns a number that no repository had or will have, so that a folder
// can be made under it before Create makes the row. Work that ends between the
// two leaves a number that Leftovers names, and no name that is blocked.
func (m *Room) Draw(ctx context.Context) (id.Repo, error) {
	var repo id.Repo
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		repo, err = m.draw(ctx, tx)
		return err
	})
	return repo, err
}

func (m *Room) draw(ctx context.Context, tx *db.Tx) (id.Repo, error) {
	var repo id.Repo
	err := tx.QueryRow(ctx, `INSERT INTO repo_numbers (at) VALUES ($1) RETURNING id`, db.Micros(m.o.Now())).Scan(&repo)
	if err != nil {
		return 0, fmt.Errorf("draw a repository's number: %w", err)
	}
	return repo, nil
}

// number takes a drawn number out of the list, or draws one.
func (m *Room) number(ctx context.Context, tx *db.Tx, drawn id.Repo) (id.Repo, error) {
	repo := drawn
	if repo == 0 {
		var err error
		if repo, err = m.draw(ctx, tx); err != nil {
			return 0, err
		}
	}
	res, err := tx.Exec(ctx, `DELETE FROM repo_numbers WHERE id = $1`, repo)
	if err != nil {
		return 0, fmt.Errorf("take a repository's number: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return 0, err
	} else if n == 0 {
		// It was swept: the work took longer than anybody believed it could.
		return 0, problem.New(problem.Unavailable, "This took too long and was given up.", "Try again.")
	}
	return repo, nil
}

// Leftovers returns the numbers under which a folder may be left over: of
// deleted repositories, and of ones whose making began before that time and
// never ended.
func (m *Room) Leftovers(ctx context.Context, r db.Reader, before time.Time) ([]id.Repo, error) {
	return ids(ctx, r, `
		SELECT id FROM repo_removed
		UNION
		SELECT id FROM repo_numbers WHERE at < $1
		ORDER BY id`, db.Micros(before))
}

// Settle notes that no folder is left over under a number.
func (m *Room) Settle(ctx context.Context, repo id.Repo) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		for _, q := range []string{`DELETE FROM repo_removed WHERE id = $1`, `DELETE FROM repo_numbers WHERE id = $1`} {
			if _, err := tx.Exec(ctx, q, repo); err != nil {
				return fmt.Errorf("settle number %d: %w", repo, err)
			}
		}
		return nil
	})
}
