package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// everything is every permission, at its highest level.
var everything = right.AllFine().String()

// fine makes a fine-grained token and returns its text alone.
func (s *scene) fine(t *testing.T, a account.Account, n token.NewFine, permissions string) string {
	t.Helper()
	if n.Name == "" {
		n.Name = fmt.Sprint(n.Access, n.Owner, n.Repos)
	}
	_, plain := s.FineToken(t, a, n, permissions)
	return plain
}

// selected is a token of ada's for these repositories of hers alone, with every
// permission.
func (s *scene) selected(t *testing.T, repos ...repo.Repo) string {
	t.Helper()
	n := token.NewFine{Owner: s.ada.ID, Access: token.Selected}
	for _, r := range repos {
		n.Repos = append(n.Repos, r.ID)
	}
	return s.fine(t, s.ada, n, everything)
}

// query asks by GraphQL.
func (s *scene) query(t *testing.T, text string, headers ...string) apptest.Answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": text})
	if err != nil {
		t.Fatal(err)
	}
	return s.Do(t, "POST", "/api/graphql", string(body), headers...)
}

func node(kind string, n int64) string { return httpkit.NodeID(kind, n) }

// TestA6_BeyondItsReachNothingPrivate: a token for one repository does not know
// of another private one of the same owner: no address, number, list or search.
func TestA6_BeyondItsReachNothingPrivate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	desk := s.Repo(t, s.ada, "desk", true)
	all := bearer(s.token(t, s.ada, "all", "repo", "admin:repo_hook"))
	made := func(path, body string) int64 {
		t.Helper()
		a := s.Do(t, "POST", "/api/v3/repos/ada/shut/"+path, body, all)
		var v struct{ ID int64 }
		if err := json.Unmarshal([]byte(a.Text), &v); err != nil || v.ID == 0 {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.Text)
		}
		return v.ID
	}
	rel := made("releases", `{"tag_name":"v1"}`)
	asset := made(fmt.Sprintf("releases/%d/assets?name=a", rel), secretText)
	hook := made("hooks", `{"config":{"url":"https://hook.example.com/"}}`)
	link := s.Do(t, "GET", "/api/v3/repos/ada/shut/tarball/main", "", all)
	archive := strings.TrimPrefix(link.Header.Get("Location"), s.URL())
	if link.StatusCode != 302 || archive == "" {
		t.Fatalf("no link to an archive: %d %q", link.StatusCode, archive)
	}

	for name, auth := range carriers(s.selected(t, desk)) {
		if a := s.Do(t, "GET", "/api/v3/repos/ada/desk", "", auth); a.StatusCode != 200 {
			t.Fatalf("%s: what it reaches: %d", name, a.StatusCode)
		}
		for _, path := range append(append([]string{archive}, reads[7:]...),
			"/ada/shut.git"+packs, lfsPath("shut", "locks"), fmt.Sprintf("/api/v3/repositories/%d", s.shut.ID),
			"/api/v3/repos/ada/shut/contents/file.txt", "/api/v3/repos/ada/shut/commits/"+s.head, "/api/v3/repos/ada/shut/zipball", "/api/v3/repos/ada/shut/legacy.zip/main",
			fmt.Sprintf("/api/v3/repos/ada/shut/releases/assets/%d", asset),
			// Its numbers through the repository that is in reach.
			fmt.Sprintf("/api/v3/repos/ada/desk/releases/assets/%d", asset), fmt.Sprintf("/api/v3/repos/ada/desk/releases/%d", rel), fmt.Sprintf("/api/v3/repos/ada/desk/hooks/%d", hook),
			fmt.Sprintf("/api/v3/repos/ada/desk/hooks/%d/deliveries", hook), "/api/v3/repos/ada/desk/compare/main...ada:shut:main",
		) {
			want(t, name+", "+path, s.Do(t, "GET", path, "", auth), 404)
		}
		for _, path := range []string{
			"/api/v3/user/repos", "/api/v3/user/repos?visibility=private", "/api/v3/user/repos?affiliation=owner", "/api/v3/users/ada/repos?type=all", "/api/v3/repositories",
			"/api/v3/search/repositories?q=shut", "/api/v3/search/repositories?q=user:ada", "/api/v3/search/repositories?q=repo:ada/shut", "/api/v3/search/repositories?q=is:private+user:ada",
		} {
			if a := s.Do(t, "GET", path, "", auth); a.StatusCode >= 400 || strings.Contains(a.Text, "ada/shut") {
				t.Errorf("%s, %s: %d %s", name, path, a.StatusCode, a.Text)
			}
		}
		for _, q := range []string{
			`{viewer{repositories(first:50){totalCount nodes{name}}}}`, `{user(login:"ada"){repository(name:"shut"){name}}}`, `{repository(owner:"ada",name:"shut"){name}}`,
			`{search(query:"shut",type:REPOSITORY,first:9){repositoryCount nodes{...on Repository{name}}}}`,
			`{node(id:"` + node("Repository", int64(s.shut.ID)) + `"){...on Repository{name description}}}`,
			`{node(id:"` + httpkit.NodeIDOf("Commit", fmt.Sprintf("%d:%s", s.shut.ID, s.head)) + `"){...on Commit{message}}}`,
			`{nodes(ids:["` + httpkit.NodeIDOf("Ref", fmt.Sprintf("%d:refs/heads/main", s.shut.ID)) + `"]){...on Ref{name}}}`,
		} {
			a := s.query(t, q, auth)
			if told := strings.Contains(a.Text, `"shut"`) || strings.Contains(a.Text, "A first commit") || strings.Contains(a.Text, `"main"`); a.StatusCode != 200 || told && !strings.Contains(a.Text, "NOT_FOUND") || strings.Contains(a.Text, `"repositoryCount":1`) {
				t.Errorf("%s, %s: %d %s", name, q, a.StatusCode, a.Text)
			}
		}
	}
}

// TestJ4_AForkIsNoWayToItsParent: a token for a fork alone reads nothing of the
// private repository that it was made of.
func TestJ4_AForkIsNoWayToItsParent(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Read)
	wide := bearer(s.token(t, s.eve, "all", "repo"))
	want(t, "the fork", s.Do(t, "POST", "/api/v3/repos/ada/shut/forks", `{}`, wide), 202)
	fork, err := s.Repos.Find(t.Context(), s.DB, "eve", "shut", s.eve.ID)
	if err != nil {
		t.Fatal(err)
	}
	g := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "shut")
	g.Commit(t, "later.txt", "later", "A later commit")
	g.Run(t, "push", "-q", "origin", "main")
	later := g.Run(t, "rev-parse", "HEAD")

	auth := bearer(s.fine(t, s.eve, token.NewFine{Owner: s.eve.ID, Access: token.Selected, Repos: []id.Repo{fork.ID}}, everything))
	const at = "/api/v3/repos/eve/shut"
	whole := s.Do(t, "GET", at, "", auth)
	if whole.StatusCode != 200 || strings.Contains(whole.Text, "ada/shut") {
		t.Errorf("the fork tells of its parent: %d %s", whole.StatusCode, whole.Text)
	}
	if a := s.query(t, `{repository(owner:"eve",name:"shut"){name parent{name description}}}`, auth); !strings.Contains(a.Text, `"parent":null`) {
		t.Errorf("by GraphQL: %s", a.Text)
	}
	want(t, "a later commit", s.Do(t, "GET", at+"/commits/"+later, "", auth), 422)
	for _, path := range []string{"/compare/main...ada:main", "/compare/ada:main...main", "/compare/main...ada:shut:main", "/compare/main..." + later, "/git/commits/" + later} {
		want(t, path, s.Do(t, "GET", at+path, "", auth), 404)
	}
	want(t, "merge-upstream", s.Do(t, "POST", at+"/merge-upstream", `{"branch":"main"}`, auth), 422)
	if got := s.at(t, s.dir(fork.ID), "refs/heads/main"); got != s.head {
		t.Errorf("the fork is at %s now", got)
	}
	want(t, "with the account's right", s.Do(t, "POST", at+"/merge-upstream", `{"branch":"main"}`, wide), 200)
}

// TestA14_AReachIsNotItsOwner: a token for one repository is good for that one,
// whatever it is called and until it is somebody else's, and neither for its
// namesakes, nor its copies, nor for what its owner owns besides.
func TestA14_AReachIsNotItsOwner(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	o := s.Org(t, s.ada, "works")
	desk := s.Repo(t, s.ada, "desk", true)
	if _, err := s.Lifecycle.EditRepo(t.Context(), right.Operator(), s.open, repo.Patch{Template: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	wide, auth := bearer(s.token(t, s.ada, "all", "repo", "delete_repo")), bearer(s.selected(t, desk))
	get := func(what, path string, code int) {
		t.Helper()
		want(t, what, s.Do(t, "GET", "/api/v3/repos/"+path, "", auth), code)
		want(t, what+", by git", s.Do(t, "GET", "/"+path+".git"+refs, "", auth), code)
	}
	ask := func(what, request, body, header string, codes ...int) {
		t.Helper()
		method, path, _ := strings.Cut(request, " ")
		want(t, what, s.Do(t, method, "/api/v3"+path, body, header), codes...)
	}
	get("as it was", "ada/desk", 200)
	ask("rename", "PATCH /repos/ada/desk", `{"name":"table"}`, wide, 200)
	s.Repo(t, s.ada, "desk", true)
	get("by its new name", "ada/table", 200)
	get("another one by its old name", "ada/desk", 404)

	// What its owner could do, and a token for some of its repositories can't.
	for what, auth := range map[string]string{"selected": auth, "all of the organization's": bearer(s.fine(t, s.ada, token.NewFine{Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf}, everything))} {
		ask(what+" creates", "POST /user/repos", `{"name":"new","private":true}`, auth, 403)
		ask(what+" creates a public one", "POST /user/repos", `{"name":"new","private":false}`, auth, 403)
		ask(what+" generates", "POST /repos/ada/open/generate", `{"name":"new","private":true}`, auth, 403)
		if a := s.query(t, `mutation{createRepository(input:{name:"new",visibility:PRIVATE}){repository{name}}}`, auth); !strings.Contains(a.Text, `"FORBIDDEN"`) {
			t.Errorf("%s creates by GraphQL: %s", what, a.Text)
		}
	}
	own := bearer(s.fine(t, s.ada, token.NewFine{Owner: s.ada.ID, Access: token.AllOf}, everything))
	for what, auth := range map[string]string{"selected": auth, "all of the person's": own} {
		ask(what+" creates in the organization", "POST /orgs/works/repos", `{"name":"new","private":true}`, auth, 403)
		ask(what+" forks into the organization", "POST /repos/ada/open/forks", `{"organization":"works"}`, auth, 403)
		ask(what+" generates in the organization", "POST /repos/ada/open/generate", `{"owner":"works","name":"new","private":true}`, auth, 403)
		ask(what+" moves into the organization", "POST /repos/ada/table/transfer", `{"new_owner":"works"}`, auth, 403)
		ask(what+" makes a team", "POST /orgs/works/teams", `{"name":"new"}`, auth, 403)
		ask(what+" changes the organization", "PATCH /orgs/works", `{"description":"x"}`, auth, 403)
		ask(what+" lists tokens", "GET /orgs/works/personal-access-tokens", "", auth, 403)
	}

	ask("a transfer", "POST /repos/ada/table/transfer", `{"new_owner":"works"}`, wide, 202)
	get("the organization's now", "works/table", 404)
	get("by where it was", "ada/table", 404)
	orgs := bearer(s.fine(t, s.ada, token.NewFine{Name: "orgs", Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf}, everything))
	ask("out of the organization", "POST /repos/works/table/transfer", `{"new_owner":"ada"}`, orgs, 403)
	ask("and back", "POST /repos/works/table/transfer", `{"new_owner":"ada"}`, wide, 202)
	get("as it was", "ada/table", 200)
	ask("deleted", "DELETE /repos/ada/table", "", wide, 204)
	s.Repo(t, s.ada, "table", true)
	get("a new one of that name", "ada/table", 404)
}

// TestA14_AnAccountIsItsOwnersAlone: permissions on an account are those of who
// made the token, wherever it reaches.
func TestA14_AnAccountIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Admin)
	auth := bearer(s.fine(t, s.eve, token.NewFine{Owner: s.ada.ID, Access: token.AllOf}, everything))
	want(t, "what it is for", s.Do(t, "PATCH", "/api/v3/repos/ada/shut", `{"description":"x"}`, auth), 200)
	for _, path := range []string{"/api/v3/user/emails", "/api/v3/user/gpg_keys", "/api/v3/user/ssh_signing_keys", "/api/v3/user/orgs", "/api/v3/user/teams", "/api/v3/user/repository_invitations"} {
		want(t, path, s.Do(t, "GET", path, "", auth), 403)
	}
	want(t, "the profile", s.Do(t, "PATCH", "/api/v3/user", `{"bio":"x"}`, auth), 403)
	for _, path := range []string{"/api/v3/user", "/api/v3/users/ada", "/api/v3/users/eve"} {
		if a := s.Do(t, "GET", path, "", auth); a.StatusCode != 200 || strings.Contains(a.Text, "@example.com") || strings.Contains(a.Text, "private_repos") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := s.query(t, `{viewer{email repository(name:"shut"){name}}repository(owner:"ada",name:"shut"){viewerPossibleCommitEmails viewerDefaultCommitEmail}}`, auth); strings.Contains(a.Text, "@example.com") {
		t.Errorf("by GraphQL: %s", a.Text)
	}
}

// TestA16_ReadingPermissionsChangeNothing: every permission at the level that
// reads changes nothing, by no door.
func TestA16_ReadingPermissionsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth := bearer(s.fine(t, s.ada, token.NewFine{Owner: s.ada.ID, Access: token.AllOf}, strings.ReplaceAll(everything, "=write", "=read")))
	number := node("Repository", int64(s.shut.ID))
	for _, m := range []string{
		`archiveRepository(input:{repositoryId:"` + number + `"}){repository{name}}`, `unarchiveRepository(input:{repositoryId:"` + number + `"}){repository{name}}`,
		`createRepository(input:{name:"new",visibility:PRIVATE}){repository{name}}`,
	} {
		if a := s.query(t, "mutation{"+m+"}", auth); !strings.Contains(a.Text, `"FORBIDDEN"`) {
			t.Errorf("%s: %s", m, a.Text)
		}
	}
	want(t, "push", s.Do(t, "GET", "/ada/shut.git"+packs, "", auth), 403)
	a, _ := s.batch(t, "shut", "upload", []string{"new"}, auth)
	want(t, "upload", a, 403)
	want(t, "a lock", s.Do(t, "POST", lfsPath("shut", "locks"), `{"path":"a"}`, auth, lfsType), 403)
	s.unharmedRepo(t)
}

// TestA17_ATransferReachesWhatItsTokenReaches: a transfer that a fine-grained
// token began goes as far as the token of this moment.
func TestA17_ATransferReachesWhatItsTokenReaches(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	desk := s.Repo(t, s.ada, "desk", true)
	s.hold(t, s.shut.ID, objectText)
	s.hold(t, desk.ID, objectText)
	n := token.NewFine{Name: "lfs", Owner: s.ada.ID, Access: token.Selected, Repos: []id.Repo{desk.ID}}
	tok, plain := s.FineToken(t, s.ada, n, "contents=write")
	a, _ := s.batch(t, "shut", "download", []string{objectText}, bearer(plain))
	want(t, "a batch elsewhere", a, 404)
	_, objects := s.batch(t, "desk", "download", []string{objectText}, bearer(plain))
	down := objects[0].Actions["download"]
	_, objects = s.batch(t, "desk", "upload", []string{"new"}, bearer(plain))
	up := objects[0].Actions["upload"]
	want(t, "what it is for", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
	want(t, "the same elsewhere", s.Do(t, "GET", strings.Replace(down.path(s), "/desk", "/shut", 1), "", down.auth()), 401, 404)
	edit := func(repos []id.Repo, permissions string) {
		t.Helper()
		n.Repos, n.Permissions = repos, right.ParseFine(permissions)
		if _, err := s.Tokens.UpdateFine(t.Context(), right.Operator(), s.ada.ID, tok.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	edit([]id.Repo{desk.ID}, "contents=read")
	want(t, "an upload without the permission", s.Do(t, "PUT", up.path(s), "new", up.auth()), 403)
	want(t, "a download with it", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
	edit([]id.Repo{desk.ID}, "metadata=read")
	want(t, "a download without the permission", s.Do(t, "GET", down.path(s), "", down.auth()), 403)
	edit([]id.Repo{s.shut.ID}, "contents=write")
	want(t, "a download without the repository", s.Do(t, "GET", down.path(s), "", down.auth()), 404)
	want(t, "an upload without the repository", s.Do(t, "PUT", up.path(s), "new", up.auth()), 404)
	if s.held(t, desk.ID, string(largefile.Sum([]byte("new")))) || s.held(t, desk.ID, "new") {
		t.Error("the upload was kept")
	}
}

// TestA10_NarrowedStaysNarrow: what an application narrowed is not widened by
// asking for it again, nor by a new secret.
func TestA10_NarrowedStaysNarrow(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Repo(t, s.ada, "desk", true)
	app, err := s.Apps.Register(t.Context(), right.Operator(), s.eve.ID, application.Form{Name: "Shop", Homepage: "https://shop.example.com", Callback: "https://shop.example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.Apps.NewSecret(t.Context(), right.Operator(), s.eve.ID, app.ID)
	if err != nil {
		t.Fatal(err)
	}
	itself := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(app.ClientID+":"+key.Reveal()))
	about := func(method, path, body string) apptest.Answer {
		return s.Do(t, method, "/api/v3/applications/"+app.ClientID+path, body, itself)
	}
	wide := s.OAuthToken(t, s.ada, app.ClientID, "repo", "user:email")
	a := about("POST", "/token/scoped", fmt.Sprintf(`{"access_token":%q,"target":"ada","repositories":["desk"],"permissions":{"contents":"read"}}`, wide))
	narrow := field(t, a, "token")
	if a.StatusCode != 200 || narrow == "" {
		t.Fatalf("narrowing: %d %s", a.StatusCode, a.Text)
	}
	held := func(what, plain string) {
		t.Helper()
		auth := bearer(plain)
		if a := s.Do(t, "GET", "/api/v3/repos/ada/desk", "", auth); a.StatusCode != 200 {
			t.Errorf("%s: what it is for: %d %s", what, a.StatusCode, a.Text)
		}
		for _, path := range append([]string{fmt.Sprintf("/api/v3/repositories/%d", s.shut.ID)}, reads[7:]...) {
			want(t, what+", "+path, s.Do(t, "GET", path, "", auth), 404)
		}
		want(t, what+", push", s.Do(t, "GET", "/ada/desk.git"+packs, "", auth), 403)
		want(t, what+", create", s.Do(t, "POST", "/api/v3/user/repos", `{"name":"new"}`, auth), 403)
		want(t, what+", addresses", s.Do(t, "GET", "/api/v3/user/emails", "", auth), 403)
	}
	held("at first", narrow)
	want(t, "narrowed to everything", about("POST", "/token/scoped", fmt.Sprintf(`{"access_token":%q,"target":"ada"}`, narrow)), 422)
	want(t, "narrowed again", about("POST", "/token/scoped", fmt.Sprintf(`{"access_token":%q,"target":"ada","repositories":["shut"]}`, narrow)), 422)
	want(t, "checked", about("POST", "/token", fmt.Sprintf(`{"access_token":%q}`, narrow)), 200)
	a = about("PATCH", "/token", fmt.Sprintf(`{"access_token":%q}`, narrow))
	want(t, "a new secret", a, 200)
	again := field(t, a, "token")
	held("with a new secret", again)
	want(t, "the old secret", s.Do(t, "GET", "/api/v3/user", "", bearer(narrow)), 401)
	want(t, "the wide one", s.Do(t, "GET", "/api/v3/repos/ada/shut", "", bearer(wide)), 200)
	want(t, "given back", about("DELETE", "/token", fmt.Sprintf(`{"access_token":%q}`, wide)), 204)
	want(t, "with what it came from", s.Do(t, "GET", "/api/v3/user", "", bearer(again)), 401)
}

// TestB13_AReachGivesNoRight: a token reaches what its account may see at this
// moment, and reads what is public only while it is.
func TestB13_AReachGivesNoRight(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	o := s.Org(t, s.ada, "works")
	s.Join(t, o, org.Member, s.eve)
	read := right.Read
	if err := s.Orgs.Update(t.Context(), right.Operator(), o.ID, org.Patch{Base: &read}); err != nil {
		t.Fatal(err)
	}
	s.Repo(t, account.Account{ID: o.ID}, "plans", true)
	s.Share(t, s.shut, s.eve, right.Read)
	adas := bearer(s.fine(t, s.eve, token.NewFine{Owner: s.ada.ID, Access: token.Selected, Repos: []id.Repo{s.shut.ID}}, everything))
	orgs := bearer(s.fine(t, s.eve, token.NewFine{Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf}, everything))
	for what, c := range map[string]struct{ path, auth string }{"shared": {"ada/shut", adas}, "the organization's": {"works/plans", orgs}, "public": {"ada/open", adas}} {
		want(t, what+", before", s.Do(t, "GET", "/api/v3/repos/"+c.path, "", c.auth), 200)
	}
	want(t, "teams, before", s.Do(t, "GET", "/api/v3/orgs/works/teams", "", orgs), 200)
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), s.shut.ID, s.eve.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Lifecycle.RemoveMember(t.Context(), right.Operator(), o.ID, s.eve.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lifecycle.EditRepo(t.Context(), right.Operator(), s.open, repo.Patch{Private: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ path, auth string }{"shared": {"ada/shut", adas}, "the organization's": {"works/plans", orgs}, "public": {"ada/open", adas}} {
		want(t, what, s.Do(t, "GET", "/api/v3/repos/"+c.path, "", c.auth), 404)
		want(t, what+", by git", s.Do(t, "GET", "/"+c.path+".git"+refs, "", c.auth), 404)
	}
	want(t, "teams", s.Do(t, "GET", "/api/v3/orgs/works/teams", "", orgs), 403)
}

// TestB8_ANarrowerReachEndsAClone: a clone does not go on when its token does not
// reach the repository any more.
func TestB8_ANarrowerReachEndsAClone(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]token.NewFine{
		"the repository": {Name: "clone", Access: token.Selected, Permissions: right.ParseFine("contents=read")},
		"the permission": {Name: "clone", Access: token.AllOf, Permissions: right.ParseFine("metadata=read")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			n.Repos = []id.Repo{s.open.ID}
			head, size := s.large(t, s.shut)
			tok, plain := s.FineToken(t, s.ada, token.NewFine{Name: "clone", Owner: s.ada.ID, Access: token.AllOf}, "contents=read")
			resp := s.underWay(t, "/ada/shut", head, bearer(plain))
			if _, err := s.Tokens.UpdateFine(t.Context(), right.Operator(), s.ada.ID, tok.ID, n); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			want(t, "a new request", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(plain)), http.StatusNotFound, http.StatusForbidden)
			got, err := io.Copy(io.Discard, &slowLine{resp.Body, time.NewTicker(5 * time.Millisecond)})
			if err == nil || got >= int64(size)-(64<<10) {
				t.Errorf("the clone went on to its end: %d bytes, %v", got, err)
			}
			if took := time.Since(began); took > bound {
				t.Errorf("the clone went on for %v", took)
			}
		})
	}
}
