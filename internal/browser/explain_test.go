package browser

import (
	"fmt"
	"testing"

	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestExplain asks a token's page why a push fails, does what it says, and asks
// again.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, bob, "hidden", true)
	shared := s.Repo(t, bob, "shared", true)
	s.Share(t, shared, ada, right.Read)
	s.Token(t, ada, "Laptop")
	fine, _ := s.FineToken(t, ada, token.NewFine{Name: "build", Owner: bob.ID, Access: token.Selected, Repos: []id.Repo{shared.ID}, ExpiresAt: s.Now().AddDate(0, 0, 7)}, "contents=write")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens")
	p.follow("Laptop")
	p.sees("What can this token do?", "Nothing is done.")
	p.choose("Action", "push")
	p.fill("Repository", "ada/engine")
	p.fill("Branch or ref (optional)", "main")
	p.follow("Ask")
	p.sees("Not allowed", "It is answered as if it did not exist (404).", "lacks the repo scope", "✓", "✗", "decides")
	p.look("explain-denied")
	p.load("go to the token", clickFirst(".part-remedy a"))
	p.sees("Edit personal access token (classic)")
	p.tick("repo")
	p.follow("Update token")
	p.follow("Laptop")
	p.choose("Action", "push")
	p.fill("Repository", "ada/engine")
	p.follow("Ask")
	p.sees("Allowed", "The account ada has the level admin there, and write is needed.", "It may not add or change files under .github/workflows.")
	p.look("explain-allowed")
	p.fill("Repository", "bob/hidden")
	p.follow("Ask")
	p.sees("Repository not found.", "Either it does not exist, or the account ada has no access to it.")
	p.fill("Repository", "hidden")
	p.follow("Ask")
	p.sees("The repository is OWNER/REPO.")

	p.open(fmt.Sprintf("/settings/personal-access-tokens/%d", fine.ID))
	p.choose("Action", "push")
	p.fill("Repository", "bob/shared")
	p.fill("From address (optional)", "192.0.2.7")
	p.follow("Ask")
	p.sees("Permission to bob/shared.git denied to ada.", "Ask its owner for write access.", "Its permissions give the level write for contents", "git credential reject")
	p.look("explain-fine")
}
