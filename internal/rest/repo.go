package rest

import (
	"net/http"

	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) repoRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}", right.RepoRead, d.getRepo, "Get a repository", doc{out: repositoryFull{}}},
		{patch, "/repos/{owner}/{repo}", right.RepoRead, d.patchRepo, "Update a repository", doc{in: patchInput{}, out: repositoryFull{}}},
		{del, "/repos/{owner}/{repo}", right.RepoDelete, d.deleteRepo, "Delete a repository", doc{}},
		{get, "/repositories", right.SiteBrowse, d.listPublic, "List public repositories", doc{query: "since", out: []repository{}}},
		{get, "/repositories/{repository_id}", right.RepoRead, d.getRepo, "Get a repository by its number", doc{out: repositoryFull{}}},
		{get, "/user/repos", right.SelfRead, d.listOwnRepos, "List repositories for the authenticated user",
			doc{query: "visibility affiliation type sort direction since before page per_page", out: []repository{}}},
		{post, "/user/repos", right.RepoCreate, d.createRepo, "Create a repository for the authenticated user",
			doc{in: createInput{}, out: repository{}, code: http.StatusCreated}},
		{get, "/users/{username}/repos", right.SiteBrowse, d.listLoginRepos, "List repositories for a user",
			doc{query: "type sort direction page per_page", out: []repository{}}},
	}
}

// repository is GitHub's "repository" with the fields that mean something here
// or that clients insist on.
type repository struct {
	repositoryURLs
	ID               int64            `json:"id"`
	NodeID           string           `json:"node_id"`
	Name             string           `json:"name"`
	FullName         string           `json:"full_name"`
	Private          bool             `json:"private"`
	Owner            simpleUser       `json:"owner"`
	HTMLURL          string           `json:"html_url"`
	Description      *string          `json:"description"`
	Fork             bool             `json:"fork"`
	URL              string           `json:"url"`
	GitURL           string           `json:"git_url"`
	SSHURL           string           `json:"ssh_url"`
	CloneURL         string           `json:"clone_url"`
	SVNURL           string           `json:"svn_url"`
	MirrorURL        *string          `json:"mirror_url"`
	Homepage         *string          `json:"homepage"`
	Size             int64            `json:"size"`
	StargazersCount  int              `json:"stargazers_count"`
	WatchersCount    int              `json:"watchers_count"`
	Watchers         int              `json:"watchers"`
	Language         *string          `json:"language"`
	HasIssues        bool             `json:"has_issues"`
	HasProjects      bool             `json:"has_projects"`
	HasDownloads     bool             `json:"has_downloads"`
	HasWiki          bool             `json:"has_wiki"`
	HasPages         bool             `json:"has_pages"`
	HasDiscussions   bool             `json:"has_discussions"`
	ForksCount       int              `json:"forks_count"`
	Forks            int              `json:"forks"`
	Archived         bool             `json:"archived"`
	Disabled         bool             `json:"disabled"`
	OpenIssuesCount  int              `json:"open_issues_count"`
	OpenIssues       int              `json:"open_issues"`
	License          *struct{}        `json:"license"`
	AllowForking     bool             `json:"allow_forking"`
	IsTemplate       bool             `json:"is_template"`
	Topics           []string         `json:"topics"`
	Visibility       string           `json:"visibility"`
	DefaultBranch    string           `json:"default_branch"`
	CreatedAt        *string          `json:"created_at"`
	UpdatedAt        *string          `json:"updated_at"`
	PushedAt         *string          `json:"pushed_at"`
	NetworkCount     int              `json:"network_count"`
	SubscribersCount int              `json:"subscribers_count"`
	Permissions      *repoPermissions `json:"permissions,omitempty"`
}

type repoPermissions struct {
	Admin    bool `json:"admin"`
	Maintain bool `json:"maintain"`
	Push     bool `json:"push"`
	Triage   bool `json:"triage"`
	Pull     bool `json:"pull"`
}

func (c *call) repository(r *repo.Repo, relation right.Level) repository {
	g := c.door.o.Gate
	page := g.URL("/" + r.FullName())
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	u := c.url("/repos/" + r.FullName())
	pushed := r.PushedAt
	if pushed.IsZero() {
		pushed = r.CreatedAt // as GitHub, whose clients want a time
	}
	out := repository{
		repositoryURLs: urlsOf(u),
		ID:             int64(r.ID), NodeID: httpkit.NodeID("Repository", int64(r.ID)), Name: r.Name, FullName: r.FullName(), Private: r.Private,
		Owner: c.ownerOf(r), HTMLURL: page, Description: optional(r.Description),
		URL: u, CloneURL: page + ".git", GitURL: page + ".git", SSHURL: page + ".git", SVNURL: page,
		Homepage: optional(r.Homepage), Fork: r.ForkOf != 0, IsTemplate: r.Template, AllowForking: !r.NoForking,
		Size: r.Size, Archived: r.Archived, Topics: append([]string{}, r.TopicList()...), Visibility: visibility, DefaultBranch: r.DefaultBranch,
		CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt), PushedAt: stamp(pushed),
	}
	if !c.actor.IsAnonymous() {
		out.Permissions = &repoPermissions{Admin: relation >= right.Admin, Maintain: relation >= right.Admin, Push: relation >= right.Write, Triage: relation >= right.Write, Pull: true}
	}
	return out
}

// ownerOf is the account that owns r.
func (c *call) ownerOf(r *repo.Repo) simpleUser {
	if r.OwnerIsOrg {
		return c.orgAsUser(int64(r.Owner), r.OwnerLogin)
	}
	return c.simpleUser(int64(r.Owner), r.OwnerLogin, false)
}

func (d *Door) getRepo(c *call) (any, error) {
	c.changed(c.repo.UpdatedAt)
	return c.full(&c.repo.Repo, c.repo.Relation)
}

// patchInput is the part of GitHub's body that means something here.
type patchInput struct {
	Name          *string `json:"name"`
	Description   *string `json:"description"`
	Private       *bool   `json:"private"`
	Visibility    *string `json:"visibility"`
	Archived      *bool   `json:"archived"`
	DefaultBranch *string `json:"default_branch"`
	Homepage      *string `json:"homepage"`
	IsTemplate    *bool   `json:"is_template"`
	AllowForking  *bool   `json:"allow_forking"`
}

// actions are what the gate must allow for the body, besides seeing the
// repository: each setting has its own.
func (in *patchInput) actions(r *repo.Repo) []right.Action {
	var out []right.Action
	if in.Name != nil || in.Description != nil || in.DefaultBranch != nil || in.Homepage != nil || in.IsTemplate != nil || in.AllowForking != nil || (in.Archived != nil && *in.Archived) {
		out = append(out, right.RepoEdit)
	}
	if in.Archived != nil && !*in.Archived && r.Archived {
		out = append(out, right.RepoUnarchive)
	}
	if in.Private != nil && *in.Private != r.Private {
		out = append(out, right.RepoVisibility)
	}
	return out
}

func (d *Door) patchRepo(c *call) (any, error) {
	// The right to change anything comes before a word about the body.
	if err := c.also(right.RepoUnarchive); err != nil {
		return nil, err
	}
	var in patchInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var err error
	if in.Private, err = visibility(in.Private, in.Visibility); err != nil {
		return nil, err
	}
	for _, a := range in.actions(&c.repo.Repo) {
		if err := c.also(a); err != nil {
			return nil, err
		}
	}
	p := repo.Patch{Name: in.Name, Description: in.Description, Private: in.Private, Archived: in.Archived, DefaultBranch: in.DefaultBranch,
		Homepage: in.Homepage, Template: in.IsTemplate}
	if in.AllowForking != nil {
		if !c.repo.OwnerIsOrg || !c.repo.Private {
			return nil, problem.Field("allow_forking", "allow_forking is a setting of an organization's private repositories")
		}
		no := !*in.AllowForking
		p.NoForking = &no
	}
	r, err := d.o.Lifecycle.EditRepo(c.r.Context(), c.actor, c.repo.Repo, p)
	if err != nil {
		return nil, err
	}
	return c.full(&r, c.repo.Relation)
}

// visibility reads GitHub's two fields for one thing, the older of which is
// private. A word that is not known here ("internal", for one) must not be taken
// for public, and neither must a contradiction.
func visibility(private *bool, word *string) (*bool, error) {
	if word == nil {
		return private, nil
	}
	is := *word == "private"
	if !is && *word != "public" || private != nil && *private != is {
		return nil, problem.Field("visibility", "visibility must be public or private, and agree with private")
	}
	return &is, nil
}

func (d *Door) deleteRepo(c *call) (any, error) {
	return nil, d.o.Lifecycle.DeleteRepo(c.r.Context(), c.actor, c.repo.ID)
}

func (d *Door) listOwnRepos(c *call) (any, error) {
	q := c.r.URL.Query()
	query, err := repo.UserFilter{Visibility: q.Get("visibility"), Affiliation: q.Get("affiliation"), Type: q.Get("type"),
		Sort: q.Get("sort"), Direction: q.Get("direction"), Since: q.Get("since"), Before: q.Get("before")}.Query()
	if err != nil {
		return nil, err
	}
	c.door.o.Gate.Listed(&c.actor)
	return c.list(query)
}

func (d *Door) listLoginRepos(c *call) (any, error) {
	a, err := c.shownByLogin()
	if err != nil {
		return nil, err
	}
	q := c.r.URL.Query()
	query, err := repo.OwnerFilter{Type: q.Get("type"), Sort: q.Get("sort"), Direction: q.Get("direction")}.Query(a.ID)
	if err != nil {
		return nil, err
	}
	return c.list(query)
}

func (c *call) list(query repo.Query) (any, error) {
	query.Page, query.PerPage = c.page()
	query.Closed = c.door.o.Gate.Closed()
	found, total, err := c.door.o.Repos.ListVisible(c.r.Context(), c.door.o.DB, &c.actor, query)
	if err != nil {
		return nil, err
	}
	c.link(query.Page, query.PerPage, total)
	out := make([]repository, len(found))
	for i := range found {
		out[i] = c.repository(&found[i].Repo, found[i].Relation)
	}
	return out, nil
}
