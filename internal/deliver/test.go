package deliver

import (
	"context"

	"jeton/internal/db"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// Test tells a hook once more of the newest commit of the default branch, as if it
// had just been pushed, if it wants to hear of pushes and there is one.
func (f *Flow) Test(ctx context.Context, actor right.Actor, r *repo.Repo, h *hook.Hook) error {
	if !h.Wants("push") {
		return nil
	}
	refs, err := f.o.Git.Repo(r.ID).Refs(ctx)
	if err != nil {
		return err
	}
	head, ok := refs.Default()
	if !ok {
		return nil // nothing was pushed yet
	}
	v, err := f.o.Git.Repo(r.ID).View(ctx, head.Name)
	if problem.Is(err, problem.NotFound) || err == gitstore.ErrEmpty {
		return nil
	}
	if err != nil {
		return err
	}
	body := pushBody{Ref: head.Name, After: v.Commit.ID, Before: refs.Format.Zero()}
	if len(v.Commit.Parents) > 0 {
		body.Before = v.Commit.Parents[0]
	}
	v.Close()
	return f.o.DB.Write(ctx, func(tx *db.Tx) error {
		return f.o.Hooks.Emit(ctx, tx, hook.Deed{Event: "push", Repo: r.ID, Actor: actor, Body: body, Only: h.ID})
	})
}
