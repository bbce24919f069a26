package lifecycle

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/trust"
)

// CreateRepo makes an empty repository, of one's own or of an organisation that
// lets the actor; only the operator makes one for somebody else. It fails with problem.Invalid, with the field.
func (f *Flow) CreateRepo(ctx context.Context, actor right.Actor, n repo.NewRepo) (repo.Repo, error) {
	var number id.Repo
	return f.createIf(ctx, actor, n, func(ctx context.Context, n *repo.NewRepo) error {
		number = n.ID
		return f.o.Git.Create(ctx, n.ID, object.Format(n.Format), n.DefaultBranch)
	}, func(context.Context, *db.Tx) error { return nil }, func(ctx context.Context, tx *db.Tx) error {
		return f.o.Alerts.NewTx(ctx, tx, number, true)
	})
}

// ImportRepo makes a repository with the branches and tags of another one. What
// it finds there decides the object format and the default branch. A source on
// this machine is for the operator alone.
func (f *Flow) ImportRepo(ctx context.Context, actor right.Actor, n repo.NewRepo, from gitstore.Source) (repo.Repo, error) {
	return f.ImportRepoAnd(ctx, actor, n, from, func(context.Context, *db.Tx, id.Repo) error { return nil })
}

// ImportRepoAnd is ImportRepo that does more in the transaction that makes the row.
func (f *Flow) ImportRepoAnd(ctx context.Context, actor right.Actor, n repo.NewRepo, from gitstore.Source, also func(context.Context, *db.Tx, id.Repo) error) (repo.Repo, error) {
	if from.Path != "" && actor.Kind != right.OperatorCommand {
		return repo.Repo{}, problem.New(problem.Forbidden, "Only the administrator of the machine imports from a folder on it.", "Import from an https URL.")
	}
	var im gitstore.Imported
	var number id.Repo
	r, err := f.createIf(ctx, actor, n, func(ctx context.Context, n *repo.NewRepo) (err error) {
		number = n.ID
		if im, err = f.o.Git.Import(ctx, n.ID, from); err != nil {
			return err
		}
		n.Format = string(im.Format)
		if im.DefaultBranch != "" {
			n.DefaultBranch = im.DefaultBranch
		}
		return nil
	}, func(context.Context, *db.Tx) error { return nil }, func(ctx context.Context, tx *db.Tx) error {
		if err := also(ctx, tx, number); err != nil {
			return err
		}
		return f.o.Alerts.NewTx(ctx, tx, number, im.Empty)
	})
	if err != nil || im.Empty {
		return r, err
	}
	return f.filled(ctx, r)
}

// createIf draws a number, lets fill make the folder of that number, and then
// makes the row: at no moment is there a row without its folder, and no
// transaction waits for the disk. A crash in between leaves a number for Sweep
// and blocks no name. There is a last question, asked in the transaction that makes
// the row, and what is written in it too.
func (f *Flow) createIf(ctx context.Context, actor right.Actor, n repo.NewRepo, fill func(context.Context, *repo.NewRepo) error,
	still func(context.Context, *db.Tx) error, also func(context.Context, *db.Tx) error) (repo.Repo, error) {
	creator, err := f.mayCreate(ctx, f.o.DB, &actor, n.Owner, n.Private)
	if err != nil {
		return repo.Repo{}, err
	}
	if err := f.o.Repo.CheckNew(ctx, f.o.DB, &n); err != nil {
		return repo.Repo{}, err
	}
	number, err := f.draw(ctx)
	if err != nil {
		return repo.Repo{}, err
	}
	n.ID = number
	if err := fill(ctx, &n); err != nil {
		f.giveUp(ctx, number)
		return repo.Repo{}, err
	}
	var r repo.Repo
	err = f.o.DB.Write(ctx, func(tx *db.Tx) error {
		if creator, err = f.mayCreate(ctx, tx, &actor, n.Owner, n.Private); err != nil {
			return err
		}
		if err := still(ctx, tx); err != nil {
			return err
		}
		if r, err = f.o.Repo.Create(ctx, tx, actor, n); err != nil {
			return err
		}
		if creator {
			if err := f.o.Repo.GrantTx(ctx, tx, actor, r.ID, actor.Account, right.Admin); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(ctx, tx)
	})
	if err != nil {
		f.giveUp(ctx, number)
		return repo.Repo{}, err
	}
	return r, nil
}

// draw draws a number under which there is no folder. One that is there belongs
// to a database that knew more than this one does; it is left alone for good.
func (f *Flow) draw(ctx context.Context) (id.Repo, error) {
	for range 1000 {
		number, err := f.o.Repo.Draw(ctx)
		if err != nil || !f.o.Git.Exists(number) {
			return number, err
		}
		f.o.Log.WarnContext(ctx, "there is a folder of a repository that the database does not know", "repo", int64(number))
		if err := f.o.Repo.Settle(ctx, number); err != nil {
			return 0, err
		}
	}
	return 0, problem.New(problem.Unavailable, "No free place for a repository was found.", "The database may be older than the repositories' folder; ask the operator.")
}

// giveUp removes a folder whose row did not come, unless it did: a commit can
// succeed although its answer was lost.
func (f *Flow) giveUp(ctx context.Context, number id.Repo) {
	ctx = context.WithoutCancel(ctx)
	if _, err := f.o.Repo.ByID(ctx, f.o.DB, number); problem.Is(err, problem.NotFound) {
		f.remove(ctx, number)
	}
}

// EditRepo changes the settings of a repository. Seen is what the gate decided
// about: what the patch would leave as it was seen is no part of the change, so
// that nothing can be changed back unasked that somebody else changes meanwhile.
// A default branch must exist, unless there is no branch at all.
func (f *Flow) EditRepo(ctx context.Context, actor right.Actor, seen repo.Repo, p repo.Patch) (repo.Repo, error) {
	drop(&p.Name, seen.Name)
	drop(&p.Description, seen.Description)
	drop(&p.Private, seen.Private)
	drop(&p.Archived, seen.Archived)
	drop(&p.DefaultBranch, seen.DefaultBranch)
	drop(&p.Homepage, seen.Homepage)
	drop(&p.Template, seen.Template)
	drop(&p.NoForking, seen.NoForking)
	if p.DefaultBranch == nil {
		return f.o.Repo.Update(ctx, actor, seen.ID, p)
	}
	if actor.Grant.Limits.LimitMoves() {
		return repo.Repo{}, problem.New(problem.Forbidden, "Your token is limited in which branches and tags it moves, and may not choose the default branch.", "")
	}
	// HEAD first: after a crash in between, asking again makes both agree, while
	// a row that has the new name already would make asking again no change.
	git := f.o.Git.Repo(seen.ID)
	if err := git.SetDefaultBranch(ctx, *p.DefaultBranch); err != nil {
		return repo.Repo{}, err
	}
	r, err := f.o.Repo.Update(ctx, actor, seen.ID, p)
	if err != nil {
		back := git.SetDefaultBranch(context.WithoutCancel(ctx), seen.DefaultBranch) // the row was not changed, so HEAD must not be
		if back != nil {
			f.o.Log.WarnContext(ctx, "HEAD could not be set back", "repo", int64(seen.ID), "err", back)
		}
		return repo.Repo{}, err
	}
	return r, nil
}

func drop[T comparable](p **T, seen T) {
	if *p != nil && **p == seen {
		*p = nil
	}
}

// DeleteRepo deletes a repository: its row and all that hangs on it at once,
// its folder in the background.
func (f *Flow) DeleteRepo(ctx context.Context, actor right.Actor, r id.Repo) error {
	err := f.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := f.o.Files.DropTx(ctx, tx, r); err != nil {
			return err
		}
		for _, drop := range f.dropping {
			if err := drop(ctx, tx, r); err != nil {
				return err
			}
		}
		if err := f.o.Org.DropRepoTx(ctx, tx, r); err != nil {
			return err
		}
		if err := f.o.Hooks.DropTx(ctx, tx, hook.Of{Repo: r}); err != nil {
			return err
		}
		if err := f.o.Alerts.DropTx(ctx, tx, r); err != nil {
			return err
		}
		if err := f.o.Trusts.DropTx(ctx, tx, actor, trust.Of{Repo: r}); err != nil {
			return err
		}
		machine, err := f.endMachine(ctx, tx, actor, r, "the repository was deleted")
		if err != nil {
			return err
		}
		if _, err := f.o.Repo.Delete(ctx, tx, actor, r); err != nil || machine == 0 {
			return err
		}
		return f.deleteTx(ctx, tx, actor, machine)
	})
	if err != nil {
		return err
	}
	f.removeLater(ctx, r)
	return nil
}
