package browser

import (
	"net/url"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/issuertest"
	"jeton/internal/right"
)

// TestTrusts states whom a repository trusts as a person would, and looks at who came.
func TestTrusts(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	s := serve(t, issuer.Allow)
	s.Repo(t, s.User(t, "ada"), "station", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/ada/station/settings")
	p.follow("Trusted issuers")
	p.sees("Nobody is trusted yet.")
	p.look("trusts-empty")
	p.follow("Add a trusted issuer")
	p.look("trust-new")
	p.fill("Name", "Deploys")
	p.fill("Issuer", issuer.URL)
	p.fill("Subject", "*:main")
	p.follow("Add the trusted issuer")
	p.got(422)
	p.sees("can't begin with a wildcard")
	p.look("trust-wrong")
	p.fill("Subject", "repo:octo/site:*")
	p.follow("Add the trusted issuer")
	p.sees("Saved. Below stands how a machine gets its token.", "Nobody came yet.", "subject_token@-")
	page := p.path()
	for _, subject := range []string{"repo:octo/site:main", "repo:evil/site:main"} {
		exchange(t, s, "/ada/station", issuer.Token(t, issuertest.Job{Subject: subject, Audience: []string{s.URL()}, Expires: time.Now().Add(time.Minute)}))
	}
	p.open(page)
	p.sees("Given a token until", "The subject did not fit", "repo:evil/site:main", "1 is good now")
	p.look("trust")
	p.follow("Trusted issuers")
	p.sees("Last refused", "Refused lately")
	p.look("trusts")
	p.click("Delete Deploys")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("Delete this trusted issuer")
	p.sees("Deleted the trusted issuer. Its tokens have ended.", "Nobody is trusted yet.")
}

// TestTrusts_org is the same for an organization, for which a service account acts.
func TestTrusts_org(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	s := serve(t, issuer.Allow)
	ada := s.User(t, "ada")
	course := s.Org(t, ada, "course")
	s.Repo(t, account.Account{ID: course.ID}, "exam", true)
	p := visit(t, s)
	p.signIn("ada")
	p.open("/organizations/course/settings/trusts/new")
	p.sees("There is no service account")
	p.fill("Name", "Grading")
	p.fill("Issuer", issuer.URL)
	p.fill("Subject", "repo:octo/site:*")
	p.follow("Add the trusted issuer")
	p.got(422)
	p.look("trust-org-wrong")
	by := right.Actor{Account: ada.ID, Login: "ada", Kind: right.SessionCredential, Grant: right.Everything()}
	if _, err := s.Lifecycle.CreateMachine(t.Context(), by, account.NewMachine{Login: "grader", Manager: course.ID}); err != nil {
		t.Fatal(err)
	}
	p.open("/organizations/course/settings")
	p.load("open the trusted issuers", clickFirst(`a[href$="/settings/trusts"]`))
	p.sees("Nobody is trusted yet.")
	p.follow("Add a trusted issuer")
	p.fill("Name", "Grading")
	p.fill("Issuer", issuer.URL)
	p.fill("Subject", "repo:octo/site:*")
	p.choose("Acts as", "grader")
	p.tick("The repositories named here")
	p.fill("Repositories", "exam")
	p.look("trust-org-new")
	p.follow("Add the trusted issuer")
	p.sees("Saved. Below stands how a machine gets its token.", "Nobody came yet.")
	page := p.path()
	exchange(t, s, "/course", issuer.Token(t, issuertest.Job{Subject: "repo:octo/site:main", Audience: []string{s.URL()}, Expires: time.Now().Add(time.Minute)}))
	p.open(page)
	p.sees("Given a token until", "1 is good now")
	p.look("trust-org")
}

// exchange has a machine come with an identity token; what it gets does not matter.
func exchange(t *testing.T, s *apptest.Server, path, identity string) {
	t.Helper()
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {identity},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "resource": {s.URL() + path}}
	s.Do(t, "POST", "/login/oauth/access_token", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
}
