package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"jeton/internal/config"
)

// TestWebhooks makes a webhook as a person would, and looks at what it delivered.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thanks") }))
	t.Cleanup(to.Close)
	s := serve(t, func(c *config.Config) { c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	s.Repo(t, s.User(t, "ada"), "station", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/station/settings")
	p.follow("Webhooks")
	p.sees("Nobody is told anything yet.")
	p.look("hooks-empty")
	p.follow("Add a webhook")
	p.look("hook-new")
	p.fill("Payload URL", "https://ada@example.com/")
	p.follow("Add the webhook")
	p.got(422)
	p.look("hook-wrong")
	p.fill("Payload URL", to.URL+"/in")
	p.fill("Secret", "between the two of us")
	p.tick("The events chosen here")
	p.tick("fork")
	p.follow("Add the webhook")
	p.sees("Added the webhook.", "There is a secret.")
	page := p.path()
	p.until("the ping is delivered", func() bool { p.open(page); return strings.Contains(p.text(), "Answered with 200") })
	p.look("hook")
	p.open(ask[string](p, `new URL(document.querySelector(".box-row a.strong").href).pathname`))
	p.sees("thanks", "X-GitHub-Event", "sha256=********")
	p.seesNot("between the two of us")
	p.look("delivery")
	p.follow("Send again")
	p.sees("It is sent again.")
	p.until("it is delivered again", func() bool { p.open(page); return strings.Contains(p.text(), "Sent again") })
	p.follow("Webhooks")
	p.sees("Told of: fork, push. The last delivery went well.")
	p.look("hooks")
	p.click("Delete the webhook to " + to.URL + "/in")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("Delete this webhook")
	p.sees("Deleted the webhook.", "Nobody is told anything yet.")
}
