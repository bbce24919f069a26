package token

import (
	"context"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// MaxDeploy is how many deploy tokens one repository has.
const MaxDeploy = 50

// NewDeploy is what a deploy token is made from.
type NewDeploy struct {
	Note        string
	Owner       id.Account // of the repository
	Repo        id.Repo
	Permissions right.Fine
	ExpiresAt   time.Time // zero: never
}

// deployable are the permissions that a deploy token may have, each at most at
// that level.
var deployable = map[string]right.Level{"metadata": right.Read, "contents": right.Write, "statuses": right.Write, "deployments": right.Write}

// CreateDeployTx makes a deploy token of the repository's own account, machine, and
// returns it with its secret, which is kept nowhere. It fails with problem.Invalid
// for the field that is wrong, and when the repository has MaxDeploy of them.
func (r *Room) CreateDeployTx(ctx context.Context, tx *db.Tx, actor right.Actor, machine id.Account, n NewDeploy) (Token, secret.Value, error) {
	note, err := checkNote(n.Note)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.checkExpiry(n.ExpiresAt); err != nil {
		return Token{}, secret.Value{}, err
	}
	var permissions right.Fine
	for name, most := range deployable {
		_ = permissions.Set(name, min(most, n.Permissions.Level(name))) // no level above one that is offered
	}
	if permissions.Level("contents") == right.None {
		return Token{}, secret.Value{}, problem.Field("level", "Choose whether the token reads, or reads and writes")
	}
	_ = permissions.Set("metadata", right.Read)
	if err := mayHold(ctx, tx, machine, Deploy); err != nil {
		return Token{}, secret.Value{}, err
	}
	held, err := listOf(ctx, tx, machine, deploys)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
	if len(held) >= MaxDeploy {
		return Token{}, secret.Value{}, problem.Field("note", fmt.Sprintf("The repository has %d deploy tokens, and there can't be more: delete one that is not needed", MaxDeploy))
	}
	if err := r.freeNote(ctx, tx, machine, 0, note, Deploy); err != nil {
		return Token{}, secret.Value{}, err
	}
	plain := Generate(Deploy)
	t := Token{Account: machine, Kind: Deploy, Note: note, LastEight: lastEight(plain), CreatedAt: r.o.Now().UTC(), ExpiresAt: n.ExpiresAt.UTC(),
		Owner: n.Owner, Access: Selected, Repos: []id.Repo{n.Repo}, Permissions: permissions}
	if err := r.obey(ctx, tx, &t, wholly); err != nil {
		return Token{}, secret.Value{}, err
	}
	if err := r.put(ctx, tx, &t, plain); err != nil {
		return Token{}, secret.Value{}, err
	}
	return t, plain, r.recordMade(ctx, tx, actor, t)
}

// EndAllTx ends every token of account, of whatever kind, and says in the log why.
func (r *Room) EndAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, account id.Account, why string) error {
	all, err := listOf(ctx, tx, account, anyKind)
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := r.revokeTx(ctx, tx, actor, t, why); err != nil {
			return err
		}
	}
	return nil
}
