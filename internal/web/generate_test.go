package web_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestGenerate: who may read a template makes a repository of its files, where they
// may create one, and learns nothing of its history.
func TestGenerate(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.User(t, "eve")
	s.Org(t, bob, "acme")
	s.Org(t, ada, "other")
	s.Repo(t, ada, "skeleton", false)
	shut := s.Repo(t, ada, "shut", true)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	first := ""
	for _, name := range []string{"skeleton", "shut"} {
		g.Run(t, "clone", "-q", s.URL()+"/ada/"+name+".git", name)
		in := g.In(name)
		in.Commit(t, "README.md", "# Start here\n", "First")
		in.Run(t, "push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/next", "HEAD:refs/tags/v1")
		first = in.Run(t, "rev-parse", "HEAD")
	}
	a, p, eve := signedIn(t, s, "ada"), signedIn(t, s, "bob"), signedIn(t, s, "eve")
	const path = "/ada/skeleton/generate"

	if p.get("/ada/skeleton").find("a", "href", path) != nil {
		t.Error("what is no template is offered as one")
	}
	p.follow(p.get(path)).want(t, 200, "This repository is no template.")
	p.post(path, "name", "mine", "visibility", "private").want(t, 422, "not a template")
	p.get("/bob/mine").want(t, 404)

	for _, name := range []string{"skeleton", "shut"} {
		if has(a.get("/ada/"+name+"/settings").find("input", "id", "template"), "checked") {
			t.Error("a new repository is a template")
		}
		a.follow(a.post("/ada/"+name+"/settings", "name", name, "template", "yes", "default_branch", "main")).want(t, 200, "Saved the settings.")
	}
	if p.get("/ada/skeleton").find("a", "href", path) == nil {
		t.Error("a template is not offered")
	}
	if v := visitor(t, s); v.get("/ada/skeleton").find("a", "href", path) != nil {
		t.Error("a visitor is offered a template")
	} else if got := v.post(path, "name", "x"); got.StatusCode != 303 || !strings.HasPrefix(got.Header.Get("Location"), "/login") {
		t.Errorf("a visitor gets %s", got.Status)
	}

	form := p.get(path).want(t, 200, "Use this template", "acme", "Include all branches")
	if !has(form.find("input", "id", "private"), "checked") || strings.Contains(form.text(), "other") {
		t.Error("the form proposes a public repository, or one of an organization of others")
	}
	p.post(path, "name", "no/name", "visibility", "private").want(t, 422)
	p.post(path, "name", "", "visibility", "private").want(t, 422, "Name is needed")
	p.post(path, "name", "mine", "visibility", "private", "owner", "other").want(t, 422)
	p.post(path, "name", "mine", "visibility", "private", "owner", "nobody").want(t, 422, "no such organization")
	p.get("/other/mine").want(t, 404)

	p.follow(p.post(path, "name", "mine", "description", "of my own", "visibility", "private")).want(t, 200, "Made bob/mine from ada/skeleton.", "Start here", "of my own", "Initial commit", "Private")
	p.post(path, "name", "mine", "visibility", "private").want(t, 422, "already exists")
	p.get("/bob/mine/tree/next").want(t, 404)
	p.get("/bob/mine/commit/"+first).want(t, 404)
	eve.get("/bob/mine").want(t, 404)
	if got := p.get("/bob/mine"); strings.Contains(got.text(), "Forked from") {
		t.Error("it is a fork")
	}
	p.follow(p.post(path, "name", "all", "visibility", "public", "owner", "acme", "branches", "all")).want(t, 200, "Made acme/all from ada/skeleton.")
	eve.get("/acme/all/tree/next").want(t, 200)
	eve.get("/acme/all/tree/v1").want(t, 404)

	// Of a private one only by who may read it, and privately.
	p.get("/ada/shut/generate").want(t, 404)
	p.post("/ada/shut/generate", "name", "x", "visibility", "private").want(t, 404)
	s.Share(t, shut, bob, right.Read)
	p.get("/ada/shut/generate").want(t, 200, "your repository is private as well")
	p.post("/ada/shut/generate", "name", "x", "visibility", "public").want(t, 422, "private")
	p.get("/bob/x").want(t, 404)
	p.follow(p.post("/ada/shut/generate", "name", "x", "visibility", "private")).want(t, 200, "Made bob/x from ada/shut.")
	eve.get("/bob/x").want(t, 404)
}
