package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"jeton/internal/app/apptest"
)

func navigate(p *person, path string) chromedp.Action[chromedp.Void] {
	return chromedp.Navigate(p.s.URL() + path)
}

// link is the one-use link that the page shows once, without the host.
func link(p *person) string {
	p.t.Helper()
	return strings.TrimPrefix(ask[string](p, `document.getElementById("new-link").textContent`), p.s.URL())
}

// TestPeople: an administrator invites somebody, resets a password, suspends.
func TestPeople(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Admin(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.click("Your menu, ada")
	p.follow("Users of this site")
	p.at("/admin/users")
	p.look("admin-users")
	p.fill("E-mail address (optional)", "grace@example.com")
	p.follow("Make an invitation link")
	p.sees("is shown only now")
	p.look("admin-invited")
	invitation := link(p)
	p.open("/admin/users")
	p.seesNot(invitation)

	guest := visit(t, s)
	guest.open(invitation)
	guest.wait("the secret is out of the address bar", `location.hash === ""`)
	guest.look("join")
	guest.fill("User name", "settings")
	guest.fill("Password", apptest.Password)
	guest.follow("Create account")
	guest.got(422)
	guest.look("join-wrong")
	guest.fill("User name", "grace")
	guest.fill("Password", apptest.Password)
	guest.follow("Create account")
	guest.at("/")
	guest.open("/join")
	guest.openRefused("/admin/users", 404)

	p.open("/admin/users")
	p.follow("Manage grace")
	p.look("admin-user")
	p.follow("Make a reset link")
	reset := link(p)
	p.look("admin-user-reset")

	guest.open(reset)
	guest.look("reset")
	guest.fill("New password", "copper violin meadow sparrow")
	guest.follow("Change password")
	guest.sees("Your password was changed.")
	guest.look("reset-done")
	guest.fill("User name or e-mail address", "grace")
	guest.fill("Password", "copper violin meadow sparrow")
	guest.follow("Sign in")
	guest.at("/")

	p.open("/admin/users")
	p.follow("Manage grace")
	p.follow("Suspend")
	p.sees("Suspended")
	guest.openRefused("/settings/tokens", 403)
	guest.sees("suspended")
	guest.look("suspended")
}

// TestSettings looks at each page of the settings and does what it is for.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Session(t, ada) // another browser
	p := visit(t, s)
	p.signIn("ada")

	p.open("/settings/profile")
	p.look("settings-profile")
	p.fill("Name", "Ada Example")
	p.fill("About you", "I count on engines.")
	p.follow("Save profile")
	p.open("/ada")
	p.sees("Ada Example", "I count on engines.")
	p.look("profile")

	p.open("/settings/admin")
	p.look("settings-account")
	p.open("/settings/appearance")
	p.look("settings-appearance")
	p.tick("Dark")
	p.follow("Save")
	if got := ask[string](p, `getComputedStyle(document.documentElement).colorScheme`); got != "dark" {
		t.Errorf("the colour scheme is %q after choosing dark", got)
	}
	p.barriers("dark by choice", "")
	p.tick("As your system")
	p.follow("Save")

	p.open("/settings/emails")
	p.fill("E-mail address", "ada.home@example.com")
	p.follow("Add")
	p.sees("ada.home@example.com", "Not verified")
	p.look("settings-emails")

	p.open("/settings/sessions")
	p.sees("This browser")
	p.look("settings-sessions")
	p.follow("End all others")
	p.sees("This browser")

	p.open("/settings/repositories")
	p.look("settings-repositories-empty")
	s.Repo(t, ada, "notes", true)
	p.open("/settings/repositories")
	p.look("settings-repositories")

	p.open("/settings/security-log")
	p.sees("user.login")
	p.look("settings-log")
	p.fill("Action", "user.failed_login")
	p.follow("Filter")
	p.sees("Only what matches the filter is shown", "Nothing here")
	p.look("settings-log-filtered")
	p.open("/settings/security-log")
	for _, format := range []string{"csv", "jsonl"} {
		text := ask[string](p, `fetch("/settings/security-log/export?format=`+format+`").then(r => r.text())`)
		if !strings.Contains(text, "user.login") {
			t.Errorf("the export as %s does not contain the sign-in:\n%s", format, text)
		}
	}
}

// TestErrors: pages that say no.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "secret-plan", true)
	p := visit(t, s)
	p.openRefused("/nobody/nothing", 404)
	p.sees("request id")
	p.look("missing")
	missing := strings.SplitN(p.text(), "request id", 2)[0]
	p.openRefused("/ada/secret-plan", 404)
	if hidden := strings.SplitN(p.text(), "request id", 2)[0]; hidden != missing {
		t.Errorf("a private repository looks unlike a missing one:\n%s\n%s", hidden, missing)
	}
	p.open("/login")
	p.fill("User name or e-mail address", "ada")
	p.fill("Password", "not the password")
	p.follow("Sign in")
	p.sees("password")
	p.look("login-wrong")
	p.open("/setup")
	p.look("setup-late")
}
