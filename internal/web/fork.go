package web

import (
	"context"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// forkPage is the form for a fork.
type forkPage struct {
	RepoFrame
	Name, Description         string
	DefaultBranch             string
	Public, Closed, OnlyMain  bool
	OriginPrivate, OriginBare bool // seen by few; without anything in it
	Owners                    []ownerOption
}

func (c *call) forkPage() *forkPage {
	p := &forkPage{RepoFrame: c.repoFrame("Fork "+c.repo.FullName(), "code"), Name: c.repo.Name, Description: c.repo.Description,
		DefaultBranch: line(c.repo.DefaultBranch), Public: !c.repo.Private, Closed: c.door.o.Gate.Closed(),
		OriginPrivate: c.repo.Private, OriginBare: c.repo.PushedAt.IsZero()}
	if c.repo.Owner == c.actor.Account {
		p.Name = "" // one's own is there already
	}
	return p
}

func forkForm(c *call) error {
	p := c.forkPage()
	var err error
	if p.Owners, err = c.owners(""); err != nil {
		return err
	}
	return c.show("fork", p)
}

func forkRepo(c *call) error {
	p := c.forkPage()
	p.Name, p.Description, p.Public, p.OnlyMain = c.field("name"), c.field("description"), c.field("visibility") == "public", c.field("branches") == "default"
	var err error
	if p.Owners, err = c.owners(c.field("owner")); err != nil {
		return err
	}
	owner, err := c.newOwner(p.Public)
	if err != nil {
		return c.again(err, "fork", p)
	}
	n := repo.NewRepo{Owner: owner.ID, Name: p.Name, Description: p.Description, Private: !p.Public}
	leave, err := c.enterGate(c.door.heavy)
	if err != nil {
		return err
	}
	defer leave()
	again := func(ctx context.Context) error {
		now, err := c.door.o.Gate.Repo(ctx, &c.actor, c.action, c.repo.OwnerLogin, c.repo.Name)
		if err != nil {
			return err
		}
		return gate.Same(&c.repo, &now)
	}
	made, err := c.door.o.Lifecycle.ForkRepo(c.ctx(), c.actor, c.repo.Repo, n, gitstore.Fork{DefaultBranchOnly: p.OnlyMain}, again)
	if err != nil {
		return c.again(err, "fork", p)
	}
	return c.done("Forked "+c.repo.FullName()+".", "/"+made.FullName())
}

// forkedFrom names what a repository was forked from, to those who may read it.
// To others, and when it is gone, it is no fork.
func (c *call) forkedFrom() string {
	if c.repo.ForkOf == 0 {
		return ""
	}
	f, err := c.door.o.Lifecycle.ForkedFrom(c.ctx(), c.repo.Repo, c.actor.Account)
	if err != nil {
		return "" // deleted meanwhile; a broken database shows itself elsewhere
	}
	origin := gate.Repo{Repo: f.Repo, Relation: f.Relation}
	if !c.door.o.Gate.Allows(&c.actor, right.RepoRead, &origin) {
		return ""
	}
	return f.FullName()
}
