package web_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestRotate_page: a person rotates, sees what still works, ends it, and says that
// it was they who used it later.
func TestRotate_page(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	classic, classicPlain := s.Token(t, ada, "Laptop", "repo")
	fine, finePlain := s.FineToken(t, ada, token.NewFine{Name: "Build", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	status := func(plain string) int {
		return s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+plain).StatusCode
	}
	for path, old := range map[string]string{fmt.Sprintf("/settings/tokens/%d", classic.ID): classicPlain, fmt.Sprintf("/settings/personal-access-tokens/%d", fine.ID): finePlain} {
		p := signedIn(t, s, "ada")
		status(old)
		p.get(path).want(t, 200, "Rotate")
		p.get(path+"/rotate").want(t, 200, "The old secret works for", "1 day")
		p.post(path+"/rotate", "expires", "30", "window", "1y").want(t, 422, "Choose one of the times")
		p.post(path+"/rotate", "expires", "custom", "expires_at", "2001-01-01", "window", "1h").want(t, 422, "must not be over")
		made := p.follow(p.post(path+"/rotate", "expires", "30", "window", "1h"))
		plain := text(made.want(t, 200, "Your new token").find("code", "id", "new-token"))
		if plain == old || status(plain) != 200 || status(old) != 200 {
			t.Fatalf("%s: the new secret gives %d, the old one %d", path, status(plain), status(old))
		}
		if err := s.Ledger.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.get(path).want(t, 200, "The old secret still works", "…"+old[len(old)-8:], "It was last used", "127.0.0.1")
		p.post(path+"/rotate", "expires", "30", "window", "1h").want(t, 409, "The secret before this one still works")
		bob := signedIn(t, s, "bob")
		for _, rest := range []string{"/rotate", "/end_old", "/unfreeze"} {
			bob.post(path+rest, "expires", "30", "window", "1h").want(t, 404)
		}
		p.follow(p.post(path+"/end_old")).want(t, 200, "The old secret of ", "has ended")
		if status(old) != 401 || status(plain) != 200 {
			t.Errorf("%s: after its end the old secret gives %d, the new one %d", path, status(old), status(plain))
		}
		s.Advance(6 * time.Minute)
		if status(old) != 401 || status(plain) != 403 {
			t.Errorf("%s: used again the old secret gives %d, the new one %d", path, status(old), status(plain))
		}
		list := "/settings/tokens"
		if path[:len(list)] != list {
			list = "/settings/personal-access-tokens"
		}
		p.get(list).want(t, 200, "Frozen")
		p.get(path).want(t, 200, "This token is frozen", "That was me: unfreeze")
		p.get("/settings/security-log").want(t, 200, "freeze", "end_old_secret", "rotate")
		p.follow(p.post(path+"/unfreeze")).want(t, 200, "works again")
		if status(old) != 401 || status(plain) != 200 {
			t.Errorf("%s: the old secret gives %d, the new one %d", path, status(old), status(plain))
		}
		p.follow(p.post(path+"/unfreeze")).want(t, 200, "is not frozen")
	}
}

// TestRotate_recent: neither is done by a sign-in that is old.
func TestRotate_recent(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	tok, _ := s.Token(t, ada, rand.Text(), "repo")
	p := signedIn(t, s, "ada")
	s.Advance(right.RecentSignIn)
	path := fmt.Sprintf("/settings/tokens/%d", tok.ID)
	for _, rest := range []string{"/rotate", "/end_old", "/unfreeze"} {
		p.post(path+rest, "expires", "30", "window", "1h").want(t, 403, "Confirm access")
	}
}
