package lifecycle

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// SuspendAccount shuts an account out of every door and ends its sessions; its
// tokens stay and are refused while it lasts. Nobody suspends themselves.
func (f *Flow) SuspendAccount(ctx context.Context, actor right.Actor, who id.Account) error {
	if who == actor.Account {
		return problem.New(problem.Conflict, "You can't suspend yourself.", "Ask another site administrator.")
	}
	return f.o.Account.Suspend(ctx, actor, who)
}

// UnsuspendAccount lets an account in again.
func (f *Flow) UnsuspendAccount(ctx context.Context, actor right.Actor, who id.Account) error {
	return f.o.Account.Unsuspend(ctx, actor, who)
}

// DeleteAccount ends an account: its sessions, tokens, applications, links,
// collaborations, addresses and service accounts go, its login is held. What it owns goes to transferTo, old
// paths redirecting; when transferTo is zero it must own nothing. All of that
// happens or none of it. It fails with problem.Conflict and a remedy.
func (f *Flow) DeleteAccount(ctx context.Context, actor right.Actor, who, transferTo id.Account) error {
	return f.o.DB.Write(ctx, func(tx *db.Tx) error {
		account, err := f.o.Account.ByID(ctx, tx, who)
		if err != nil {
			return err
		}
		if account.IsOrg() {
			return problem.New(problem.Invalid, account.Login+" is an organization.", "Its owners can delete it in its settings.")
		}
		if err := f.handOver(ctx, tx, actor, who, transferTo, account.Login); err != nil {
			return err
		}
		if err := f.deleteMachines(ctx, tx, actor, who); err != nil {
			return err
		}
		return f.deleteTx(ctx, tx, actor, who)
	})
}

// deleteTx ends an account that owns nothing.
func (f *Flow) deleteTx(ctx context.Context, tx *db.Tx, actor right.Actor, who id.Account) error {
	if err := f.o.Org.LeaveAllTx(ctx, tx, actor, who); err != nil {
		return err
	}
	if err := f.o.Repo.LeaveAllTx(ctx, tx, actor, who); err != nil {
		return err
	}
	if err := f.o.Files.LeaveAllTx(ctx, tx, who); err != nil {
		return err
	}
	if err := f.o.Apps.DeleteAccountTx(ctx, tx, actor, who); err != nil {
		return err
	}
	if err := f.o.Hooks.DropTx(ctx, tx, hook.Of{Person: who}); err != nil {
		return err
	}
	if err := f.o.Token.DeleteAllTx(ctx, tx, actor, who); err != nil {
		return err
	}
	return f.o.Account.DeleteTx(ctx, tx, actor, who)
}

// handOver gives everything that who owns to another account.
func (f *Flow) handOver(ctx context.Context, tx *db.Tx, actor right.Actor, who, to id.Account, login string) error {
	owned, err := f.o.Repo.Owned(ctx, tx, who)
	if err != nil {
		return err
	}
	if len(owned) > 0 && to == 0 {
		return problem.New(problem.Conflict, fmt.Sprintf("%s still owns %s.", login, counted(len(owned))),
			"Transfer or delete them first, or say who shall have them.")
	}
	if to == who && to != 0 {
		return problem.Field("new_owner", "the repositories can't go to the account that is deleted")
	}
	for _, r := range owned {
		if _, err := f.giveTx(ctx, tx, actor, r, to, right.None); err != nil {
			if p := problem.Of(err); p.Kind == problem.Invalid {
				was, byID := f.o.Repo.ByID(ctx, tx, r)
				if byID != nil {
					return byID
				}
				return problem.Wrap(err, problem.Conflict, was.FullName()+" can't be transferred: "+p.Public+".", "Rename, transfer or delete it first.")
			}
			return err
		}
	}
	return nil
}

func counted(n int) string {
	if n == 1 {
		return "a repository"
	}
	return fmt.Sprintf("%d repositories", n)
}
