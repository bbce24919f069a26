package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
)

// owns reports whether an account is an owner of an organisation.
func owns(ctx context.Context, read db.Reader, org, who id.Account) (bool, error) {
	var n int
	err := read.QueryRow(ctx, `SELECT COUNT(*) FROM org_members WHERE org_id = $1 AND account_id = $2 AND role = 2 AND state = 1`, org, who).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for an owner: %w", err)
	}
	return n > 0, nil
}

// answers reports whether the actor may speak for an organisation's owners at this
// moment: since they were let in, they may have stopped being one.
func answers(ctx context.Context, read db.Reader, actor right.Actor, org id.Account) (bool, error) {
	if actor.Kind == right.OperatorCommand {
		return true, nil
	}
	return owns(ctx, read, org, actor.Account)
}

// shares reports whether an account belongs to owner, which is an organisation, or
// was let into something of owner's.
func shares(ctx context.Context, read db.Reader, owner, who id.Account) (bool, error) {
	var n int
	err := read.QueryRow(ctx, `
		SELECT (SELECT COUNT(*) FROM org_members WHERE org_id = $1 AND account_id = $2 AND state = 1)
			+ (SELECT COUNT(*) FROM collaborators c JOIN repositories r ON r.id = c.repo_id WHERE r.owner_id = $1 AND c.account_id = $2)`, owner, who).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for what is shared: %w", err)
	}
	return n > 0, nil
}

// ownWord finds what $2 approved in $1 of their own tokens and of those of their service
// accounts.
const ownWord = ofOwner + ` AND approved_at > 0 AND approved_by = $2
	AND (account_id = $2 OR account_id IN (SELECT id FROM accounts WHERE managed_by = $2 AND managed_by <> 0)) ORDER BY id`

// DemotedTx takes the consent back that rested on who having been an owner of org
// alone: what they had approved of their own tokens and of those of their service
// accounts. The owners that are left are asked. What was approved of other people's
// was an owner's word, and holds.
func (r *Room) DemotedTx(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) error {
	own, err := list(ctx, tx, `SELECT `+columns+` FROM tokens`+ownWord, org, who)
	if err != nil {
		return err
	}
	for i := range own {
		t := &own[i]
		t.ApprovedAt, t.ApprovedBy = time.Time{}, 0
		if err := update(ctx, tx, *t); err != nil {
			return err
		}
		if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.TokenChanged, Subject: int64(t.ID)}); err != nil {
			return err
		}
		if err := r.ask(ctx, tx, actor, t, asking{}); err != nil {
			return err
		}
	}
	return nil
}
