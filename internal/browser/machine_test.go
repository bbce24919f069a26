package browser

import (
	"strings"
	"testing"

	"jeton/internal/org"
	"jeton/internal/right"
)

// TestMachine lives with a service account: it is made, shared a repository, given a
// token that pushes, and deleted.
func TestMachine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	theirs := s.Repo(t, bob, "theirs", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/developers")
	p.follow("Service accounts")
	p.sees("No service accounts yet", "Nobody signs in as it")
	p.look("machines-empty")
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.at("/settings/service-accounts/new")
	p.fill("Name", "bob")
	p.follow("Make the service account")
	p.sees("User name bob is not available")
	p.look("machine-new-wrong")
	p.fill("Name", "engine-ci")
	p.fill("Description (optional)", "Builds the engine every night")
	p.follow("Make the service account")
	p.at("/settings/service-accounts/engine-ci")
	p.sees("Made the service account engine-ci.", "No tokens yet", "None yet.")
	p.look("machine-new-made")

	p.open("/ada/engine/settings/access")
	p.fill("User name", "engine-ci")
	p.choose("Access", "write")
	p.follow("Invite")
	p.sees("engine-ci has write access now.")
	m, err := s.Accounts.ByLogin(t.Context(), s.DB, "engine-ci")
	if err != nil {
		t.Fatal(err)
	}
	by := right.Actor{Account: bob.ID, Login: "bob", Kind: right.SessionCredential, Grant: right.Everything()}
	if _, err := s.Repos.Invite(t.Context(), by, theirs.ID, m.ID, right.Read); err != nil {
		t.Fatal(err)
	}
	p.open("/settings/service-accounts/engine-ci")
	p.sees("ada/engine", "bob/theirs", "bob invited it to read the repository.")
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.at("/settings/service-accounts/engine-ci/tokens/new")
	if got := ask[[]string](p, `[...document.querySelectorAll("select[data-owner] option")].map(o => o.textContent)`); strings.Join(got, ", ") != "ada" {
		t.Errorf("resource owners: %q", got)
	}
	p.fill("Token name", "nightly")
	p.tick("All repositories")
	p.choose("Contents", "write")
	p.sees("that engine-ci has access to")
	p.look("machine-token-new")
	p.follow("Generate token")
	p.at("/settings/service-accounts/engine-ci")
	p.sees("Your new token: nightly", "This is the only time that it is shown", "/ada/engine.git", "nightly — contents: write, metadata: read", "All repositories of ada")
	p.look("machine-token-made")
	plain := shown(p)
	p.open("/settings/service-accounts/engine-ci")
	p.seesNot(plain, plain[8:30])

	g := s.Git(t, "engine-ci", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	g = g.In("engine")
	g.Commit(t, "README.md", "# Engine\n", "Say what it is")
	g.Run(t, "push", "-q", "-u", "origin", "HEAD")
	p.follow("Accept the invitation to bob/theirs")
	p.sees("Accepted. engine-ci has access to bob/theirs now.", "bob/theirs")
	p.look("machine")
	p.follow("nightly")
	p.sees("Edit token of engine-ci", "Resource owner", "Ends in")
	p.look("machine-token")
	p.follow("Each of its uses")
	p.sees("Uses of nightly", "push")
	p.look("machine-token-uses")
	p.open("/settings/service-accounts/engine-ci/security-log")
	p.sees("service_account.create", "personal_access_token.create")
	p.look("machine-log")
	p.open("/settings/security-log")
	p.sees("service_account.create", "service_account: engine-ci", "personal_access_token.create")

	p.open("/settings/service-accounts/engine-ci")
	p.fill("Description", "Builds the engine every day")
	p.follow("Save")
	p.sees("Saved what it is for.")
	p.fill("Name", "engine-daily")
	p.follow("Rename")
	p.sees("The service account is called engine-daily now.", "nightly")
	p.fill("Name", "engine-ci")
	p.follow("Rename")

	p.open("/settings/service-accounts")
	p.sees("engine-ci", "Builds the engine every day", "1 token")
	p.look("machines")
	p.follow("engine-ci")
	p.click("Delete this service account")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.fill("To confirm, type engine-ci", "engine-ci")
	p.follow("I understand, delete this service account")
	p.sees("Deleted the service account engine-ci.", "No service accounts yet")
	if out, code := g.Try(t, "fetch"); code == 0 {
		t.Errorf("fetch after the end of the account: %s", out)
	}
}

// TestMachine_org is the same for an organization: its owners manage it, and it is a
// member.
func TestMachine_org(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	o := s.Org(t, bob, "course")
	s.Join(t, o, org.Owner, ada)
	s.Repo(t, o.Account, "lesson", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/organizations/course/settings")
	p.load("open the list", clickFirst(`a[href$="/service-accounts"]`))
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.sees("It becomes a member of course at once")
	p.fill("Name", "course-bot")
	p.follow("Make the service account")
	p.sees("Made the service account course-bot.", "course/lesson")
	p.look("machine-org")
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.fill("Token name", "grade")
	p.tick("All repositories")
	p.choose("Contents", "read")
	p.follow("Generate token")
	p.at("/organizations/course/settings/service-accounts/course-bot")
	p.sees("Your new token: grade", "All repositories of course")
	g := s.Git(t, "course-bot", shown(p))
	g.Run(t, "clone", "-q", s.URL()+"/course/lesson.git")
	p.look("machine-org-made")
	p.open("/orgs/course/people")
	p.sees("course-bot")
	p.open("/organizations/course/settings/service-accounts")
	p.look("machines-org")
}

// TestDeployToken makes a token of one repository on its settings, pushes by it, and
// deletes it.
func TestDeployToken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/engine/settings")
	p.follow("Deploy tokens")
	p.sees("No deploy tokens yet")
	p.look("deploy-tokens-empty")
	p.load("open the form", clickFirst(".head .btn-primary"))
	p.fill("Note", "web server")
	p.choose("Expiration", "none")
	p.sees("A token that never expires stays dangerous")
	p.look("deploy-token-new")
	p.tick("Read and write")
	p.tick("Tell of deployments and their statuses")
	p.follow("Generate token")
	p.at("/ada/engine/settings/deploy-tokens")
	p.sees("Your new token: web server", "This is the only time that it is shown", "git clone "+s.URL()+"/ada/engine.git", "contents: write, deployments: write, metadata: read", "Never expires")
	p.look("deploy-token-made")
	plain := shown(p)
	if !strings.HasPrefix(plain, "jtd_") {
		t.Errorf("the token begins with %s", plain[:4])
	}
	p.open("/ada/engine/settings/deploy-tokens")
	p.seesNot(plain, plain[8:30])
	g := s.Git(t, "deploy", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	g = g.In("engine")
	g.Commit(t, "README.md", "# Engine\n", "Say what it is")
	g.Run(t, "push", "-q", "-u", "origin", "HEAD")
	p.open("/ada/engine/settings/deploy-tokens")
	p.follow("web server")
	p.sees("May do", "contents: write", "Ends in")
	p.look("deploy-token")
	p.follow("Each of its uses")
	p.sees("Uses of web server", "push")
	p.look("deploy-token-uses")
	p.open("/settings/security-log")
	p.sees("git.push", "by the token web server")
	p.open("/ada/engine/settings/deploy-tokens")
	p.click("Delete web server")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("I understand, delete this token")
	p.sees("Deleted the token web server.", "No deploy tokens yet")
	if out, code := g.Try(t, "fetch"); code == 0 || !strings.Contains(out, "deleted") {
		t.Errorf("fetch with the deleted token: exit %d\n%s", code, out)
	}
}
