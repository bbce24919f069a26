package rest_test

import (
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/right"
)

// client asks the API with a token.
type client struct {
	t      *testing.T
	s      *apptest.Server
	header string
}

func as(t *testing.T, s *apptest.Server, a account.Account, scopes ...string) client {
	t.Helper()
	_, plain := s.Token(t, a, "api "+strings.Join(scopes, " "), scopes...)
	return client{t, s, bearer(plain)}
}

// want asks and returns the answer, which must have that status and hold the
// texts.
func (c client) want(code int, request string, holds ...string) apptest.Answer {
	c.t.Helper()
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	a := c.s.Do(c.t, method, "/api/v3"+path, body, c.header)
	if a.StatusCode != code {
		c.t.Errorf("%s: %d %s; want %d", request, a.StatusCode, a.Text, code)
	}
	for _, h := range holds {
		if no, ok := strings.CutPrefix(h, "!"); ok == strings.Contains(a.Text, strings.TrimPrefix(h, "!")) {
			c.t.Errorf("%s: %s\nmust hold %v %q", request, a.Text, !ok, no)
		}
	}
	return a
}

// visitor asks without a credential.
func visitorOf(t *testing.T, s *apptest.Server) client { return client{t, s, "X-Nothing: 1"} }

func TestOrganizations(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	s.Org(t, ada, "acme")
	owner, member, stranger := as(t, s, ada, "admin:org", "repo", "delete_repo"), as(t, s, bob, "admin:org", "repo"), as(t, s, eve, "admin:org", "repo")

	owner.want(200, "GET /orgs/acme", `"type":"Organization"`, `"default_repository_permission":"read"`)
	owner.want(200, "GET /orgs/ACME", `"login":"acme"`)
	stranger.want(200, "GET /orgs/acme", `!default_repository_permission`)
	visitorOf(t, s).want(200, "GET /orgs/acme")
	stranger.want(404, "GET /orgs/ada")
	stranger.want(404, "GET /orgs/nobody")
	stranger.want(200, "GET /users/acme", `"type":"Organization"`)
	stranger.want(403, `PATCH /orgs/acme {"description":"x"}`, "admin of the organization")
	owner.want(200, `PATCH /orgs/acme {"description":"Rockets","blog":"https://acme.example.com","email":"hello@example.com","members_can_create_public_repositories":false}`, `"description":"Rockets"`, `"members_can_create_public_repositories":false`, "hello@example.com")
	owner.want(422, `PATCH /orgs/acme {"default_repository_permission":"maintain"}`, "default_repository_permission")

	// By invitation alone.
	owner.want(200, `PUT /orgs/acme/memberships/bob {"role":"member"}`, `"state":"pending"`)
	owner.want(200, "GET /orgs/acme/invitations", `"login":"bob"`, `"role":"direct_member"`)
	member.want(403, "GET /orgs/acme/teams", "must be a member")
	member.want(200, "GET /user/memberships/orgs?state=pending", `"state":"pending"`)
	member.want(200, "GET /user/orgs", "[]")
	stranger.want(404, `PATCH /user/memberships/orgs/acme {"state":"active"}`)
	member.want(422, `PATCH /user/memberships/orgs/acme {"state":"pending"}`)
	member.want(200, `PATCH /user/memberships/orgs/acme {"state":"active"}`, `"state":"active"`)
	member.want(200, "GET /user/memberships/orgs/acme", `"role":"member"`)
	member.want(200, "GET /user/orgs", `"login":"acme"`)

	// Who sees whom.
	stranger.want(200, "GET /orgs/acme/members", "[]")
	member.want(200, "GET /orgs/acme/members", `"login":"ada"`, `"login":"bob"`)
	member.want(200, "GET /orgs/acme/members?role=admin", `"login":"ada"`, `!"login":"bob"`)
	member.want(204, "GET /orgs/acme/members/ada")
	member.want(404, "GET /orgs/acme/members/eve")
	stranger.want(404, "GET /orgs/acme/public_members/bob")
	member.want(403, "PUT /orgs/acme/public_members/ada", "your own")
	member.want(204, "PUT /orgs/acme/public_members/bob")
	stranger.want(204, "GET /orgs/acme/public_members/bob")
	stranger.want(200, "GET /orgs/acme/public_members", `"login":"bob"`)
	stranger.want(200, "GET /users/bob/orgs", `"login":"acme"`)
	stranger.want(200, "GET /users/ada/orgs", "[]")
	member.want(204, "DELETE /orgs/acme/public_members/bob")
	stranger.want(200, "GET /users/bob/orgs", "[]")
	stranger.want(403, "GET /orgs/acme/memberships/ada")
	member.want(200, "GET /orgs/acme/memberships/ada", `"role":"admin"`)

	// Members do not manage, and the last owner stays.
	member.want(403, `PUT /orgs/acme/memberships/eve {"role":"member"}`)
	member.want(403, `PUT /orgs/acme/memberships/bob {"role":"admin"}`)
	member.want(403, "DELETE /orgs/acme/members/ada")
	owner.want(409, `PUT /orgs/acme/memberships/ada {"role":"member"}`, "last owner")
	owner.want(409, "DELETE /orgs/acme/memberships/ada", "last owner")
	owner.want(409, "DELETE /orgs/acme/members/ada", "last owner")
	owner.want(422, "PUT /orgs/acme/memberships/acme", "can't belong")

	// Repositories.
	member.want(403, `POST /orgs/acme/repos {"name":"open","private":false}`, "permission to create")
	member.want(201, `POST /orgs/acme/repos {"name":"plans","private":true}`, `"full_name":"acme/plans"`, `"type":"Organization"`)
	owner.want(201, `POST /orgs/acme/repos {"name":"engine","private":false}`)
	stranger.want(403, `POST /orgs/acme/repos {"name":"x","private":false}`)
	stranger.want(200, "GET /orgs/acme/repos", "engine", "!plans")
	member.want(200, "GET /orgs/acme/repos?type=private&sort=full_name", "plans", "!engine")
	member.want(200, "GET /user/repos?affiliation=organization_member", "acme/plans", "acme/engine")
	member.want(200, "GET /repos/acme/plans", `"admin":true`) // its creator
	member.want(200, "GET /repos/acme/engine", `"pull":true`, `"push":false`)

	// An ex-member has nothing.
	member.want(204, "DELETE /orgs/acme/memberships/bob")
	member.want(404, "GET /repos/acme/plans")
	member.want(200, "GET /repos/acme/engine")
	member.want(403, "GET /orgs/acme/teams")

	owner.want(409, "DELETE /orgs/acme", "still owns 2 repositories")
	owner.want(204, "DELETE /repos/acme/plans")
	owner.want(204, "DELETE /repos/acme/engine")
	stranger.want(403, "DELETE /orgs/acme")
	owner.want(202, "DELETE /orgs/acme")
	owner.want(404, "GET /orgs/acme")
	if _, err := s.Accounts.Create(t.Context(), anybody, account.NewAccount{Login: "acme"}); err == nil {
		t.Error("the login of an organization that was deleted a moment ago is free")
	}
}

func TestOrganizations_scopes(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	acme := s.Org(t, ada, "acme")
	s.Join(t, acme, org.Member, bob)
	none, read, write, user := as(t, s, ada), as(t, s, ada, "read:org"), as(t, s, ada, "write:org"), as(t, s, ada, "user")
	none.want(403, "GET /user/orgs", "You need at least read:org scope or user scope to list your organizations.")
	user.want(200, "GET /user/orgs", "acme")
	user.want(403, "GET /orgs/acme/teams")
	read.want(200, "GET /user/orgs", "acme")
	read.want(200, "GET /orgs/acme/teams")
	none.want(200, "GET /orgs/acme/members", "[]") // as a stranger's, without read:org
	read.want(200, "GET /orgs/acme/members", "bob")
	read.want(403, `POST /orgs/acme/teams {"name":"x"}`, "write:org")
	write.want(201, `POST /orgs/acme/teams {"name":"Core Team!"}`, `"slug":"core-team"`)
	write.want(403, `PATCH /orgs/acme {"description":"x"}`, "admin:org")
	none.want(404, "GET /orgs/acme/teams/core-team")
	none.want(404, "GET /orgs/acme/teams/nothing")
	if a := read.want(403, `PUT /orgs/acme/memberships/bob {"role":"admin"}`); a.Header.Get("X-Accepted-OAuth-Scopes") != "admin:org, write:org" {
		t.Errorf("accepted scopes: %q", a.Header.Get("X-Accepted-OAuth-Scopes"))
	}
}

func TestTeams(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve, max := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve"), s.User(t, "max")
	acme := s.Org(t, ada, "acme")
	s.Join(t, acme, org.Member, bob, max)
	owner, member, stranger, mate := as(t, s, ada, "admin:org", "repo"), as(t, s, bob, "admin:org", "repo"), as(t, s, eve, "admin:org", "repo"), as(t, s, max, "admin:org", "repo")
	owner.want(200, `PATCH /orgs/acme {"default_repository_permission":"none"}`)
	owner.want(201, `POST /orgs/acme/repos {"name":"engine"}`)
	owner.want(201, `POST /user/repos {"name":"mine"}`)

	owner.want(201, `POST /orgs/acme/teams {"name":"Quiet"}`, `"privacy":"secret"`, `"members_count":0`)
	owner.want(201, `POST /orgs/acme/teams {"name":"Loud","privacy":"closed","maintainers":["bob"],"repo_names":["acme/engine"]}`, `"members_count":1`, `"repos_count":1`)
	owner.want(422, `POST /orgs/acme/teams {"name":"LOUD"}`, "unique")
	owner.want(422, `POST /orgs/acme/teams {"name":"x","parent_team_id":1}`)
	owner.want(422, `POST /orgs/acme/teams {"name":"y","repo_names":["ada/mine"]}`, "does not belong")
	mate.want(200, "GET /orgs/acme/teams", `"slug":"loud"`, `!quiet`)
	mate.want(404, "GET /orgs/acme/teams/quiet")
	stranger.want(404, "GET /orgs/acme/teams/loud")
	visitorOf(t, s).want(404, "GET /orgs/acme/teams/loud")
	mate.want(200, "GET /orgs/acme/teams/loud", `"organization":{`)

	// Access by the team, at once.
	member.want(200, "GET /repos/acme/engine", `"push":false`)
	mate.want(404, "GET /repos/acme/engine")
	member.want(200, `PUT /orgs/acme/teams/loud/memberships/max {}`, `"state":"active"`, `"role":"member"`) // bob maintains it
	mate.want(200, "GET /repos/acme/engine")
	mate.want(403, `PUT /orgs/acme/teams/loud/memberships/max {"role":"maintainer"}`, "maintainer")
	owner.want(204, `PUT /orgs/acme/teams/loud/repos/acme/engine {"permission":"push"}`)
	mate.want(200, "GET /repos/acme/engine", `"push":true`)
	mate.want(200, "GET /user/repos", "acme/engine")
	mate.want(200, "GET /user/teams", `"slug":"loud"`)
	mate.want(200, "GET /orgs/acme/teams/loud/members", "bob", "max")
	mate.want(200, "GET /orgs/acme/teams/loud/members?role=maintainer", "bob", "!max")
	mate.want(200, "GET /orgs/acme/teams/loud/repos", "acme/engine")
	mate.want(204, "GET /orgs/acme/teams/loud/repos/acme/engine")
	owner.want(404, "GET /orgs/acme/teams/quiet/repos/acme/engine")
	owner.want(200, "GET /repos/acme/engine/teams", `"permission":"push"`)
	mate.want(403, "GET /repos/acme/engine/teams")
	mate.want(403, `PUT /orgs/acme/teams/loud/repos/acme/engine {"permission":"admin"}`) // a writer does not raise the team
	owner.want(422, `PUT /orgs/acme/teams/loud/repos/ada/mine {"permission":"push"}`)
	owner.want(422, `PUT /orgs/acme/teams/loud/repos/acme/engine {"permission":"maintain"}`)

	// A stranger becomes a member only by an invitation, and counts for nothing until then.
	member.want(403, `PUT /orgs/acme/teams/loud/memberships/eve {}`)
	owner.want(200, `PUT /orgs/acme/teams/loud/memberships/eve {}`, `"state":"pending"`)
	stranger.want(404, "GET /repos/acme/engine")
	stranger.want(404, "GET /orgs/acme/teams/loud")
	stranger.want(200, `PATCH /user/memberships/orgs/acme {"state":"active"}`)
	stranger.want(200, "GET /repos/acme/engine", `"push":true`)

	// Taken away, at once.
	mate.want(204, "DELETE /orgs/acme/teams/loud/memberships/max")
	mate.want(404, "GET /repos/acme/engine")
	owner.want(204, "DELETE /orgs/acme/members/eve")
	stranger.want(404, "GET /repos/acme/engine")
	owner.want(204, "DELETE /orgs/acme/teams/loud/repos/acme/engine")
	member.want(404, "GET /repos/acme/engine")
	owner.want(204, `PUT /orgs/acme/teams/loud/repos/acme/engine {}`)
	member.want(200, "GET /repos/acme/engine", `"push":true`)
	member.want(200, `PATCH /orgs/acme/teams/loud {"name":"Louder"}`, `"slug":"louder"`)
	owner.want(404, "GET /orgs/acme/teams/loud")
	owner.want(204, "DELETE /orgs/acme/teams/louder")
	member.want(404, "GET /repos/acme/engine")
}

// anybody acts for nobody in particular.
var anybody = right.Actor{Kind: right.SessionCredential, Grant: right.Everything()}
