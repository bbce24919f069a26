package browser

import (
	"fmt"
	"testing"
	"time"
)

// TestRotate lives a rotation on the pages: what works on, what is used too late, and
// the one click that says who it was.
func TestRotate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	tok, old := s.TokenUntil(t, ada, "deploy", s.Now().Add(30*24*time.Hour), "repo")
	clone := func(as, dir string) (string, int) {
		return s.Git(t, "ada", as).Try(t, "clone", "-q", s.URL()+"/ada/engine.git", dir)
	}
	p := visit(t, s)
	p.signIn("ada")
	path := fmt.Sprintf("/settings/tokens/%d", tok.ID)
	p.open(path)
	p.follow("Rotate")
	p.at(path + "/rotate")
	p.sees("The old secret works for", "End it as soon as the new secret is used")
	p.choose("The old secret works for", "1h")
	p.look("token-rotate")
	p.follow("Rotate token")
	p.at("/settings/tokens")
	p.sees("Your new token: deploy")
	plain := shown(p)
	for _, one := range []string{old, plain} {
		if out, code := clone(one, "a"); code != 0 {
			t.Errorf("within the window: %s", out)
		}
	}
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.open(path)
	p.sees("The old secret still works", "…"+old[len(old)-8:], "It was last used")
	p.look("token-old")
	p.follow("End the old secret now")
	p.sees("The old secret of deploy has ended.")
	p.seesNot("The old secret still works")
	s.Advance(10 * time.Minute)
	if _, code := clone(old, "b"); code == 0 {
		t.Error("the old secret works after its end")
	}
	if _, code := clone(plain, "c"); code == 0 {
		t.Error("a frozen token works")
	}
	p.open("/settings/tokens")
	p.sees("Frozen")
	p.look("tokens-frozen")
	p.open(path)
	p.sees("This token is frozen", "Revoke the token")
	p.look("token-frozen")
	p.follow("That was me: unfreeze")
	p.sees("The token deploy works again.")
	p.seesNot("This token is frozen")
	if out, code := clone(plain, "d"); code != 0 {
		t.Errorf("unfrozen: %s", out)
	}
}
