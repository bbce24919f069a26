package lifecycle

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/id"
)

// MaintainRepo maintains a repository now, and records its size. It fails with
// problem.Conflict while it is being maintained.
func (f *Flow) MaintainRepo(ctx context.Context, r id.Repo, m gitstore.Maintain) (gitstore.Upkeep, error) {
	return f.o.Git.Repo(r).Maintain(ctx, m)
}

// measured records the size that the store found after a maintenance.
func (f *Flow) measured(ctx context.Context, r id.Repo, bytes int64) error {
	return f.o.DB.Write(ctx, func(tx *db.Tx) error { return f.o.Repo.SetSize(ctx, tx, r, bytes>>10) })
}
