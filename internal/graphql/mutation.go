package graphql

import (
	"context"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// changed is the answer of what changes a repository.
type changed struct {
	mutation *string
	repo     *repository
}

// ClientMutationID is what the client called the request.
func (c *changed) ClientMutationID() *string { return c.mutation }

// Repository is the repository afterwards.
func (c *changed) Repository() *repository { return c.repo }

type createInput struct {
	ClientMutationID, Description    *string
	HasIssuesEnabled, HasWikiEnabled bool
	HomepageURL                      *uri
	Name                             string
	OwnerID, TeamID                  *gql.ID
	Template                         bool
	Visibility                       string
}

// CreateRepository makes a repository of the caller's own, or of an organisation's.
func (q *root) CreateRepository(ctx context.Context, args struct{ Input createInput }) (*changed, error) {
	in, s := &args.Input, sessionOf(ctx)
	n := repo.NewRepo{Owner: s.actor.Account, Name: in.Name, Private: in.Visibility != "PUBLIC", Template: in.Template}
	if in.Description != nil {
		n.Description = *in.Description
	}
	if in.HomepageURL != nil {
		n.Homepage = string(*in.HomepageURL)
	}
	if err := q.mayCreate(ctx, in.OwnerID, &n); err != nil {
		return nil, err
	}
	r, err := q.d.o.Lifecycle.CreateRepo(ctx, s.actor, n)
	if err != nil {
		return nil, err
	}
	return &changed{in.ClientMutationID, &repository{d: q.d, r: gate.Repo{Repo: r, Relation: right.Admin}}}, nil
}

// mayCreate asks the gate about a new repository of the owner with that id; nil is
// the caller.
func (q *root) mayCreate(ctx context.Context, owner *gql.ID, n *repo.NewRepo) error {
	s := sessionOf(ctx)
	mine, theirs := right.RepoCreatePrivate, right.OrgCreateRepoPrivate
	if !n.Private {
		mine, theirs = right.RepoCreate, right.OrgCreateRepo
	}
	if owner == nil || string(*owner) == httpkit.NodeID("User", int64(s.actor.Account)) {
		return q.d.o.Gate.Check(&s.actor, mine)
	}
	found, err := q.Node(ctx, struct{ ID gql.ID }{*owner})
	if err != nil {
		return err
	}
	org, ok := found.ToOrganization()
	if !ok {
		return &failure{"FORBIDDEN", "You can make repositories of your own and of your organizations."}
	}
	o, err := q.d.o.Gate.Org(ctx, &s.actor, theirs, org.a.Login)
	n.Owner = o.ID
	return err
}

type repositoryInput struct {
	ClientMutationID *string
	RepositoryID     gql.ID
}

// ArchiveRepository makes a repository read-only.
func (q *root) ArchiveRepository(ctx context.Context, args struct{ Input repositoryInput }) (*changed, error) {
	return q.archive(ctx, args.Input, right.RepoEdit, true)
}

// UnarchiveRepository makes a read-only repository writable again.
func (q *root) UnarchiveRepository(ctx context.Context, args struct{ Input repositoryInput }) (*changed, error) {
	return q.archive(ctx, args.Input, right.RepoUnarchive, false)
}

func (q *root) archive(ctx context.Context, in repositoryInput, action right.Action, archived bool) (*changed, error) {
	s := sessionOf(ctx)
	n, err := q.Node(ctx, struct{ ID gql.ID }{in.RepositoryID})
	if err != nil {
		return nil, err
	}
	r, ok := n.ToRepository()
	if !ok {
		return nil, notFound("The id is not a repository's.")
	}
	if err := q.d.o.Gate.CheckRepo(&s.actor, action, &r.r); err != nil {
		return nil, err
	}
	if r.r.Repo, err = q.d.o.Lifecycle.EditRepo(ctx, s.actor, r.r.Repo, repo.Patch{Archived: &archived}); err != nil {
		return nil, err
	}
	return &changed{in.ClientMutationID, r}, nil
}
