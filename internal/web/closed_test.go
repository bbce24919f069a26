package web_test

import (
	"net/http"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// TestClosed: a closed site shows visitors the sign-in, and neither who is
// there nor what; somebody signed in sees what they would see anyway.
func TestClosed(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Closed = true })
	ada := s.User(t, "ada")
	s.User(t, "bob")
	s.Repo(t, ada, "open", false)
	s.Repo(t, ada, "shut", true)

	nobody, bob := visitor(t, s), signedIn(t, s, "bob")
	nobody.get("/").want(t, 200, "Sign in")
	nobody.get("/login").want(t, 200, "Sign in")

	// Whether there is such a person or repository is not told apart.
	status := func(path string) int { return nobody.get(path).StatusCode }
	for _, same := range [][]string{
		{"/ada", "/nobody-here"},
		{"/ada/open", "/ada/shut", "/ada/missing", "/nobody-here/open"},
		{"/ada/open/commits", "/ada/shut/commits", "/ada/missing/commits"},
		{"/ada/open/raw/main/README.md", "/ada/missing/raw/main/README.md"},
	} {
		want := status(same[0])
		if want != http.StatusSeeOther && want != http.StatusNotFound {
			t.Errorf("%s answers a visitor with %d", same[0], want)
		}
		for _, path := range same[1:] {
			if got := status(path); got != want {
				t.Errorf("%s answers a visitor with %d, %s with %d", path, got, same[0], want)
			}
		}
		if want == http.StatusSeeOther {
			nobody.follow(nobody.get(same[0])).want(t, 200, "Sign in")
		}
	}

	bob.get("/ada").want(t, 200, "ada/open")
	bob.get("/ada/open").want(t, 200, "ada")
	bob.get("/ada/shut").want(t, 404)
}
