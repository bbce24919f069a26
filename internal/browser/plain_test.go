package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// TestPlain makes a token without any script: everything works, and the token
// is as gone as with scripts.
func TestPlain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.open("/settings/tokens/new?description=laptop&scopes=repo&default_expires_at=7")
	p.signIn("ada")
	p.at("/settings/tokens/new?description=laptop&scopes=repo&default_expires_at=7")
	p.sees("A link filled in this form.", "7 days")
	p.follow("Generate token")
	p.at("/settings/tokens")
	p.sees("Your new token: laptop")
	token := ask[string](p, `document.getElementById("new-token").textContent`)
	if p.eval(`[...document.querySelectorAll("[data-copy]")].some(b => b.checkVisibility())`) {
		t.Error("a copy button that can do nothing is shown")
	}
	p.click("Your menu, ada")
	p.follow("Your profile")
	p.at("/ada")
	p.back("/settings/tokens")
	p.seesNot(token)

	p.follow("Delete laptop")
	p.sees("Delete the token laptop?")
	p.picture("token-delete-plain")
	p.follow("I understand, delete this token")
	p.sees("Deleted the token laptop.")
}
