package rest

import (
	"net/http"
	"slices"

	"jeton/internal/account"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (d *Door) memberRoutes() []route {
	return []route{
		{get, "/orgs/{org}/members", right.OrgBrowse, d.listMembers, "List organization members", doc{query: "filter role page per_page", out: []simpleUser{}}},
		{get, "/orgs/{org}/members/{username}", right.OrgBrowse, d.checkMember, "Check organization membership for a user", doc{}},
		{del, "/orgs/{org}/members/{username}", right.OrgManageMembers, d.removeMember, "Remove an organization member", doc{}},
		{get, "/orgs/{org}/memberships/{username}", right.OrgMembers, d.getMembership, "Get organization membership for a user", doc{out: membership{}}},
		{put, "/orgs/{org}/memberships/{username}", right.OrgManageMembers, d.setMembership, "Set organization membership for a user", doc{in: roleInput{}, out: membership{}}},
		{del, "/orgs/{org}/memberships/{username}", right.OrgLeave, d.endMembership, "Remove organization membership for a user", doc{}},
		{get, "/orgs/{org}/public_members", right.OrgBrowse, d.listPublicMembers, "List public organization members", doc{query: "page per_page", out: []simpleUser{}}},
		{get, "/orgs/{org}/public_members/{username}", right.OrgBrowse, d.checkPublicMember, "Check public organization membership for a user", doc{}},
		{put, "/orgs/{org}/public_members/{username}", right.OrgPublicize, d.showMembership, "Set public organization membership for the authenticated user", doc{}},
		{del, "/orgs/{org}/public_members/{username}", right.OrgPublicize, d.hideMembership, "Remove public organization membership for the authenticated user", doc{}},
		{get, "/user/memberships/orgs", right.SelfMemberships, d.listMemberships, "List organization memberships for the authenticated user", doc{query: "state page per_page", out: []membership{}}},
		{get, "/user/memberships/orgs/{org}", right.SelfMemberships, d.getOwnMembership, "Get an organization membership for the authenticated user", doc{out: membership{}}},
		{patch, "/user/memberships/orgs/{org}", right.SelfMembershipEdit, d.acceptMembership, "Update an organization membership for the authenticated user", doc{in: stateInput{}, out: membership{}}},
		{get, "/orgs/{org}/invitations", right.OrgInvitations, d.listOrgInvitations, "List pending organization invitations", doc{query: "role page per_page", out: []orgInvitation{}}},
		{post, "/orgs/{org}/invitations", right.OrgManageMembers, d.inviteMember, "Create an organization invitation", doc{in: orgInvitationInput{}, out: orgInvitation{}, code: http.StatusCreated}},
		{del, "/orgs/{org}/invitations/{invitation_id}", right.OrgManageMembers, d.cancelOrgInvitation, "Cancel an organization invitation", doc{}},
		{get, "/orgs/{org}/outside_collaborators", right.OrgInvitations, d.listOutsiders, "List outside collaborators for an organization", doc{query: "page per_page", out: []simpleUser{}}},
		{put, "/orgs/{org}/outside_collaborators/{username}", right.OrgManageMembers, d.makeOutsider, "Convert an organization member to outside collaborator", doc{}},
		{del, "/orgs/{org}/outside_collaborators/{username}", right.OrgManageMembers, d.removeOutsider, "Remove outside collaborator from an organization", doc{}},
	}
}

// membership is GitHub's "org membership".
type membership struct {
	URL              string                `json:"url"`
	State            string                `json:"state"`
	Role             string                `json:"role"`
	OrganizationURL  string                `json:"organization_url"`
	Organization     organizationSimple    `json:"organization"`
	User             *simpleUser           `json:"user"`
	DirectMembership bool                  `json:"direct_membership"`
	Permissions      *membershipPermission `json:"permissions,omitempty"`
}

type membershipPermission struct {
	CanCreateRepository bool `json:"can_create_repository"`
}

func (c *call) membership(m *org.Membership) membership {
	user := c.simpleUser(int64(m.Account), m.Login, false)
	state := "active"
	if m.Pending {
		state = "pending"
	}
	u := c.url("/orgs/" + m.OrgLogin)
	return membership{URL: u + "/memberships/" + m.Login, State: state, Role: m.Role.String(), OrganizationURL: u,
		Organization: c.organizationSimple(int64(m.Org), m.OrgLogin, m.OrgText), User: &user, DirectMembership: true}
}

// sees reports whether the caller is told of members who don't show themselves.
func (c *call) sees() bool { return c.door.o.Gate.AllowsOrg(&c.actor, right.OrgMembers, &c.org) }

// listMembers lists all to members, and to others those who show themselves.
func (d *Door) listMembers(c *call) (any, error) {
	q := org.MemberQuery{OnlyShown: !c.sees()}
	switch role := c.r.URL.Query().Get("role"); role {
	case "", "all":
	default:
		var ok bool
		if q.Role, ok = org.ParseRole(role); !ok {
			return nil, problem.Field("role", "role must be all, admin or member")
		}
	}
	switch filter := c.r.URL.Query().Get("filter"); filter {
	case "", "all":
	case "2fa_disabled", "2fa_insecure":
		return nil, problem.Field("filter", "filter is not available here")
	default:
		return nil, problem.Field("filter", "filter must be all")
	}
	return c.listPeople(q)
}

func (d *Door) listPublicMembers(c *call) (any, error) {
	return c.listPeople(org.MemberQuery{OnlyShown: true})
}

func (c *call) listPeople(q org.MemberQuery) (any, error) {
	q.Page, q.PerPage = c.page()
	list, total, err := c.door.o.Orgs.Members(c.r.Context(), c.door.o.DB, c.org.ID, q)
	if err != nil {
		return nil, err
	}
	c.link(q.Page, q.PerPage, total)
	out := make([]simpleUser, len(list))
	for i, m := range list {
		out[i] = c.simpleUser(int64(m.Account), m.Login, false)
	}
	return out, nil
}

// theirs is the membership of the user whom the path names.
func (c *call) theirs() (org.Membership, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return org.Membership{}, err
	}
	return c.door.o.Orgs.Membership(c.r.Context(), c.door.o.DB, c.org.ID, a.ID)
}

func (d *Door) checkMember(c *call) (any, error) {
	if !c.sees() { // who is none asks about those who show themselves
		c.w.Header().Set("Location", c.url("/orgs/"+c.org.Login+"/public_members/"+c.r.PathValue("username")))
		c.w.WriteHeader(http.StatusFound)
		return answered{}, nil
	}
	m, err := c.theirs()
	if err == nil && m.Pending {
		err = errNotFound
	}
	return nil, err
}

func (d *Door) checkPublicMember(c *call) (any, error) {
	m, err := c.theirs()
	if err == nil && (m.Pending || !m.Shown) {
		err = errNotFound
	}
	return nil, err
}

// answered is the value of a handler that has written the answer itself.
type answered struct{}

func (answered) writeTo(*call) error { return nil }

func (d *Door) removeMember(c *call) (any, error) {
	m, err := c.theirs()
	if err != nil {
		return nil, err
	}
	if m.Pending {
		return nil, errNotFound
	}
	return nil, d.o.Lifecycle.RemoveMember(c.r.Context(), c.actor, c.org.ID, m.Account, false)
}

func (d *Door) getMembership(c *call) (any, error) {
	m, err := c.theirs()
	if err != nil {
		return nil, err
	}
	if m.Pending && m.Account != c.actor.Account {
		if err := c.alsoOrg(right.OrgInvitations); err != nil {
			return nil, errNotFound
		}
	}
	return c.membership(&m), nil
}

type roleInput struct {
	Role string `json:"role"`
}

func (d *Door) setMembership(c *call) (any, error) {
	var in roleInput
	if err := c.decodeOptional(&in); err != nil {
		return nil, err
	}
	role := org.Member
	if in.Role != "" {
		var ok bool
		if role, ok = org.ParseRole(in.Role); !ok {
			return nil, problem.Field("role", "role must be member or admin")
		}
	}
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	m, err := d.o.Orgs.SetRole(c.r.Context(), c.actor, c.org.ID, a.ID, role)
	if err != nil {
		return nil, err
	}
	return c.membership(&m), nil
}

// endMembership is open to every member for the membership of their own.
func (d *Door) endMembership(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err == nil && a.ID != c.actor.Account {
		err = c.alsoOrg(right.OrgManageMembers)
	}
	if err != nil {
		return nil, err
	}
	return nil, d.o.Lifecycle.RemoveMember(c.r.Context(), c.actor, c.org.ID, a.ID, false)
}

func (d *Door) showMembership(c *call) (any, error) { return nil, c.show(true) }
func (d *Door) hideMembership(c *call) (any, error) { return nil, c.show(false) }

// show is for everybody's own membership alone: an owner does not show others.
func (c *call) show(shown bool) error {
	a, err := c.accountByLogin()
	if err != nil {
		return err
	}
	if a.ID != c.actor.Account {
		return problem.New(problem.Forbidden, "You can show or hide your own membership only.", "")
	}
	return c.door.o.Orgs.Show(c.r.Context(), c.actor, c.org.ID, a.ID, shown)
}

func (d *Door) listMemberships(c *call) (any, error) {
	var all []org.Membership
	state := c.r.URL.Query().Get("state")
	if state != "" && state != "active" && state != "pending" {
		return nil, problem.Field("state", "state must be active or pending")
	}
	for _, pending := range []bool{false, true} {
		if state == "" || pending == (state == "pending") {
			list, err := d.o.Orgs.Of(c.r.Context(), d.o.DB, c.actor.Account, pending, false)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
	}
	out := []membership{}
	for _, m := range window(c, c.told(all)) {
		out = append(out, c.membership(&m))
	}
	return out, nil
}

// told leaves out the memberships of organisations that have shut the caller's token
// out.
func (c *call) told(list []org.Membership) []org.Membership {
	return slices.DeleteFunc(list, func(m org.Membership) bool { return c.actor.ShutOutOf(m.Org) })
}

// own is the caller's membership in the organisation that the path names.
func (c *call) own() (org.Membership, error) {
	o, err := c.door.o.Orgs.Find(c.r.Context(), c.door.o.DB, c.r.PathValue("org"), c.actor.Account)
	if err == nil {
		err = c.door.o.Gate.CheckWith(&c.actor, c.action, o.ID, o.Login)
	}
	if err != nil {
		return org.Membership{}, err
	}
	return c.door.o.Orgs.Membership(c.r.Context(), c.door.o.DB, o.ID, c.actor.Account)
}

func (d *Door) getOwnMembership(c *call) (any, error) {
	m, err := c.own()
	if err != nil {
		return nil, err
	}
	return c.membership(&m), nil
}

type stateInput struct {
	State string `json:"state"`
}

func (d *Door) acceptMembership(c *call) (any, error) {
	var in stateInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	m, err := c.own()
	if err != nil {
		return nil, err
	}
	if in.State != "active" {
		return nil, problem.Field("state", "state must be active")
	}
	if m, err = d.o.Orgs.Accept(c.r.Context(), c.actor, m.Org); err != nil {
		return nil, err
	}
	return c.membership(&m), nil
}

// orgInvitation is GitHub's "organization invitation".
type orgInvitation struct {
	ID                 int64      `json:"id"`
	Login              *string    `json:"login"`
	Email              *string    `json:"email"`
	Role               string     `json:"role"`
	CreatedAt          *string    `json:"created_at"`
	FailedAt           *string    `json:"failed_at"`
	FailedReason       *string    `json:"failed_reason"`
	Inviter            simpleUser `json:"inviter"`
	TeamCount          int        `json:"team_count"`
	NodeID             string     `json:"node_id"`
	InvitationTeamsURL string     `json:"invitation_teams_url"`
	InvitationSource   string     `json:"invitation_source"`
}

func (c *call) orgInvitation(m *org.Membership) orgInvitation {
	role := "direct_member"
	if m.Role == org.Owner {
		role = "admin"
	}
	by := c.simpleUser(int64(m.InvitedBy), m.ByLogin, false)
	return orgInvitation{ID: int64(m.ID), Login: &m.Login, Role: role, CreatedAt: stamp(m.Since), Inviter: by, NodeID: httpkit.NodeID("OrganizationInvitation", int64(m.ID)),
		InvitationTeamsURL: c.url("/orgs/" + m.OrgLogin + "/invitations/" + id.Text(m.ID) + "/teams"), InvitationSource: "member"}
}

func (d *Door) listOrgInvitations(c *call) (any, error) {
	q := org.MemberQuery{Pending: true}
	q.Page, q.PerPage = c.page()
	list, total, err := d.o.Orgs.Members(c.r.Context(), d.o.DB, c.org.ID, q)
	if err != nil {
		return nil, err
	}
	c.link(q.Page, q.PerPage, total)
	out := make([]orgInvitation, len(list))
	for i := range list {
		out[i] = c.orgInvitation(&list[i])
	}
	return out, nil
}

// orgInvitationInput is the part of GitHub's body that means something here:
// people are invited by their account, not by an address.
type orgInvitationInput struct {
	Invitee *int64  `json:"invitee_id"`
	Role    string  `json:"role"`
	Teams   []int64 `json:"team_ids"`
}

func (d *Door) inviteMember(c *call) (any, error) {
	var in orgInvitationInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Invitee == nil {
		return nil, problem.Field("invitee_id", "invitee_id is needed: people are invited by their account here")
	}
	role := org.Member
	if in.Role != "" {
		var ok bool
		if role, ok = org.ParseRole(in.Role); !ok {
			return nil, problem.Field("role", "role must be admin or direct_member")
		}
	}
	a, err := d.o.Accounts.ByID(c.r.Context(), d.o.DB, id.Account(*in.Invitee))
	if err != nil {
		return nil, problem.Field("invitee_id", "there is no such user")
	}
	m, err := d.o.Orgs.Membership(c.r.Context(), d.o.DB, c.org.ID, a.ID)
	if err == nil && !m.Pending {
		return nil, problem.Field("invitee_id", "Invitee is already a part of this org")
	}
	if m, err = d.o.Orgs.SetRole(c.r.Context(), c.actor, c.org.ID, a.ID, role); err != nil {
		return nil, err
	}
	if err := c.joinTeams(a, in.Teams); err != nil {
		return nil, err
	}
	return c.orgInvitation(&m), nil
}

// joinTeams puts somebody who was invited into teams of the organisation.
func (c *call) joinTeams(a account.Account, ids []int64) error {
	for _, n := range ids {
		t, err := c.door.o.Orgs.TeamByID(c.r.Context(), c.door.o.DB, c.org.ID, id.Team(n), c.actor.Account)
		if err != nil {
			return problem.Field("team_ids", "there is no such team in this organization")
		}
		if _, err := c.door.o.Orgs.SetMate(c.r.Context(), c.actor, t.Team, a.ID, org.TeamMember); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) cancelOrgInvitation(c *call) (any, error) {
	n, ok := id.Parse[id.Invitation](c.r.PathValue("invitation_id"))
	if !ok {
		return nil, errNotFound
	}
	m, err := d.o.Orgs.InvitationByID(c.r.Context(), d.o.DB, c.org.ID, n)
	if err != nil {
		return nil, err
	}
	return nil, d.o.Lifecycle.RemoveMember(c.r.Context(), c.actor, c.org.ID, m.Account, false)
}

func (d *Door) listOutsiders(c *call) (any, error) {
	list, err := d.o.Repos.Outsiders(c.r.Context(), d.o.DB, c.org.ID)
	if err != nil {
		return nil, err
	}
	out := []simpleUser{}
	for _, one := range window(c, list) {
		out = append(out, c.simpleUser(int64(one.Account), one.Login, false))
	}
	return out, nil
}

func (d *Door) makeOutsider(c *call) (any, error) {
	m, err := c.theirs()
	if err != nil || m.Pending {
		return nil, status(http.StatusForbidden, "This account is not a member of the organization.")
	}
	c.status = http.StatusNoContent
	return nil, d.o.Lifecycle.RemoveMember(c.r.Context(), c.actor, c.org.ID, m.Account, true)
}

func (d *Door) removeOutsider(c *call) (any, error) {
	a, err := c.accountByLogin()
	if err != nil {
		return nil, err
	}
	return nil, d.o.Lifecycle.RemoveOutsider(c.r.Context(), c.actor, c.org.ID, a.ID)
}
