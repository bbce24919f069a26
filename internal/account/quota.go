package account

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// SetQuota sets how many bytes all repositories of the account may take: zero
// for no limit, -1 for the site's. The room of repositories reads it.
func (r *Room) SetQuota(ctx context.Context, actor right.Actor, a id.Account, quota int64) error {
	if quota < -1 {
		return problem.Field("quota", "a quota is not negative")
	}
	return r.set(ctx, a, func(ctx context.Context, tx *db.Tx, old Account) error {
		before, err := r.Quota(ctx, tx, a)
		if err != nil || before == quota {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts SET quota = $1, updated_at = $2 WHERE id = $3`, quota, db.Micros(r.o.Now()), a); err != nil {
			return fmt.Errorf("set quota: %w", err)
		}
		return r.record(ctx, tx, actor, "user.set_quota", a, old.Login, map[string]string{"bytes": fmt.Sprint(quota), "old_bytes": fmt.Sprint(before)})
	})
}

// Quota returns what SetQuota set, -1 when nothing was.
func (r *Room) Quota(ctx context.Context, read db.Reader, a id.Account) (int64, error) {
	var quota int64
	if err := read.QueryRow(ctx, `SELECT quota FROM accounts WHERE id = $1`, a).Scan(&quota); err != nil {
		return 0, fmt.Errorf("read quota: %w", err)
	}
	return quota, nil
}
