package graphql

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/gitstore/object"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// root answers the fields of Query and Mutation.
type root struct{ d *Door }

// Viewer is the caller.
func (q *root) Viewer(ctx context.Context) (*user, error) {
	a, err := q.d.o.Accounts.Known(ctx, q.d.o.DB, sessionOf(ctx).actor.Account)
	if err != nil {
		return nil, err
	}
	return &user{profile{q.d, a}}, nil
}

// User finds a user.
func (q *root) User(ctx context.Context, args struct{ Login string }) (*user, error) {
	a, err := q.d.account(ctx, args.Login, "User")
	if err != nil {
		return nil, err
	}
	return &user{profile{q.d, a}}, nil
}

// RepositoryOwner finds a user or an organisation. That there is none is no
// error, as on GitHub.
func (q *root) RepositoryOwner(ctx context.Context, args struct{ Login string }) (*owner, error) {
	a, err := q.d.o.Accounts.ByLogin(ctx, q.d.o.DB, args.Login)
	if problem.Is(err, problem.NotFound) || err == nil && a.IsMachine() {
		return nil, nil // a machine owns nothing
	}
	if err != nil {
		return nil, err
	}
	return &owner{profile{q.d, a}}, nil
}

func (d *Door) account(ctx context.Context, login, kind string) (account.Account, error) {
	a, err := d.o.Accounts.ByLogin(ctx, d.o.DB, login)
	if problem.Is(err, problem.NotFound) || err == nil && kindOf(&a) != kind {
		err = notFound(fmt.Sprintf("Could not resolve to a %s with the login of '%s'.", kind, login))
	}
	return a, err
}

// Repository finds a repository that the caller may know of.
func (q *root) Repository(ctx context.Context, args struct {
	Owner, Name   string
	FollowRenames bool
}) (*repository, error) {
	return q.d.repository(ctx, args.Owner, args.Name, args.FollowRenames)
}

func (d *Door) repository(ctx context.Context, login, name string, follow bool) (*repository, error) {
	r, err := d.o.Gate.Repo(ctx, &sessionOf(ctx).actor, right.RepoRead, login, name)
	if problem.Is(err, problem.NotFound) || err == nil && r.Renamed && !follow {
		err = notFound(fmt.Sprintf("Could not resolve to a Repository with the name '%s/%s'.", login, name))
	}
	if err != nil {
		return nil, err
	}
	return &repository{d: d, r: r}, nil
}

// RateLimit is the caller's limit, which the REST API shares.
func (q *root) RateLimit(ctx context.Context, _ struct{ DryRun bool }) *rateLimit {
	s := sessionOf(ctx)
	limit, remaining, reset, ok := q.d.o.State(s.r, &s.actor)
	if !ok {
		return nil
	}
	return &rateLimit{Limit: int32(limit), Remaining: int32(remaining), Used: int32(limit - remaining), ResetAt: dateTime{reset}, s: s}
}

type rateLimit struct {
	Limit, Remaining, Used int32
	ResetAt                dateTime
	s                      *session
}

// Cost is what this query takes from the limit.
func (rateLimit) Cost() int32 { return 1 }

// NodeCount is how many nodes the query has asked for so far.
func (r *rateLimit) NodeCount() int32 { return int32(maxNodes - r.s.nodes.Load()) }

// Meta is about the host.
func (q *root) Meta() metadata { return metadata{} }

type metadata struct{}

// GitHubServicesSha is the version of GitHub's services; here there are none.
func (metadata) GitHubServicesSha() oid { return oid(strings.Repeat("0", 40)) }

// IsPasswordAuthenticationVerifiable is false: passwords are for the pages alone.
func (metadata) IsPasswordAuthenticationVerifiable() bool { return false }

// Node finds a thing by its id.
func (q *root) Node(ctx context.Context, args struct{ ID gql.ID }) (*node, error) {
	if sessionOf(ctx).nodes.Add(-1) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query asks for too many nodes."}
	}
	missing := notFound(fmt.Sprintf("Could not resolve to a node with the global id of '%.100s'", args.ID))
	kind, key, ok := httpkit.ParseNodeID(string(args.ID))
	if !ok {
		return nil, missing
	}
	n, err := q.find(ctx, kind, key)
	if problem.Is(err, problem.NotFound) || n == nil && err == nil {
		err = missing
	}
	if err != nil {
		return nil, err
	}
	return &node{n}, nil
}

// Nodes finds several things by their ids.
func (q *root) Nodes(ctx context.Context, args struct{ IDs []gql.ID }) ([]*node, error) {
	if len(args.IDs) > maxIDs {
		return nil, &failure{"ARGUMENT_LIMIT", fmt.Sprintf("You may not provide more than %d node ids; you provided %d.", maxIDs, len(args.IDs))}
	}
	out := make([]*node, len(args.IDs))
	for i, one := range args.IDs {
		n, err := q.Node(ctx, struct{ ID gql.ID }{one})
		if _, missing := err.(*failure); err != nil && !missing {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// find returns nil for a kind that has no nodes here.
func (q *root) find(ctx context.Context, kind, key string) (identified, error) {
	switch kind {
	case "User", "Organization", "Bot":
		n, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return nil, nil
		}
		a, err := q.d.o.Accounts.Known(ctx, q.d.o.DB, id.Account(n))
		if err != nil || kindOf(&a) != kind {
			return nil, err
		}
		if ok, err := q.d.seen(ctx, &a); err != nil || !ok {
			return nil, err
		}
		switch kind {
		case "Organization":
			return &organization{profile{q.d, a}}, nil
		case "Bot":
			return &bot{profile{q.d, a}}, nil
		}
		return &user{profile{q.d, a}}, nil
	case "Repository":
		return one(q.d.repositoryByID(ctx, key))
	case "Ref", "Commit", "Tree", "Blob", "Tag":
		number, name, _ := strings.Cut(key, ":")
		r, err := q.d.repositoryByID(ctx, number)
		if err != nil {
			return nil, err
		}
		if kind == "Ref" {
			return one(r.Ref(ctx, struct{ QualifiedName string }{name}))
		}
		v := oid(name)
		found, err := r.Object(ctx, struct {
			Expression *string
			Oid        *oid
		}{Oid: &v})
		if found == nil || err != nil {
			return nil, err
		}
		return found.someObject, nil
	}
	return nil, nil
}

// one keeps a nil of a concrete type from becoming an interface that is not nil.
func one[T any, P interface {
	*T
	identified
}](v P, err error) (identified, error) {
	if v == nil || err != nil {
		return nil, err
	}
	return v, nil
}

// repositoryByID asks the gate by the name of today.
func (d *Door) repositoryByID(ctx context.Context, number string) (*repository, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, problem.New(problem.NotFound, "Not Found", "")
	}
	r, err := d.o.Repos.ByID(ctx, d.o.DB, id.Repo(n))
	if err != nil {
		return nil, err
	}
	var found gate.Repo
	if found, err = d.o.Gate.Repo(ctx, &sessionOf(ctx).actor, right.RepoRead, r.OwnerLogin, r.Name); err != nil {
		return nil, err
	}
	return &repository{d: d, r: found}, nil
}

// identified is anything that has an id.
type identified interface{ ID() gql.ID }

// node is the interface Node.
type node struct{ identified }

// ToUser is for fragments on User.
func (n *node) ToUser() (*user, bool) { v, ok := n.identified.(*user); return v, ok }

// ToOrganization is for fragments on Organization.
func (n *node) ToOrganization() (*organization, bool) {
	v, ok := n.identified.(*organization)
	return v, ok
}

// ToRepository is for fragments on Repository.
func (n *node) ToRepository() (*repository, bool) { v, ok := n.identified.(*repository); return v, ok }

// ToRepositoryTopic is for fragments on RepositoryTopic.
func (n *node) ToRepositoryTopic() (*repositoryTopic, bool) {
	v, ok := n.identified.(*repositoryTopic)
	return v, ok
}

// ToRef is for fragments on Ref.
func (n *node) ToRef() (*ref, bool) { v, ok := n.identified.(*ref); return v, ok }

// ToCommit is for fragments on Commit.
func (n *node) ToCommit() (*commit, bool) { v, ok := n.identified.(*commit); return v, ok }

// ToTree is for fragments on Tree.
func (n *node) ToTree() (*tree, bool) { v, ok := n.identified.(*tree); return v, ok }

// ToBlob is for fragments on Blob.
func (n *node) ToBlob() (*blob, bool) { v, ok := n.identified.(*blob); return v, ok }

// ToTag is for fragments on Tag.
func (n *node) ToTag() (*tag, bool) { v, ok := n.identified.(*tag); return v, ok }

// key names an object within its repository.
func key(r *repository, o object.ID) string { return fmt.Sprintf("%d:%s", r.r.ID, o) }
