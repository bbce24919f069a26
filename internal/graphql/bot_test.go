package graphql_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/httpkit"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestBot: an account that is a machine is a Bot wherever there is room for one, and a
// User nowhere but where GitHub's schema leaves no choice. That of a repository is seen
// by its readers alone.
func TestBot(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, eve := s.User(t, "ada"), s.User(t, "eve")
	shut, open := s.Repo(t, ada, "shut", true), s.Repo(t, ada, "open", false)
	by := right.Actor{Account: ada.ID, Login: "ada", Kind: right.SessionCredential, Grant: right.Everything()}
	builder, err := s.Lifecycle.CreateMachine(t.Context(), by, account.NewMachine{Login: "builder", Manager: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, open, builder, right.Write)
	_, service := s.FineToken(t, builder, token.NewFine{Name: "ci", Owner: ada.ID, Access: token.AllOf}, "contents=read,statuses=write")
	deploys := map[string]string{}
	for _, r := range []repo.Repo{shut, open} {
		_, plain, err := s.Lifecycle.CreateDeployToken(t.Context(), by, r.ID, token.NewDeploy{Note: "server", Permissions: right.ParseFine("contents=write,statuses=write")})
		if err != nil {
			t.Fatal(err)
		}
		deploys[r.Name] = plain.Reveal()
	}
	_, plain := s.Token(t, ada, "api", "repo")
	_, hers := s.Token(t, eve, "api", "repo")
	me, stranger := asker{s, plain}, asker{s, hers}
	var head string
	for _, name := range []string{"shut", "open"} {
		g := s.Git(t, "x", deploys[name])
		g.Run(t, "clone", "-q", s.URL()+"/ada/"+name+".git")
		g = g.In(name)
		g.Commit(t, "file.txt", "text\n", "First")
		g.Run(t, "push", "-q", "origin", "HEAD:main")
		head = g.Run(t, "rev-parse", "HEAD")
		for context, token := range map[string]string{"ci/deploy": deploys[name], "ci/person": plain, "ci/service": service} {
			a := s.Do(t, "POST", "/api/v3/repos/ada/"+name+"/statuses/"+head, fmt.Sprintf(`{"state":"success","context":%q,"target_url":"https://ci.example.com/"}`, context), "Authorization: Bearer "+token)
			if (a.StatusCode == 201) != (name == "open" || context != "ci/service") {
				t.Fatalf("%s on %s: %d %s", context, name, a.StatusCode, a.Text)
			}
		}
	}
	login := fmt.Sprintf("deploy-%d[bot]", open.ID)
	path := strings.NewReplacer("[", "%5B", "]", "%5D").Replace(login)
	const creator = `__typename login url resourcePath avatarUrl ... on User { name } ... on Bot { id databaseId createdAt updatedAt }`
	query := `{repository(owner:"ada",name:"open"){object(oid:"` + head + `"){... on Commit{author{user{login}} status{state contexts{context state creator{` + creator + `}} context(name:"ci/deploy"){targetUrl creator{... on Bot{id}}} one: context(name:"none"){state}}}}}}`
	r := me.ask(t, query, nil)
	found := r.Data["repository"].(map[string]any)["object"].(map[string]any)["status"].(map[string]any)
	types := map[string]string{}
	ids := map[string]string{}
	for _, one := range found["contexts"].([]any) {
		c := one.(map[string]any)
		who := c["creator"].(map[string]any)
		types[c["context"].(string)] = who["__typename"].(string) + " " + who["login"].(string)
		if who["__typename"] == "Bot" {
			ids[who["login"].(string)], _ = who["id"].(string)
			if who["databaseId"] == nil || who["createdAt"] == nil || who["updatedAt"] == nil || who["avatarUrl"] == "" {
				t.Errorf("a bot: %v", who)
			}
		}
		if who["login"] == login && (who["resourcePath"] != "/"+path || who["url"] != s.URL()+"/"+path) {
			t.Errorf("where it is: %v", who)
		}
	}
	if want := map[string]string{"ci/deploy": "Bot " + login, "ci/person": "User ada", "ci/service": "Bot builder"}; fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("who said it: %v, want %v", types, want)
	}
	if found["state"] != "SUCCESS" || found["one"] != nil || found["context"].(map[string]any)["targetUrl"] != "https://ci.example.com/" {
		t.Errorf("the status: %v", found)
	}

	// By its id, the same as the REST API's, and not as another kind.
	node := `query($id:ID!){node(id:$id){__typename ... on Bot{login} ... on User{name} ... on Actor{url}}}`
	is(t, me.data(t, node, map[string]any{"id": ids["builder"]}), `{"node":{"__typename":"Bot","login":"builder","url":"`+s.URL()+`/builder"}}`)
	is(t, stranger.data(t, node, map[string]any{"id": ids[login]}), `{"node":{"__typename":"Bot","login":"`+login+`","url":"`+s.URL()+"/"+path+`"}}`)
	a := s.Do(t, "GET", "/api/v3/users/"+path, "", "Authorization: Bearer "+hers)
	if a.StatusCode != 200 || !strings.Contains(a.Text, `"node_id":"`+ids[login]+`"`) || !strings.Contains(a.Text, `"type":"Bot"`) || !strings.Contains(a.Text, `"url":"`+s.URL()+"/api/v3/users/"+path+`"`) {
		t.Errorf("by the REST API: %d %s", a.StatusCode, a.Text)
	}
	for _, q := range []string{`{user(login:"builder"){login}}`, `{organization(login:"builder"){login}}`, `{user(login:"` + login + `"){login}}`} {
		if r := me.ask(t, q, nil); len(r.Errors) != 1 || r.Errors[0].Type != "NOT_FOUND" {
			t.Errorf("%s: %s", q, r.text)
		}
	}
	is(t, me.data(t, `{repositoryOwner(login:"builder"){login}}`, nil), `{"repositoryOwner":null}`)
	machine, err := s.Accounts.OfPlace(t.Context(), s.DB, shut.ID)
	if err != nil {
		t.Fatal(err)
	}
	hidden := fmt.Sprintf(`{node(id:%q){id}}`, httpkit.NodeID("Bot", int64(machine.ID)))
	if r := me.ask(t, hidden, nil); len(r.Errors) != 0 {
		t.Errorf("its owner: %s", r.text)
	}
	missing := strings.Replace(hidden, httpkit.NodeID("Bot", int64(machine.ID)), httpkit.NodeID("Bot", 1<<30), 1)
	for who, asks := range map[string]asker{"a stranger": stranger, "another repository's": {s, deploys["open"]}} {
		r, none := asks.ask(t, hidden, nil), asks.ask(t, missing, nil)
		if len(r.Errors) != 1 || len(none.Errors) != 1 || r.Errors[0].Type != none.Errors[0].Type {
			t.Errorf("%s sees that of a private repository: %s\n%s", who, r.text, none.text)
		}
	}
	// Who asks is a User to the schema, which has no other type for it.
	is(t, asker{s, service}.data(t, `{viewer{login id}}`, nil), fmt.Sprintf(`{"viewer":{"id":%q,"login":"builder"}}`, ids["builder"]))
	if r := (asker{s, deploys["shut"]}).ask(t, `{repository(owner:"ada",name:"open"){object(oid:"`+head+`"){... on Commit{status{state}}}}}`, nil); len(r.Errors) != 0 {
		t.Errorf("what is public: %s", r.text)
	}
}
