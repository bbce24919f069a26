package gitstore

import (
	"context"

	"jeton/internal/gitstore/draft"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/view"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
)

// Open opens a repository for reading without any revision: the view has its Refs,
// and a Commit once At was called.
func (r *Repo) Open(ctx context.Context) (*view.View, error) { return r.Sight(nil).Open(ctx) }

// View opens a revision: a branch, a tag, a full ref name, or the id of a
// commit (at least seven digits) that a visible ref reaches. Empty means HEAD.
func (r *Repo) View(ctx context.Context, rev string) (*view.View, error) {
	return r.Sight(nil).View(ctx, rev)
}

// ViewPath opens what a URL names as "REVISION/PATH", where a revision may hold
// slashes, and returns the path.
func (r *Repo) ViewPath(ctx context.Context, rest string) (*view.View, string, error) {
	return r.Sight(nil).ViewPath(ctx, rest)
}

// Tags lists the repository's tags; see View.Tags.
func (r *Repo) Tags(ctx context.Context, skip, limit int) (list []view.Tagged, more bool, err error) {
	v, err := r.Open(ctx)
	if err != nil {
		return nil, false, err
	}
	defer v.Close()
	return v.Tags(skip, limit)
}

// Pushed looks at the movement of a ref after it was made; see View.Pushed.
func (r *Repo) Pushed(ctx context.Context, u wire.Update, limit int) (view.Pushed, error) {
	v, err := r.Open(ctx)
	if err != nil {
		return view.Pushed{}, err
	}
	defer v.Close()
	return v.Pushed(u, limit)
}

// Draft begins one for an account.
func (r *Repo) Draft(ctx context.Context, who id.Account) (*draft.Draft, error) {
	return r.Sight(nil).Draft(ctx, who)
}

// Made reads an object that an account made and no ref needs yet; see Draft.Keep. It
// fails with problem.NotFound.
func (r *Repo) Made(who id.Account, one object.ID) (draft.Object, error) {
	return draft.Made(r.bare, who, one)
}
