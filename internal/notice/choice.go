package notice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// Unwanted returns the kinds that an account does not want by mail.
func (r *Room) Unwanted(ctx context.Context, read db.Reader, account id.Account) ([]Kind, error) {
	rows, err := read.Query(ctx, `SELECT kind FROM notice_choices WHERE account_id = $1 ORDER BY kind`, account)
	if err != nil {
		return nil, fmt.Errorf("read the choice of notices: %w", err)
	}
	defer rows.Close()
	var out []Kind
	for rows.Next() {
		var k Kind
		if err := rows.Scan(&k); err != nil {
			return nil, fmt.Errorf("read the choice of notices: %w", err)
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// Choose says which kinds the actor's account wants by mail. Those that nobody can do
// without it gets anyway.
func (r *Room) Choose(ctx context.Context, actor right.Actor, wanted []Kind) error {
	account := actor.Account
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM notice_choices WHERE account_id = $1`, account); err != nil {
			return fmt.Errorf("keep the choice of notices: %w", err)
		}
		without := []string{}
		for _, k := range kinds {
			if k.always || slices.Contains(wanted, k.kind) {
				continue
			}
			if _, err := tx.Exec(ctx, `INSERT INTO notice_choices (account_id, kind) VALUES ($1, $2)`, account, string(k.kind)); err != nil {
				return fmt.Errorf("keep the choice of notices: %w", err)
			}
			without = append(without, string(k.kind))
		}
		return r.o.Audit.Record(ctx, tx, audit.Entry{Action: "user.change_notifications", Actor: actor, Account: account, Target: actor.Login,
			Detail: map[string]string{"without": strings.Join(without, ", ")}})
	})
}
