package matrix

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// orgRules are about organisations, their teams, and the life of repositories by
// the API.
var orgRules = []rule{
	about(`rest GET /api/v3/user/orgs`, signedIn, "orgs", false),
	about(`rest GET /api/v3/user/(memberships/orgs|teams)`, signedIn, "read:org", false),
	about(`rest GET /api/v3/user/memberships/orgs/\{org\}`, orgAsked, "read:org", false),
	about(`rest PATCH /api/v3/user/memberships/orgs/\{org\}`, orgAsked, "write:org", false),
	about(`rest \w+ /api/v3/user/repository_invitations(/.*)?`, signedIn, "invitations", false),

	about(`rest GET /api/v3/orgs/\{org\}(/(repos|members|public_members)(/\{username\})?)?`, everybody, "", false),
	about(`rest POST /api/v3/orgs/\{org\}/repos`, orgMember, "org repo", false),
	about(`rest (PATCH|DELETE) /api/v3/orgs/\{org\}`, orgOwner, "admin:org", false),
	about(`rest \w+ /api/v3/orgs/\{org\}/personal-access-token(s|-requests)(/.*)?`, orgOwner, "admin:org", false),
	about(`rest GET /api/v3/orgs/\{org\}/(teams|memberships/\{username\})`, orgMember, "read:org", false),
	about(`rest GET /api/v3/orgs/\{org\}/(invitations|outside_collaborators)`, orgOwner, "read:org", false),
	// Whom these name is the owner: only owners may for others, and themselves.
	about(`rest \w+ /api/v3/orgs/\{org\}/(teams|(members|memberships|public_members|outside_collaborators|invitations)(/.*)?)`, orgOwner, "write:org", false),
	about(`rest GET /api/v3/orgs/\{org\}/teams/\{team_slug\}(/.*)?`, teamReader, "read:org", false),
	about(`rest \w+ /api/v3/orgs/\{org\}/teams/\{team_slug\}/repos/.*`, teamOwner, "org and repo", false),
	about(`rest \w+ /api/v3/orgs/\{org\}/teams/\{team_slug\}(/.*)?`, teamMaintainer, "write:org", false),

	about(`web \w+ /(invitations(/.*)?|organizations/new|orgs/\{org\}/invitation(/decline)?|\{owner\}/\{repo\}/invitations)`, signedIn, "", false),
	about(`web GET /orgs/\{org\}/people`, everybody, "", false),
	about(`web \w+ /orgs/\{org\}/(leave|people/show)`, orgMember, "", false),
	about(`web GET /orgs/\{org\}/teams`, orgMember, "", false),
	about(`web \w+ /orgs/\{org\}/(new-team|people(/.*)?)`, orgOwner, "", false),
	about(`web GET /orgs/\{org\}/teams/\{team_slug\}`, teamReader, "", false),
	about(`web POST /orgs/\{org\}/teams/\{team_slug\}/(leave|repos(/remove)?)`, teamReader, "", false), // and administers the repository
	about(`web \w+ /orgs/\{org\}/teams/\{team_slug\}(/.*)?`, teamMaintainer, "", false),
	about(`web \w+ /organizations/\{org\}/settings/(delete|rename)`, orgOwner, "", true),
	about(`web (\w+ /organizations/\{org\}/settings/personal-access-tokens|POST .*/personal-access-token-requests/.*)`, orgOwner, "", true),
	about(`web \w+ /organizations/\{org\}/settings(/.*)?`, orgOwner, "", false),

	about(`rest GET /api/v3/(repositories.*|search/.*)`, everybody, "", false),
	about(`rest \w+ /api/v3/repos/\{owner\}/\{repo\}/(teams|transfer|invitations(/.*)?)`, manager, "repo", false),
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/collaborators(/.*)?`, writer, "repo", false),
	about(`rest POST /api/v3/repos/\{owner\}/\{repo\}/(forks|generate)`, borrower, "repo", false),
}

func holding(text string) func(*answer) bool {
	return func(a *answer) bool { return strings.Contains(a.body, text) }
}

// orgFixtures are what the requests of these routes need.
var orgFixtures = map[string]fixture{
	"web GET /organizations/{org}/settings/tokens/export":                                      {query: "format=csv"},
	"rest GET /api/v3/orgs/{org}/public_members/{username}":                                    {reached: status(http.StatusNotFound)}, // the owner is not shown
	"web POST /organizations/{org}/settings/personal-access-token-requests/{pat_request}":      {form: "decision=deny", reached: holding("no such request")},
	"web POST /organizations/{org}/settings/personal-access-tokens":                            {form: "kinds=classic&kinds=fine-grained&kinds=oauth&kinds=deploy&kinds=exchanged"},
	"rest POST /api/v3/orgs/{org}/personal-access-token-requests":                              {body: `{"action":"keep"}`},
	"rest POST /api/v3/orgs/{org}/personal-access-token-requests/{pat_request_id}":             {body: `{"action":"keep"}`},
	"rest GET /api/v3/orgs/{org}/personal-access-token-requests/{pat_request_id}/repositories": {reached: holding("no such request")},
	"rest POST /api/v3/orgs/{org}/personal-access-tokens":                                      {body: `{"action":"keep"}`},
	"rest POST /api/v3/orgs/{org}/personal-access-tokens/{pat_id}":                             {body: `{"action":"keep"}`},
	"rest GET /api/v3/orgs/{org}/personal-access-tokens/{pat_id}/repositories":                 {reached: holding("no such token")},
	"rest POST /api/v3/orgs/{org}/repos":                                                       {body: `{"private":false}`},
	"rest DELETE /api/v3/orgs/{org}/invitations/{invitation_id}":                               {reached: holding("no such invitation")},
	"rest DELETE /api/v3/orgs/{org}/teams/{team_slug}/memberships/{username}":                  {reached: holding("is not in the team")},
	"rest POST /api/v3/repos/{owner}/{repo}/forks":                                             {body: `{"name":"no/name"}`, reached: holding("can't fork it for itself")},
	"rest POST /api/v3/repos/{owner}/{repo}/generate":                                          {body: `{"private":false}`},
	"rest DELETE /api/v3/repos/{owner}/{repo}/invitations/{invitation_id}":                     {reached: holding("no such invitation")},
	"rest PATCH /api/v3/user/repository_invitations/{invitation_id}":                           {reached: holding("no such invitation")},
	"rest DELETE /api/v3/user/repository_invitations/{invitation_id}":                          {reached: holding("no such invitation")},
}

// organize makes the organisation of a world: the owner of the repositories owns
// it, the reader belongs to it, the writer maintains a team of it, and who
// administers the repositories was only invited.
func (w *world) organize(t *testing.T, login string) {
	t.Helper()
	of := func(r relation) account.Account { return w.people[r].Account }
	w.org = w.s.Org(t, of(owner), login)
	w.s.Join(t, w.org, org.Member, of(read), of(write))
	if _, err := w.s.Orgs.SetRole(t.Context(), w.actor(owner), w.org.ID, of(admin).ID, org.Member); err != nil {
		t.Fatal(err)
	}
	// The invitation must not be over when the clock of the world is put forward.
	err := w.s.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE org_members SET created_at = $2 WHERE account_id = $1`, of(admin).ID, db.Micros(w.s.Now()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.left = w.s.Org(t, of(owner), login+"-left")
	w.join(t, w.left, read)
	w.join(t, w.left, write)
	for _, name := range []string{"machine", "machine-loose"} {
		w.s.Repo(t, account.Account{ID: w.org.ID}, name, false)
	}
	for _, slug := range []string{"core", "core-delete", "core-gone"} {
		w.team(t, slug)
	}
	if _, err := w.s.Orgs.CreateTeam(t.Context(), right.Operator(), w.org.ID, org.NewTeam{Name: "core-leave"}); err != nil {
		t.Fatal(err)
	}
}

// join makes somebody a member who is none.
func (w *world) join(t testing.TB, o org.Found, r relation) {
	t.Helper()
	if _, err := w.s.Orgs.SetRole(t.Context(), right.Operator(), o.ID, w.people[r].ID, org.Member); err != nil {
		t.Fatal(err)
	}
}

// orphaned is the path to leave an organisation that has a like one's place, and
// that no other route looks at.
func (m *matrix) orphaned(c kase) string {
	return strings.Replace(c.path, "{org}", m.world(c).left.Login, 1)
}

func (w *world) actor(r relation) right.Actor {
	p := w.people[r]
	return right.Actor{Account: p.ID, Login: p.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

func (w *world) team(t testing.TB, slug string) {
	t.Helper()
	ctx := t.Context()
	team, err := w.s.Orgs.CreateTeam(ctx, right.Operator(), w.org.ID, org.NewTeam{Name: slug})
	if err != nil {
		t.Fatal(err)
	}
	for who, role := range map[relation]org.TeamRole{owner: org.TeamMember, write: org.Maintainer, admin: org.TeamMember} {
		if _, err := w.s.Orgs.SetMate(ctx, right.Operator(), team.Team, w.people[who].ID, role); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"machine", "machine-loose"} {
		r, err := w.s.Repos.Find(ctx, w.s.DB, w.org.Login, name, 0)
		if err == nil {
			err = w.s.Orgs.SetTeamRepo(ctx, right.Operator(), team.Team, r.ID, right.Read)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inOrg reports whether the person has that place in the organisation or team.
func (c kase) inOrg(w who) bool {
	switch w {
	case orgAsked:
		return c.relation == owner || c.relation == write || c.relation == read || c.relation == admin
	case orgMember, teamReader:
		return c.relation == owner || c.relation == write || c.relation == read
	case teamMaintainer:
		return c.relation == owner || c.relation == write
	case orgOwner, teamOwner:
		return c.relation == owner
	}
	return false
}

// forOrgToken is forToken for what is of an organisation.
func (r rule) forOrgToken(c kase, enough, reads bool) verdict {
	ofTeam := r.who >= teamReader
	switch {
	case ofTeam && (!c.inOrg(teamReader) || !reads):
		return missing
	case r.who == orgAsked && enough && !c.inOrg(orgAsked):
		return missing
	case !c.inOrg(r.who):
		return forbidden
	case !enough && r.hides:
		return missing
	case !enough:
		return forbidden
	}
	return allowed
}

func (m *matrix) orgPath(t testing.TB, c kase) string {
	t.Helper()
	w := m.world(c)
	name, team, user, of := "machine", "core", w.people[owner].Login, w.org.Login
	switch {
	case strings.HasPrefix(c.path, "/orgs/{org}/invitation"):
		of = "nobody-here" // which has invited nobody
	case strings.HasSuffix(c.path, "{team_slug}/leave"):
		team = "core-leave"
	case c.door == "web" && c.method == http.MethodPost && strings.HasSuffix(c.path, "{team_slug}/delete"):
		team = "core-gone"
	case c.path == "/orgs/{org}/leave" && c.method == http.MethodPost:
		return m.orphaned(c)
	}
	if c.method == http.MethodDelete {
		name = "machine-loose"
		if strings.HasSuffix(c.path, "{team_slug}") {
			team = "core-delete"
		}
		if strings.Contains(c.path, "{team_slug}/memberships") {
			user = w.victim.Login
		}
	}
	pairs := []string{"{org}", of, "{owner}", w.org.Login, "{repo}", name, "{team_slug}", team, "{team}", team,
		"{username}", user, "{invitation_id}", strconv.FormatInt(1<<40, 10), "{pat_id}", strconv.FormatInt(1<<40, 10), "{pat_request}", strconv.FormatInt(1<<40, 10), "{pat_request_id}", strconv.FormatInt(1<<40, 10),
		"{app}", strconv.FormatInt(int64(w.orgApp), 10), "{secret}", strconv.FormatInt(1<<40, 10)}
	if strings.Contains(c.path, "{machine}") {
		pairs = append(pairs, m.machinePath(t, c)...)
	}
	if strings.Contains(c.path, "{hook") {
		pairs = append(pairs, m.hookPath(t, c)...)
	}
	if strings.Contains(c.path, "{trust}") {
		pairs = append(pairs, m.trustPath(c)...)
	}
	return strings.NewReplacer(pairs...).Replace(c.path)
}

// restoreOrg makes again what a request was allowed to take away.
func (m *matrix) restoreOrg(t testing.TB, c kase, ans *answer) {
	t.Helper()
	w := m.world(c)
	switch c.route.String() {
	case "rest DELETE /api/v3/orgs/{org}/teams/{team_slug}":
		if ans.status == http.StatusNoContent {
			w.team(t, "core-delete")
		}
	case "web POST /orgs/{org}/teams/{team_slug}/delete":
		if _, err := w.s.Orgs.FindTeam(t.Context(), w.s.DB, w.org.ID, "core-gone", 0); problem.Is(err, problem.NotFound) {
			w.team(t, "core-gone")
		}
	case "web POST /orgs/{org}/leave":
		for _, r := range []relation{read, write} {
			w.join(t, w.left, r)
		}
	}
}
