package lifecycle

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// ForkRepo makes a repository of the actor's own with the branches and tags of
// another one, which the actor may read: the gate's decision. A fork of a
// private repository is private: n.Private must say so. The object format and
// the default branch are the origin's. again, if not nil, asks the gate once more
// when the files are there, since that may take a while. The fork counts in full
// on its owner's quota, though it shares its files as long as it is not repacked. It
// fails with problem.Invalid, with the field, and with problem.TooLarge.
func (f *Flow) ForkRepo(ctx context.Context, actor right.Actor, origin repo.Repo, n repo.NewRepo, how gitstore.Fork, again func(context.Context) error) (repo.Repo, error) {
	if origin.OwnerIsOrg && origin.Private && origin.NoForking && n.Owner != origin.Owner {
		return repo.Repo{}, problem.New(problem.Forbidden, "The organization does not let this repository be forked.", "Ask one of its owners.")
	}
	how.Flat = nil
	return f.copyRepo(ctx, actor, origin, n, how, again)
}

// copyRepo is ForkRepo, and with how.Flat it is FromTemplate.
func (f *Flow) copyRepo(ctx context.Context, actor right.Actor, origin repo.Repo, n repo.NewRepo, how gitstore.Fork, again func(context.Context) error) (repo.Repo, error) {
	if err := mayBePublic(origin, n); err != nil {
		return repo.Repo{}, err
	}
	n.Format, n.DefaultBranch = origin.Format, origin.DefaultBranch
	if how.Flat != nil {
		n.TemplateOf = origin.ID
	} else {
		n.ForkOf = origin.ID
	}
	var im gitstore.Imported
	var number id.Repo
	var size int64 // bytes
	r, err := f.createIf(ctx, actor, n, func(ctx context.Context, n *repo.NewRepo) (err error) {
		number = n.ID
		if im, err = f.o.Git.Fork(ctx, origin.ID, number, how); err != nil {
			return err
		}
		n.Format, n.DefaultBranch = string(im.Format), im.DefaultBranch
		if !im.Empty {
			if size, err = f.o.Git.Repo(number).Size(); err != nil {
				return err
			}
		}
		if again != nil {
			return again(ctx)
		}
		return nil
	}, func(ctx context.Context, tx *db.Tx) error {
		// It may have been made private, or deleted, while its files were shared.
		now, err := f.o.Repo.ByID(ctx, tx, origin.ID)
		if err != nil {
			return err
		}
		if err := mayBePublic(now, n); err != nil {
			return err
		}
		bytes := size + now.LFSBytes
		if bytes == 0 {
			return nil
		}
		space, err := f.o.Repo.SpaceOf(ctx, tx, n.Owner)
		if err != nil {
			return err
		}
		return space.Refuse(bytes)
	}, func(ctx context.Context, tx *db.Tx) error {
		// At once, so that the next fork is asked about with this one.
		if err := f.o.Repo.SetSize(ctx, tx, number, size>>10); err != nil {
			return err
		}
		if err := f.o.Files.CopyTo(ctx, tx, origin.ID, number); err != nil {
			return err
		}
		if err := f.o.Alerts.NewTx(ctx, tx, number, im.Empty); err != nil {
			return err
		}
		if how.Flat != nil {
			return nil // no fork
		}
		// Who is told, and may see the fork, package deliver finds out.
		return f.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "fork", Repo: origin.ID, Actor: actor, Body: map[string]id.Repo{"fork": number}})
	})
	if err != nil || im.Empty {
		return r, err
	}
	return f.filled(ctx, r)
}

func mayBePublic(origin repo.Repo, n repo.NewRepo) error {
	if origin.Private && !n.Private {
		return problem.Field("visibility", "what is made of a private repository is private")
	}
	return nil
}

// filled records that a new repository came with content. It is there, so that an
// error is for the log alone: upkeep measures it again.
func (f *Flow) filled(ctx context.Context, r repo.Repo) (repo.Repo, error) {
	ctx = context.WithoutCancel(ctx)
	size, err := f.o.Git.Repo(r.ID).Size()
	if err == nil {
		full := r
		full.Size, full.PushedAt = size>>10, f.o.Now().UTC()
		err = f.o.DB.Write(ctx, func(tx *db.Tx) error {
			if err := f.o.Repo.Pushed(ctx, tx, full.ID, full.PushedAt, ""); err != nil {
				return err
			}
			return f.o.Repo.SetSize(ctx, tx, full.ID, full.Size)
		})
		if err == nil {
			return full, nil
		}
	}
	f.o.Log.ErrorContext(ctx, "a new repository's size was not recorded", "repo", int64(r.ID), "err", err)
	return r, nil
}

// ForkedFrom returns what a repository was forked from, with the viewer's
// relation to it. It fails with problem.NotFound when that is nothing. Whether
// the viewer may know of it is the gate's question.
func (f *Flow) ForkedFrom(ctx context.Context, r repo.Repo, viewer id.Account) (repo.Found, error) {
	return f.o.Repo.FindByID(ctx, f.o.DB, r.ForkOf, viewer)
}
