package gitstore

import (
	"context"

	"jeton/internal/gitstore/draft"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/view"
	"jeton/internal/id"
)

// Sight is a repository as somebody sees it who may not see every ref: the others
// are not there, nor what they alone reach. All that reads through refs begins
// here, so that a door that holds nothing but a Sight shows nothing else.
type Sight struct {
	repo *Repo
	see  func(name string) bool
}

// Sight returns the repository with those refs for which see is true; nil: all.
func (r *Repo) Sight(see func(name string) bool) Sight { return Sight{r, see} }

// Refs reads the refs that are seen; see Repo.Refs.
func (s Sight) Refs(ctx context.Context) (*Refs, error) {
	refs, err := s.repo.Refs(ctx)
	if err == nil && s.see != nil {
		refs = refs.Only(s.see)
	}
	return refs, err
}

// View opens a revision; see Repo.View.
func (s Sight) View(ctx context.Context, rev string) (*view.View, error) {
	v, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.At(rev); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// ViewPath opens what a URL names; see Repo.ViewPath.
func (s Sight) ViewPath(ctx context.Context, rest string) (*view.View, string, error) {
	v, err := s.Open(ctx)
	if err != nil {
		return nil, "", err
	}
	path, err := v.AtPath(rest)
	if err != nil {
		v.Close()
		return nil, "", err
	}
	return v, path, nil
}

// Open opens the repository without any revision: the view has its Refs, and a
// Commit once At was called.
func (s Sight) Open(ctx context.Context) (*view.View, error) {
	ctx, done, err := s.repo.begin(ctx)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx)
	if err != nil {
		done()
		return nil, err
	}
	return view.Open(ctx, view.Source{Repo: s.repo.bare, Reach: s.repo.reach, Shared: &s.repo.store.views}, refs, done), nil
}

// Draft begins one for an account; see Draft.
func (s Sight) Draft(ctx context.Context, who id.Account) (*draft.Draft, error) {
	r := s.repo
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx)
	if err != nil {
		done()
		return nil, err
	}
	return draft.Begin(ctx, draft.Source{Repo: r.bare, Reach: r.reach, Most: r.store.limits.ObjectBytes}, refs, who, done)
}

// Made reads an object that an account made; see Repo.Made.
func (s Sight) Made(who id.Account, one object.ID) (draft.Object, error) {
	return s.repo.Made(who, one)
}

// Merge begins a merge of what views of the repository, and of other, have led to;
// see Repo.Merge.
func (s Sight) Merge(other *Repo) (*Merge, error) { return s.repo.Merge(other) }
