package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// told writes what the doors told of, however their answers were given a moment ago.
func told(t *testing.T, s *apptest.Server) {
	t.Helper()
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestUses lives the ledger of a token through its doors.
func TestUses(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	tok, plain := s.Token(t, ada, "ci", "repo", "user")
	uses := fmt.Sprintf("/settings/tokens/%d/uses", tok.ID)
	p := signedIn(t, s, "ada")
	p.get(uses).want(t, 200, "Uses of ci", "oauth_access.create", "at most the last second", "400 days", "90 days after the token was deleted")

	auth := "Authorization: token " + plain
	for range 3 {
		s.Do(t, "GET", "/api/v3/repos/ada/engine", "", auth, "User-Agent: course-script/1.2")
	}
	s.Do(t, "GET", "/api/v3/repos/bob/nothing", "", auth)
	s.Do(t, "DELETE", "/api/v3/repos/ada/engine", "", auth) // without the scope
	told(t, s)
	all := p.get(uses).want(t, 200, "reading through the API", "ada/engine", "course-script/1.2", "127.0.0.1", "refused: hidden", "bob/nothing", "refused: grant missing")
	if !strings.Contains(all.text(), "times") {
		t.Errorf("equal uses are not one line:\n%s", all.text())
	}
	p.get(fmt.Sprintf("/settings/tokens/%d", tok.ID)).want(t, 200, "What it uses", "Once a week of its uses is known")

	git := s.Git(t, "ada", plain)
	git.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "engine")
	git = git.In("engine")
	git.Commit(t, "file.txt", "text\n", "Add a file")
	git.Run(t, "push", "-q", "origin", "HEAD:refs/heads/main")
	told(t, s)
	p.get(uses).want(t, 200, "clone or fetch", "push", "refs/heads/main none→", "Security log", "received")

	csv := p.get(uses + "/export?format=csv")
	if csv.StatusCode != 200 || !strings.Contains(csv.body, "git.push") || !strings.Contains(csv.body, "repo.fetch") || !strings.HasPrefix(csv.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d: %s", csv.StatusCode, csv.body)
	}
	if got := p.get(uses + "/export?format=jsonl"); got.StatusCode != 200 || !strings.HasPrefix(got.body, `{"log":`) {
		t.Errorf("%d: %s", got.StatusCode, got.body)
	}
	p.get(uses+"/export").want(t, 404)

	// Nobody else's, and no longer than it is kept.
	other := signedIn(t, s, "bob")
	for _, path := range []string{uses, uses + "/export?format=csv", "/settings/tokens/99999/uses", uses + "?use=x"} {
		other.get(path).want(t, 404)
	}
	other.post(fmt.Sprintf("/settings/tokens/%d/shrink", tok.ID), "scopes", "").want(t, 404)
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	if got := s.Do(t, "GET", "/api/v3/user", "", auth); got.StatusCode != 401 {
		t.Fatal(got.Status)
	}
	told(t, s)
	p.get(uses).want(t, 200, "This token was deleted on", "clone or fetch", "refused: revoked", "oauth_access.destroy")
	r, err := s.Chain.Verify(t.Context(), nil)
	if err != nil || len(r.Findings) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestShrink takes away what a token did not use, and never gives anything.
func TestShrink(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "open", false)
	tok, plain := s.Token(t, ada, "ci", "repo", "admin:gpg_key", "delete_repo", "workflow")
	page, shrink := fmt.Sprintf("/settings/tokens/%d", tok.ID), fmt.Sprintf("/settings/tokens/%d/shrink", tok.ID)
	auth := "Authorization: token " + plain
	if got := s.Do(t, "GET", "/api/v3/user/gpg_keys", "", auth); got.StatusCode != 200 {
		t.Fatal(got.Status)
	}
	if got := s.Do(t, "PUT", "/api/v3/repos/ada/open/contents/a.txt", `{"message":"m","content":"YQ=="}`, auth); got.StatusCode != 201 {
		t.Fatal(got.Status)
	}
	s.Advance(10 * 24 * time.Hour)
	told(t, s)
	p := signedIn(t, s, "ada")
	got := p.get(page).want(t, 200, "in 10 days", "It would have", "public_repo, read:gpg_key, workflow", "Take the rest away")
	hidden := ""
	for n := range got.doc.Descendants() {
		if n.Data == "input" && attr(n, "type") == "hidden" && attr(n, "name") == "scopes" {
			hidden = attr(n, "value")
		}
	}
	if hidden != "public_repo,read:gpg_key,workflow" {
		t.Fatalf("the form sends %q", hidden)
	}
	const from = "admin:gpg_key, delete_repo, repo, workflow"
	for _, more := range []string{"admin:org", "public_repo,user", "nonsense"} {
		p.post(shrink, "scopes", more, "from", from).want(t, 409, "changed in the meantime")
	}
	p.post(shrink, "from", from).want(t, 409)
	p.post(shrink, "scopes", hidden, "from", "repo").want(t, 409) // it was another when the page was made
	p.follow(p.post(shrink, "scopes", hidden, "from", from)).want(t, 200, "can do no more than it did", "oauth_access.update")
	now, err := s.Tokens.ByID(t.Context(), ada.ID, tok.ID)
	if err != nil || now.Scopes.String() != "public_repo, read:gpg_key, workflow" || now.Note != "ci" {
		t.Errorf("%+v, %v", now, err)
	}
	if got := s.Do(t, "PUT", "/api/v3/repos/ada/open/contents/b.txt", `{"message":"m","content":"YQ=="}`, auth); got.StatusCode != 201 {
		t.Errorf("it can't do what it did: %s", got.Status)
	}
	p.get(page).want(t, 200, "There is no smaller choice")

	// A fine-grained one.
	fine := right.Fine{}
	for name, level := range map[string]right.Level{"contents": right.Write, "administration": right.Write, "statuses": right.Read, "emails": right.Read} {
		if err := fine.Set(name, level); err != nil {
			t.Fatal(err)
		}
	}
	small, value, err := s.Tokens.CreateFine(t.Context(), right.Operator(), ada.ID, token.NewFine{Name: "fine", Owner: ada.ID, Access: token.AllOf, Permissions: fine})
	if err != nil {
		t.Fatal(err)
	}
	s.Repo(t, ada, "shut", true)
	if got := s.Do(t, "GET", "/api/v3/repos/ada/shut/branches", "", "Authorization: token "+value.Reveal()); got.StatusCode != 200 {
		t.Fatal(got.Status)
	}
	s.Advance(10 * 24 * time.Hour)
	told(t, s)
	p = signedIn(t, s, "ada")
	p.get(fmt.Sprintf("/settings/personal-access-tokens/%d", small.ID)).want(t, 200, "2 of its 5 permissions", "Each of its uses")
	p.get(fmt.Sprintf("/settings/tokens/%d/uses", small.ID)).want(t, 200, "2 of its 5 permissions", "contents=read, metadata=read")
	of := fmt.Sprintf("/settings/tokens/%d/shrink", small.ID)
	const had = "administration=write, statuses=read, contents=write, metadata=read, emails=read"
	p.post(of, "from", had, "permissions", "contents=write,metadata=read,members=write").want(t, 409)
	p.follow(p.post(of, "from", had, "permissions", "contents=read,metadata=read")).want(t, 200)
	found, err := s.Tokens.ByIDs(t.Context(), s.DB, []id.Token{small.ID})
	if after := found[small.ID]; err != nil || after.Permissions.String() != "contents=read,metadata=read" || after.Access != token.AllOf || after.Note != "fine" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestUses_narrowed: what was narrowed out of a token is told apart from it.
func TestUses_narrowed(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	tok, plain := s.Token(t, ada, "ci", "repo")
	node := narrow.NewNode()
	cut, err := narrow.Cut(secret.New(plain), node, "robot")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+cut.Reveal(), "User-Agent: robot/1"); got.StatusCode != 200 {
		t.Fatal(got.Status)
	}
	told(t, s)
	signedIn(t, s, "ada").get(fmt.Sprintf("/settings/tokens/%d/uses", tok.ID)).want(t, 200, "by the narrowed token "+node.String()[:8], "robot/1")
	nodes, err := s.Tokens.Nodes(t.Context(), ada.ID, tok.ID)
	if err != nil || len(nodes) != 1 || nodes[0].Client != "robot/1" || nodes[0].Used.IsZero() {
		t.Errorf("%+v, %v", nodes, err)
	}
}
