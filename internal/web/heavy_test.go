package web_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/web"
)

func TestHeavy_bounded(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	s.Repo(t, ada, "engine", false)
	owner, other := signedIn(t, s, "ada"), signedIn(t, s, "bob")

	if err := s.Web.Fill(fmt.Sprintf("account %d", ada.ID), web.HeavyPerActor); err != nil {
		t.Fatal(err)
	}
	if got := owner.get("/ada/engine/commits").want(t, 429, "too many expensive requests"); got.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	other.get("/ada/engine/commits").want(t, 200)
	owner.get("/settings/profile").want(t, 200)

	for i := web.HeavyPerActor; i < web.HeavyInAll; i++ {
		if err := s.Web.Fill(fmt.Sprintf("somebody %d", i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := other.get("/ada/engine").want(t, 503, "busy"); got.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

// TestHeavy_large looks at a folder with 100,000 entries and at a file of one
// line of 32 MiB.
func TestHeavy_large(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("pushes 32 MiB")
	}
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "big", true)
	_, token := s.Token(t, ada, "git", "repo")
	g := s.Git(t, "ada", token)
	g.Run(t, "clone", s.URL()+"/ada/big.git", "work")
	w := g.In("work")
	w.Write(t, "README.md", strings.Repeat("x", 32<<20))
	w.Run(t, "add", ".")
	blob := strings.TrimSpace(w.Run(t, "rev-parse", ":README.md"))
	var index strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&index, "100644 %s\tmany/%06d\n", blob, i)
	}
	if out, code := w.TryIn(t, index.String(), "update-index", "--index-info"); code != 0 {
		t.Fatal(out)
	}
	w.Run(t, "commit", "-q", "-m", "Much")
	w.Run(t, "push", "-q", "origin", "HEAD:refs/heads/main")

	p := signedIn(t, s, "ada")
	p.get("/ada/big").want(t, 200, "many", "README.md")
	p.get("/ada/big/tree/main/many").want(t, 200, "000000", "99000 more entries are not shown")
	p.get("/ada/big/blob/main/README.md").want(t, 200, "too large to show")
	p.get("/ada/big/blob/main/many/099999").want(t, 200, "too large to show")
	// The change may or may not be compared in its time; the commit is shown.
	p.get("/ada/big/commit/main").want(t, 200, "Much", "git show")
	p.get("/ada/big/commits/main/many/000007").want(t, 200, "Much")
	if got := p.get("/ada/big/raw/main/README.md"); len(got.body) != 32<<20 {
		t.Errorf("the raw file has %d bytes", len(got.body))
	}
}
