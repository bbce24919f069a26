package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// governed is an organisation, works, with a member of it, eve, who has one token of
// every kind that people have: works/plans and works/site are private and public, and
// so are eve's eve/own and eve/pub. Machines of works have the tokens of other kinds.
type governed struct {
	*scene
	works     org.Found
	plans     repo.Repo
	invited   id.Invitation // eve's, to works/annex
	asset     map[string]int64
	archive   map[string]string
	object    string
	creds     []*credential
	transfers map[*credential]action     // that were begun before any policy
	before    map[doorKey]apptest.Answer // what doors said then
}

// credential is a token of eve's or of a machine, and what rules ask about it.
type credential struct {
	name    string
	kind    string // as policies name it
	account string // a service account's; empty: eve's, or a repository's
	tid     id.Token
	plain   string
	scopes  string    // what it has more than others; empty for those with permissions
	ends    time.Time // zero: never
	fine    bool      // it has permissions, and no scopes
	reads   bool      // with permissions to read content, and not to write it
	asked   bool      // the owners of works are asked about it
	narrow  bool
}

func newGoverned(t *testing.T, closed bool, more ...func(*config.Config)) *governed {
	t.Helper()
	more = append(more, func(c *config.Config) { c.Closed, c.APIRateLimit = closed, 100_000_000 })
	g := &governed{scene: newScene(t, more...), asset: map[string]int64{}, archive: map[string]string{}, transfers: map[*credential]action{}}
	g.works = g.Org(t, g.ada, "works")
	g.Join(t, g.works, org.Member, g.eve)
	none := right.None
	if err := g.Orgs.Update(t.Context(), right.Operator(), g.works.ID, org.Patch{Base: &none}); err != nil {
		t.Fatal(err)
	}
	of := account.Account{ID: g.works.ID}
	g.plans = g.Repo(t, of, "plans", true)
	site, annex := g.Repo(t, of, "site", false), g.Repo(t, of, "annex", true)
	own, pub := g.Repo(t, g.eve, "own", true), g.Repo(t, g.eve, "pub", false)
	crew, err := g.Orgs.CreateTeam(t.Context(), right.Operator(), g.works.ID, org.NewTeam{Name: "crew"})
	if err == nil {
		_, err = g.Orgs.SetMate(t.Context(), right.Operator(), crew.Team, g.eve.ID, org.TeamMember)
	}
	for _, r := range []repo.Repo{g.plans, site} {
		if err == nil {
			err = g.Orgs.SetTeamRepo(t.Context(), right.Operator(), crew.Team, r.ID, right.Admin)
		}
	}
	if err == nil {
		var i *repo.Invitation
		if i, err = g.Repos.Invite(t.Context(), right.Operator(), annex.ID, g.eve.ID, right.Write); err == nil {
			g.invited = i.ID
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	git := g.Git(t, "", "")
	git.Run(t, "init", "-q")
	git.Commit(t, "file.txt", secretText+"\n", "A first commit")
	for _, r := range []repo.Repo{g.plans, site, own, pub} {
		git.Run(t, "push", "-q", g.dir(r.ID), "HEAD:main")
		g.object = g.hold(t, r.ID, objectText)
	}
	g.head = git.Run(t, "rev-parse", "HEAD")
	g.fill(t)
	g.equip(t)
	return g
}

// fill makes releases with a file, and links to archives, by a token that no test
// uses again.
func (g *governed) fill(t *testing.T) {
	t.Helper()
	plain := g.token(t, g.eve, "fill", "repo")
	for _, full := range []string{"works/plans", "works/site", "eve/own"} {
		at := "/api/v3/repos/" + full
		var rel, asset struct{ ID int64 }
		for path, v := range map[string]any{at + "/releases": &rel} {
			if err := json.Unmarshal([]byte(g.Do(t, "POST", path, `{"tag_name":"v1"}`, bearer(plain)).Text), v); err != nil {
				t.Fatal(err)
			}
		}
		a := g.Do(t, "POST", fmt.Sprintf("%s/releases/%d/assets?name=a", at, rel.ID), secretText, bearer(plain))
		if err := json.Unmarshal([]byte(a.Text), &asset); err != nil || asset.ID == 0 {
			t.Fatalf("no file of a release: %v %s", err, a.Text)
		}
		g.asset[full] = asset.ID
		link := g.Do(t, "GET", at+"/tarball/main", "", bearer(plain))
		g.archive[full] = strings.TrimPrefix(link.Header.Get("Location"), g.URL())
	}
	if _, err := g.Tokens.RevokeAll(t.Context(), right.Operator(), g.eve.ID, token.Personal); err != nil {
		t.Fatal(err)
	}
}

// equip gives eve her tokens, and the machines theirs.
func (g *governed) equip(t *testing.T) {
	t.Helper()
	soon, late := g.Now().Add(20*24*time.Hour), g.Now().Add(300*24*time.Hour)
	classic, plain := g.TokenUntil(t, g.eve, "classic", soon, "repo", "admin:org", "user")
	g.creds = append(g.creds, &credential{name: "classic", kind: "classic", tid: classic.ID, plain: plain, scopes: "admin:org user", ends: soon})
	oauth := g.OAuthToken(t, g.eve, application.GitHubCLI, "repo", "read:org")
	given, err := g.Tokens.ListApps(t.Context(), g.eve.ID)
	if err != nil || len(given) != 1 {
		t.Fatalf("%d tokens of applications, %v", len(given), err)
	}
	g.creds = append(g.creds, &credential{name: "OAuth", kind: "oauth", tid: given[0].ID, plain: oauth})
	fine := func(name string, n token.NewFine, in bool) {
		n.Name, n.Access = name, token.AllOf
		tok, plain := g.FineToken(t, g.eve, n, everything)
		g.creds = append(g.creds, &credential{name: name, kind: "fine-grained", tid: tok.ID, plain: plain, ends: n.ExpiresAt, fine: true, asked: in})
	}
	fine("fine-grained", token.NewFine{Owner: g.works.ID, OwnerIsOrg: true, ExpiresAt: late}, true)
	fine("fine-grained of another owner", token.NewFine{Owner: g.eve.ID}, false)
	g.employ(t)
	for _, c := range g.creds[:len(g.creds):len(g.creds)] {
		child := *c
		child.name, child.narrow = c.name+", narrowed", true
		child.plain, _ = narrower(t, c.plain, "uses\n1000000")
		g.creds = append(g.creds, &child)
	}
	for _, c := range g.creds {
		_, objects := g.batchOf(t, "works/plans", "download", c)
		if len(objects) == 1 {
			g.transfers[c] = objects[0].Actions["download"]
		}
	}
}

func (g *governed) batchOf(t *testing.T, full, operation string, c *credential) (apptest.Answer, []lfsObject) {
	t.Helper()
	size := len(objectText)
	body := fmt.Sprintf(`{"operation":%q,"objects":[{"oid":%q,"size":%d}]}`, operation, g.object, size)
	a := g.Do(t, "POST", "/"+full+".git/info/lfs/objects/batch", body, bearer(c.plain), lfsType)
	var out struct{ Objects []lfsObject }
	if a.StatusCode == 200 {
		if err := json.Unmarshal([]byte(a.Text), &out); err != nil {
			t.Fatal(err)
		}
	}
	return a, out.Objects
}

// set gives works, or the site for zero, a policy.
func (g *governed) set(t *testing.T, of id.Account, p right.Policy) {
	t.Helper()
	if err := g.Policies.Set(t.Context(), right.Operator(), of, p); err != nil {
		t.Fatal(err)
	}
}

// bar shuts a token out of what is owner's, or lets it in again.
func (g *governed) bar(t *testing.T, tid id.Token, owner id.Account, out bool) {
	t.Helper()
	if err := barBy(t, g.Core, tid, owner, out); err != nil {
		t.Fatal(err)
	}
}

// barBy is bar in any process.
func barBy(t *testing.T, k *app.Core, tid id.Token, owner id.Account, out bool) error {
	return k.DB.Write(t.Context(), func(tx *db.Tx) error {
		if out {
			return k.Tokens.BarTx(t.Context(), tx, right.Operator(), owner, tid, "")
		}
		return k.Tokens.UnbarTx(t.Context(), tx, right.Operator(), owner, tid, "")
	})
}

// about is whom a door has to do with.
type about uint8

const (
	ofWorks about = iota // one of works' things
	ofEve                // one of eve's repositories
	ofSelf               // eve's account
	ofAll                // what everybody may look at
)

// policyDoor is one request of the table.
type policyDoor struct {
	name   string
	of     about
	public bool   // a visitor of an open site may do it
	marker string // what the answer tells that is not for everybody; for lists, which leave it out
	ask    func(g *governed, t *testing.T, c *credential) apptest.Answer
}

func request(method, path, body string, headers ...string) func(*governed, *testing.T, *credential) apptest.Answer {
	return func(g *governed, t *testing.T, c *credential) apptest.Answer {
		t.Helper()
		return g.Do(t, method, path, body, append([]string{bearer(c.plain)}, headers...)...)
	}
}

func api(path string) func(*governed, *testing.T, *credential) apptest.Answer {
	return request("GET", "/api/v3"+path, "")
}

func graph(q string) func(*governed, *testing.T, *credential) apptest.Answer {
	return func(g *governed, t *testing.T, c *credential) apptest.Answer {
		t.Helper()
		return g.query(t, strings.ReplaceAll(q, "PLANS", node("Repository", int64(g.plans.ID))), bearer(c.plain))
	}
}

func lfsBatch(full, operation string) func(*governed, *testing.T, *credential) apptest.Answer {
	return func(g *governed, t *testing.T, c *credential) apptest.Answer {
		t.Helper()
		a, _ := g.batchOf(t, full, operation, c)
		return a
	}
}

func atAsset(full string) func(*governed, *testing.T, *credential) apptest.Answer {
	return func(g *governed, t *testing.T, c *credential) apptest.Answer {
		t.Helper()
		return g.Do(t, "GET", fmt.Sprintf("/api/v3/repos/%s/releases/assets/%d", full, g.asset[full]), "", bearer(c.plain), "Accept: application/octet-stream")
	}
}

func atArchive(full string) func(*governed, *testing.T, *credential) apptest.Answer {
	return func(g *governed, t *testing.T, c *credential) apptest.Answer {
		t.Helper()
		return g.Do(t, "GET", g.archive[full], "", bearer(c.plain))
	}
}

// transfer goes on with what a batch began before there was a policy.
func transfer(g *governed, t *testing.T, c *credential) apptest.Answer {
	t.Helper()
	a, begun := g.transfers[c]
	if !begun {
		return g.Do(t, "GET", "/works/plans.git/info/lfs/objects/"+g.object, "", bearer(c.plain))
	}
	return g.Do(t, "GET", a.path(g.scene), "", a.auth())
}

const raw = "Accept: application/vnd.github.raw"

var policyDoors = []policyDoor{
	{"git fetch", ofWorks, false, "", request("GET", "/works/plans.git"+refs, "")},
	{"git push", ofWorks, false, "", request("GET", "/works/plans.git"+packs, "")},
	{"git fetch of a public one", ofWorks, true, "", request("GET", "/works/site.git"+refs, "")},
	{"git push to a public one", ofWorks, false, "", request("GET", "/works/site.git"+packs, "")},
	{"git fetch of one's own", ofEve, false, "", request("GET", "/eve/own.git"+refs, "")},
	{"git push to one's own", ofEve, false, "", request("GET", "/eve/own.git"+packs, "")},
	{"git fetch of one's own public one", ofEve, true, "", request("GET", "/eve/pub.git"+refs, "")},

	{"repository", ofWorks, false, "", api("/repos/works/plans")},
	{"commits", ofWorks, false, "", api("/repos/works/plans/commits")},
	{"raw file", ofWorks, false, "", request("GET", "/api/v3/repos/works/plans/contents/file.txt", "", raw)},
	{"readme as a listing", ofWorks, false, "", api("/repos/works/plans/contents")},
	{"releases", ofWorks, false, "", api("/repos/works/plans/releases")},
	{"release file", ofWorks, false, "", atAsset("works/plans")},
	{"archive's link", ofWorks, false, "", api("/repos/works/plans/tarball/main")},
	{"archive", ofWorks, false, "", atArchive("works/plans")},
	{"branches", ofWorks, false, "", api("/repos/works/plans/branches")},
	{"compare", ofWorks, false, "", api("/repos/works/plans/compare/main...main")},
	{"hooks", ofWorks, false, "", api("/repos/works/plans/hooks")},
	{"edit", ofWorks, false, "", request("PATCH", "/api/v3/repos/works/plans", `{"description":"x"}`)},
	{"status", ofWorks, false, "", request("POST", "/api/v3/repos/works/plans/statuses/main", `{"state":"success","context":"x"}`)},
	{"a file", ofWorks, false, "", request("PUT", "/api/v3/repos/works/plans/contents/file.txt", `{"message":"x","content":"eA=="}`)},
	{"edit a public one", ofWorks, false, "", request("PATCH", "/api/v3/repos/works/site", `{"description":"x"}`)},
	{"fork", ofWorks, false, "", request("POST", "/api/v3/repos/works/plans/forks", `{"organization":"nobody"}`)},
	{"public repository", ofWorks, true, "", api("/repos/works/site")},
	{"public file", ofWorks, true, "", request("GET", "/api/v3/repos/works/site/contents/file.txt", "", raw)},
	{"public release file", ofWorks, true, "", atAsset("works/site")},
	{"public archive", ofWorks, true, "", atArchive("works/site")},
	{"one's own", ofEve, false, "", api("/repos/eve/own")},
	{"one's own release file", ofEve, false, "", atAsset("eve/own")},
	{"edit one's own", ofEve, false, "", request("PATCH", "/api/v3/repos/eve/own", `{"description":"x"}`)},
	{"one's own public one", ofEve, true, "", api("/repos/eve/pub")},
	{"create", ofSelf, false, "", request("POST", "/api/v3/user/repos", `{"name":"own","private":true}`)},

	{"organization", ofWorks, true, "", api("/orgs/works")},
	{"membership", ofWorks, false, "", api("/orgs/works/memberships/eve")},
	{"teams", ofWorks, false, "", api("/orgs/works/teams")},
	{"team", ofWorks, false, "", api("/orgs/works/teams/crew")},
	{"repositories of a team", ofWorks, false, "", api("/orgs/works/teams/crew/repos")},
	{"create in it", ofWorks, false, "", request("POST", "/api/v3/orgs/works/repos", `{"name":"plans","private":true}`)},
	{"transfer into it", ofWorks, false, "", request("POST", "/api/v3/repos/eve/own/transfer", `{"new_owner":"works","new_name":"plans"}`)},
	{"members", ofWorks, true, `"eve"`, api("/orgs/works/members")},
	{"repositories of it", ofWorks, true, "works/plans", api("/orgs/works/repos")},

	{"who am I", ofSelf, false, "", api("/user")},
	{"own repositories", ofSelf, false, "works/plans", api("/user/repos?per_page=100")},
	{"organizations", ofSelf, false, `"works"`, api("/user/orgs")},
	{"memberships", ofSelf, false, `"works"`, api("/user/memberships/orgs")},
	{"own teams", ofSelf, false, "crew", api("/user/teams")},
	{"invitations", ofSelf, false, "works/annex", api("/user/repository_invitations")},
	{"own membership", ofWorks, false, "", api("/user/memberships/orgs/works")},
	{"join", ofWorks, false, "", request("PATCH", "/api/v3/user/memberships/orgs/works", `{"state":"x"}`)},
	{"search", ofAll, true, "works/plans", api("/search/repositories?q=plans")},
	{"search what is private", ofAll, true, "works/plans", api("/search/repositories?q=is:private+org:works")},

	{"GraphQL by name", ofSelf, false, secretText, graph(`{repository(owner:"works",name:"plans"){object(expression:"main:file.txt"){...on Blob{text}}}}`)},
	{"GraphQL by number", ofSelf, false, `"works/plans"`, graph(`{node(id:"PLANS"){...on Repository{nameWithOwner}}}`)},
	{"GraphQL list", ofSelf, false, `"works/plans"`, graph(`{viewer{repositories(first:50,affiliations:[OWNER,ORGANIZATION_MEMBER],ownerAffiliations:[OWNER,ORGANIZATION_MEMBER]){nodes{nameWithOwner}}}}`)},
	{"GraphQL organization", ofSelf, false, `"works/plans"`, graph(`{organization(login:"works"){repositories(first:50){nodes{nameWithOwner}}}}`)},
	{"GraphQL search", ofSelf, false, `"works/plans"`, graph(`{search(query:"plans",type:REPOSITORY,first:9){nodes{...on Repository{nameWithOwner}}}}`)},
	{"GraphQL membership", ofSelf, false, `"viewerIsAMember":true`, graph(`{organization(login:"works"){viewerIsAMember}}`)},
	{"GraphQL memberships", ofSelf, false, `"works"`, graph(`{viewer{organizations(first:9){nodes{login}}}}`)},
	{"GraphQL archive", ofSelf, false, `"isArchived":false`, graph(`mutation{unarchiveRepository(input:{repositoryId:"PLANS"}){repository{isArchived}}}`)},

	{"LFS batch", ofWorks, false, "", lfsBatch("works/plans", "download")},
	{"LFS upload", ofWorks, false, "", lfsBatch("works/plans", "upload")},
	{"LFS transfer", ofWorks, false, "", transfer},
	{"LFS locks", ofWorks, false, "", request("GET", "/works/plans.git/info/lfs/locks", "")},
	{"LFS public batch", ofWorks, true, "", lfsBatch("works/site", "download")},
	{"LFS own batch", ofEve, false, "", lfsBatch("eve/own", "download")},
}

// session is the control: what a person does on the pages no policy touches.
func (g *governed) untouched(t *testing.T, session, rule string) {
	t.Helper()
	for _, path := range []string{"/works/plans", "/eve/own", "/settings/tokens", "/works"} {
		want(t, "a session under "+rule+", "+path, g.Do(t, "GET", path, "", cookie(session)), 200)
	}
}
