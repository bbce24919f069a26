package browser

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"jeton/internal/app/apptest"
)

// TestPlain does without any script: everything works, and a token that was
// shown is as gone as with scripts.
func TestPlain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := visit(t, s)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.open("/")
	p.follow("Paste the link")
	p.fill("Link", s.URL()+setUp(t, s))
	p.fill("User name", "ada")
	p.fill("E-mail address", "ada@example.com")
	p.fill("Password", apptest.Password)
	p.follow("Create the administrator")
	p.click("Your menu, ada")
	p.follow("Sign out")

	p.open("/settings/tokens/new?description=laptop&scopes=repo&default_expires_at=7")
	p.signIn("ada")
	p.at("/settings/tokens/new?description=laptop&scopes=repo&default_expires_at=7")
	p.sees("A link filled in this form.", "7 days")
	p.choose("Expiration", "none")
	p.sees("We recommend a date.")
	p.follow("Generate token")
	p.at("/settings/tokens")
	p.sees("Your new token: laptop", "Never expires")
	token := shown(p)
	if p.eval(`[...document.querySelectorAll("[data-copy]")].some(b => b.checkVisibility())`) {
		t.Error("a copy button that can do nothing is shown")
	}
	p.picture("token-made-plain")
	p.click("Your menu, ada")
	p.follow("Your profile")
	p.at("/ada")
	p.back("/settings/tokens")
	p.seesNot(token)

	p.follow("laptop")
	p.tick("user")
	p.tick("delete_repo")
	s.Advance(3 * time.Hour)
	p.follow("Update token")
	p.sees("Confirm access", "What you typed on the page before is kept.")
	p.fill("Password", apptest.Password)
	p.follow("Confirm")
	p.sees("Updated the token laptop.", "laptop — delete_repo, repo, user")
	if !works(t, s, token) {
		t.Error("an edit has changed the secret")
	}

	p.click("Create something new")
	p.follow("New repository")
	p.fill("Repository name", "hello")
	p.follow("Create repository")
	p.sees("This repository is empty")
	p.follow("Settings")
	p.follow("Delete")
	p.sees("Delete ada/hello?")
	p.fill("To confirm, type ada/hello", "ada/hello")
	p.load("delete", clickFirst("form.confirm button[type=submit]"))
	p.openRefused("/ada/hello", 404)

	p.open("/settings/tokens")
	p.follow("Revoke all")
	p.picture("tokens-revoke-all-plain")
	p.fill("To confirm, type ada", "ada")
	p.follow("I understand, revoke access for everything")
	p.sees("Revoked 1 token.")
	if works(t, s, token) {
		t.Error("a revoked token works")
	}
}
