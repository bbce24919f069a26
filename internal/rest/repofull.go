package rest

import (
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// repositoryFull is GitHub's "full repository": with where it comes from.
type repositoryFull struct {
	repository
	Organization       *simpleUser `json:"organization,omitempty"`
	TemplateRepository *repository `json:"template_repository"`
	Parent             *repository `json:"parent,omitempty"`
	Source             *repository `json:"source,omitempty"`
}

// full adds what only the answer about one repository has. What the caller may
// not read is left out.
func (c *call) full(r *repo.Repo, relation right.Level) (any, error) {
	out := repositoryFull{repository: c.repository(r, relation)}
	if r.OwnerIsOrg {
		o := c.ownerOf(r)
		out.Organization = &o
	}
	forks, err := c.door.o.Repos.CountForks(c.ctx(), c.door.o.DB, &c.actor, r.ID, c.door.o.Gate.Closed())
	if err != nil {
		return nil, err
	}
	out.Forks, out.ForksCount, out.NetworkCount = forks, forks, forks
	out.Parent = c.readable(r.ForkOf)
	if out.Parent != nil {
		out.Source = c.sourceOf(r.ForkOf)
	}
	out.TemplateRepository = c.readable(r.TemplateOf)
	return out, nil
}

// readable is a repository by its number, or nil when there is none that the
// caller may read. A broken database shows itself elsewhere.
func (c *call) readable(n id.Repo) *repository {
	if n == 0 {
		return nil
	}
	r, err := c.door.o.Gate.RepoByID(c.ctx(), &c.actor, right.RepoRead, n)
	if err != nil {
		return nil
	}
	out := c.repository(&r.Repo, r.Relation)
	return &out
}

// maxDepth bounds the way to the first of a chain of forks.
const maxDepth = 16

// sourceOf is the first of a chain of forks, as far as the caller may follow it.
func (c *call) sourceOf(parent id.Repo) *repository {
	var last *gate.Repo
	for n, i := parent, 0; n != 0 && i < maxDepth; i++ {
		r, err := c.door.o.Gate.RepoByID(c.ctx(), &c.actor, right.RepoRead, n)
		if err != nil {
			break
		}
		last, n = &r, r.ForkOf
	}
	if last == nil {
		return nil
	}
	out := c.repository(&last.Repo, last.Relation)
	return &out
}
