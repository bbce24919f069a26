package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/signin"
)

// setUp is the link that serve prints when nobody has an account.
func setUp(t *testing.T, s *apptest.Server) string {
	t.Helper()
	plain, _, err := s.Signin.NewLink(t.Context(), right.Operator(), signin.Setup, signin.For{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return "/setup#" + plain.Reveal()
}

// TestFlow lives the flow from the first start to a refused fetch: set up,
// sign in, make a token, copy it, clone and push with it, delete it.
func TestFlow(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := visit(t, s)

	p.open("/")
	p.sees("This site is not set up yet")
	p.look("welcome-fresh")
	p.open(setUp(t, s))
	p.wait("the link's secret is out of the address bar", `location.hash === "" && document.querySelector("[data-link-field]").hidden`)
	p.look("setup")
	p.fill("User name", "ada")
	p.fill("E-mail address", "ada@example.com")
	p.fill("Password", apptest.Password)
	p.follow("Create the administrator")
	p.at("/")
	p.sees("No repositories yet")
	p.look("home-empty")

	p.click("Your menu, ada")
	p.follow("Sign out")
	p.sees("Sign in")
	p.look("welcome")
	p.signIn("ada")

	p.click("Your menu, ada")
	p.picture("menu")
	p.follow("Settings")
	p.at("/settings/profile")
	if last := ask[string](p, `[...document.querySelectorAll(".side a")].at(-1).textContent`); last != "Developer settings" {
		t.Errorf("at the bottom of the left bar: %q", last)
	}
	p.follow("Developer settings")
	p.follow("Tokens (classic)")
	p.at("/settings/tokens")
	p.sees("No tokens yet")
	p.look("tokens-empty")
	p.click("Generate new token")
	p.picture("tokens-menu")
	p.follow("Generate new token (classic) For Git over HTTPS and for the API")
	p.at("/settings/tokens/new")

	fillForm(t, p)
	p.look("token-new")
	p.follow("Generate token")
	p.at("/settings/tokens")
	p.sees("Your new token: laptop", "This is the only time that it is shown", "git clone", "Nothing shows while you paste")
	p.look("token-made")

	token := copyToken(t, p)
	p.open("/new")
	p.fill("Repository name", "hello")
	p.look("repo-new")
	p.follow("Create repository")
	p.at("/ada/hello")
	p.sees("This repository is empty")
	p.look("repo-empty")

	g := s.Git(t, "ada", token)
	g.Run(t, "clone", "-q", s.URL()+"/ada/hello.git")
	g = g.In("hello")
	g.Commit(t, "README.md", "# Hello\n\nThis is *the first* page.\n", "Say hello")
	g.Run(t, "push", "-q", "-u", "origin", "HEAD")
	g.Run(t, "fetch", "-q")
	p.open("/ada/hello")
	p.sees("This is the first page.", "Say hello")

	p.until("the use is written down", func() bool { // which happens in batches
		p.open("/settings/tokens")
		return strings.Contains(p.text(), "Last used within the last week")
	})
	p.seesNot(token, token[8:30])

	p.click("Delete laptop")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.sees("Delete the token laptop?", "This cannot be undone")
	p.barriers("the dialog", "")
	p.picture("token-delete")
	p.follow("I understand, delete this token")
	p.sees("Deleted the token laptop.", "No tokens yet")

	out, code := g.Try(t, "fetch")
	if code == 0 || !strings.Contains(out, "deleted") || !strings.Contains(out, s.URL()+"/settings/tokens") {
		t.Errorf("fetch with the deleted token: exit %d\n%s", code, out)
	}
}

// fillForm fills in the form for a new token and looks how it answers.
func fillForm(t *testing.T, p *person) {
	t.Helper()
	p.fill("Note", "laptop")
	if got := ask[string](p, string(field("Expiration"))+`[0].value`); got != "30" {
		t.Errorf("preselected: %s days", got)
	}
	day := p.s.Now().UTC().AddDate(0, 0, 30).Format("Monday, 2 January 2006")
	p.sees("The token will expire on " + day + ".")
	p.choose("Expiration", "none")
	p.sees("The token will never expire.", "We recommend a date.")
	p.choose("Expiration", "custom")
	p.sees("Choose the day on which the token will expire.")
	p.choose("Expiration", "30")
	p.sees("The token will expire on " + day + ".")
	if strings.Contains(p.text(), "We recommend a date.") {
		t.Error("the warning stays")
	}

	children := `[...document.querySelectorAll("fieldset[data-scopes]:has(#scope-0) [data-child]")]`
	p.tick("repo")
	if !p.eval(children + `.length > 0 && ` + children + `.every(c => c.checked && c.disabled)`) {
		t.Error("repo does not tick and lock its children")
	}
	p.sees("(included in repo)")
	p.wait("it is said", `document.getElementById("live").textContent.startsWith("repo includes ")`)
	p.tick("repo")
	if !p.eval(children + `.every(c => !c.checked && !c.disabled)`) {
		t.Error("unticking repo does not give its children back")
	}
	p.tick("repo")
}

// copyToken copies the token from the page that shows it once, and makes sure
// that neither a reload nor Back shows it again.
func copyToken(t *testing.T, p *person) string {
	t.Helper()
	p.click("Copy the token")
	p.wait("the button says so", `[...document.querySelectorAll("button")].some(b => b.querySelector("span")?.textContent === "Copied")`)
	p.wait("screen readers are told", `document.getElementById("live").textContent === "Copied"`)
	token := ask[string](p, `navigator.clipboard.readText()`)
	if token != ask[string](p, `document.getElementById("new-token").textContent`) || len(token) < 40 {
		t.Fatalf("the clipboard has %d characters, not the token", len(token))
	}
	for _, line := range ask[[]string](p, `[...document.querySelectorAll(".fresh .line:not(.secret) code")].map(e => e.textContent)`) {
		if strings.Contains(line, token) || strings.Contains(line, token[8:24]) {
			t.Error("a ready-made line contains the token")
		}
	}
	p.follow("Jeton")
	p.at("/")
	p.back("/settings/tokens")
	p.seesNot(token)
	p.load("reload", chromedp.Reload())
	p.seesNot(token)
	return token
}
