package web_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestBranchRules: the pages of the rules, without script, and a second person
// who may not.
func TestBranchRules(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, carol := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "carol")
	r := s.Repo(t, ada, "engine", true)
	s.Share(t, r, bob, right.Write)
	s.Share(t, r, carol, right.Read)
	p := signedIn(t, s, "ada")

	p.get("/ada/engine/settings").want(t, 200, "Branches and tags", "Storage", "There is no limit")
	p.get("/ada/engine/settings/branches").want(t, 200, "Nothing is protected yet", "Add a branch rule", "Add a tag rule")
	p.get("/ada/engine/settings/branches/new").want(t, 200, "New branch rule")
	p.get("/ada/engine/settings/branches/new?kind=tag").want(t, 200, "New tag rule")

	const path = "/ada/engine/settings/branches/new"
	p.post(path, "kind", "branch", "push", "write", "pattern", "refs/heads/main").want(t, 422, "without refs/heads/")
	p.post(path, "kind", "branch", "push", "write", "pattern", "rel[").want(t, 422, "needs its ]")
	p.post(path, "kind", "branch", "push", "nonsense", "pattern", "main").want(t, 422, "Choose who may push")
	p.post(path, "kind", "branch", "push", "listed", "accounts", "nobody-here", "pattern", "main").want(t, 422, "There is no such user: nobody-here")
	p.post(path, "kind", "branch", "push", "listed", "accounts", "carol", "pattern", "main").want(t, 422, "The user carol has no write access")
	p.follow(p.post(path, "kind", "branch", "push", "listed", "accounts", "bob, ada", "include_admins", "yes", "pattern", "main")).
		want(t, 200, "Added the rule for main", "Only listed accounts push, no exception for administrators, no forced pushes, no deletion.")
	p.post(path, "kind", "branch", "push", "write", "pattern", "main").want(t, 422, "There is a rule for this pattern already")
	p.follow(p.post(path, "kind", "tag", "push", "admins", "allow_delete", "yes", "pattern", "v*")).want(t, 200, "Added the rule for v*", "Only administrators make such tags, no moving.")

	found, err := s.Repos.Find(t.Context(), s.DB, "ada", "engine", 0)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := s.Repos.Rules(t.Context(), s.DB, &found.Repo)
	if err != nil || len(rules.All()) != 2 {
		t.Fatalf("rules: %+v %v", rules, err)
	}
	one := fmt.Sprintf("/ada/engine/settings/branches/%d", rules.All()[0].ID)
	if got := p.get(one).want(t, 200, "Branch rule", "Save the rule"); !strings.Contains(got.body, `value="ada bob"`) {
		t.Error("the form does not list who may push")
	}
	p.post(one, "kind", "tag", "push", "write", "pattern", "").want(t, 422, "Write a name or a pattern")
	p.follow(p.post(one, "kind", "tag", "push", "write", "pattern", "main", "allow_force", "yes", "allow_delete", "yes")).want(t, 200, "Saved the rule for main", "Allows everything.")
	p.follow(p.post(one, "push", "listed", "itself", "yes", "pattern", "main")).want(t, 200, "Only this repository’s deploy tokens and trusted CI push")
	if got := p.get(one).want(t, 200, "deploy tokens and trusted CI"); !strings.Contains(got.body, `name="itself" value="yes" checked`) {
		t.Error("the form does not say that the repository itself may push")
	}
	p.follow(p.post(one, "push", "write", "itself", "yes", "pattern", "main")).want(t, 200, "No forced pushes, no deletion.")
	p.get(one+"/delete").want(t, 200, "Delete the rule for main?")
	p.follow(p.post("/ada/engine/settings/branches", "block_force", "all")).want(t, 200, "Saved the setting")
	p.post("/ada/engine/settings/branches", "block_force", "x").want(t, 422, "Choose one of the three")

	// A rule of another repository is none of this one.
	s.Repo(t, ada, "other", false)
	other := strings.Replace(one, "/engine/", "/other/", 1)
	p.get(other).want(t, 404)
	p.post(other, "kind", "branch", "push", "write", "pattern", "x").want(t, 404)
	p.follow(p.post(other+"/delete")).want(t, 200, "no such rule any more")

	q := signedIn(t, s, "bob")
	q.get("/ada/engine/settings/branches").want(t, 403)
	q.get(one).want(t, 403)
	q.post(one, "kind", "branch", "push", "write", "pattern", "x").want(t, 403)
	q.post(one+"/delete").want(t, 403)
	q.post(path, "kind", "branch", "push", "write", "pattern", "x").want(t, 403)
	q.post("/ada/engine/settings/branches", "block_force", "nowhere").want(t, 403)

	p.follow(p.post(one+"/delete")).want(t, 200, "Deleted the rule")
	p.get(one).want(t, 404)
	p.get("/settings/security-log").want(t, 200, "protected_branch.create", "protected_branch.update", "protected_branch.destroy", "protected_tag.create", "repo.block_force_push")

	p.follow(p.post("/ada/engine/settings/archive")).want(t, 200, "archived")
	p.get("/ada/engine/settings/branches").want(t, 200, "Protected tags")
	p.post(path, "kind", "branch", "push", "write", "pattern", "x").want(t, 403, "archived")
}
