package browser

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// mailed is the link in the latest mail that confirms an address, as a path.
func mailed(t *testing.T, s *apptest.Server) string {
	t.Helper()
	if err := s.Mail.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(s.Config.Mails(), "*.eml"))
	slices.Sort(names)
	if len(names) == 0 {
		t.Fatal("there is no mail")
	}
	text, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`/settings/emails/confirm#[A-Za-z0-9_-]{43}`).FindString(strings.ReplaceAll(string(text), "=\r\n", ""))
	if link == "" {
		t.Fatalf("there is no link:\n%s", text)
	}
	return link
}

// TestConfirmAddress adds addresses and confirms them by their mails: signed in, after
// signing in, as somebody else, and without scripts.
func TestConfirmAddress(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	s.User(t, "eve")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/emails")
	p.sees("ada@example.com")
	p.seesNot("Not verified", "Send the mail")
	add := func(address string) {
		t.Helper()
		p.open("/settings/emails")
		p.fill("E-mail address", address)
		p.follow("Add")
		p.sees("Added "+address+".", "written to a file on the server", "Not verified")
	}
	add("ada@work.example.com")
	p.look("settings-emails-added")
	p.follow("Send the mail again to ada@work.example.com")
	p.got(429)
	p.sees("A mail to this address was sent a moment ago.")
	p.look("settings-emails-too-soon")

	// Signed in: the secret leaves the address bar, and one button is left.
	link := mailed(t, s)
	p.open(link)
	p.wait("the secret is out of the address bar", `location.hash === "" && document.querySelector("[data-link-field]").hidden`)
	p.sees("You are signed in as ada.")
	p.look("confirm-email")
	p.follow("Confirm the address")
	p.at("/settings/emails")
	p.sees("Confirmed ada@work.example.com.")
	p.seesNot("Not verified")
	p.look("settings-emails-confirmed")
	p.open(link)
	p.follow("Confirm the address")
	p.got(404)
	p.sees("This link confirms no address of the account ada")
	p.look("confirm-email-used")

	// Signed out: a wrong password on the way loses nothing.
	add("ada@home.example.com")
	link = mailed(t, s)
	q := visit(t, s)
	q.open(link)
	q.wait("the secret is out of the address bar", `location.pathname === "/login" && location.hash === ""`)
	q.sees("You go on to confirm your e-mail address.")
	q.look("confirm-email-login")
	q.fill("User name or e-mail address", "ada")
	q.fill("Password", "a wrong one")
	q.follow("Sign in")
	q.signIn("ada")
	q.at("/settings/emails/confirm")
	q.wait("the link came along", `document.querySelector("[data-link-secret]").value.length === 43 && location.hash === ""`)
	q.follow("Confirm the address")
	q.sees("Confirmed ada@home.example.com.")

	// As somebody else.
	s.Advance(time.Minute)
	add("ada@far.example.com")
	e := visit(t, s)
	e.signIn("eve")
	e.open(mailed(t, s))
	e.follow("Confirm the address")
	e.got(404)
	e.sees("This link confirms no address of the account eve, as which you are signed in.", "sign in as that one")
	e.seesNot("ada")
	e.look("confirm-email-other")
}

// TestConfirmAddress_server says where the mail goes when there is a mail server.
func TestConfirmAddress_server(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *config.Config) { c.Mail = "smtp+plain://127.0.0.1:9" }) // nobody listens: it waits
	s.User(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/emails")
	p.fill("E-mail address", "ada@work.example.com")
	p.follow("Add")
	p.sees("A mail was sent to ada@work.example.com", "when you open the link in the mail")
	p.look("settings-emails-sent")
}
