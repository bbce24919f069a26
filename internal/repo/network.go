package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Kin returns the name of the owner's repository that is a fork of r, what r is a
// fork of, or another fork of that. It fails with problem.NotFound when there is
// none. Whether the viewer may know of it is the gate's question.
func (m *Room) Kin(ctx context.Context, read db.Reader, r *Repo, owner id.Account) (name string, err error) {
	err = read.QueryRow(ctx, `
		SELECT name FROM repositories
		WHERE owner_id = $1 AND (fork_of = $2 OR id = $3 OR fork_of = $3 AND $3 <> 0)
		ORDER BY id LIMIT 1`, owner, r.ID, r.ForkOf).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", problem.New(problem.NotFound, "Not Found", "")
	}
	if err != nil {
		return "", fmt.Errorf("find a fork: %w", err)
	}
	return name, nil
}
