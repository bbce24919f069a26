package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestFine lives the flow of a fine-grained token for one private repository: made
// to clone, refused a push, given what it lacks, pushing.
func TestFine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "notes", true)
	s.Repo(t, ada, "website", false)
	s.Share(t, s.Repo(t, bob, "shared", true), ada, right.Write)
	s.Join(t, s.Org(t, bob, "course"), org.Member, ada)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/")
	p.sees("For some of them alone, make a fine-grained token.")
	p.look("home-no-token")
	p.open("/settings/developers")
	p.follow("Fine-grained tokens")
	p.at("/settings/personal-access-tokens")
	p.sees("No fine-grained tokens yet")
	p.look("fine-tokens-empty")
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.at("/settings/personal-access-tokens/new")
	if got := ask[[]string](p, `[...document.querySelectorAll("select[data-owner] option")].map(o => o.textContent)`); strings.Join(got, ", ") != "ada, course (organization), bob" {
		t.Errorf("resource owners: %q", got)
	}
	hides(p, "Repository permissions", "ada/engine") // which mean nothing for what is public
	p.sees("0 account permissions, for public repositories alone")
	p.fill("Token name", "build")
	p.fill("Description (optional)", "Builds the engine every night")
	p.tick("Only select repositories")
	p.sees("Repository permissions", "ada/engine", "ada/notes", "0 of at most 50 chosen")
	fineSearch(t, p)
	p.tick("ada/engine")
	p.choose("Contents", "read")
	p.sees("1 of at most 50 chosen", "2 repository permissions, 0 account permissions, for 1 repository.")
	p.look("fine-new")
	p.follow("Generate token")
	p.at("/settings/personal-access-tokens")
	p.sees("Your new token: build", "This is the only time that it is shown", "/ada/engine.git", "build — contents: read, metadata: read", "1 repository of ada")
	p.look("fine-made")
	plain := shown(p)
	p.open("/settings/personal-access-tokens")
	p.seesNot(plain, plain[8:30])
	p.look("fine-tokens")

	g := s.Git(t, "ada", plain)
	if out, code := g.Try(t, "clone", "-q", s.URL()+"/ada/notes.git"); code == 0 || !strings.Contains(out, "not found") {
		t.Errorf("a repository out of reach: exit %d\n%s", code, out)
	}
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	g = g.In("engine")
	g.Commit(t, "README.md", "# Engine\n", "Say what it is")
	out, code := g.Try(t, "push", "-u", "origin", "HEAD")
	link := ""
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, s.URL()+"/settings/personal-access-tokens/"); ok {
			link = "/settings/personal-access-tokens/" + strings.TrimSpace(rest)
		}
	}
	words := strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " ")
	if code == 0 || !strings.Contains(words, `Your token "build" lacks the permission contents: write`) || link == "" {
		t.Fatalf("push: exit %d\n%s", code, out)
	}
	p.open(link)
	p.sees("Edit fine-grained personal access token", "Resource owner", "Ends in")
	p.look("fine-edit")
	p.choose("Contents", "write")
	p.follow("Update token")
	p.sees("Updated the token build.", "build — contents: write, metadata: read")
	g.Run(t, "push", "-q", "-u", "origin", "HEAD")
	p.open("/ada/engine")
	p.sees("Say what it is")

	p.open("/settings/personal-access-tokens")
	p.follow("build")
	p.follow("regenerate it")
	p.sees("same permissions, contents: write, metadata: read", "The old secret stops at once")
	p.look("fine-regenerate")
	p.follow("Cancel")
	p.click("Delete build")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("I understand, delete this token")
	p.sees("Deleted the token build.")
	if out, code := g.Try(t, "fetch"); code == 0 || !strings.Contains(out, "deleted") {
		t.Errorf("fetch with the deleted token: exit %d\n%s", code, out)
	}
}

// hides fails if the page shows any of these.
func hides(p *person, parts ...string) {
	p.t.Helper()
	text := p.text()
	for _, part := range parts {
		if strings.Contains(text, part) {
			p.t.Fatalf("%s shows %q:\n%s", p.path(), part, text)
		}
	}
}

// fineSearch finds a repository while it types, and Enter makes no token.
func fineSearch(t *testing.T, p *person) {
	t.Helper()
	p.fill("Search the repositories of ada by name", "ENG\r")
	p.at("/settings/personal-access-tokens/new")
	hides(p, "Choose between one repository and 50.")
	if got := ask[[]string](p, `[...document.querySelectorAll("input[name=repositories]")].filter(b => b.checkVisibility()).map(b => b.value)`); strings.Join(got, " ") != "ada/engine" {
		t.Errorf("found: %v", got)
	}
	if p.eval(`[...document.querySelectorAll("button")].some(b => b.textContent.startsWith("Choose") || b.textContent.startsWith("Search"))`) {
		t.Error("a button is there that only people without script need")
	}
}

// TestFine_owner: another resource owner brings other repositories and permissions
// at once, and keeps what was filled in; so does a link.
func TestFine_owner(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	course := s.Org(t, bob, "course")
	s.Join(t, course, org.Owner, ada)
	p := visit(t, s)
	p.open("/settings/personal-access-tokens/new?name=Lesson&contents=write&expires_in=none&issues=read")
	p.sees("You go on to the form for a new access token.")
	p.signIn("ada")
	p.sees("A link filled in this form.", "issues: read", "We recommend a date.")
	p.look("fine-new-link")
	p.tick("ada/engine")
	p.choose("Email addresses", "read")
	p.load("choose course", chromedp.SetValue(field("Resource owner"), "course"))
	p.sees("What was filled in is kept", "Organization permissions", "Left out, since it is not offered for this resource owner: emails: read", "course has no repository that you have access to.", "We recommend a date.")
	hides(p, "Account permissions", "ada/engine")
	if got := ask[string](p, string(field("Token name"))+`[0].value + " " + `+string(field("Contents"))+`[0].value`); got != "Lesson write" {
		t.Errorf("kept: %s", got)
	}
	if p.eval(`location.search.includes("repositories")`) {
		t.Error("another owner's repositories are in the address")
	}
	p.choose("Members", "read")
	p.tick("All repositories")
	p.sees("2 repository permissions, 1 organization permission, for all repositories.")
	p.look("fine-new-org")
	p.follow("Generate token")
	p.sees("All repositories of course", "contents: write, metadata: read, members: read", "Never expires")

	// What is wrong stands where it is wrong.
	p.open("/settings/personal-access-tokens/new?name=Lesson&contents=write")
	p.follow("Generate token")
	p.got(422)
	p.sees("Choose between one repository and 50.")
	p.look("fine-new-wrong")
	p.tick("ada/engine")
	p.follow("Generate token")
	p.got(422)
	p.sees("The token name has already been taken.")
	p.fill("Token name", "Lesson two")
	p.follow("Generate token")
	p.sees("Your new token: Lesson two", "1 repository of ada")
}

// TestFine_plain makes one without any script.
func TestFine_plain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	for _, name := range []string{"lesson", "notes"} {
		s.Share(t, s.Repo(t, bob, name, true), ada, right.Write)
	}
	p := visit(t, s)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.signIn("ada")
	p.open("/settings/personal-access-tokens/new")
	p.fill("Token name", "homework")
	p.tick("Only select repositories")
	p.choose("Expiration", "7")
	p.choose("Resource owner", "bob")
	p.follow("Choose this resource owner")
	p.sees("What was filled in is kept", "bob/lesson", "bob/notes")
	p.tick("bob/lesson")
	p.choose("Contents", "read")
	p.fill("Search the repositories of bob by name", "notes")
	p.follow("Search the repositories")
	p.sees("bob/notes", "bob/lesson") // ticked, so that it stays
	p.picture("fine-new-plain")
	p.follow("Generate token")
	p.at("/settings/personal-access-tokens")
	p.sees("Your new token: homework", "1 repository of bob", "contents: read, metadata: read")
	s.Git(t, "ada", shown(p)).Run(t, "clone", "-q", s.URL()+"/bob/lesson.git")
	if list, err := s.Tokens.List(t.Context(), ada.ID, token.FineGrained); err != nil || len(list) != 1 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}
