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

// Deployable are all the permissions that a deploy token can have.
func Deployable() right.Fine {
	var f right.Fine
	for name, most := range deployable {
		_ = f.Set(name, most) // each is offered so
	}
	return f
}

// deployed is what of f a deploy token may have.
func deployed(f right.Fine) (right.Fine, error) {
	var out right.Fine
	for name, most := range deployable {
		_ = out.Set(name, min(most, f.Level(name))) // no level above one that is offered
	}
	if out.Level("contents") == right.None {
		return out, problem.Field("level", "Choose whether the token reads, or reads and writes")
	}
	_ = out.Set("metadata", right.Read)
	return out, nil
}

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
	permissions, err := deployed(n.Permissions)
	if err != nil {
		return Token{}, secret.Value{}, err
	}
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

// UpdateDeploy changes the note and the permissions of a deploy token of the
// repository's own account, machine, and keeps its secret and its end.
func (r *Room) UpdateDeploy(ctx context.Context, actor right.Actor, machine id.Account, tid id.Token, note string, f right.Fine) (Token, error) {
	note, err := checkNote(note)
	if err != nil {
		return Token{}, err
	}
	if f, err = deployed(f); err != nil {
		return Token{}, err
	}
	return r.rewrite(ctx, actor, machine, tid, Deploy, note, func(t *Token) { t.Permissions = f })
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
