package browser

import (
	"strings"
	"testing"

	"jeton/internal/right"
	"jeton/internal/token"
)

// TestAlert pushes a token in spite of the warning, finds the alert, and is rid of
// the token by one button.
func TestAlert(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "station", true)
	_, plain := s.Token(t, ada, "laptop", "repo")
	_, found := s.Token(t, ada, "deploy")
	g := s.Git(t, "ada", plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "settings.env", "KEY="+found+"\n", "Add the settings")
	push := []string{"push", "-q", s.URL() + "/ada/station.git", "HEAD:refs/heads/main"}
	out, _ := g.Try(t, push...)
	_, at, ok := strings.Cut(out, s.URL()+"/ada/station/security/secret-scanning/unblock-secret/")
	if !ok {
		t.Fatalf("the push was answered with\n%s", out)
	}
	at, _, _ = strings.Cut(at, "\n")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/station/security/secret-scanning/unblock-secret/" + strings.TrimSpace(at))
	p.sees("Your push was refused", "It is your token.")
	p.look("unblock")
	p.follow("Allow me to push this token")
	p.got(422)
	p.look("unblock-wrong")
	p.tick("I will fix it later")
	p.follow("Allow me to push this token")
	p.sees("You may push this token now.")
	g.Run(t, push...)

	p.open("/ada/station")
	p.follow("Security")
	p.sees("Personal Access Token ending in " + found[32:])
	p.look("alerts")
	p.follow("Personal Access Token ending in " + found[32:])
	p.sees("It is live:", "settings.env, line 1", "It was pushed by ada in spite of the warning.", "It is yours: deploy.")
	p.look("alert")
	p.follow("Close the alert")
	p.got(422)
	p.look("alert-wrong")
	p.follow("Delete the token and close the alert")
	p.sees("Deleted the token, and closed the alert.", "It opens nothing any more.")
	p.look("alert-closed")
	if list, err := s.Tokens.List(t.Context(), ada.ID, token.Personal); err != nil || len(list) != 1 {
		t.Errorf("%d tokens are left, %v", len(list), err)
	}
	p.follow("Security")
	p.sees("No token was found.")
	p.follow("Closed alerts")
	p.look("alerts-closed")
	p.follow("Personal Access Token ending in " + found[32:])
	p.follow("Open it again")
	p.sees("Opened the alert again.")

	// Who may write there sees nothing of it.
	bob := s.User(t, "bob")
	r, err := s.Repos.Find(t.Context(), s.DB, "ada", "station", 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, r.Repo, bob, right.Write)
	q := visit(t, s)
	q.signIn("bob")
	q.open("/ada/station")
	q.seesNot("Security")
	q.openRefused("/ada/station/security/secret-scanning", 403)
}
