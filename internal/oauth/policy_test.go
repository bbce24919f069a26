package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/application"
	"jeton/internal/policy"
	"jeton/internal/right"
)

func (w *world) govern(t *testing.T, p right.Policy) {
	t.Helper()
	if err := w.Policies.Set(t.Context(), right.Operator(), policy.Site, p); err != nil {
		t.Fatal(err)
	}
}

// TestPolicy_none: where the site allows applications no tokens, every way to one
// ends in an error that says so, and that clients know.
func TestPolicy_none(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	held := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo"))
	wide := w.wikiToken(t, "repo")
	code := w.code(t, "client_id", w.app.ClientID, "scope", "repo")
	allowed, pending := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo"), w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	w.person.ConnectDevice(t, allowed.UserCode)
	w.govern(t, right.Policy{Without: right.Kinds(right.OAuthToken)})

	const words = "The policy of this site allows applications no tokens."
	denied := func(what string, r reply) {
		t.Helper()
		if r.Status != 200 || r.Error != "access_denied" || !strings.HasPrefix(r.Description, words) || r.Access != "" {
			t.Errorf("%s: %+v", what, r)
		}
	}
	denied("a code", w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", code))
	denied("a device that was let in", w.ask(t, tokens, "client_id", application.GitHubCLI, "device_code", allowed.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code"))
	denied("a refresh", w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", held.Refresh))
	another := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	if another.Status != 400 { // or gh would take the browser's way
		t.Errorf("another device: %d", another.Status)
	}
	another.Status = 200
	denied("another device", another)
	for what, scope := range map[string]string{"what was agreed to before": "repo", "more": "repo user"} {
		to, err := url.Parse(w.person.Authorize(t, authorizeURL("client_id", w.app.ClientID, "scope", scope, "state", "x")))
		if q := to.Query(); err != nil || q.Get("error") != "access_denied" || !strings.HasPrefix(q.Get("error_description"), words) || q.Get("code") != "" || q.Get("state") != "x" {
			t.Errorf("%s, by the browser: %v", what, to)
		}
	}
	page := w.person.Post(t, "/login/device", url.Values{"user_code": {pending.UserCode}})
	f := page.Hidden()
	f.Set("decision", "authorize")
	if done := w.person.Post(t, "/login/device/confirmation", f); done.StatusCode != 403 || !strings.Contains(done.Text, words) {
		t.Errorf("letting a device in: %d %.2000s", done.StatusCode, done.Text)
	}
	about := "/api/v3/applications/" + w.app.ClientID + "/token"
	for request, body := range map[string]string{"PATCH " + about: `{"access_token":"` + wide.Access + `"}`,
		"POST " + about + "/scoped": `{"access_token":"` + wide.Access + `","target":"ada","permissions":{"contents":"read"}}`} {
		method, path, _ := strings.Cut(request, " ")
		if got := w.Do(t, method, path, body, basic(w.app.ClientID, w.secret)); got.StatusCode != 403 || !strings.Contains(got.Text, words) {
			t.Errorf("%s: %d %s", request, got.StatusCode, got.Text)
		}
	}
	if w.works(t, wide.Access) || w.works(t, held.Access) {
		t.Error("what was given before works still")
	}
	w.govern(t, right.Policy{})
	if !w.works(t, wide.Access) {
		t.Error("what was given before was deleted")
	}
	// Nothing of it was used up.
	if r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", code); r.Access == "" {
		t.Errorf("the code after it: %+v", r)
	}
	if r := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", held.Refresh); r.Access == "" {
		t.Errorf("the refresh token after it: %+v", r)
	}
}

// TestPolicy_less: an application gets what the site's policy lets it have, and is
// told what that is; what it has already is brought to it with its next secret, and
// stays so when the policy is lifted.
func TestPolicy_less(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true})
	held := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo user"))
	wide := w.wikiToken(t, "repo user")
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	w.govern(t, right.Policy{ScopesOnly: true, Scopes: right.KnownScopes([]string{"public_repo", "user:email"}), MaxLife: days(7)})
	if w.works(t, wide.Access) || w.works(t, held.Access) {
		t.Error("what is wider works")
	}
	small := func(what string, r reply, longest time.Duration) {
		t.Helper()
		if r.Scope != "public_repo,user:email" || !w.works(t, r.Access) || r.ExpiresIn <= 0 || r.ExpiresIn > int(longest.Seconds()) {
			t.Errorf("%s: %+v", what, r)
		}
	}
	fresh := w.wikiToken(t, "repo user")
	small("a new one", fresh, days(8))
	renewed := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", held.Refresh)
	small("a refreshed one", renewed, application.TokenLife)
	reset := w.Do(t, "PATCH", "/api/v3/applications/"+w.app.ClientID+"/token", `{"access_token":"`+wide.Access+`"}`, basic(w.app.ClientID, w.secret))
	if reset.StatusCode != 200 || !strings.Contains(reset.Text, `"scopes":["public_repo","user:email"]`) || strings.Contains(reset.Text, `"expires_at":null`) {
		t.Errorf("one with a new secret: %d %s", reset.StatusCode, reset.Text)
	}
	w.govern(t, right.Policy{})
	again := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", renewed.Refresh)
	small("refreshed after it was lifted", again, application.TokenLife)
	if me := w.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+fresh.Access); me.Header.Get("X-OAuth-Scopes") != "public_repo, user:email" || me.Header.Get("GitHub-Authentication-Token-Expiration") == "" {
		t.Errorf("given under it: %v", me.Header)
	}

	w.govern(t, right.Policy{MustEnd: true})
	if r := w.wikiToken(t, "repo user"); r.ExpiresIn <= 0 || r.ExpiresIn > int(days(91).Seconds()) || r.Scope != "repo,user" {
		t.Errorf("one that must end: %+v", r)
	}
}
