package rest

import (
	"net/http"

	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (d *Door) collaboratorRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}/collaborators", right.RepoPeople, d.listCollaborators, "List repository collaborators", doc{query: "affiliation permission page per_page", out: []collaborator{}}},
		{get, "/repos/{owner}/{repo}/collaborators/{username}", right.RepoPeople, d.checkCollaborator, "Check if a user is a repository collaborator", doc{}},
		{put, "/repos/{owner}/{repo}/collaborators/{username}", right.RepoAccess, d.addCollaborator, "Add a repository collaborator", doc{in: permissionInput{}, out: repositoryInvitation{}, code: http.StatusCreated}},
		{del, "/repos/{owner}/{repo}/collaborators/{username}", right.RepoAccess, d.removeCollaborator, "Remove a repository collaborator", doc{}},
		{get, "/repos/{owner}/{repo}/collaborators/{username}/permission", right.RepoPeople, d.getPermission, "Get repository permissions for a user", doc{out: permissionAnswer{}}},
		{get, "/repos/{owner}/{repo}/invitations", right.RepoInvitations, d.listInvitations, "List repository invitations", doc{query: "page per_page", out: []repositoryInvitation{}}},
		{patch, "/repos/{owner}/{repo}/invitations/{invitation_id}", right.RepoAccess, d.patchInvitation, "Update a repository invitation", doc{in: invitationInput{}, out: repositoryInvitation{}}},
		{del, "/repos/{owner}/{repo}/invitations/{invitation_id}", right.RepoAccess, d.withdrawInvitation, "Delete a repository invitation", doc{}},
		{get, "/user/repository_invitations", right.SelfInvitations, d.listOwnInvitations, "List repository invitations for the authenticated user", doc{query: "page per_page", out: []repositoryInvitation{}}},
		{patch, "/user/repository_invitations/{invitation_id}", right.SelfInvitations, d.acceptInvitation, "Accept a repository invitation", doc{}},
		{del, "/user/repository_invitations/{invitation_id}", right.SelfInvitations, d.declineInvitation, "Decline a repository invitation", doc{}},
	}
}

// collaborator is GitHub's "collaborator".
type collaborator struct {
	simpleUser
	Permissions teamPermissions `json:"permissions"`
	RoleName    string          `json:"role_name"`
}

// permissionsOf spells a level out.
func permissionsOf(l right.Level) teamPermissions {
	return teamPermissions{Pull: l >= right.Read, Triage: l >= right.Write, Push: l >= right.Write, Maintain: l >= right.Admin, Admin: l >= right.Admin}
}

func (c *call) collaborator(one *repo.Person) collaborator {
	return collaborator{simpleUser: c.simpleUser(int64(one.Account), one.Login, false), Permissions: permissionsOf(one.Level), RoleName: one.Level.String()}
}

func (d *Door) listCollaborators(c *call) (any, error) {
	q := repo.PeopleQuery{}
	switch c.query("affiliation") {
	case "", "all":
	case "direct":
		q.Direct = true
	case "outside":
		q.Outside = true
	default:
		return nil, problem.Field("affiliation", "affiliation must be outside, direct or all")
	}
	if word := c.query("permission"); word != "" {
		level, err := levelOf(word)
		if err != nil {
			return nil, err
		}
		q.Level = level
	}
	q.Page, q.PerPage = c.page()
	list, total, err := d.o.Repos.People(c.ctx(), d.o.DB, &c.repo.Repo, q)
	if err != nil {
		return nil, err
	}
	c.link(q.Page, q.PerPage, total)
	out := make([]collaborator, len(list))
	for i := range list {
		out[i] = c.collaborator(&list[i])
	}
	return out, nil
}

// levelOfUser is what the user whom the path names may do here by a place of
// their own: that everybody may read does not count.
func (c *call) levelOfUser() (id.Account, right.Level, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return 0, right.None, err
	}
	f, err := c.door.o.Repos.FindByID(c.ctx(), c.door.o.DB, c.repo.ID, a.ID)
	return a.ID, f.Relation, err
}

func (d *Door) checkCollaborator(c *call) (any, error) {
	_, level, err := c.levelOfUser()
	if err == nil && level == right.None {
		err = errNotFound
	}
	return nil, err
}

// addCollaborator invites, or gives who has access already another level at once.
func (d *Door) addCollaborator(c *call) (any, error) {
	var in permissionInput
	if err := c.decodeOptional(&in); err != nil {
		return nil, err
	}
	level, err := levelOf(in.Permission)
	if err != nil {
		return nil, err
	}
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	i, err := d.o.Repos.Invite(c.ctx(), c.actor, c.repo.ID, a.ID, level)
	if err != nil || i == nil {
		return nil, err
	}
	return c.invitation(i), nil
}

// removeCollaborator also takes back an invitation that waits.
func (d *Door) removeCollaborator(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Repos.Exclude(c.ctx(), c.actor, c.repo.ID, a.ID)
}

// permissionAnswer is GitHub's "repository collaborator permission".
type permissionAnswer struct {
	Permission string       `json:"permission"`
	RoleName   string       `json:"role_name"`
	User       collaborator `json:"user"`
}

func (d *Door) getPermission(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	_, level, err := c.levelOfUser()
	if err != nil {
		return nil, err
	}
	if !c.repo.Private {
		level = max(level, right.Read)
	}
	who := repo.Person{Account: a.ID, Login: a.Login, Level: level}
	return permissionAnswer{Permission: level.String(), RoleName: level.String(), User: c.collaborator(&who)}, nil
}

// repositoryInvitation is GitHub's "repository invitation".
type repositoryInvitation struct {
	ID          int64       `json:"id"`
	NodeID      string      `json:"node_id"`
	Repository  repository  `json:"repository"`
	Invitee     *simpleUser `json:"invitee"`
	Inviter     *simpleUser `json:"inviter"`
	Permissions string      `json:"permissions"`
	CreatedAt   *string     `json:"created_at"`
	Expired     bool        `json:"expired"`
	URL         string      `json:"url"`
	HTMLURL     string      `json:"html_url"`
}

func (c *call) invitation(i *repo.Invitation) repositoryInvitation {
	who := c.simpleUser(int64(i.Invitee), i.Login, false)
	out := repositoryInvitation{ID: int64(i.ID), NodeID: httpkit.NodeID("RepositoryInvitation", int64(i.ID)), Repository: c.repository(&i.Repo, right.None), Invitee: &who,
		Permissions: i.Level.String(), CreatedAt: stamp(i.CreatedAt), Expired: i.Expired,
		URL: c.url("/user/repository_invitations/" + id.Text(i.ID)), HTMLURL: c.door.o.Gate.URL("/" + i.Repo.FullName() + "/invitations")}
	out.Repository.Permissions = nil
	if i.ByLogin != "" {
		by := c.simpleUser(int64(i.Inviter), i.ByLogin, false)
		out.Inviter = &by
	}
	return out
}

func (c *call) invitations(of id.Repo, who id.Account) (any, error) {
	list, err := c.door.o.Repos.Invitations(c.ctx(), c.door.o.DB, of, who)
	if err != nil {
		return nil, err
	}
	out := []repositoryInvitation{}
	for _, i := range window(c, list) {
		if !i.Offer() && (who == 0 || !c.actor.ShutOutOf(i.Repo.Owner)) {
			out = append(out, c.invitation(&i))
		}
	}
	return out, nil
}

func (d *Door) listInvitations(c *call) (any, error) { return c.invitations(c.repo.ID, 0) }

// listOwnInvitations leaves out offers of ownership, for which GitHub has no
// route: they are answered on a page. What an owner has shut the caller's token out
// of is left out, too.
func (d *Door) listOwnInvitations(c *call) (any, error) { return c.invitations(0, c.actor.Account) }

func (c *call) invitationID() (id.Invitation, error) {
	n, ok := id.Parse[id.Invitation](c.r.PathValue("invitation_id"))
	if !ok {
		return 0, errNotFound
	}
	return n, nil
}

type invitationInput struct {
	Permissions string `json:"permissions"`
}

func (d *Door) patchInvitation(c *call) (any, error) {
	var in invitationInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	n, err := c.invitationID()
	if err != nil {
		return nil, err
	}
	level, ok := right.ParseLevel(in.Permissions)
	if !ok {
		return nil, problem.Field("permissions", "permissions must be read, write or admin")
	}
	i, err := d.o.Repos.SetInvitation(c.ctx(), c.actor, c.repo.ID, n, level)
	if err != nil {
		return nil, err
	}
	return c.invitation(&i), nil
}

func (d *Door) withdrawInvitation(c *call) (any, error) {
	n, err := c.invitationID()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Repos.Withdraw(c.ctx(), c.actor, c.repo.ID, n)
}

func (d *Door) acceptInvitation(c *call) (any, error) {
	n, err := c.invitationID()
	if err != nil {
		return nil, err
	}
	i, err := c.ownInvitation(n)
	if err != nil {
		return nil, err
	}
	if i.Offer() { // to own a repository is accepted in person
		return nil, errNotFound
	}
	_, err = d.o.Lifecycle.AcceptInvitation(c.ctx(), c.actor, c.actor.Account, n)
	return nil, err
}

func (d *Door) declineInvitation(c *call) (any, error) {
	n, err := c.invitationID()
	if err != nil {
		return nil, err
	}
	if _, err := c.ownInvitation(n); err != nil {
		return nil, err
	}
	return nil, d.o.Repos.Decline(c.ctx(), c.actor, c.actor.Account, n)
}

// ownInvitation is one of the caller's, if its token may have to do with whose
// repository it is about.
func (c *call) ownInvitation(n id.Invitation) (repo.Invitation, error) {
	i, err := c.door.o.Repos.OwnInvitation(c.ctx(), c.door.o.DB, c.actor.Account, n)
	if err != nil {
		return i, err
	}
	return i, c.door.o.Gate.CheckWith(&c.actor, c.action, i.Repo.Owner, i.Repo.OwnerLogin)
}
