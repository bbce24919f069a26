package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Resource is whose things a token can be made to reach.
type Resource struct {
	ID    id.Account
	Login string
	Org   bool
}

// Resources lists whose things a token of the actor's account can reach: its own,
// then those of its organisations, then those of who shares repositories with it.
func (g *Gate) Resources(ctx context.Context, actor *right.Actor) ([]Resource, error) {
	out := []Resource{{ID: actor.Account, Login: actor.Login}}
	mine, err := g.o.Orgs.Mine(ctx, g.o.DB, actor.Account)
	if err != nil {
		return nil, err
	}
	for i := range mine {
		out = append(out, Resource{ID: mine[i].ID, Login: mine[i].Login, Org: true})
	}
	sharers, err := g.o.Repos.Sharers(ctx, g.o.DB, actor.Account)
	if err != nil {
		return nil, err
	}
	for i := range sharers {
		a := &sharers[i]
		if !slices.ContainsFunc(out, func(r Resource) bool { return r.ID == a.ID }) {
			out = append(out, Resource{ID: a.ID, Login: a.Login, Org: a.Kind == account.KindOrg})
		}
	}
	return out, nil
}

// Resource is the one of Resources with that login. It fails with
// problem.Invalid for the field.
func (g *Gate) Resource(ctx context.Context, actor *right.Actor, field, login string) (Resource, error) {
	all, err := g.Resources(ctx, actor)
	if err != nil {
		return Resource{}, err
	}
	for _, r := range all {
		if strings.EqualFold(r.Login, login) {
			return r, nil
		}
	}
	return Resource{}, problem.Field(field, "Choose yourself, an organization that you belong to, or somebody who shares a repository with you")
}

// Reachable finds repositories of an owner by their names. One that the actor may
// not know of and one that does not exist give the same problem.Invalid for the
// field.
func (g *Gate) Reachable(ctx context.Context, actor *right.Actor, of Resource, field string, names []string) ([]id.Repo, error) {
	out := make([]id.Repo, 0, len(names))
	for _, name := range names {
		r, err := g.Repo(ctx, actor, right.RepoRead, of.Login, name)
		if problem.Is(err, problem.NotFound) || err == nil && r.Owner != of.ID {
			return nil, problem.Field(field, fmt.Sprintf("There is no repository %q of %s that you have access to", name, of.Login))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r.ID)
	}
	return out, nil
}
