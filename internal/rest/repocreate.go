package rest

import (
	"context"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// createInput is the part of GitHub's body that means something here.
type createInput struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Private     *bool   `json:"private"`
	Visibility  *string `json:"visibility"`
	Format      string  `json:"object_format"`
	Homepage    string  `json:"homepage"`
	IsTemplate  bool    `json:"is_template"`
	AutoInit    bool    `json:"auto_init"`
	Team        *int64  `json:"team_id"`
	Gitignore   string  `json:"gitignore_template"`
	License     string  `json:"license_template"`
}

// offered refuses what GitHub makes files of and this host has none for.
func (in *createInput) offered() error {
	if in.Gitignore != "" {
		return problem.Field("gitignore_template", "there are no templates of .gitignore here; add the file yourself")
	}
	if in.License != "" {
		return problem.Field("license_template", "there are no templates of licenses here; add the file yourself")
	}
	return nil
}

func (d *Door) createRepo(c *call) (any, error) { return d.create(c, c.actor.Account) }

// create makes a repository of the caller's own, or of the organisation that was
// loaded.
func (d *Door) create(c *call, owner id.Account) (any, error) {
	var in createInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	asked, err := visibility(in.Private, in.Visibility)
	if err == nil {
		err = in.offered()
	}
	if err != nil {
		return nil, err
	}
	private := asked == nil || *asked // unlike on GitHub: nothing is public unless somebody says so
	if err := c.mayCreate(owner, private); err != nil {
		return nil, err
	}
	r, err := d.o.Lifecycle.CreateRepo(c.r.Context(), c.actor, repo.NewRepo{
		Owner: owner, Name: in.Name, Description: in.Description, Private: private, Format: in.Format,
		Homepage: in.Homepage, Template: in.IsTemplate})
	if err != nil {
		return nil, err
	}
	return c.created(&r, &in)
}

// created finishes what was asked for with a new repository. When that fails
// there is none.
func (c *call) created(r *repo.Repo, in *createInput) (any, error) {
	c.repo = gate.Repo{Repo: *r, Relation: right.Admin}
	err := c.shareNew(in.Team)
	if err == nil && in.AutoInit {
		err = c.firstCommit()
	}
	if err != nil {
		_ = c.door.o.Lifecycle.DeleteRepo(context.WithoutCancel(c.ctx()), right.Operator(), r.ID) // the error that is told is the first one
		return nil, err
	}
	if now, err := c.door.o.Repos.ByID(c.ctx(), c.door.o.DB, r.ID); err == nil {
		r = &now // with what was pushed
	}
	out := c.repository(r, right.Admin)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// shareNew gives a team of the organisation what was made for it.
func (c *call) shareNew(team *int64) error {
	if team == nil {
		return nil
	}
	t, err := c.door.o.Orgs.TeamByID(c.ctx(), c.door.o.DB, c.repo.Owner, id.Team(*team), c.actor.Account)
	if err != nil || t.Level == right.None {
		return problem.Field("team_id", "there is no such team in this organization")
	}
	return c.door.o.Orgs.SetTeamRepo(c.ctx(), c.actor, t.Team, c.repo.ID, right.Write)
}

// firstCommit puts a README on the default branch, by the flow of every push.
func (c *call) firstCommit() error {
	c.action = right.RepoPush
	d, err := c.draft()
	if err != nil {
		return err
	}
	defer d.Close()
	text := "# " + c.repo.Name + "\n"
	if c.repo.Description != "" {
		text += c.repo.Description + "\n"
	}
	edit := gitstore.Edit{Path: "README.md", Mode: object.ModeFile}
	if edit.ID, err = d.Add(object.KindBlob, []byte(text)); err != nil {
		return err
	}
	n := newCommit{message: "Initial commit"}
	if n.author, n.committer, err = c.signatures(nil, nil); err != nil {
		return err
	}
	if n.tree, err = d.EditTree("", []gitstore.Edit{edit}); err != nil {
		return err
	}
	commit, err := n.add(d)
	if err != nil {
		return err
	}
	return c.move(d, false, wire.Update{Name: "refs/heads/" + c.repo.DefaultBranch, Old: d.Format().Zero(), New: commit.ID})
}

// mayCreate asks about a repository of the caller's own, or of the organisation
// that was loaded.
func (c *call) mayCreate(owner id.Account, private bool) error {
	ofOrg := c.org.ID != 0 && c.org.ID == owner
	switch {
	case ofOrg && private:
		return c.alsoOrg(right.OrgCreateRepoPrivate)
	case ofOrg:
		return c.alsoOrg(right.OrgCreateRepo)
	case private:
		return c.door.o.Gate.Check(&c.actor, right.RepoCreatePrivate)
	}
	return c.door.o.Gate.Check(&c.actor, right.RepoCreate)
}
