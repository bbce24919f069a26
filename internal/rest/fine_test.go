package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

func fineAs(t *testing.T, s *apptest.Server, a account.Account, n token.NewFine, permissions string) client {
	t.Helper()
	if n.Name == "" {
		n.Name = strings.ReplaceAll(t.Name(), "/", " ")[:min(len(t.Name()), 20)] + permissions[:min(len(permissions), 18)]
	}
	_, plain := s.FineToken(t, a, n, permissions)
	return client{t, s, bearer(plain)}
}

// TestFine: a fine-grained token does what its permissions say, where it
// reaches, and reads what is public.
func TestFine(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	one, two, open := s.Repo(t, ada, "one", true), s.Repo(t, ada, "two", true), s.Repo(t, ada, "open", false)
	_, _ = two, open
	c := fineAs(t, s, ada, token.NewFine{Owner: ada.ID, Access: token.Selected, Repos: []id.Repo{one.ID}}, "contents=read")
	if a := c.want(200, "GET /user"); a.Header.Get("X-OAuth-Scopes") != "" {
		t.Errorf("scopes %q", a.Header.Get("X-OAuth-Scopes"))
	}
	if a := c.want(200, "GET /repos/ada/one/branches"); a.Header.Get("X-Accepted-GitHub-Permissions") != "contents=read" {
		t.Errorf("accepted %q", a.Header.Get("X-Accepted-GitHub-Permissions"))
	}
	c.want(404, "GET /repos/ada/two", "Not Found")
	c.want(200, "GET /repos/ada/open")
	a := c.want(403, `PUT /repos/ada/one/contents/a {"message":"a","content":"YQ=="}`, "lacks the permission contents: write", "/settings/personal-access-tokens/")
	if a.Header.Get("X-Accepted-GitHub-Permissions") != "contents=write" {
		t.Errorf("accepted %q", a.Header.Get("X-Accepted-GitHub-Permissions"))
	}
	c.want(403, `PUT /repos/ada/open/contents/a {"message":"a","content":"YQ=="}`, "contents: write")
	c.want(403, `POST /user/repos {"name":"three"}`, "administration: write")
	c.want(403, "GET /user/emails", "emails: read")
	c.want(403, `PATCH /user {"bio":"x"}`, "profile: write")
	c.want(403, "DELETE /repos/ada/one", "administration: write")
	if list := c.want(200, "GET /user/repos").Text; strings.Contains(list, `"name":"two"`) || !strings.Contains(list, `"name":"one"`) || !strings.Contains(list, `"name":"open"`) {
		t.Errorf("the list has %s", list)
	}

	all := fineAs(t, s, ada, token.NewFine{Owner: ada.ID, Access: token.AllOf}, "administration=write,contents=write,emails=read")
	all.want(201, `POST /user/repos {"name":"three","private":true}`)
	all.want(201, `PUT /repos/ada/three/contents/a {"message":"a","content":"YQ=="}`)
	all.want(403, `PUT /repos/ada/three/contents/.github/workflows/a.yml {"message":"a","content":"YQ=="}`, "`workflows` permission")
	all.want(200, "GET /user/emails", "ada@example.com")
	all.want(204, "DELETE /repos/ada/three")

	public := fineAs(t, s, ada, token.NewFine{Owner: ada.ID, Access: token.PublicOnly}, "contents=write,emails=read")
	public.want(404, "GET /repos/ada/one")
	public.want(403, `PUT /repos/ada/open/contents/a {"message":"a","content":"YQ=="}`)
	public.want(200, "GET /user/emails")
}

// TestFine_others: a token for what somebody else shares works there, and one for
// an organization does nothing elsewhere.
func TestFine_others(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	shared, own := s.Repo(t, ada, "shared", true), s.Repo(t, bob, "own", true)
	_ = own
	s.Share(t, shared, bob, right.Write)
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Member, bob)

	c := fineAs(t, s, bob, token.NewFine{Owner: ada.ID, Access: token.AllOf}, "contents=write,profile=write,members=write")
	c.want(201, `PUT /repos/ada/shared/contents/a {"message":"a","content":"YQ=="}`)
	c.want(404, "GET /repos/bob/own")
	c.want(403, `PATCH /user {"bio":"x"}`, "profile: write") // an account's permissions are one's own
	c.want(403, "GET /orgs/works/teams", "members: read")

	m := fineAs(t, s, bob, token.NewFine{Owner: o.ID, OwnerIsOrg: true, Access: token.PublicOnly}, "members=read,contents=read")
	m.want(204, "GET /orgs/works/members/bob")
	m.want(404, "GET /repos/bob/own")
	m.want(403, "GET /orgs/works/personal-access-tokens", "You must be an admin")
}

// TestFine_git: clone and push by permission, in git's own output.
func TestFine_git(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	one, _ := s.Repo(t, ada, "one", true), s.Repo(t, ada, "two", true)
	tok, plain := s.FineToken(t, ada, token.NewFine{Name: "ci", Owner: ada.ID, Access: token.Selected, Repos: []id.Repo{one.ID}}, "contents=read")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", s.URL()+"/ada/one.git", "one")
	if out, code := g.Try(t, "clone", s.URL()+"/ada/two.git", "two"); code == 0 || !strings.Contains(out, "does not reach it") {
		t.Errorf("two was cloned, or: %s", out)
	}
	g.Run(t, "-C", "one", "commit", "--allow-empty", "-m", "one")
	if out, code := g.Try(t, "-C", "one", "push", "origin", "HEAD:main"); code == 0 || !strings.Contains(out, "contents: write") || !strings.Contains(out, fmt.Sprintf("/settings/personal-access-tokens/%d", tok.ID)) {
		t.Errorf("the push went through, or: %s", out)
	}
	writes := right.ParseFine("contents=write")
	if _, err := s.Tokens.UpdateFine(t.Context(), right.Operator(), ada.ID, tok.ID, token.NewFine{Name: "ci", Access: token.Selected, Repos: []id.Repo{one.ID}, Permissions: writes}); err != nil {
		t.Fatal(err)
	}
	g.Run(t, "-C", "one", "push", "origin", "HEAD:main")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	if out, code := g.Try(t, "-C", "one", "fetch"); code == 0 || !strings.Contains(out, "was deleted on") {
		t.Errorf("a deleted token fetched, or: %s", out)
	}
}

// TestOrgTokens: owners see and end what reaches the organization, and nothing
// else.
func TestOrgTokens(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Member, bob)
	owner := as(t, s, ada, "admin:org", "repo")
	owner.want(201, `POST /orgs/works/repos {"name":"plans","private":true}`)
	plans, err := s.Repos.Find(t.Context(), s.DB, "works", "plans", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	ours, plain := s.FineToken(t, bob, token.NewFine{Name: "plans", Owner: o.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{plans.ID}, ExpiresAt: s.Now().Add(time.Hour)}, "contents=read,members=read")
	theirs, _ := s.FineToken(t, bob, token.NewFine{Name: "mine", Owner: bob.ID, Access: token.AllOf}, "contents=read")
	every, _ := s.FineToken(t, ada, token.NewFine{Name: "all", Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf}, "contents=write")

	const list = "GET /orgs/works/personal-access-tokens"
	for query, want := range map[string]string{
		"": "all plans", "?owner[]=bob": "plans", "?owner=bob&owner=ada&direction=asc": "plans all", "?owner[]=nobody": "", "?repository=plans": "all plans",
		"?repository=other": "", "?permission=members": "plans", "?permission=contents_read": "all plans", "?permission=%25": "",
		fmt.Sprintf("?token_id[]=%d", every.ID): "all", fmt.Sprintf("?token_id[]=%d", theirs.ID): "", "?last_used_after=2020-01-01T00:00:00Z": "",
		"?per_page=1&page=2": "plans",
	} {
		var got []string
		for _, g := range array(t, owner.want(200, list+query)) {
			got = append(got, g["token_name"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	owner.want(422, list+"?last_used_before=yesterday")
	owner.want(422, list+"?sort=name")
	one := array(t, owner.want(200, list+"?owner[]=bob"))[0]
	if one["repository_selection"] != "subset" || !strings.Contains(fmt.Sprint(one["permissions"]), "organization:map[members:read] other:map[] repository:map[contents:read metadata:read]") {
		t.Errorf("got %v", one)
	}
	if repos := array(t, owner.want(200, fmt.Sprintf("%s/%d/repositories", list, ours.ID))); len(repos) != 1 || repos[0]["name"] != "plans" {
		t.Errorf("got %v", repos)
	}
	owner.want(404, fmt.Sprintf("%s/%d/repositories", list, theirs.ID))

	member := as(t, s, bob, "admin:org", "repo")
	member.want(403, list)
	member.want(403, fmt.Sprintf(`POST /orgs/works/personal-access-tokens/%d {"action":"revoke"}`, every.ID))
	as(t, s, ada, "write:org").want(403, list)

	revoke := func(n id.Token) string { return fmt.Sprintf("POST /orgs/works/personal-access-tokens/%d", n) }
	owner.want(422, revoke(ours.ID)+` {"action":"bless"}`)
	owner.want(404, revoke(theirs.ID)+` {"action":"revoke"}`)
	owner.want(204, revoke(ours.ID)+` {"action":"revoke"}`)
	owner.want(404, revoke(ours.ID)+` {"action":"revoke"}`)
	client{t, s, bearer(plain)}.want(401, "GET /user", "was deleted on")
	const many = "POST /orgs/works/personal-access-tokens"
	owner.want(422, many+` {"action":"revoke","pat_ids":[]}`)
	owner.want(202, fmt.Sprintf(many+` {"action":"revoke","pat_ids":[%d,%d,%d]}`, ours.ID, theirs.ID, every.ID))
	if left := array(t, owner.want(200, list)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := s.Tokens.AnyByID(t.Context(), bob.ID, theirs.ID); err != nil {
		t.Errorf("bob's own token is gone: %v", err)
	}
}

// TestScoped: an application narrows what it was given, and what it made ends
// with that.
func TestScoped(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	one, two := w.Repo(t, w.ada, "one", true), w.Repo(t, w.ada, "two", true)
	hidden := w.Repo(t, w.bob, "hidden", true)
	access := w.OAuthToken(t, w.ada, w.app.ClientID, "repo", "user:email")
	scoped := func(body string) apptest.Answer {
		return w.Do(t, "POST", "/api/v3/applications/"+w.app.ClientID+"/token/scoped", strings.ReplaceAll(body, "TOKEN", access), w.basic)
	}
	a := scoped(`{"access_token":"TOKEN","target":"ada","repositories":["one"],"permissions":{"contents":"read","metadata":"read"}}`)
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	narrow := client{t, w.Server, bearer(object(t, a)["token"].(string))}
	narrow.want(200, "GET /repos/ada/one/branches")
	narrow.want(403, `PUT /repos/ada/one/contents/a {"message":"a","content":"YQ=="}`)
	narrow.want(404, "GET /repos/ada/two")
	narrow.want(403, "GET /user/emails")
	if got := object(t, narrow.want(200, "GET /user")); got["email"] != nil {
		t.Errorf("the address is told: %v", got["email"])
	}

	whole := client{t, w.Server, bearer(object(t, scoped(fmt.Sprintf(`{"access_token":"TOKEN","target_id":%d,"repository_ids":[%d]}`, w.ada.ID, two.ID)))["token"].(string))}
	whole.want(201, `PUT /repos/ada/two/contents/a {"message":"a","content":"YQ=="}`)
	whole.want(404, "GET /repos/ada/one")
	whole.want(404, "DELETE /repos/ada/one")
	all := client{t, w.Server, bearer(object(t, scoped(`{"access_token":"TOKEN","target":"ada"}`))["token"].(string))}
	all.want(200, "GET /repos/ada/one")
	all.want(403, "DELETE /repos/ada/one") // the application has no delete_repo

	for body, code := range map[string]int{
		`{"access_token":"TOKEN","target":"nobody"}`:                                                                   422,
		`{"access_token":"TOKEN"}`:                                                                                     422,
		`{"access_token":"TOKEN","target":"bob"}`:                                                                      422,
		`{"access_token":"TOKEN","target":"ada","repositories":["none"]}`:                                              422,
		`{"access_token":"TOKEN","target":"ada","repositories":[]}`:                                                    422,
		`{"access_token":"TOKEN","target":"ada","repositories":["one"],"repository_ids":[1]}`:                          422,
		`{"access_token":"TOKEN","target":"ada","permissions":{"issues":"read"}}`:                                      422,
		`{"access_token":"TOKEN","target":"ada","permissions":{"contents":"admin"}}`:                                   422,
		fmt.Sprintf(`{"access_token":"TOKEN","target":"ada","repository_ids":[%d]}`, hidden.ID):                        422,
		`{"access_token":"x","target":"ada"}`:                                                                          404,
		fmt.Sprintf(`{"access_token":%q,"target":"ada"}`, strings.TrimPrefix(narrow.header, "Authorization: Bearer ")): 422,
	} {
		if a := scoped(body); a.StatusCode != code {
			t.Errorf("%s: %d %s, want %d", strings.ReplaceAll(body, access, "TOKEN"), a.StatusCode, a.Text, code)
		}
	}
	_ = one
	if a := w.about(t, "DELETE", "/token", access); a.StatusCode != 204 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	for _, c := range []client{narrow, whole, all} {
		c.want(401, "GET /user")
	}
}
