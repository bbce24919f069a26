package lifecycle

import (
	"context"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/trust"
)

// TransferRepo gives a repository to the account of that login, under newName if
// that is not empty. The owner until now keeps write access, as on GitHub. To an
// organisation it goes if the actor may create repositories there; to a person
// only with their consent: then they are asked, offered is true, and nothing has
// changed yet. It fails with problem.Invalid for the field new_owner, also when
// that account's quota has no room for it: nobody fills another's storage.
func (f *Flow) TransferRepo(ctx context.Context, actor right.Actor, r id.Repo, login, newName string) (out repo.Repo, offered bool, err error) {
	if newName != "" {
		if err := repo.CheckName(newName); err != nil {
			return repo.Repo{}, false, err
		}
	}
	err = f.o.DB.Write(ctx, func(tx *db.Tx) error {
		offered = false
		to, err := f.o.Account.ByLogin(ctx, tx, login)
		if problem.Is(err, problem.NotFound) {
			return problem.Field("new_owner", "there is no such account")
		}
		if err != nil {
			return err
		}
		if out, err = f.o.Repo.ByID(ctx, tx, r); err != nil {
			return err
		}
		if out.Owner == to.ID {
			return problem.Field("new_owner", "the repository already belongs to this account")
		}
		if err := f.mayReceive(ctx, tx, &actor, &out, &to); err != nil {
			return err
		}
		if !to.IsOrg() && actor.Kind != right.OperatorCommand && actor.Account != to.ID {
			offered = true
			return f.o.Repo.Offer(ctx, tx, actor, &out, to.ID, to.Login, newName)
		}
		out, err = f.transfer(ctx, tx, actor, &out, to.ID, newName)
		return err
	})
	return out, offered, err
}

// mayReceive refuses an owner to whom the repository can't go.
func (f *Flow) mayReceive(ctx context.Context, tx *db.Tx, actor *right.Actor, r *repo.Repo, to *account.Account) error {
	if to.IsMachine() {
		return problem.Field("new_owner", "a service account can't own repositories")
	}
	if to.IsOrg() {
		if _, err := f.mayCreate(ctx, tx, actor, to.ID, r.Private); err != nil {
			if problem.Is(err, problem.Forbidden) {
				return problem.Field("new_owner", "you can't create repositories in this organization")
			}
			return err
		}
	} else if to.Suspended {
		return problem.Field("new_owner", "this account is suspended")
	}
	space, err := f.o.Repo.SpaceOf(ctx, tx, to.ID)
	if err != nil {
		return err
	}
	if bytes := r.Size<<10 + r.LFSBytes; bytes > 0 && space.Refuse(bytes) != nil {
		return problem.Field("new_owner", "this account's storage has no room for the repository")
	}
	return nil
}

// giveTx gives a repository to another owner. Its teams were the old owner's, and
// what was let in by deploy tokens was by the old owner's leave.
func (f *Flow) giveTx(ctx context.Context, tx *db.Tx, actor right.Actor, r id.Repo, to id.Account, keep right.Level) (repo.Repo, error) {
	if err := f.o.Org.DropRepoTx(ctx, tx, r); err != nil {
		return repo.Repo{}, err
	}
	if err := f.o.Trusts.DropTx(ctx, tx, actor, trust.Of{Repo: r}); err != nil {
		return repo.Repo{}, err
	}
	if _, err := f.endMachine(ctx, tx, actor, r, "the repository was transferred"); err != nil {
		return repo.Repo{}, err
	}
	out, err := f.o.Repo.TransferTx(ctx, tx, actor, r, to, keep)
	if err != nil {
		return out, err
	}
	return out, f.o.Account.MovedTx(ctx, tx, r)
}

// transfer moves the repository, under another name if one was chosen.
func (f *Flow) transfer(ctx context.Context, tx *db.Tx, actor right.Actor, r *repo.Repo, to id.Account, newName string) (repo.Repo, error) {
	out, err := f.giveTx(ctx, tx, actor, r.ID, to, right.Write)
	if err != nil || newName == "" || newName == out.Name {
		return out, err
	}
	return f.o.Repo.UpdateTx(ctx, tx, actor, r.ID, repo.Patch{Name: &newName})
}

// AcceptInvitation makes somebody a collaborator, or the owner, as they were
// invited to be: who, which is the actor or a machine for which the actor answers. Whoever invited must still be able to: otherwise the invitation
// is worth nothing, problem.NotFound.
func (f *Flow) AcceptInvitation(ctx context.Context, actor right.Actor, who id.Account, n id.Invitation) (repo.Repo, error) {
	var out repo.Repo
	err := f.o.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := f.o.Repo.OwnInvitation(ctx, tx, who, n)
		if err != nil {
			return err
		}
		if i.Inviter != 0 {
			by, err := f.o.Repo.FindByID(ctx, tx, i.Repo.ID, i.Inviter)
			if err != nil {
				return err
			}
			inviter, err := f.o.Account.ByID(ctx, tx, i.Inviter)
			if err != nil {
				return err
			}
			if by.Relation < right.Admin || inviter.Suspended {
				return problem.New(problem.NotFound, "This invitation can't be accepted any more.", "Whoever sent it does not administer the repository now. Ask its owner.")
			}
		}
		if !i.Offer() {
			out = i.Repo
			return f.o.Repo.AcceptTx(ctx, tx, actor, &i)
		}
		me, err := f.o.Account.ByID(ctx, tx, who)
		if err != nil {
			return err
		}
		if err := f.mayReceive(ctx, tx, &actor, &i.Repo, &me); err != nil {
			return err
		}
		out, err = f.transfer(ctx, tx, actor, &i.Repo, who, i.NewName)
		return err
	})
	return out, err
}
