package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// MachineTx returns the hidden account that acts for what the repository lets in
// by itself, and makes it at first. It may write there, and nowhere else.
func (m *Room) MachineTx(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo) (id.Account, error) {
	a, err := m.o.Account.MachineOfRepo(ctx, tx, actor, repo)
	if err != nil {
		return 0, err
	}
	before, err := m.setLevel(ctx, tx, repo, a, right.Write)
	if err != nil || before == right.Write {
		return a, err
	}
	return a, m.changed(ctx, tx, repo)
}

// answersFor reports whether the invited is a machine that needs nobody's consent:
// the actor manages it, or owns the organisation that does, or the repository is
// that organisation's own.
func (m *Room) answersFor(ctx context.Context, tx *db.Tx, actor *right.Actor, r *Repo, invited *account.Account) (bool, error) {
	if !invited.IsMachine() {
		return false, nil
	}
	if invited.Manager == r.Owner && r.OwnerIsOrg || invited.Manager == actor.Account && actor.Account != 0 {
		return true, nil
	}
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM org_members WHERE org_id = $1 AND account_id = $2 AND role = 2 AND state = 1`, invited.Manager, actor.Account).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read who answers for the account: %w", err)
	}
	return true, nil
}

// mayOwn refuses a machine: it owns no repositories.
func mayOwn(owner *account.Account, field string) error {
	if !owner.IsMachine() {
		return nil
	}
	return problem.Field(field, "A service account can't own repositories: make it a collaborator of one that a person or an organization owns")
}
