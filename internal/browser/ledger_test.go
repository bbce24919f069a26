package browser

import (
	"fmt"
	"testing"
	"time"
)

// TestLedger: somebody looks what a token was used for, takes away what it did not
// need, and looks again after it was deleted.
func TestLedger(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	tok, plain := s.Token(t, ada, "build", "repo", "admin:gpg_key", "delete_repo", "user")
	auth := "Authorization: token " + plain
	for _, path := range []string{"/api/v3/repos/ada/engine", "/api/v3/user/gpg_keys", "/api/v3/repos/ada/nothing", "/api/v3/user/gpg_keys"} {
		s.Do(t, "GET", path, "", auth, "User-Agent: course-script/1.2")
	}
	s.Do(t, "PUT", "/api/v3/repos/ada/engine/contents/a.txt", `{"message":"m","content":"YQ=="}`, auth)
	git := s.Git(t, "ada", plain)
	git.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	s.Advance(9 * 24 * time.Hour)
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := visit(t, s)
	p.signIn("ada")
	p.open(fmt.Sprintf("/settings/tokens/%d", tok.ID))
	p.sees("What it uses", "in 9 days")
	p.look("token-edit-ledger")
	p.follow("Each of its uses")
	p.sees("Uses of build", "clone or fetch", "refused: hidden", "course-script/1.2", "It would have", "read:gpg_key, repo")
	p.look("token-uses")
	p.follow("Take the rest away")
	p.sees("can do no more than it did", "There is no smaller choice", "oauth_access.update")
	p.open(fmt.Sprintf("/settings/tokens/%d/delete", tok.ID))
	p.follow("I understand, delete this token")
	p.open(fmt.Sprintf("/settings/tokens/%d/uses", tok.ID))
	p.sees("This token was deleted on", "oauth_access.destroy")
	p.look("token-uses-deleted")
}
