package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) forkRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}/forks", right.RepoRead, d.listForks, "List forks", doc{query: "sort page per_page", out: []repository{}}},
		{post, "/repos/{owner}/{repo}/forks", right.RepoFork, d.forkRepo, "Create a fork", doc{in: forkInput{}, out: repositoryFull{}, code: http.StatusAccepted}},
		{post, "/repos/{owner}/{repo}/generate", right.RepoFork, d.generateRepo, "Create a repository using a template", doc{in: generateInput{}, out: repositoryFull{}, code: http.StatusCreated}},
		{post, "/repos/{owner}/{repo}/transfer", right.RepoTransfer, d.transferRepo, "Transfer a repository", doc{in: transferInput{}, out: repository{}, code: http.StatusAccepted}},
	}
}

func (d *Door) listForks(c *call) (any, error) {
	q := repo.Query{Fork: c.repo.ID, Sort: repo.SortCreated, Descending: true}
	switch c.query("sort") {
	case "", "newest", "stargazers", "watchers":
	case "oldest":
		q.Descending = false
	default:
		return nil, problem.Field("sort", "sort must be newest, oldest, stargazers or watchers")
	}
	return c.list(q)
}

type forkInput struct {
	Organization      string `json:"organization"`
	Name              string `json:"name"`
	DefaultBranchOnly bool   `json:"default_branch_only"`
}

// forkRepo answers with the fork that the owner has already, if there is one.
func (d *Door) forkRepo(c *call) (any, error) {
	var in forkInput
	if err := c.decodeOptional(&in); err != nil {
		return nil, err
	}
	owner, err := c.newOwner(in.Organization, c.repo.Private)
	if err != nil {
		return nil, err
	}
	if owner == c.repo.Owner {
		return nil, status(http.StatusForbidden, "The owner of a repository can't fork it for itself.")
	}
	if name, err := d.o.Repos.ForkOf(c.ctx(), d.o.DB, c.repo.ID, owner); err == nil {
		return c.fullByID(name)
	} else if !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	n := repo.NewRepo{Owner: owner, Name: in.Name, Description: c.repo.Description, Private: c.repo.Private}
	names := []string{in.Name}
	if in.Name == "" {
		names = []string{c.repo.Name, c.repo.Name + "-1", c.repo.Name + "-2", c.repo.Name + "-3"} // as GitHub, when a name is taken
	}
	return d.bulk(func(c *call) (any, error) {
		return c.copyTo(n, names, gitstore.Fork{DefaultBranchOnly: in.DefaultBranchOnly})
	})(c)
}

// newOwner is the caller, or the organisation of that login when it lets the
// caller create such a repository.
func (c *call) newOwner(login string, private bool) (id.Account, error) {
	if login == "" || strings.EqualFold(login, c.actor.Login) {
		return c.actor.Account, c.mayCreate(c.actor.Account, private)
	}
	o, err := c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgCreateSome, login)
	if err != nil {
		if denied, ok := errors.AsType[*gate.Denied](err); ok && denied.Reason == right.Hidden {
			return 0, problem.Field("organization", "there is no organization of that name")
		}
		return 0, err
	}
	c.org = o
	return o.ID, c.mayCreate(o.ID, private)
}

// copyTo makes a copy under the first name that is free.
func (c *call) copyTo(n repo.NewRepo, names []string, how gitstore.Fork) (any, error) {
	again := func(ctx context.Context) error { return c.again(ctx) }
	var err error
	for _, name := range names {
		n.Name = name
		var made repo.Repo
		if made, err = c.door.o.Lifecycle.ForkRepo(c.ctx(), c.actor, c.repo.Repo, n, how, again); err == nil {
			return c.fullByID(made.ID)
		}
		if problem.Of(err).Field != "name" {
			break
		}
	}
	return nil, err
}

func (c *call) fullByID(n id.Repo) (any, error) {
	r, err := c.door.o.Repos.FindByID(c.ctx(), c.door.o.DB, n, c.actor.Account)
	if err != nil {
		return nil, err
	}
	return c.full(&r.Repo, r.Relation)
}

type generateInput struct {
	Owner       string `json:"owner"`
	Name        string `json:"name"`
	Description string `json:"description"`
	AllBranches bool   `json:"include_all_branches"`
	Private     *bool  `json:"private"`
}

// generateRepo makes a repository with the files of a template.
func (d *Door) generateRepo(c *call) (any, error) {
	var in generateInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	private := in.Private == nil || *in.Private
	owner, err := c.newOwner(in.Owner, private)
	if err != nil {
		return nil, err
	}
	n := repo.NewRepo{Owner: owner, Name: in.Name, Description: in.Description, Private: private}
	return d.bulk(func(c *call) (any, error) {
		made, err := d.o.Lifecycle.FromTemplate(c.ctx(), c.actor, c.repo.Repo, n, in.AllBranches, c.again)
		if err != nil {
			return nil, err
		}
		return c.fullByID(made.ID)
	})(c)
}

type transferInput struct {
	NewOwner string  `json:"new_owner"`
	NewName  string  `json:"new_name"`
	Teams    []int64 `json:"team_ids"`
}

// mayGive asks whether the caller's credential is good for a new repository of
// the account that is to receive this one. Whether that account takes it is for
// the transfer to say.
func (c *call) mayGive(login string) error {
	to, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, login)
	if problem.Is(err, problem.NotFound) || err == nil && !to.IsOrg() && to.ID != c.actor.Account {
		return nil // nobody, or somebody who will be asked
	}
	if err == nil {
		_, err = c.newOwner(login, c.repo.Private)
	}
	if denied, ok := errors.AsType[*gate.Denied](err); ok && denied.Reason != right.GrantMissing && denied.Reason != right.OutOfPolicy {
		return nil
	}
	return err
}

// sharedWith finds the teams of an organisation with which the caller may share
// what it is given, before anything has moved.
func (c *call) sharedWith(login string, numbers []int64) ([]gate.Team, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	if len(numbers) > maxNamed {
		return nil, problem.Field("team_ids", "team_ids has at most "+strconv.Itoa(maxNamed)+" entries")
	}
	of, err := c.door.o.Gate.Org(c.ctx(), &c.actor, right.OrgBrowse, login)
	if problem.Is(err, problem.NotFound) {
		return nil, problem.Field("team_ids", "only an organization has teams")
	}
	if err != nil {
		return nil, err
	}
	out := make([]gate.Team, len(numbers))
	for i, n := range numbers {
		found, err := c.door.o.Orgs.TeamByID(c.ctx(), c.door.o.DB, of.ID, id.Team(n), c.actor.Account)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return nil, err
		}
		out[i] = gate.Team{FoundTeam: found, Of: of}
		if err := c.door.o.Gate.CheckTeam(&c.actor, right.TeamShare, &out[i]); problem.Is(err, problem.NotFound) {
			return nil, problem.Field("team_ids", "there is no such team in this organization")
		} else if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// transferRepo answers before a person who is asked has consented, as GitHub does.
func (d *Door) transferRepo(c *call) (any, error) {
	var in transferInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := c.mayGive(in.NewOwner); err != nil {
		return nil, err
	}
	teams, err := c.sharedWith(in.NewOwner, in.Teams)
	if err != nil {
		return nil, err
	}
	r, _, err := d.o.Lifecycle.TransferRepo(c.ctx(), c.actor, c.repo.ID, in.NewOwner, in.NewName)
	if err != nil {
		return nil, err
	}
	for _, t := range teams {
		if err := d.o.Orgs.SetTeamRepo(c.ctx(), c.actor, t.Team, r.ID, right.Read); err != nil {
			return nil, err
		}
	}
	now, err := d.o.Repos.FindByID(c.ctx(), d.o.DB, r.ID, c.actor.Account)
	if err != nil {
		return nil, err
	}
	return c.repository(&now.Repo, now.Relation), nil
}
