package web_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// TestLog_operator: who has an address and a browser is not asked of a command
// on the machine itself.
func TestLog_operator(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Token(t, ada, "Laptop", "repo") // as the operator makes one
	p := signedIn(t, s, "ada")
	got := p.get("/settings/security-log?action=oauth_access.create").want(t, 200, "operator", "command line")
	if strings.Contains(got.text(), "Unknown browser") {
		t.Errorf("a command has a browser:\n%s", got.text())
	}
}
