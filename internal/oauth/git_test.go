package oauth_test

import (
	"strings"
	"testing"
	"time"

	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/right"
)

// TestGit_leaks: a push that would tell an application's token, what renews it, or
// the application's secret is blocked, and its owner is told where to end it.
func TestGit_leaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	r := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo"))
	w.Repo(t, w.ada, "engine", true)
	w.Repo(t, w.bob, "clock", true)
	_, bobs := w.Token(t, w.bob, "laptop", "repo")
	for name, c := range map[string]struct{ login, password, repo, plain, says, page string }{
		"a token":            {"ada", r.Access, "ada/engine", r.Access, "Jeton OAuth Access Token", "/settings/connections/applications/" + a.ClientID},
		"a refresh token":    {"ada", r.Access, "ada/engine", r.Refresh, "Jeton Refresh Token", "/settings/connections/applications/" + a.ClientID},
		"a client secret":    {"bob", bobs, "bob/clock", secret, "Jeton Application Secret", "/settings/developers"},
		"somebody else's":    {"bob", bobs, "bob/clock", r.Access, "of another account", ""},
		"a secret elsewhere": {"ada", r.Access, "ada/engine", secret, "of another account", ""},
	} {
		g := w.Git(t, c.login, c.password)
		g.Run(t, "init", "-q")
		g.Commit(t, "config", "value = "+c.plain+"\n", "Add a value")
		out, code := g.Try(t, "push", w.URL()+"/"+c.repo+".git", "HEAD:refs/heads/x")
		if code == 0 || !strings.Contains(out, "GITHUB PUSH PROTECTION") || !strings.Contains(out, c.says) || !strings.Contains(out, c.page) || strings.Contains(out, c.plain) {
			t.Errorf("%s: %d\n%s", name, code, out)
		}
	}
	// What is worth nothing any more is let through.
	if err := w.Apps.Revoke(t.Context(), right.Operator(), w.ada.ID, a.ClientID, ""); err != nil {
		t.Fatal(err)
	}
	g := w.Git(t, "bob", bobs)
	g.Run(t, "init", "-q")
	g.Commit(t, "config", r.Access+" "+r.Refresh+"\n", "Add old values")
	g.Run(t, "push", "-q", w.URL()+"/bob/clock.git", "HEAD:refs/heads/x")
}

// TestGit_words: what an application's token lacks is told in git's output, in
// GitHub's words where tools look for them.
func TestGit_words(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Repo(t, w.ada, "engine", true)
	access := w.wikiToken(t, "repo").Access
	g := w.Git(t, "ada", access)
	g.Run(t, "init", "-q")
	g.Commit(t, ".github/workflows/ci.yml", "on: push\n", "Add a workflow")
	out, code := g.Try(t, "push", w.URL()+"/ada/engine.git", "HEAD:refs/heads/main")
	if code == 0 || !strings.Contains(out, "refusing to allow an OAuth App to create or update workflow `.github/workflows/ci.yml` without `workflow` scope") ||
		!strings.Contains(out, `The access of "Wiki" lacks the workflow scope`) || strings.Contains(out, "/settings/tokens") {
		t.Errorf("%d\n%s", code, out)
	}
	bare := w.wikiToken(t, "user")
	out, code = w.Git(t, "ada", bare.Access).Try(t, "ls-remote", w.URL()+"/ada/engine.git")
	if code == 0 || !strings.Contains(out, `the access of "Wiki" lacks the repo scope`) {
		t.Errorf("%d\n%s", code, out)
	}
	if err := w.Apps.Revoke(t.Context(), right.Operator(), w.ada.ID, w.app.ClientID, ""); err != nil {
		t.Fatal(err)
	}
	out, code = g.Try(t, "ls-remote", w.URL()+"/ada/engine.git")
	if code == 0 || !strings.Contains(out, `The access of "Wiki" was revoked on`) || !strings.Contains(out, "/settings/applications") {
		t.Errorf("%d\n%s", code, out)
	}
}

// TestGit_lfs: large files go by the transfer credentials that are made from an
// application's token, and end with it.
func TestGit_lfs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Repo(t, w.ada, "engine", true)
	g := w.Git(t, "ada", w.wikiToken(t, "repo").Access)
	g.Run(t, "init", "-q")
	g.Run(t, "lfs", "install", "--local")
	g.Run(t, "lfs", "track", "*.bin")
	g.Commit(t, "large.bin", strings.Repeat("large ", 1000), "Add a large file")
	g.Run(t, "remote", "add", "origin", w.URL()+"/ada/engine.git")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/main")
	if err := w.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := w.Apps.Authorization(t.Context(), w.ada.ID, w.app.ClientID)
	if err != nil || len(a.Tokens) != 1 || a.LastUse().Repo != "ada/engine" {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestRefresh_oneSignIn: renewing is no new sign-in, and a reuse is told in the
// security log.
func TestRefresh_oneSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true})
	r := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo"))
	first := r.Refresh
	for range 3 {
		w.Advance(8 * time.Hour)
		if r = w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", r.Refresh); r.Access == "" {
			t.Fatalf("got %+v", r)
		}
	}
	allowed, err := w.Apps.Authorization(t.Context(), w.ada.ID, a.ClientID)
	if err != nil || len(allowed.Tokens) != 1 || w.Now().Sub(allowed.Tokens[0].CreatedAt) < 24*time.Hour {
		t.Errorf("%+v, %v", allowed, err)
	}
	w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", first)
	lines, err := w.Audit.List(t.Context(), audit.Query{Account: w.ada.ID, Action: "oauth_access.destroy", Limit: 5})
	if err != nil || len(lines) != 1 || lines[0].Detail["why"] != "a refresh token was used twice" || lines[0].Detail["application"] != a.ClientID {
		t.Errorf("the log says %+v, %v", lines, err)
	}
}
