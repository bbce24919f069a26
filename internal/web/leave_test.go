package web_test

import (
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestLeave: whom others gave access can give it back, and only they can.
func TestLeave(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.User(t, "eve")
	shut, open := s.Repo(t, ada, "shut", true), s.Repo(t, ada, "open", false)
	s.Share(t, shut, bob, right.Admin)
	s.Share(t, open, bob, right.Write)
	s.Repo(t, bob, "mine", true)
	p, eve := signedIn(t, s, "bob"), signedIn(t, s, "eve")

	list := p.get("/settings/repositories").want(t, 200, "ada/shut", "ada/open", "bob/mine")
	for path, shared := range map[string]bool{"/ada/shut/leave": true, "/ada/open/leave": true, "/bob/mine/leave": false} {
		if got := list.find("a", "href", path) != nil; got != shared {
			t.Errorf("%s is offered: %v, want %v", path, got, shared)
		}
	}
	p.get("/ada/shut/leave").want(t, 200, "Leave ada/shut?")
	p.follow(p.post("/ada/shut/leave")).want(t, 200, "You left ada/shut.", "ada/open")
	p.get("/ada/shut").want(t, 404)
	p.post("/ada/shut/leave").want(t, 404)

	eve.post("/ada/shut/leave").want(t, 404)
	eve.post("/ada/open/leave").want(t, 403, "not added")
	p.follow(p.post("/ada/open/leave")).want(t, 200, "You left ada/open.")
	p.get("/ada/open").want(t, 200)
	p.post("/ada/open/leave").want(t, 403)
	p.post("/bob/mine/leave").want(t, 409, "You own")
	if got := visitor(t, s).post("/ada/open/leave"); got.StatusCode != 303 {
		t.Errorf("a visitor gets %s", got.Status)
	}
}
