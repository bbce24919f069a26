package browser

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
)

// works reports whether the API takes the token.
func works(t *testing.T, s *apptest.Server, token string) bool {
	t.Helper()
	return s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+token).StatusCode == 200
}

// shown is the token that the page shows once.
func shown(p *person) string {
	p.t.Helper()
	return ask[string](p, `document.getElementById("new-token").textContent`)
}

// TestTokens lives what happens to tokens later: the list with all its rows,
// edit, regenerate, revoke all.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.TokenUntil(t, ada, "old laptop", s.Now().Add(time.Hour), "repo")
	s.TokenUntil(t, ada, "this week's lesson", s.Now().Add(4*24*time.Hour), "public_repo", "read:user")
	s.Token(t, ada, "robot")
	_, build := s.TokenUntil(t, ada, "build", s.Now().Add(60*24*time.Hour), "repo", "workflow")
	s.Advance(2 * time.Hour)
	if !works(t, s, build) {
		t.Fatal("the token does not work")
	}
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens")
	p.sees("Expired on", "Expires soon, on", "Never expires", "Expires on", "no scopes: reads what is public")
	p.look("tokens")

	p.follow("build")
	p.sees("Edit personal access token (classic)", "Ends in")
	p.look("token-edit")
	p.fill("Note", "build server")
	p.tick("workflow")
	p.follow("Update token")
	p.sees("Updated the token build server.", "build server — repo")
	if !works(t, s, build) {
		t.Error("an edit has changed the secret")
	}

	p.follow("build server")
	p.fill("Note", "robot")
	p.follow("Update token")
	p.got(422)
	p.sees("taken")
	p.look("token-edit-wrong")

	p.open("/settings/tokens")
	p.follow("build server")
	p.follow("regenerate it")
	p.sees("The old secret stops at once")
	p.look("token-regenerate")
	p.choose("Expiration", "90")
	p.follow("Regenerate token")
	p.sees("Your new token: build server")
	after := shown(p)
	if works(t, s, build) || !works(t, s, after) {
		t.Error("the old secret still works, or the new one does not")
	}

	p.click("Revoke all")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.picture("tokens-revoke-all")
	p.fill("To confirm, type ada", "ad")
	p.follow("I understand, revoke access for everything")
	p.got(422)
	p.sees("This is not ada.")
	p.look("tokens-revoke-all-wrong")
	p.fill("To confirm, type ada", "ada")
	p.follow("I understand, revoke access for everything")
	p.sees("Revoked 4 tokens.", "No tokens yet")
	if works(t, s, after) {
		t.Error("a revoked token works")
	}
}

// TestPrefilled: a link fills in the form, also through the sign-in, and the
// form says so.
func TestPrefilled(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	link := "/settings/tokens/new?" + url.Values{"description": {"Lesson 3 <b>"}, "scopes": {"public_repo,read:user,nonsense"}, "default_expires_at": {"7"}}.Encode()
	p.open(link)
	p.sees("Sign in to Jeton", "You go on to the form for a new access token.")
	p.look("login-before-link")
	p.signIn("ada")
	p.at(link)
	p.sees("A link filled in this form.", "nonsense")
	if note := ask[string](p, string(field("Note"))+`[0].value`); note != "Lesson 3 <b>" {
		t.Errorf("note: %q", note)
	}
	if got := ask[[]string](p, `[...document.querySelectorAll("input[name=scopes]:checked")].map(c => c.value)`); strings.Join(got, " ") != "public_repo read:user" {
		t.Errorf("ticked: %v", got)
	}
	if got := ask[string](p, string(field("Expiration"))+`[0].value`); got != "7" {
		t.Errorf("expiration: %s", got)
	}
	p.look("token-new-link")
	p.choose("Expiration", "none")
	p.picture("token-new-never")
	p.follow("Generate token")
	p.sees("Your new token: Lesson 3 <b>", "Never expires")
}

// TestConfirm: when the sign-in is no longer recent, the password is asked for,
// and what was typed is kept.
func TestConfirm(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens/new?scopes=repo")
	p.fill("Note", "typed before")
	s.Advance(3 * time.Hour)
	p.follow("Generate token")
	p.got(403)
	p.sees("Confirm access", "What you typed on the page before is kept.")
	p.look("confirm")
	p.fill("Password", "not the password")
	p.follow("Confirm")
	p.sees("Confirm access")
	p.look("confirm-wrong")
	p.fill("Password", apptest.Password)
	p.follow("Confirm")
	p.at("/settings/tokens")
	p.sees("Your new token: typed before", "typed before — repo")

	s.Advance(3 * time.Hour)
	p.load("open the form", navigate(p, "/settings/tokens/new?description=later"))
	p.sees("Confirm access")
	p.fill("Password", apptest.Password)
	p.follow("Confirm")
	p.at("/settings/tokens/new?description=later")
	p.sees("A link filled in this form.")
}
