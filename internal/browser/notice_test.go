package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/config"
)

// TestNotifications chooses what comes by mail, as a person would, and reads the mail.
func TestNotifications(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/profile")
	p.follow("Notifications")
	p.sees("at ada@example.com", "A token has ended", "This is always sent.", "A token waits for your approval", "A token is approved or denied")
	p.look("notifications")
	p.tick("A token is used from a new network")
	p.follow("Save")
	p.sees("Saved what you are told of.")
	if ask[bool](p, `document.getElementById("kind-token_new_network").checked || !document.getElementById("kind-token_ended").checked || !document.getElementById("kind-token_reuse").disabled`) {
		t.Error("the choice was not kept, or reuse can be switched off")
	}
	s.Token(t, ada, "ci", "repo")
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(s.Config.Mails(), "*.eml"))
	if len(names) != 1 {
		t.Fatalf("%d mails", len(names))
	}
	text, err := os.ReadFile(names[0])
	if err != nil || !strings.Contains(string(text), "Your token") {
		t.Errorf("%v\n%s", err, text)
	}

	s.Admin(t, "grace")
	q := visit(t, s)
	q.signIn("grace")
	q.open("/settings/notifications")
	q.sees("Nothing is sent to you.", "is not verified")
	q.look("notifications-unverified")
	q.open("/admin/users")
	q.follow("Notices")
	q.sees("Mails go to the folder", "Sent within 30 days")
	q.look("admin-notices")
}

// TestOwnWebhooks makes a webhook of one's own account.
func TestOwnWebhooks(t *testing.T) {
	t.Parallel()
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thanks") }))
	t.Cleanup(to.Close)
	s := serve(t, func(c *config.Config) { c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	ada := s.User(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/tokens")
	p.follow("Webhooks")
	p.sees("what happens to your access tokens", "Nobody is told anything yet.")
	p.look("own-hooks-empty")
	p.follow("Add a webhook")
	p.look("own-hook-new")
	p.fill("Payload URL", "ftp://example.com/")
	p.follow("Add the webhook")
	p.got(422)
	p.look("own-hook-wrong")
	p.fill("Payload URL", to.URL+"/in")
	p.fill("Secret", "between the two of us")
	p.follow("Add the webhook")
	p.sees("Added the webhook.", "There is a secret.")
	page := p.path()
	p.until("the ping is delivered", func() bool { p.open(page); return strings.Contains(p.text(), "Answered with 200") })
	s.Token(t, ada, "ci", "repo")
	p.until("the token is told of", func() bool {
		p.open(page)
		return strings.Contains(p.text(), "personal_access_token.created")
	})
	p.look("own-hook")
	p.open(ask[string](p, `new URL(document.querySelector(".box-row a.strong").href).pathname`))
	p.sees(`"name": "ci"`)
	p.look("own-delivery")
	p.follow("All webhooks")
	p.sees("Told of: personal_access_token. The last delivery went well.")
	p.look("own-hooks")
	p.click("Delete the webhook to " + to.URL + "/in")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.follow("Delete this webhook")
	p.sees("Deleted the webhook.", "Nobody is told anything yet.")
}
