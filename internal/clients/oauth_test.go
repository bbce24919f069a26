package clients

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/policy"
	"jeton/internal/right"
)

const host = "jeton.test"

// TestGH_device signs the GitHub CLI in by the device flow, and then uses what
// it got.
func TestGH_device(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "gh")
	s := apptest.StartNamed(t, host)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "shut", true)
	person := s.Person(t, ada)
	c := s.Terminal(t)
	gh := c.Start(t, "", "gh", "auth", "login", "--hostname", host, "--web", "--git-protocol", "https")
	_, code, _ := strings.Cut(gh.Until("one-time code"), "code: ")
	person.ConnectDevice(t, strings.TrimSpace(code))
	_, said, exit := gh.Wait()

	allowed, err := s.Apps.Authorization(t.Context(), ada.ID, application.GitHubCLI)
	if err != nil || len(allowed.Tokens) != 1 {
		t.Fatalf("gh got no token: %v, %v\n%s", allowed.Tokens, err, said)
	}
	if exit != 0 {
		t.Fatalf("gh auth login: exit %d\n%s", exit, said)
	}
	if out := c.Run(t, "gh", "api", "user", "--jq", ".login"); out != "ada" {
		t.Errorf("gh api user: %s", out)
	}
	c.Run(t, "gh", "auth", "setup-git", "--hostname", host)
	c.Run(t, "git", "clone", "-q", s.URL()+"/ada/shut.git")

	// Revoked on the page, it is told so, with the command that lets it in again.
	person.Post(t, "/settings/connections/applications/"+application.GitHubCLI+"/revoke", nil)
	if out, code := c.Try(t, "", "gh", "api", "user"); code == 0 || !strings.Contains(out, "gh auth login -h "+host) {
		t.Errorf("after the revocation: %d %s", code, out)
	}
}

// TestGH_token gives the GitHub CLI an application's token, and lets Git use it
// through gh.
func TestGH_token(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "gh")
	s := apptest.StartNamed(t, host)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "shut", true)
	c := s.Terminal(t)
	c.Env("GH_ENTERPRISE_TOKEN", s.OAuthToken(t, ada, application.GitHubCLI, "repo"))
	if out := c.Run(t, "gh", "api", "user", "--jq", ".login"); out != "ada" {
		t.Errorf("gh api user: %s", out)
	}
	c.Run(t, "gh", "auth", "setup-git", "--hostname", host)
	c.Run(t, "git", "clone", "-q", s.URL()+"/ada/shut.git")

	// Who lacks a scope is told the command that gets it.
	if out, code := c.Try(t, "", "gh", "api", "user/emails"); code == 0 || !strings.Contains(out, "gh auth refresh -h "+host+" -s user") {
		t.Errorf("gh api user/emails: %d %s", code, out)
	}
}

// TestGitCredentialOAuth lets git-credential-oauth sign Git in with the browser,
// set up as the documentation says.
func TestGitCredentialOAuth(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "git-credential-oauth")
	s := apptest.StartNamed(t, host)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "shut", true)
	person := s.Person(t, ada)
	c := s.Terminal(t)
	c.Program(t, "open", "exit 0") // what it starts a browser with: the person is in the test
	for _, one := range [][2]string{
		{"credential.helper", "oauth"},
		{"credential." + s.URL() + ".oauthClientId", application.CredentialCLI},
		{"credential." + s.URL() + ".oauthAuthURL", "/login/oauth/authorize"},
		{"credential." + s.URL() + ".oauthTokenURL", "/login/oauth/access_token"},
		{"credential." + s.URL() + ".oauthScopes", "repo workflow"},
	} {
		c.Run(t, "git", "config", "--global", one[0], one[1])
	}
	clone := c.Start(t, "", "git", "clone", s.URL()+"/ada/shut.git")
	back := person.Authorize(t, clone.Until(s.URL()+"/login/oauth/authorize"))
	if !strings.HasPrefix(back, "http://127.0.0.1:") {
		t.Fatalf("the browser is led to %s", back)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, back, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, said, code := clone.Wait(); code != 0 {
		t.Fatalf("git clone: exit %d\n%s", code, said)
	}
	allowed, err := s.Apps.Authorization(t.Context(), ada.ID, application.CredentialCLI)
	if err != nil || len(allowed.Tokens) != 1 || allowed.Scopes.String() != "repo, workflow" {
		t.Errorf("allowed %+v, %v", allowed, err)
	}
}

// TestGH_policy: where the site allows applications no tokens, the GitHub CLI says so;
// where it allows them less, it gets that.
func TestGH_policy(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "gh")
	s := apptest.StartNamed(t, host)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "shut", true)
	person := s.Person(t, ada)
	c := s.Terminal(t)
	set := func(p right.Policy) {
		t.Helper()
		if err := s.Policies.Set(t.Context(), right.Operator(), policy.Site, p); err != nil {
			t.Fatal(err)
		}
	}
	login := []string{"auth", "login", "--hostname", host, "--web", "--git-protocol", "https"}
	set(right.Policy{Without: right.Kinds(right.OAuthToken)})
	if out, code := c.Try(t, "", "gh", login...); code == 0 || !strings.Contains(out, "The policy of this site allows applications no tokens.") {
		t.Errorf("gh auth login: %d %s", code, out)
	}
	set(right.Policy{MaxLife: 7 * 24 * time.Hour, ScopesOnly: true, Scopes: right.KnownScopes([]string{"repo", "read:org"})})
	gh := c.Start(t, "", "gh", login...)
	_, code, _ := strings.Cut(gh.Until("one-time code"), "code: ")
	person.ConnectDevice(t, strings.TrimSpace(code))
	if _, said, exit := gh.Wait(); exit != 0 {
		t.Fatalf("gh auth login: exit %d\n%s", exit, said)
	}
	if out := c.Run(t, "gh", "api", "-i", "user"); !strings.Contains(out, "X-Oauth-Scopes: read:org, repo") || !strings.Contains(out, "Github-Authentication-Token-Expiration: ") {
		t.Errorf("gh api user: %s", out)
	}
	c.Run(t, "gh", "auth", "setup-git", "--hostname", host)
	c.Run(t, "git", "clone", "-q", s.URL()+"/ada/shut.git")
	set(right.Policy{MaxLife: 24 * time.Hour})
	if out, code := c.Try(t, "", "git", "-C", "shut", "fetch"); code == 0 || !strings.Contains(out, "live longer than 1 day") || !strings.Contains(out, "gh auth login -h "+host) {
		t.Errorf("git fetch: %d %s", code, out)
	}
}
