package rest

import (
	"net/http"
	"strconv"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) orgRoutes() []route {
	return []route{
		{get, "/user/orgs", right.SelfOrgs, d.listOwnOrgs, "List organizations for the authenticated user", doc{query: "page per_page", out: []organizationSimple{}}},
		{get, "/users/{username}/orgs", right.SiteBrowse, d.listUserOrgs, "List organizations for a user", doc{query: "page per_page", out: []organizationSimple{}}},
		{get, "/orgs/{org}", right.OrgBrowse, d.getOrg, "Get an organization", doc{out: ownedOrganization{}}},
		{patch, "/orgs/{org}", right.OrgEdit, d.patchOrg, "Update an organization", doc{in: orgInput{}, out: ownedOrganization{}}},
		{del, "/orgs/{org}", right.OrgDelete, d.deleteOrg, "Delete an organization", doc{code: http.StatusAccepted}},
		{get, "/orgs/{org}/repos", right.OrgBrowse, d.listOrgRepos, "List organization repositories", doc{query: "type sort direction page per_page", out: []repository{}}},
		{post, "/orgs/{org}/repos", right.OrgCreateSome, d.createOrgRepo, "Create an organization repository", doc{in: createInput{}, out: repository{}, code: http.StatusCreated}},
	}
}

// orgURLs are where GitHub has what belongs to an organisation.
type orgURLs struct {
	URL              string `json:"url"`
	ReposURL         string `json:"repos_url"`
	EventsURL        string `json:"events_url"`
	HooksURL         string `json:"hooks_url"`
	IssuesURL        string `json:"issues_url"`
	MembersURL       string `json:"members_url"`
	PublicMembersURL string `json:"public_members_url"`
	AvatarURL        string `json:"avatar_url"`
}

// organizationSimple is GitHub's "organization simple".
type organizationSimple struct {
	Login  string `json:"login"`
	ID     int64  `json:"id"`
	NodeID string `json:"node_id"`
	orgURLs
	Description *string `json:"description"`
}

// organization is GitHub's "organization full"; to owners, with what members may
// do.
type organization struct {
	organizationSimple
	Name                    string  `json:"name,omitempty"`
	Blog                    string  `json:"blog,omitempty"`
	Location                string  `json:"location,omitempty"`
	Email                   string  `json:"email,omitempty"`
	TwitterUsername         *string `json:"twitter_username"`
	IsVerified              bool    `json:"is_verified"`
	HasOrganizationProjects bool    `json:"has_organization_projects"`
	HasRepositoryProjects   bool    `json:"has_repository_projects"`
	PublicRepos             int     `json:"public_repos"`
	PublicGists             int     `json:"public_gists"`
	Followers               int     `json:"followers"`
	Following               int     `json:"following"`
	HTMLURL                 string  `json:"html_url"`
	CreatedAt               *string `json:"created_at"`
	UpdatedAt               *string `json:"updated_at"`
	ArchivedAt              *string `json:"archived_at"`
	Type                    string  `json:"type"`
}

// ownedOrganization is what its owners get.
type ownedOrganization struct {
	organization
	orgPrivileges
}

// orgPrivileges are what only the organisation's owners are told.
type orgPrivileges struct {
	TotalPrivateRepos            int    `json:"total_private_repos"`
	OwnedPrivateRepos            int    `json:"owned_private_repos"`
	DiskUsage                    int64  `json:"disk_usage"`
	DefaultRepositoryPermission  string `json:"default_repository_permission"`
	MembersCanCreateRepositories bool   `json:"members_can_create_repositories"`
	MembersCanCreatePublic       bool   `json:"members_can_create_public_repositories"`
	MembersCanCreatePrivate      bool   `json:"members_can_create_private_repositories"`
	MembersAllowedCreation       string `json:"members_allowed_repository_creation_type"`
	TwoFactorRequirementEnabled  bool   `json:"two_factor_requirement_enabled"`
}

func (c *call) orgURLs(login string, n int64) orgURLs {
	u := c.url("/orgs/" + login)
	return orgURLs{URL: u, ReposURL: u + "/repos", EventsURL: u + "/events", HooksURL: u + "/hooks", IssuesURL: u + "/issues",
		MembersURL: u + "/members{/member}", PublicMembersURL: u + "/public_members{/member}", AvatarURL: c.door.o.Gate.URL("/avatars/u/" + strconv.FormatInt(n, 10))}
}

func (c *call) organizationSimple(n int64, login, description string) organizationSimple {
	return organizationSimple{Login: login, ID: n, NodeID: httpkit.NodeID("Organization", n), orgURLs: c.orgURLs(login, n), Description: optional(description)}
}

// organization loads what is counted besides.
func (c *call) organization(o *gate.Org) (organization, error) {
	usage, err := c.usage(o.Account)
	if err != nil {
		return organization{}, err
	}
	return c.organizationWith(o, usage), nil
}

func (c *call) organizationWith(o *gate.Org, usage repo.Usage) organization {
	return organization{
		organizationSimple: c.organizationSimple(int64(o.ID), o.Login, o.Bio), Name: o.Name, Blog: o.Website, Location: o.Location,
		Email: o.Contact, PublicRepos: usage.Public, HTMLURL: c.door.o.Gate.URL("/" + o.Login), CreatedAt: stamp(o.CreatedAt), UpdatedAt: stamp(o.UpdatedAt), Type: "Organization",
	}
}

func creationWord(public, private bool) string {
	switch {
	case public && private:
		return "all"
	case private:
		return "private"
	}
	return "none" // GitHub has no word for public alone
}

func (d *Door) getOrg(c *call) (any, error) {
	c.changed(c.org.UpdatedAt, c.org.ChangedAt)
	return c.orgAnswer(&c.org)
}

// orgAnswer tells owners more.
func (c *call) orgAnswer(o *gate.Org) (any, error) {
	usage, err := c.usage(o.Account)
	if err != nil {
		return nil, err
	}
	out := c.organizationWith(o, usage)
	if !c.door.o.Gate.AllowsOrg(&c.actor, right.OrgInvitations, o) {
		return out, nil
	}
	return ownedOrganization{out, orgPrivileges{TotalPrivateRepos: usage.Private, OwnedPrivateRepos: usage.Private, DiskUsage: usage.Size,
		DefaultRepositoryPermission: o.Base.String(), MembersCanCreateRepositories: o.CreatePublic || o.CreatePrivate,
		MembersCanCreatePublic: o.CreatePublic, MembersCanCreatePrivate: o.CreatePrivate, MembersAllowedCreation: creationWord(o.CreatePublic, o.CreatePrivate)}}, nil
}

// orgInput is the part of GitHub's body that means something here.
type orgInput struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Blog        *string `json:"blog"`
	Location    *string `json:"location"`
	Email       *string `json:"email"`
	Base        *string `json:"default_repository_permission"`
	Create      *bool   `json:"members_can_create_repositories"`
	Public      *bool   `json:"members_can_create_public_repositories"`
	Private     *bool   `json:"members_can_create_private_repositories"`
}

func (d *Door) patchOrg(c *call) (any, error) {
	var in orgInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := org.Patch{Contact: in.Email, CreatePublic: in.Public, CreatePrivate: in.Private}
	if in.Create != nil {
		if p.CreatePublic == nil {
			p.CreatePublic = in.Create
		}
		if p.CreatePrivate == nil {
			p.CreatePrivate = in.Create
		}
	}
	if in.Base != nil {
		level, ok := right.ParseLevel(*in.Base)
		if !ok && *in.Base != "none" {
			return nil, problem.Field("default_repository_permission", "default_repository_permission must be none, read, write or admin")
		}
		p.Base = &level
	}
	profile := account.Profile{Name: or(in.Name, c.org.Name), Bio: or(in.Description, c.org.Bio), Location: or(in.Location, c.org.Location), Website: or(in.Blog, c.org.Website)}
	if _, err := d.o.Accounts.UpdateProfile(c.r.Context(), c.actor, c.org.ID, profile); err != nil {
		return nil, err
	}
	if err := d.o.Orgs.Update(c.r.Context(), c.actor, c.org.ID, p); err != nil {
		return nil, err
	}
	now, err := d.o.Orgs.ByID(c.r.Context(), d.o.DB, c.org.ID, c.actor.Account)
	if err != nil {
		return nil, err
	}
	return c.orgAnswer(&gate.Org{Found: now})
}

func (d *Door) deleteOrg(c *call) (any, error) {
	return struct{}{}, d.o.Lifecycle.DeleteOrg(c.r.Context(), c.actor, c.org.ID)
}

func (d *Door) listOwnOrgs(c *call) (any, error) {
	list, err := d.o.Orgs.Of(c.r.Context(), d.o.DB, c.actor.Account, false, false)
	if err != nil {
		return nil, err
	}
	return c.orgsOf(c.told(list)), nil
}

// listUserOrgs lists what the person shows to everybody, whoever asks.
func (d *Door) listUserOrgs(c *call) (any, error) {
	a, err := c.shownByLogin()
	if err != nil {
		return nil, err
	}
	list, err := d.o.Orgs.Of(c.r.Context(), d.o.DB, a.ID, false, true)
	if err != nil {
		return nil, err
	}
	return c.orgsOf(list), nil
}

func (c *call) orgsOf(list []org.Membership) []organizationSimple {
	out := make([]organizationSimple, 0, len(list))
	for _, m := range window(c, list) {
		out = append(out, c.organizationSimple(int64(m.Org), m.OrgLogin, m.OrgText))
	}
	return out
}

// window cuts the asked page out of a list that is short enough to be read whole,
// and sets the Link header.
func window[T any](c *call, list []T) []T {
	page, perPage := c.page()
	c.link(page, perPage, len(list))
	from := min((page-1)*perPage, len(list))
	return list[from:min(from+perPage, len(list))]
}

func (d *Door) listOrgRepos(c *call) (any, error) {
	q := c.r.URL.Query()
	query, err := repo.OrgFilter{Type: q.Get("type"), Sort: q.Get("sort"), Direction: q.Get("direction")}.Query(c.org.ID)
	if err != nil {
		return nil, err
	}
	return c.list(query)
}

func (d *Door) createOrgRepo(c *call) (any, error) { return d.create(c, c.org.ID) }
