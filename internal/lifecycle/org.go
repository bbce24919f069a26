package lifecycle

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/trust"
)

// mayCreate refuses who may not make a repository on that account. The gate
// decided already; this holds at the moment of the row. creator is true for who
// makes one in an organisation without being its owner, and so must be given the
// new repository.
func (f *Flow) mayCreate(ctx context.Context, r db.Reader, actor *right.Actor, owner id.Account, private bool) (creator bool, err error) {
	if actor.Kind == right.OperatorCommand || actor.Account != 0 && actor.Account == owner {
		return false, nil
	}
	refused := problem.New(problem.Forbidden, "You can create repositories on your own account, and in organizations that let you.", "")
	if actor.Account == 0 {
		return false, refused
	}
	o, err := f.o.Org.ByID(ctx, r, owner, actor.Account)
	if problem.Is(err, problem.NotFound) || err == nil && !o.MayCreate(private) {
		return false, refused
	}
	return o.Level() < right.Admin, err
}

// RemoveMember ends somebody's membership in an organisation, or an invitation
// to it, and everything that came with it: teams, collaborations on the
// organisation's repositories and places on their rules. With keep, the
// collaborations that were given to the account itself stay, and so it helps
// from outside. It fails with problem.Conflict for the last owner.
func (f *Flow) RemoveMember(ctx context.Context, actor right.Actor, org, who id.Account, keep bool) error {
	return f.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := f.o.Org.RemoveTx(ctx, tx, actor, org, who); err != nil || keep {
			return err
		}
		return f.leaveTx(ctx, tx, actor, org, who)
	})
}

// RemoveOutsider ends every collaboration of somebody who is no member of the
// organisation on what it owns. For a member it is problem.Invalid.
func (f *Flow) RemoveOutsider(ctx context.Context, actor right.Actor, org, who id.Account) error {
	return f.o.DB.Write(ctx, func(tx *db.Tx) error {
		in, err := f.o.Org.ByID(ctx, tx, org, who)
		if err != nil {
			return err
		}
		if in.Level() > right.None {
			return problem.New(problem.Invalid, "You cannot specify an organization member to remove as an outside collaborator.", "")
		}
		return f.leaveTx(ctx, tx, actor, org, who)
	})
}

// leaveTx ends what an account and its service accounts have of an organisation: they
// are let in on their manager's word alone, and would be a way to stay.
func (f *Flow) leaveTx(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) error {
	machines, err := f.o.Account.Machines(ctx, tx, who)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if err := f.o.Repo.LeaveOwnerTx(ctx, tx, actor, org, m.ID); err != nil {
			return err
		}
	}
	return f.o.Repo.LeaveOwnerTx(ctx, tx, actor, org, who)
}

// DeleteOrg ends an organisation that owns nothing any more; its login is held.
// It fails with problem.Conflict and a remedy.
func (f *Flow) DeleteOrg(ctx context.Context, actor right.Actor, org id.Account) error {
	return f.o.DB.Write(ctx, func(tx *db.Tx) error {
		o, err := f.o.Org.ByID(ctx, tx, org, 0)
		if err != nil {
			return err
		}
		if err := f.handOver(ctx, tx, actor, org, 0, o.Login); err != nil {
			return err
		}
		if err := f.o.Trusts.DropTx(ctx, tx, actor, trust.Of{Org: org}); err != nil {
			return err
		}
		if err := f.deleteMachines(ctx, tx, actor, org); err != nil {
			return err
		}
		if err := f.o.Apps.DeleteAccountTx(ctx, tx, actor, org); err != nil {
			return err
		}
		if err := f.o.Hooks.DropTx(ctx, tx, hook.Of{Org: org}); err != nil {
			return err
		}
		if f.o.Policy != nil {
			if err := f.o.Policy.DropTx(ctx, tx, actor, org); err != nil {
				return err
			}
		}
		if err := f.o.Org.DeleteTx(ctx, tx, org); err != nil {
			return err
		}
		return f.o.Account.DeleteTx(ctx, tx, actor, org)
	})
}
