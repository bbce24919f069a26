package rest

import (
	"net/http"
	"slices"

	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) teamRoutes() []route {
	const team = "/orgs/{org}/teams/{team_slug}"
	return []route{
		{get, "/orgs/{org}/teams", right.OrgMembers, d.listTeams, "List teams", doc{query: "page per_page", out: []teamSimple{}}},
		{post, "/orgs/{org}/teams", right.OrgManageMembers, d.createTeam, "Create a team", doc{in: teamInput{}, out: teamFull{}, code: http.StatusCreated}},
		{get, team, right.TeamRead, d.getTeam, "Get a team by name", doc{out: teamFull{}}},
		{patch, team, right.TeamEdit, d.patchTeam, "Update a team", doc{in: teamPatch{}, out: teamFull{}}},
		{del, team, right.TeamEdit, d.deleteTeam, "Delete a team", doc{}},
		{get, team + "/members", right.TeamRead, d.listMates, "List team members", doc{query: "role page per_page", out: []simpleUser{}}},
		{get, team + "/memberships/{username}", right.TeamRead, d.getMate, "Get team membership for a user", doc{out: teamMembership{}}},
		{put, team + "/memberships/{username}", right.TeamEdit, d.setMate, "Add or update team membership for a user", doc{in: roleInput{}, out: teamMembership{}}},
		{del, team + "/memberships/{username}", right.TeamRead, d.removeMate, "Remove team membership for a user", doc{}},
		{get, team + "/repos", right.TeamRead, d.listTeamRepos, "List team repositories", doc{query: "page per_page", out: []repository{}}},
		{get, team + "/repos/{owner}/{repo}", right.TeamRead, d.getTeamRepo, "Check team permissions for a repository", doc{}},
		{put, team + "/repos/{owner}/{repo}", right.TeamShare, d.setTeamRepo, "Add or update team repository permissions", doc{in: permissionInput{}}},
		{del, team + "/repos/{owner}/{repo}", right.TeamShare, d.removeTeamRepo, "Remove a repository from a team", doc{}},
		{get, "/user/teams", right.SelfMemberships, d.listOwnTeams, "List teams for the authenticated user", doc{query: "page per_page", out: []teamFull{}}},
		{get, "/repos/{owner}/{repo}/teams", right.RepoTeams, d.listRepoTeams, "List repository teams", doc{query: "page per_page", out: []teamSimple{}}},
	}
}

// teamSimple is GitHub's "team".
type teamSimple struct {
	ID                  int64            `json:"id"`
	NodeID              string           `json:"node_id"`
	Name                string           `json:"name"`
	Slug                string           `json:"slug"`
	Description         *string          `json:"description"`
	Privacy             string           `json:"privacy"`
	NotificationSetting string           `json:"notification_setting"`
	Permission          string           `json:"permission"`
	Permissions         *teamPermissions `json:"permissions,omitempty"`
	URL                 string           `json:"url"`
	HTMLURL             string           `json:"html_url"`
	MembersURL          string           `json:"members_url"`
	RepositoriesURL     string           `json:"repositories_url"`
	Type                string           `json:"type"`
	Parent              *struct{}        `json:"parent"` // teams are not nested here
}

// teamPermissions are what a team may do on a repository.
type teamPermissions struct {
	Pull     bool `json:"pull"`
	Triage   bool `json:"triage"`
	Push     bool `json:"push"`
	Maintain bool `json:"maintain"`
	Admin    bool `json:"admin"`
}

// teamFull is GitHub's "full team".
type teamFull struct {
	teamSimple
	MembersCount int          `json:"members_count"`
	ReposCount   int          `json:"repos_count"`
	CreatedAt    *string      `json:"created_at"`
	UpdatedAt    *string      `json:"updated_at"`
	Organization organization `json:"organization"`
}

func (c *call) team(t *org.Team) teamSimple {
	privacy := "closed"
	if t.Secret {
		privacy = "secret"
	}
	u := c.url("/orgs/" + t.OrgLogin + "/teams/" + t.Slug)
	return teamSimple{ID: int64(t.ID), NodeID: httpkit.NodeID("Team", int64(t.ID)), Name: t.Name, Slug: t.Slug, Description: optional(t.Description), Privacy: privacy,
		NotificationSetting: "notifications_disabled", Permission: "pull", URL: u, HTMLURL: c.door.o.Gate.URL("/orgs/" + t.OrgLogin + "/teams/" + t.Slug),
		MembersURL: u + "/members{/member}", RepositoriesURL: u + "/repos", Type: "organization"}
}

func (c *call) teamFull(t *org.Team, o *gate.Org) (teamFull, error) {
	of, err := c.organization(o)
	return c.teamFullOf(t, of), err
}

func (c *call) teamFullOf(t *org.Team, of organization) teamFull {
	return teamFull{teamSimple: c.team(t), MembersCount: t.Members, ReposCount: t.Repos, CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt), Organization: of}
}

func (d *Door) listTeams(c *call) (any, error) {
	page, perPage := c.page()
	list, total, err := d.o.Orgs.Teams(c.r.Context(), d.o.DB, c.org.ID, c.actor.Account, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]teamSimple, len(list))
	for i := range list {
		out[i] = c.team(&list[i].Team)
	}
	return out, nil
}

// teamInput is the part of GitHub's body that means something here.
type teamInput struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Privacy     string   `json:"privacy"`
	Maintainers []string `json:"maintainers"`
	RepoNames   []string `json:"repo_names"`
	Parent      *int64   `json:"parent_team_id"`
}

func secrecy(privacy string) (bool, error) {
	switch privacy {
	case "", "secret":
		return true, nil
	case "closed":
		return false, nil
	}
	return false, problem.Field("privacy", "privacy must be secret or closed")
}

func (d *Door) createTeam(c *call) (any, error) {
	var in teamInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Parent != nil {
		return nil, problem.Field("parent_team_id", "teams are not nested here")
	}
	secret, err := secrecy(in.Privacy)
	if err != nil {
		return nil, err
	}
	if len(in.Maintainers) > maxNamed || len(in.RepoNames) > maxNamed {
		return nil, problem.Field("maintainers", "maintainers and repo_names have at most 100 entries")
	}
	t, err := d.o.Orgs.CreateTeam(c.r.Context(), c.actor, c.org.ID, org.NewTeam{Name: in.Name, Description: in.Description, Secret: secret})
	if err != nil {
		return nil, err
	}
	for _, login := range in.Maintainers {
		a, err := d.o.Accounts.ByLogin(c.r.Context(), d.o.DB, login)
		if err == nil {
			_, err = d.o.Orgs.SetMate(c.r.Context(), c.actor, t.Team, a.ID, org.Maintainer)
		}
		if err != nil {
			return nil, problem.Field("maintainers", login+" is no member of the organization")
		}
	}
	for _, full := range in.RepoNames {
		if err := c.shareByName(&t.Team, full); err != nil {
			return nil, err
		}
	}
	if t, err = d.o.Orgs.FindTeam(c.r.Context(), d.o.DB, c.org.ID, t.Slug, c.actor.Account); err != nil {
		return nil, err
	}
	return c.teamFull(&t.Team, &c.org)
}

// maxNamed bounds the lists of a body.
const maxNamed = 100

func (d *Door) getTeam(c *call) (any, error) {
	c.changed(c.group.UpdatedAt, c.group.Of.UpdatedAt, c.group.Of.ChangedAt) // who and what is in it is counted, too
	return c.teamFull(&c.group.Team, &c.group.Of)
}

type teamPatch struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Privacy     *string `json:"privacy"`
}

func (d *Door) patchTeam(c *call) (any, error) {
	var in teamPatch
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	n := org.NewTeam{Name: or(in.Name, c.group.Name), Description: or(in.Description, c.group.Description), Secret: c.group.Secret}
	if in.Privacy != nil {
		var err error
		if n.Secret, err = secrecy(*in.Privacy); err != nil {
			return nil, err
		}
	}
	t, err := d.o.Orgs.UpdateTeam(c.r.Context(), c.actor, c.group.Team, n)
	if err != nil {
		return nil, err
	}
	return c.teamFull(&t.Team, &c.group.Of)
}

func (d *Door) deleteTeam(c *call) (any, error) {
	return nil, d.o.Orgs.DeleteTeam(c.r.Context(), c.actor, c.group.Team)
}

func (d *Door) listMates(c *call) (any, error) {
	role := org.NoTeamRole
	if word := c.r.URL.Query().Get("role"); word != "" && word != "all" {
		var ok bool
		if role, ok = org.ParseTeamRole(word); !ok {
			return nil, problem.Field("role", "role must be member, maintainer or all")
		}
	}
	page, perPage := c.page()
	list, total, err := d.o.Orgs.Mates(c.r.Context(), d.o.DB, c.group.ID, role, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	out := make([]simpleUser, len(list))
	for i, m := range list {
		out[i] = c.simpleUser(int64(m.Account), m.Login, false)
	}
	return out, nil
}

// teamMembership is GitHub's "team membership".
type teamMembership struct {
	URL   string `json:"url"`
	Role  string `json:"role"`
	State string `json:"state"`
}

func (c *call) teamMembership(m *org.Mate) teamMembership {
	state := "active"
	if m.Pending {
		state = "pending"
	}
	return teamMembership{URL: c.url("/orgs/" + c.group.OrgLogin + "/teams/" + c.group.Slug + "/memberships/" + m.Login), Role: m.Role.String(), State: state}
}

func (d *Door) getMate(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	m, err := d.o.Orgs.Mate(c.r.Context(), d.o.DB, c.group.ID, a.ID)
	if err != nil {
		return nil, err
	}
	return c.teamMembership(&m), nil
}

// setMate invites who is no member of the organisation to it, if the caller may;
// a maintainer of the team may not.
func (d *Door) setMate(c *call) (any, error) {
	var in roleInput
	if err := c.decodeOptional(&in); err != nil {
		return nil, err
	}
	role, ok := org.ParseTeamRole(in.Role)
	if !ok {
		return nil, problem.Field("role", "role must be member or maintainer")
	}
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	if a.IsOrg() {
		return nil, status(http.StatusUnprocessableEntity, "Cannot add an organization as a member.")
	}
	_, err = d.o.Orgs.Membership(c.r.Context(), d.o.DB, c.group.Org, a.ID)
	if problem.Is(err, problem.NotFound) {
		if err := d.o.Gate.CheckOrg(&c.actor, right.OrgManageMembers, &c.group.Of); err != nil {
			return nil, err
		}
		_, err = d.o.Orgs.SetRole(c.r.Context(), c.actor, c.group.Org, a.ID, org.Member)
	}
	if err != nil {
		return nil, err
	}
	m, err := d.o.Orgs.SetMate(c.r.Context(), c.actor, c.group.Team, a.ID, role)
	if err != nil {
		return nil, err
	}
	return c.teamMembership(&m), nil
}

// removeMate is open to everybody in the team for themselves.
func (d *Door) removeMate(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	action := right.TeamEdit
	if a.ID == c.actor.Account {
		action = right.TeamShare // the grant must write, the place may be any
	}
	if err := d.o.Gate.CheckTeam(&c.actor, action, &c.group); err != nil {
		return nil, err
	}
	return nil, d.o.Orgs.RemoveMate(c.r.Context(), c.actor, c.group.Team, a.ID)
}

func (d *Door) listTeamRepos(c *call) (any, error) {
	return c.list(repo.Query{Owner: c.group.Org, Team: c.group.ID})
}

// teamRepo loads the repository that the path names, for action.
func (c *call) teamRepo(action right.Action) (gate.Repo, error) {
	r, err := c.door.o.Gate.Repo(c.r.Context(), &c.actor, action, c.r.PathValue("owner"), c.r.PathValue("repo"))
	if err == nil && r.Renamed {
		err = errNotFound // no redirect below a team
	}
	return r, err
}

// getTeamRepo answers with nothing, or with the repository to who asks for that
// media type.
func (d *Door) getTeamRepo(c *call) (any, error) {
	r, err := c.teamRepo(right.RepoRead)
	if err != nil {
		return nil, err
	}
	level, err := d.o.Orgs.TeamAccess(c.r.Context(), d.o.DB, &c.group.Team, r.ID)
	if err != nil {
		return nil, err
	}
	if !c.wants("repository") {
		return nil, nil
	}
	c.status = http.StatusOK
	return c.repository(&r.Repo, level), nil
}

type permissionInput struct {
	Permission string `json:"permission"`
}

func (d *Door) setTeamRepo(c *call) (any, error) {
	var in permissionInput
	if err := c.decodeOptional(&in); err != nil {
		return nil, err
	}
	level, err := levelOf(in.Permission)
	if err != nil {
		return nil, err
	}
	r, err := c.teamRepo(right.RepoAccess)
	if err != nil {
		return nil, err
	}
	return nil, d.o.Orgs.SetTeamRepo(c.r.Context(), c.actor, c.group.Team, r.ID, level)
}

// levelOf reads a permission; triage and maintain are not offered, since nothing
// here stands behind them.
func levelOf(word string) (right.Level, error) {
	if word == "" {
		return right.Write, nil // GitHub's default
	}
	level, ok := right.ParseLevel(word)
	if !ok {
		return right.None, problem.Field("permission", "permission must be pull, push or admin")
	}
	return level, nil
}

func (c *call) shareByName(t *org.Team, full string) error {
	login, name, ok := cutName(full)
	if !ok {
		return problem.Field("repo_names", "repo_names are full names, as in ORG/NAME")
	}
	r, err := c.door.o.Gate.Repo(c.r.Context(), &c.actor, right.RepoAccess, login, name)
	if err != nil {
		return problem.Field("repo_names", "there is no repository "+cut(full, 200)+" that you administer")
	}
	return c.door.o.Orgs.SetTeamRepo(c.r.Context(), c.actor, *t, r.ID, right.Read)
}

func (d *Door) removeTeamRepo(c *call) (any, error) {
	r, err := c.teamRepo(right.RepoAccess)
	if err != nil {
		return nil, err
	}
	return nil, d.o.Orgs.RemoveTeamRepo(c.r.Context(), c.actor, c.group.Team, r.ID)
}

func (d *Door) listOwnTeams(c *call) (any, error) {
	list, err := d.o.Orgs.TeamsOf(c.r.Context(), d.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(t org.FoundTeam) bool { return c.actor.ShutOutOf(t.Org) })
	of, err := c.ownOrganizations()
	if err != nil {
		return nil, err
	}
	out := []teamFull{}
	for _, t := range window(c, list) {
		out = append(out, c.teamFullOf(&t.Team, of[t.Org]))
	}
	return out, nil
}

// ownOrganizations are those that the caller belongs to, by their numbers, in two
// queries.
func (c *call) ownOrganizations() (map[id.Account]organization, error) {
	mine, err := c.door.o.Orgs.Mine(c.r.Context(), c.door.o.DB, c.actor.Account)
	if err != nil {
		return nil, err
	}
	var ids []id.Account
	for _, o := range mine {
		ids = append(ids, o.ID)
	}
	usages, err := c.door.o.Repos.Usages(c.r.Context(), c.door.o.DB, ids)
	if err != nil {
		return nil, err
	}
	out := map[id.Account]organization{}
	for _, o := range mine {
		out[o.ID] = c.organizationWith(&gate.Org{Found: o}, usages[o.ID])
	}
	return out, nil
}

func (d *Door) listRepoTeams(c *call) (any, error) {
	list, err := d.o.Orgs.RepoTeams(c.r.Context(), d.o.DB, c.repo.ID, c.actor.Account)
	if err != nil {
		return nil, err
	}
	out := []teamSimple{}
	for _, t := range window(c, list) {
		one := c.team(&t.Team)
		one.Permission = map[right.Level]string{right.Read: "pull", right.Write: "push", right.Admin: "admin"}[t.Access]
		one.Permissions = &teamPermissions{Pull: true, Triage: t.Access >= right.Write, Push: t.Access >= right.Write, Maintain: t.Access >= right.Admin, Admin: t.Access >= right.Admin}
		out = append(out, one)
	}
	return out, nil
}
