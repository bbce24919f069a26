package web_test

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// TestFork: who may read a repository forks it; what becomes of the one changes
// nothing of who may see the other.
func TestFork(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.User(t, "eve")
	shut := s.Repo(t, ada, "shut", true)
	s.Repo(t, ada, "open", false)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	secrets := map[string]string{}
	for _, name := range []string{"shut", "open"} {
		g.Run(t, "clone", "-q", s.URL()+"/ada/"+name+".git", name)
		in := g.In(name)
		in.Commit(t, "README.md", "# Hello "+name+"\n", "First")
		in.Run(t, "push", "-q", "origin", "HEAD:main", "HEAD:other")
		in.Commit(t, "secret", "secret", "Secret")
		in.Run(t, "push", "-q", "origin", "HEAD:oops")
		in.Run(t, "push", "-q", "origin", ":oops")
		secrets[name] = in.Run(t, "rev-parse", "HEAD")
	}
	p, eve := signedIn(t, s, "bob"), signedIn(t, s, "eve")

	// Only who may read may fork.
	for _, path := range []string{"/ada/shut/fork", "/ada/none/fork"} {
		p.get(path).want(t, 404)
		p.post(path, "name", "x", "visibility", "private").want(t, 404)
	}
	if got := visitor(t, s).post("/ada/open/fork", "name", "x"); got.StatusCode != 303 || !strings.HasPrefix(got.Header.Get("Location"), "/login") {
		t.Errorf("a visitor gets %s", got.Status)
	}
	if visitor(t, s).get("/ada/open").find("a", "href", "/ada/open/fork") != nil {
		t.Error("a visitor is offered to fork")
	}
	if p.get("/ada/open").find("a", "href", "/ada/open/fork") == nil {
		t.Error("bob is not offered to fork")
	}

	s.Share(t, shut, bob, right.Read)
	p.get("/ada/shut/fork").want(t, 200, "Fork this repository", "your fork is private")
	p.post("/ada/shut/fork", "name", "shut", "visibility", "public").want(t, 422, "private")
	p.follow(p.post("/ada/shut/fork", "name", "shut", "visibility", "private")).want(t, 200, "Forked ada/shut", "Forked from", "Hello shut")
	p.post("/ada/shut/fork", "name", "shut", "visibility", "private").want(t, 422, "already exists")
	p.get("/ada/open/fork").want(t, 200, "Public")
	p.follow(p.post("/ada/open/fork", "name", "mine", "visibility", "public", "branches", "default")).want(t, 200, "Forked from", "Hello open")
	eve.get("/bob/shut").want(t, 404)
	eve.get("/bob/mine").want(t, 200, "ada/open", "Hello open")
	eve.get("/bob/mine/tree/other").want(t, 404)
	p.get("/bob/shut/tree/other").want(t, 200)
	for path, secret := range map[string]string{"/bob/shut": secrets["shut"], "/bob/mine": secrets["open"], "/ada/open": secrets["open"]} {
		p.get(path+"/commit/"+secret).want(t, 404)
		p.get(path+"/tree/"+secret).want(t, 404)
	}

	// The origin becomes private: the fork stays what it is, and names it to
	// nobody who may not know of it.
	a := signedIn(t, s, "ada")
	a.follow(a.post("/ada/open/settings/visibility", "visibility", "private", "confirm", "ada/open")).want(t, 200)
	for _, reader := range []*person{eve, p, visitor(t, s)} {
		reader.get("/ada/open").want(t, 404)
		if got := reader.get("/bob/mine").want(t, 200, "Hello open"); strings.Contains(got.body, "ada/open") {
			t.Errorf("the private origin is named: %s", got.body)
		}
	}
	a.get("/bob/mine").want(t, 200, "ada/open")
	// And public: the private fork of the private one is no more open for it.
	a.follow(a.post("/ada/shut/settings/visibility", "visibility", "public", "confirm", "ada/shut")).want(t, 200)
	eve.get("/ada/shut").want(t, 200)
	eve.get("/bob/shut").want(t, 404)

	a.follow(a.post("/ada/shut/settings/delete", "confirm", "ada/shut")).want(t, 200)
	if got := p.get("/bob/shut").want(t, 200, "Hello shut"); strings.Contains(got.body, "Forked from") {
		t.Error("the deleted origin is named")
	}
}

// TestMaintenance: the settings show the state, and a button asks for it.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "engine", true)
	s.Share(t, r, bob, right.Write)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "engine")
	in := g.In("engine")
	in.Commit(t, "README.md", "# Hello\n", "First")
	in.Run(t, "push", "-q", "origin", "HEAD:main")
	p, other := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	p.get("/ada/engine/settings").want(t, 200, "Maintenance", "Never", "Packs")
	other.post("/ada/engine/settings/maintenance").want(t, 403)
	p.follow(p.post("/ada/engine/settings/maintenance")).want(t, 200, "will be maintained now")
	within(t, func() bool {
		u, err := s.Core.Git.Repo(r.ID).Upkeep()
		return err == nil && !u.At.IsZero() && !u.Queued
	})
	page := p.get("/ada/engine/settings").want(t, 200, "repacked everything", "Yes")
	if page.find("button", "type", "submit") == nil {
		t.Error("there is no button")
	}
}

// within waits until f holds, a minute at most.
func within(t *testing.T, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not come about within a minute")
		}
	}
}

// TestFork_noRoom: neither a fork nor a transfer passes an account's quota: a
// fork shares its files only until one of the two is repacked.
func TestFork_noRoom(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.AccountQuota = 300 << 10 })
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "open", false)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/open.git", "open")
	noise := make([]byte, 100<<10)
	_, _ = rand.Read(noise)
	g.In("open").Commit(t, "noise", hex.EncodeToString(noise), "Noise")
	g.In("open").Run(t, "push", "-q", "origin", "HEAD:main")
	p := signedIn(t, s, "bob")
	p.post("/ada/open/fork", "name", "first", "visibility", "public").want(t, 303)
	p.post("/ada/open/fork", "name", "second", "visibility", "public").want(t, 303)
	p.post("/ada/open/fork", "name", "third", "visibility", "public").want(t, 413, "storage is full")
	p.get("/bob/third").want(t, 404)
	a := signedIn(t, s, "ada")
	a.post("/ada/open/settings/transfer", "new_owner", "bob", "confirm", "ada/open").want(t, 422, "no room")
	if err := s.Accounts.SetQuota(t.Context(), right.Operator(), bob.ID, repo.NoQuota); err != nil {
		t.Fatal(err)
	}
	a.post("/ada/open/settings/transfer", "new_owner", "bob", "confirm", "ada/open").want(t, 303)
}
