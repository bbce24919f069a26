// Package publish is the flow of releases, from whatever door: first the tag, by
// way of every question that a push is asked, then what the room of releases keeps
// of it. It must never move a ref by itself, nor decide who may publish.
package publish

import (
	"context"
	"errors"
	"strings"

	"jeton/internal/db"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/push"
	"jeton/internal/release"
	"jeton/internal/right"
)

// Options are what the flow needs. All are required.
type Options struct {
	DB       *db.DB
	Git      *gitstore.Store
	Push     *push.Flow
	Releases *release.Room
}

// Flow does the work.
type Flow struct{ o Options }

// New makes the flow.
func New(o Options) *Flow {
	if o.DB == nil || o.Git == nil || o.Push == nil || o.Releases == nil {
		panic("publish: New without a required option")
	}
	return &Flow{o: o}
}

// Create makes a release of the repository, a draft or published: the gate has
// allowed it. A published one gets its tag, of n.Target, unless the tag is there.
// again goes through what let the request in; see push.Write. It fails with
// problem.Invalid, with the field, and with a *push.Refused when the tag must not be
// made.
func (f *Flow) Create(ctx context.Context, actor right.Actor, r gate.Repo, n release.Draft, again func(context.Context) error) (release.Release, error) {
	if err := f.prepare(ctx, &actor, r, 0, &n, again); err != nil {
		return release.Release{}, err
	}
	return f.o.Releases.Create(ctx, actor, r.ID, n)
}

// Update is Create for a release that there is, which becomes what n says. A draft
// that is none any more is published.
func (f *Flow) Update(ctx context.Context, actor right.Actor, r gate.Repo, old release.Release, n release.Draft, again func(context.Context) error) (release.Release, error) {
	if n.Tag != old.Tag || n.Draft != old.Draft {
		if err := f.prepare(ctx, &actor, r, old.ID, &n, again); err != nil {
			return release.Release{}, err
		}
	}
	return f.o.Releases.Update(ctx, actor, r.ID, old.ID, n)
}

// prepare refuses what the room would refuse before a tag is made for it, and makes
// the tag. A draft has none yet.
func (f *Flow) prepare(ctx context.Context, actor *right.Actor, r gate.Repo, self id.Release, n *release.Draft, again func(context.Context) error) error {
	name := "refs/tags/" + n.Tag
	if n.Tag == "" || !object.CheckRefName(name) {
		return problem.Field("tag_name", "tag_name is not well-formed")
	}
	if err := n.Check(); err != nil || n.Draft {
		return err
	}
	other, err := f.o.Releases.ByTag(ctx, f.o.DB, r.ID, n.Tag)
	if err == nil && other.ID != self {
		return problem.Field("tag_name", "tag_name already exists")
	}
	if err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	store := f.o.Git.Repo(r.ID)
	refs, err := store.Refs(ctx)
	if err != nil {
		return err
	}
	if _, ok := refs.Get(name); ok {
		return nil
	}
	v, err := store.View(ctx, n.Target)
	if errors.Is(err, gitstore.ErrEmpty) || problem.Is(err, problem.NotFound) && len(refs.Branches()) == 0 {
		return problem.New(problem.Invalid, "Repository is empty.", "Push a first commit to it.")
	}
	if problem.Is(err, problem.NotFound) {
		return problem.Field("target_commitish", "target_commitish is no branch or commit of this repository")
	}
	if err != nil {
		return err
	}
	commit := v.Commit.ID
	v.Close() // the push has slots of its own
	none := object.ID(strings.Repeat("0", len(commit)))
	return f.o.Push.Write(ctx, actor, r, push.Write{Updates: []wire.Update{{Name: name, Old: none, New: commit}}, Again: again})
}
