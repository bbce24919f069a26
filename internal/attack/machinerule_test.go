package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/audit"
	"jeton/internal/issuertest"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestH8_OnlyTheRepositoryItself: where a rule lists the repository's own account, its
// deploy tokens and what was exchanged there push, and nobody else: no administrator, no
// service account, no other repository's token. Where it does not, they are refused too.
func TestH8_OnlyTheRepositoryItself(t *testing.T) {
	t.Parallel()
	by := issuertest.Start(t)
	g := newGoverned(t, false, by.Allow)
	g.trusting(t, by)
	plain := map[string]string{}
	for _, c := range g.creds {
		if c.kind == "deploy" || c.account != "" || c.kind == "classic" {
			plain[c.name] = c.plain
		}
	}
	owner, bob := g.token(t, g.ada, "rules", "repo"), g.User(t, "bob")
	g.Share(t, g.plans, bob, right.Write)
	writer := g.token(t, bob, "rules", "repo")
	x, status := g.exchange(t, by, "/works/plans")
	if status != 200 {
		t.Fatalf("exchange: %d %+v", status, x)
	}
	at := "/api/v3/repos/works/plans/branches/main/protection"
	slug := "deploy-" + stringOf(int64(g.plans.ID))
	rule := func(users, apps string) {
		t.Helper()
		body := `{"required_status_checks":null,"required_pull_request_reviews":null,"enforce_admins":true,"restrictions":{"users":[` + users + `],"teams":[],"apps":[` + apps + `]}}`
		want(t, "the rule "+users+apps, g.Do(t, "PUT", at, body, bearer(owner)), 200)
	}
	n := 0
	push := func(who, plain string, may bool) {
		t.Helper()
		n++
		w := g.Git(t, "x", plain)
		w.Run(t, "clone", "-q", g.URL()+"/works/plans.git", "plans")
		w = w.In("plans")
		w.Commit(t, fmt.Sprintf("file-%d.txt", n), "more\n", "More")
		out, code := w.Try(t, "push", "origin", "HEAD:main")
		if may != (code == 0) || !may && !strings.Contains(out, "not authorized to push to this branch") {
			t.Errorf("%s pushes: exit %d, may %v\n%s", who, code, may, out)
		}
		w.Run(t, "push", "-q", "origin", fmt.Sprintf("HEAD:refs/heads/other-%d", n)) // no rule speaks of it
	}
	app := `"` + slug + `"`
	rule("", app)
	push("a deploy token", plain["deploy"], true)
	push("trusted CI", x.Access, true)
	push("an owner", owner, false)
	push("a writer", writer, false)
	push("a service account", plain["service account's"], false)

	rule(`"ada"`, "")
	push("a deploy token that is not named", plain["deploy"], false)
	push("trusted CI that is not named", x.Access, false)
	push("a listed owner", owner, true)
	rule(`"ada"`, app)
	push("a deploy token beside a list", plain["deploy"], true)
	push("a listed owner beside it", owner, true)

	// Each part of the list is changed alone, and leaves the other.
	type one struct {
		Slug  string
		Login string
	}
	list := func(method, part, body string, wanted ...string) {
		t.Helper()
		a := g.Do(t, method, at+"/restrictions/"+part, body, bearer(owner))
		var all []one
		if err := json.Unmarshal([]byte(a.Text), &all); err != nil || len(all) != len(wanted) {
			t.Fatalf("%s %s: %d %s", method, part, a.StatusCode, a.Text)
		}
		for i, w := range wanted {
			if all[i].Slug+all[i].Login != w {
				t.Errorf("%s %s: %+v, want %q", method, part, all, wanted)
			}
		}
	}
	list("GET", "apps", "", slug)
	list("DELETE", "users", `{"users":["ada"]}`)
	list("GET", "apps", "", slug)
	push("an owner off the list", owner, false)
	list("DELETE", "apps", `["`+slug+`"]`)
	push("a deploy token off the list", plain["deploy"], false)
	list("POST", "apps", `{"apps":[`+app+`]}`, slug)
	list("POST", "users", `{"users":["ada"]}`, "ada")
	list("PUT", "apps", `{"apps":[]}`)
	list("GET", "users", "", "ada")
	list("PUT", "apps", `{"apps":[`+app+`]}`, slug)

	// Nothing else is an application, another repository's account least of all.
	other := g.Repo(t, g.works.Account, "other", true)
	for _, wrong := range []string{"deploy-" + stringOf(int64(other.ID)), slug + "[bot]", "ada", "works-bot", "deploy-0", ""} {
		want(t, "the app "+wrong, g.Do(t, "POST", at+"/restrictions/apps", `{"apps":["`+wrong+`"]}`, bearer(owner)), 422)
		want(t, "the rule with "+wrong, g.Do(t, "PUT", at, `{"required_status_checks":null,"required_pull_request_reviews":null,"enforce_admins":true,"restrictions":{"users":[],"teams":[],"apps":["`+wrong+`"]}}`, bearer(owner)), 422)
	}
	for _, part := range []string{"apps", "users"} {
		for _, none := range []string{`{}`, `null`, `{"teams":[]}`, `{"` + part + `":null}`} {
			want(t, part+" by "+none, g.Do(t, "PUT", at+"/restrictions/"+part, none, bearer(owner)), 422)
		}
	}
	list("GET", "apps", "", slug)
	list("GET", "users", "", "ada")
	// As a user it is not found, and it can't be put into another repository's list.
	want(t, "as a user", g.Do(t, "POST", at+"/restrictions/users", `{"users":["`+slug+`[bot]"]}`, bearer(owner)), 422)
	want(t, "as a collaborator elsewhere", g.Do(t, "PUT", "/api/v3/repos/works/other/collaborators/"+slug+"%5Bbot%5D", `{}`, bearer(owner)), 404)
	want(t, "by a deploy token", g.Do(t, "PUT", at+"/restrictions/apps", `{"apps":[]}`, bearer(plain["deploy"])), 403)
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		if a := g.Do(t, method, at+"/restrictions/apps", `{"apps":[]}`, bearer(writer)); a.StatusCode != 403 {
			t.Errorf("%s by a writer: %d %s", method, a.StatusCode, a.Text)
		}
	}

	line, err := g.Audit.List(t.Context(), audit.Query{Account: g.works.ID, Action: "protected_branch.update", Limit: 1})
	if err != nil || len(line) != 1 || line[0].Detail["deploy_tokens_and_trusted_ci"] != "yes" || line[0].Detail["accounts"] != "ada" {
		t.Errorf("the log: %+v, %v", line, err)
	}
	// The rule was there first, and holds for the token that comes then.
	if _, err := g.Repos.CreateRule(t.Context(), asPerson(g.ada), other.ID, repo.Rule{Pattern: "main", Push: repo.ListedPush, Itself: true, IncludeAdmins: true}); err != nil {
		t.Fatal(err)
	}
	_, later, err := g.Lifecycle.CreateDeployToken(t.Context(), asPerson(g.ada), other.ID, token.NewDeploy{Note: "later", Permissions: right.ParseFine("contents=write")})
	if err != nil {
		t.Fatal(err)
	}
	w := g.Git(t, "x", owner)
	w.Run(t, "init", "-q", "fresh")
	w = w.In("fresh")
	w.Commit(t, "file.txt", "first\n", "First")
	if out, code := w.Try(t, "push", g.URL()+"/works/other.git", "HEAD:refs/heads/main"); code == 0 {
		t.Errorf("the first push by an owner: %s", out)
	}
	server := g.Git(t, "x", later.Reveal())
	server.Dir = w.Dir
	server.Run(t, "push", "-q", g.URL()+"/works/other.git", "HEAD:refs/heads/main")

	// The list is the repository's: after a transfer it means the new owner's tokens.
	if _, _, err := g.Lifecycle.TransferRepo(t.Context(), right.Operator(), other.ID, "eve", ""); err != nil {
		t.Fatal(err)
	}
	w.Commit(t, "file.txt", "second\n", "Second")
	if out, code := server.Try(t, "push", g.URL()+"/eve/other.git", "HEAD:refs/heads/main"); code == 0 {
		t.Errorf("a push by the old owner's token: %s", out)
	}
	_, theirs, err := g.Lifecycle.CreateDeployToken(t.Context(), asPerson(g.eve), other.ID, token.NewDeploy{Note: "theirs", Permissions: right.ParseFine("contents=write")})
	if err != nil {
		t.Fatal(err)
	}
	server = g.Git(t, "x", theirs.Reveal())
	server.Dir = w.Dir
	server.Run(t, "push", "-q", g.URL()+"/eve/other.git", "HEAD:refs/heads/main")
}
