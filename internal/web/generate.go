package web

import "jeton/internal/repo"

// generatePage is the form for a repository with the files of a template.
type generatePage struct {
	RepoFrame
	Name, Description            string
	DefaultBranch                string
	Public, Closed, All          bool
	OriginPrivate, OneBranchOnly bool // seen by few; there is nothing to choose from
	Owners                       []ownerOption
}

func (c *call) generatePage() (*generatePage, error) {
	p := &generatePage{RepoFrame: c.repoFrame("Use "+c.repo.FullName()+" as a template", "code"), DefaultBranch: line(c.repo.DefaultBranch),
		Closed: c.door.o.Gate.Closed(), OriginPrivate: c.repo.Private}
	refs, err := c.door.o.Git.Repo(c.repo.ID).Refs(c.ctx())
	if err != nil {
		return nil, err
	}
	p.OneBranchOnly = len(refs.Branches()) <= 1
	p.Owners, err = c.owners(c.field("owner"))
	return p, err
}

func generateForm(c *call) error {
	if !c.repo.Template {
		return c.done("This repository is no template.", c.repoPath(""))
	}
	p, err := c.generatePage()
	if err != nil {
		return err
	}
	return c.show("generate", p)
}

func generateRepo(c *call) error {
	p, err := c.generatePage()
	if err != nil {
		return err
	}
	p.Name, p.Description, p.Public, p.All = c.field("name"), c.field("description"), c.field("visibility") == "public", c.field("branches") == "all"
	owner, err := c.newOwner(p.Public)
	if err != nil {
		return c.again(err, "generate", p)
	}
	leave, err := c.enterGate(c.door.heavy)
	if err != nil {
		return err
	}
	defer leave()
	n := repo.NewRepo{Owner: owner.ID, Name: p.Name, Description: p.Description, Private: !p.Public}
	made, err := c.door.o.Lifecycle.FromTemplate(c.ctx(), c.actor, c.repo.Repo, n, p.All, c.still)
	if err != nil {
		return c.again(err, "generate", p)
	}
	return c.done("Made "+made.FullName()+" from "+c.repo.FullName()+".", "/"+made.FullName())
}
