package rest_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestExplain: a token is told what it may do, in the words of the refusals.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	engine := s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "open", false)
	s.Repo(t, bob, "secret", true)
	c := as(t, s, ada, "repo")
	const path = "GET /user/token/explain?action="
	c.want(200, path+"push&repository=ada/engine&ref=main", `"allowed":true`, `"answer":null`, `"ref":"refs/heads/main"`, "lacks the workflow scope", `"part":"rule","outcome":"not asked"`)
	if _, err := s.Repos.CreateRule(t.Context(), right.Operator(), engine.ID, repo.Rule{Pattern: "m*", Push: repo.AdminsPush}); err != nil {
		t.Fatal(err)
	}
	s.Share(t, engine, bob, right.Write)
	writer, reader := as(t, s, bob, "repo"), as(t, s, bob)
	writer.want(200, path+"push&repository=ada/engine&ref=main", `"answer":"forbidden"`, "You're not authorized to push to this branch.", `The rule is \"m*\".`, "/ada/engine/settings/branches", "takes no deletion")
	writer.want(200, path+"push&repository=ada/engine&ref=other", `"allowed":true`)
	reader.want(200, path+"push&repository=ada/open", `"answer":"forbidden"`, "denied to bob", "Ask its owner for write access.", "lacks the public_repo or repo scope")
	reader.want(200, path+"fetch&repository=ada/engine", `"answer":"not found"`, "Repository not found.", "lacks the repo scope", "!has the level")

	c.want(200, path+"delete&repository=ada/engine", `"answer":"forbidden"`, "lacks the delete_repo scope")
	c.want(200, path+"repo.leave&repository=ada/engine", "This can't be done with a token.")
	c.want(200, path+"create&repository=ada/new", `"action":"repo.create_private"`, `"allowed":true`)
	c.want(200, path+"create&repository=bob/new", `"answer":"not found"`)
	c.want(200, path+"self.emails", "lacks the user or user:email scope")
	s.Org(t, ada, "course")
	c.want(200, path+"create&repository=course/new", `"allowed":true`, "admin")
	c.want(200, path+"org_hook.edit&repository=course", "lacks the admin:org_hook scope")
	c.want(422, path+"fly&repository=ada/engine", "The action is one of")
	c.want(422, path+"push&repository=engine", "The repository is OWNER/REPO")
	c.want(422, path+"push&repository=ada/engine&from=here", "The address is one as")
	c.want(422, path+"team.read&repository=course/x")

	narrow, _ := limitedTo(t, s, ada, "repo", "network\n127.0.0.0/8\n::1", "read")
	narrow.want(200, path+"fetch&repository=ada/engine", `"allowed":true`, "may come from 127.0.0.1")
	narrow.want(200, path+"fetch&repository=ada/engine&from=192.0.2.7", `"answer":"forbidden"`, "can't be used from 192.0.2.7", "!127.0.0.0")
	narrow.want(200, path+"push&repository=ada/engine", "limited to reading", "Its limits stand at")

	used, tok := limitedTo(t, s, ada, "repo", "uses\n2")
	used.want(200, path+"fetch&repository=ada/engine", `"allowed":true`, "not used up")
	used.want(200, "GET /repos/ada/engine")
	subject, err := s.Gate.SubjectTokenByID(t.Context(), tok.ID)
	if err != nil {
		t.Fatal(err)
	}
	operator := right.Operator()
	x, err := s.Gate.Explain(t.Context(), &operator, subject, gate.Question{Action: right.RepoFetch, Owner: "ada", Name: "engine"})
	if err != nil || x.Allowed || x.Kind != problem.Forbidden {
		t.Errorf("a token that is used up: %+v, %v", x, err)
	}
	used.want(403, "GET /repos/ada/engine", "is used up")

	_, plain := s.FineToken(t, ada, token.NewFine{Name: "one", Owner: ada.ID, Access: token.Selected, Repos: []id.Repo{engine.ID}, ExpiresAt: s.Now().AddDate(0, 0, 1)}, "contents=write")
	fine := client{t, s, bearer(plain)}
	fine.want(200, path+"admin&repository=ada/engine", "lacks the permission administration: write", "reaches it")
	fine.want(200, path+"admin&repository=ada/open", "does not reach this", "lacks the permission administration: write")

	// What is asked about is not what was tried.
	entries, err := s.Audit.List(t.Context(), audit.Query{Account: ada.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Action, "oauth_access.denied") {
			t.Errorf("the log has %s of %s", e.Action, e.Target)
		}
	}
	// The refusal itself has the same words.
	fine.want(200, path+"push&repository=ada/open", "does not reach this", "!lacks the permission")
	fine.want(403, `PUT /repos/ada/open/contents/a {"message":"a","content":"YQ=="}`, "does not reach this")
}
