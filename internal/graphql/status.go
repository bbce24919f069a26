package graphql

import (
	"context"
	"strings"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/commitstatus"
	"jeton/internal/httpkit"
	"jeton/internal/right"
)

// maxContexts is how many contexts of one commit an answer has.
const maxContexts = 1000

// status answers the fields of Status: what was said of a commit as a whole.
type status struct {
	commit *commit
	all    commitstatus.Combined
}

// Status is nil where nobody said anything, as on GitHub.
func (c *commit) Status(ctx context.Context) (*status, error) {
	d, s := c.repo.d, sessionOf(ctx)
	if s.nodes.Add(-1) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query asks for too many nodes."}
	}
	if err := d.o.Gate.CheckRepo(&s.actor, right.StatusRead, &c.repo.r); err != nil {
		return nil, err
	}
	sha := string(c.c.ID)
	found, err := d.o.Statuses.Combine(ctx, d.o.DB, c.repo.r.ID, sha)
	all, ok := found[sha]
	if err != nil || !ok {
		return nil, err
	}
	return &status{c, all}, nil
}

// Commit is what it is about.
func (s *status) Commit() *commit { return s.commit }

// State is the worst of all contexts.
func (s *status) State() string { return stateOf(s.all.State) }

func stateOf(s commitstatus.State) string { return strings.ToUpper(string(s)) }

// Contexts are the last words of each context.
func (s *status) Contexts(ctx context.Context) ([]*statusContext, error) {
	d := s.commit.repo.d
	if sessionOf(ctx).nodes.Add(-int64(min(s.all.Contexts, maxContexts))) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query asks for too many nodes."}
	}
	list, _, err := d.o.Statuses.Latest(ctx, d.o.DB, s.commit.repo.r.ID, string(s.commit.c.ID), 1, maxContexts)
	out := make([]*statusContext, len(list))
	for i := range list {
		out[i] = &statusContext{s.commit, list[i]}
	}
	return out, err
}

// Context is one of them.
func (s *status) Context(ctx context.Context, args struct{ Name string }) (*statusContext, error) {
	all, err := s.Contexts(ctx)
	for _, one := range all {
		if one.s.Context == args.Name {
			return one, err
		}
	}
	return nil, err
}

// statusContext answers the fields of StatusContext.
type statusContext struct {
	commit *commit
	s      commitstatus.Status
}

// ID is the global identifier, the same as the REST API's.
func (s *statusContext) ID() gql.ID { return gql.ID(httpkit.NodeID("StatusContext", int64(s.s.ID))) }

// Commit is what it is about.
func (s *statusContext) Commit() *commit { return s.commit }

// Context is who speaks, as "ci/build".
func (s *statusContext) Context(ctx context.Context) (string, error) { return words(ctx, s.s.Context) }

// State is what was said.
func (s *statusContext) State() string { return stateOf(s.s.State) }

// Description is what was said, in words.
func (s *statusContext) Description(ctx context.Context) (*string, error) {
	return optionalWords(ctx, s.s.Description)
}

// TargetURL is where there is more.
func (s *statusContext) TargetURL(ctx context.Context) (*uri, error) {
	at, err := words(ctx, s.s.TargetURL)
	return optional(uri(at)), err
}

// CreatedAt is when it was said.
func (s *statusContext) CreatedAt() dateTime { return dateTime{s.s.CreatedAt} }

// AvatarURL is a picture of who said it.
func (s *statusContext) AvatarURL(sized) *uri {
	return optional(avatarOf(s.commit.repo.d, s.s.Creator))
}

// Creator is who said it.
func (s *statusContext) Creator(ctx context.Context) (*actor, error) {
	return s.commit.repo.d.actorByID(ctx, s.s.Creator)
}
