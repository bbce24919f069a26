package oauth_test

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/application"
	"jeton/internal/event"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// TestBrowser walks the browser's flow as a program and its person do it.
func TestBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := authorizeURL("client_id", application.CredentialCLI, "redirect_uri", loopback, "scope", "repo gist workflow", "state", "s&t", "response_type", "code",
		"code_challenge", challenge(), "code_challenge_method", "S256")

	visitor := w.Do(t, "GET", target, "")
	if to := visitor.Header.Get("Location"); !strings.HasPrefix(to, "/login?return_to=%2Flogin%2Foauth%2Fauthorize") {
		t.Fatalf("a visitor is led to %s", to)
	}
	page := w.person.Get(t, target)
	has(t, page.Text, "Authorize git-credential-oauth", "every repository that you can", "this computer", ">ada<")
	if strings.Contains(page.Text, "gist") && !strings.Contains(page.Text, `value="repo gist workflow"`) {
		t.Error("the page speaks of a scope that is not offered")
	}
	to := w.person.Authorize(t, target)
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, loopback+"?") || u.Query().Get("state") != "s&t" || u.Query().Get("iss") != w.URL() {
		t.Fatalf("led to %s", to)
	}
	r := w.ask(t, tokens, "client_id", application.CredentialCLI, "code", u.Query().Get("code"), "redirect_uri", loopback, "code_verifier", verifier, "grant_type", "authorization_code")
	if r.Status != 200 || !strings.HasPrefix(r.Access, "jto_") || r.Scope != "repo,workflow" || r.Type != "bearer" || r.Refresh != "" || r.ExpiresIn != 0 {
		t.Fatalf("got %+v", r)
	}
	me := w.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+r.Access)
	if me.StatusCode != 200 || me.Header.Get("X-OAuth-Scopes") != "repo, workflow" || me.Header.Get("X-OAuth-Client-Id") != application.CredentialCLI {
		t.Errorf("GET /user: %d %v", me.StatusCode, me.Header)
	}
	repo := w.Repo(t, w.ada, "shut", true)
	g := w.Git(t, "ada", r.Access)
	g.Run(t, "clone", "-q", w.URL()+"/ada/"+repo.Name+".git")

	// Known programs are asked about each time.
	if again := w.person.Get(t, target); again.Leaves() != "" {
		t.Error("a public client was let in without a question")
	}
}

// TestAnswers_forms: form-encoded unless JSON or XML is asked for, as GitHub.
func TestAnswers_forms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for accept, want := range map[string]string{
		"":                 "access_token=jto_",
		"*/*":              "access_token=jto_",
		"application/json": `{"access_token":"jto_`,
		"application/xml":  "<OAuth><access_token>jto_",
	} {
		c := w.code(t, "client_id", w.app.ClientID, "scope", "repo,user:email")
		a := w.Do(t, "POST", tokens, values("client_id", w.app.ClientID, "client_secret", w.secret, "code", c).Encode(), form, "Accept: "+accept)
		has(t, a.Text, want)
		if accept == "" && !strings.Contains(a.Text, "scope=repo%2Cuser%3Aemail&token_type=bearer") {
			t.Errorf("got %s", a.Text)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control: %s", a.Header.Get("Cache-Control"))
		}
	}
	// Octokit sends JSON.
	c := w.code(t, "client_id", w.app.ClientID)
	a := w.Do(t, "POST", tokens, `{"client_id":"`+w.app.ClientID+`","client_secret":"`+w.secret+`","code":"`+c+`"}`, "Content-Type: application/json", asJSON)
	has(t, a.Text, "jto_")
	// And Basic is the way of the RFC.
	c = w.code(t, "client_id", w.app.ClientID)
	req := w.Do(t, "POST", tokens, values("code", c, "grant_type", "authorization_code").Encode(), form, asJSON, basic(w.app.ClientID, w.secret))
	has(t, req.Text, "jto_")
}

// TestConsent_once: an application that keeps a secret is not asked about again
// for the same or less, and is for more.
func TestConsent_once(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wikiToken(t, "repo user:email")
	if a := w.person.Get(t, authorizeURL("client_id", w.app.ClientID, "scope", "public_repo")); a.Leaves() == "" {
		t.Error("it was asked about less again")
	}
	if a := w.person.Get(t, authorizeURL("client_id", w.app.ClientID, "scope", "delete_repo")); a.Leaves() != "" {
		t.Error("it got more without a question")
	}
	// Who asks for nothing gets what was agreed to.
	c := w.code(t, "client_id", w.app.ClientID)
	if r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", c); r.Scope != "repo,user:email" {
		t.Errorf("scope %q", r.Scope)
	}
	// Cancelling is told.
	page := w.person.Get(t, authorizeURL("client_id", w.app.ClientID, "scope", "delete_repo", "state", "x"))
	f := page.Hidden()
	f.Set("decision", "cancel")
	done := w.person.Post(t, "/login/oauth/authorize", f)
	if to := done.Leaves(); !strings.HasPrefix(to, callback+"?") || !strings.Contains(to, "error=access_denied") || !strings.Contains(to, "state=x") {
		t.Errorf("led to %s", to)
	}
}

// TestDevice walks the device flow.
func TestDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo read:org gist")
	if len(d.DeviceCode) != 40 || len(d.UserCode) != 9 || d.UserCode[4] != '-' || d.Verification != w.URL()+"/login/device" || d.ExpiresIn != 900 || d.Interval != 5 {
		t.Fatalf("got %+v", d)
	}
	poll := func() reply {
		return w.ask(t, tokens, "client_id", application.GitHubCLI, "device_code", d.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code")
	}
	if r := poll(); r.Error != "authorization_pending" || r.Status != 200 {
		t.Fatalf("got %+v", r)
	}
	page := w.person.Post(t, "/login/device", url.Values{"user_code": {strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " "))}})
	has(t, page.Text, "Authorize GitHub CLI", "From the address", "127.0.0.1", "every repository that you can", "If somebody sent you the code, cancel")
	w.person.ConnectDevice(t, d.UserCode)
	r := poll()
	if !strings.HasPrefix(r.Access, "jto_") || r.Scope == "" || !strings.Contains(r.Scope, "repo") {
		t.Fatalf("got %+v", r)
	}
	if r := poll(); r.Error != "incorrect_device_code" {
		t.Errorf("a second time: %+v", r)
	}
	has(t, w.person.Get(t, "/settings/applications").Text, "GitHub CLI")
	has(t, w.person.Get(t, "/settings/connections/applications/"+application.GitHubCLI).Text, "Where it is signed in", r.Access[len(r.Access)-8:])
}

// TestDevice_pace: a client that asks too often is told to slow down, and one
// that is a little early is not.
func TestDevice_pace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.ask(t, devices, "client_id", application.GitHubCLI)
	poll := func() reply {
		return w.ask(t, tokens, "client_id", application.GitHubCLI, "device_code", d.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code")
	}
	for range 3 {
		if r := poll(); r.Error != "authorization_pending" {
			t.Fatalf("got %+v", r)
		}
	}
	if r := poll(); r.Error != "slow_down" || r.Interval != 10 {
		t.Fatalf("got %+v", r)
	}
	w.Advance(10 * time.Second)
	for range 2 {
		if r := poll(); r.Error != "authorization_pending" {
			t.Errorf("got %+v", r)
		}
	}
	w.Advance(15 * time.Minute)
	if r := poll(); r.Error != "expired_token" {
		t.Errorf("got %+v", r)
	}
	if a := w.person.Post(t, "/login/device", url.Values{"user_code": {d.UserCode}}); a.StatusCode != 422 {
		t.Errorf("a code whose time is over: %d", a.StatusCode)
	}
}

// TestRefresh: expiring tokens are renewed, each refresh token once; the second
// use ends everything that came of the sign-in.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	c := w.code(t, "client_id", a.ClientID, "scope", "repo")
	first := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", c)
	if !strings.HasPrefix(first.Refresh, "jtr_") || first.ExpiresIn < 28_000 || first.ExpiresIn > 28_800 || first.RefreshIn < 15_800_000 {
		t.Fatalf("got %+v", first)
	}
	renew := func(refresh string) reply {
		return w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", refresh)
	}
	w.Advance(9 * time.Hour)
	if w.works(t, first.Access) {
		t.Fatal("an expired token works")
	}
	second := renew(first.Refresh)
	if second.Access == "" || second.Scope != "repo" || !w.works(t, second.Access) {
		t.Fatalf("got %+v", second)
	}
	third := renew(second.Refresh)
	if third.Access == "" || w.works(t, second.Access) || !w.works(t, third.Access) {
		t.Fatalf("got %+v; the one before works: %v", third, w.works(t, second.Access))
	}
	if r := renew(first.Refresh); r.Error != "bad_refresh_token" {
		t.Errorf("an old refresh token: %+v", r)
	}
	if w.works(t, third.Access) {
		t.Error("the family lives on after a reuse")
	}
	if r := renew(third.Refresh); r.Error != "bad_refresh_token" {
		t.Errorf("the family's last refresh token: %+v", r)
	}
	// An access token renews nothing (B11), nor does a refresh token open anything.
	if r := renew(third.Access); r.Error != "bad_refresh_token" {
		t.Errorf("an access token in its place: %+v", r)
	}
	if w.works(t, third.Refresh) {
		t.Error("a refresh token opens the API")
	}

	w.person = w.Person(t, w.ada) // the sign-in is not recent any more
	// Of a device there is no secret to ask for; of others there is.
	c = w.code(t, "client_id", a.ClientID, "scope", "repo")
	web := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", c)
	if r := w.ask(t, tokens, "client_id", a.ClientID, "grant_type", "refresh_token", "refresh_token", web.Refresh); r.Error != "incorrect_client_credentials" {
		t.Errorf("without the secret: %+v", r)
	}
	d := w.ask(t, devices, "client_id", a.ClientID, "scope", "repo")
	w.person.ConnectDevice(t, d.UserCode)
	dev := w.ask(t, tokens, "client_id", a.ClientID, "device_code", d.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code")
	if r := w.ask(t, tokens, "client_id", a.ClientID, "grant_type", "refresh_token", "refresh_token", dev.Refresh); r.Access == "" {
		t.Errorf("a device: %+v", r)
	}
}

// TestTenTokens: the eleventh of the same scopes ends the oldest, and no other.
func TestTenTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.wikiToken(t, "user").Access
	var all []string
	for range 11 {
		all = append(all, w.wikiToken(t, "repo").Access)
	}
	if w.works(t, all[0]) || !w.works(t, all[1]) || !w.works(t, all[10]) || !w.works(t, other) {
		t.Errorf("works: first %v, second %v, last %v, another scope %v", w.works(t, all[0]), w.works(t, all[1]), w.works(t, all[10]), w.works(t, other))
	}
}

// TestPersonal_apart: pages and Revoke all of personal tokens know nothing of
// those of applications, and the other way round.
func TestPersonal_apart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	access := w.wikiToken(t, "repo").Access
	_, personal := w.Token(t, w.ada, "Wiki", "repo") // a note of the same words
	list := w.person.Get(t, "/settings/tokens").Text
	if n := strings.Count(list, `class="token-note"`); n != 1 {
		t.Errorf("%d tokens in the list", n)
	}
	if _, err := w.Tokens.RevokeAll(t.Context(), right.Operator(), w.ada.ID, token.Personal); err != nil {
		t.Fatal(err)
	}
	if w.works(t, personal) || !w.works(t, access) {
		t.Error("Revoke all did not tell the two apart")
	}
	if a := w.person.Post(t, "/settings/applications/revoke_all", url.Values{"confirm": {"ada"}}); a.StatusCode != 303 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	if w.works(t, access) {
		t.Error("the application's token lives on")
	}
}

// TestEnds: suspension shuts everything, deletion takes everything along.
func TestEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	access := w.wikiToken(t, "repo").Access
	pending := w.code(t, "client_id", w.app.ClientID, "scope", "repo")
	ctx := event.With(t.Context(), &event.Event{})
	if err := w.Lifecycle.SuspendAccount(ctx, right.Operator(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	if w.works(t, access) {
		t.Error("the token of a suspended account works")
	}
	if r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", pending); r.Error != "access_denied" {
		t.Errorf("a code of a suspended account: %+v", r)
	}
	if err := w.Lifecycle.UnsuspendAccount(ctx, right.Operator(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	// The application's owner suspended: it gets nothing new.
	if err := w.Lifecycle.SuspendAccount(ctx, right.Operator(), w.bob.ID); err != nil {
		t.Fatal(err)
	}
	if r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", pending); r.Error != "incorrect_client_credentials" {
		t.Errorf("an application of a suspended account: %+v", r)
	}
	if err := w.Lifecycle.DeleteAccount(ctx, right.Operator(), w.bob.ID, 0); err != nil {
		t.Fatal(err)
	}
	if w.works(t, access) {
		t.Error("the token of a deleted application works")
	}
	if err := w.Lifecycle.DeleteAccount(ctx, right.Operator(), w.ada.ID, 0); err != nil {
		t.Fatal(err)
	}
}

// TestConsent_asShown: what is agreed to is what the page showed, whatever was
// agreed to in another window since.
func TestConsent_asShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := authorizeURL("client_id", w.app.ClientID, "prompt", "consent")
	page := w.person.Get(t, asked).Text
	if !strings.Contains(page, `name="scope" value=" "`) {
		t.Fatalf("the page does not keep what it shows:\n%s", page)
	}
	w.wikiToken(t, "repo user")
	a := w.person.Post(t, "/login/oauth/authorize", url.Values{"client_id": {w.app.ClientID}, "scope": {" "}, "decision": {"authorize"}})
	_, code, _ := strings.Cut(a.Text, "code=")
	code, _, _ = strings.Cut(code, "&")
	if r := w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", w.secret, "code", code); r.Access == "" || r.Scope != "" {
		t.Errorf("got %+v for %d %s", r, a.StatusCode, a.Text)
	}
}

// TestExchange_neverGains: what was agreed to is all that a code and its refresh
// tokens ever give, whatever the program asks for on the way.
func TestExchange_neverGains(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secretOf := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	var everything []string
	for _, s := range right.Scopes() {
		everything = append(everything, string(s.Name))
	}
	more := strings.Join(everything, " ")
	for range 12 {
		var asked []string
		for _, name := range everything {
			if draw.IntN(4) == 0 {
				asked = append(asked, name)
			}
		}
		if asked == nil {
			asked = []string{"public_repo"} // who asks for nothing gets what was agreed to before
		}
		agreed := right.KnownScopes(asked).Grant()
		r := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secretOf, "scope", more, "code", w.code(t, "client_id", a.ClientID, "scope", strings.Join(asked, " ")))
		for range 3 {
			v, err := w.Tokens.Verify(t.Context(), secret.New(r.Access))
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			if v.Grant.Reach != nil || v.Grant.Public != agreed.Public || v.Grant.Private != agreed.Private {
				t.Fatalf("agreed to %q, and got %+v", asked, v.Grant)
			}
			r = w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secretOf, "grant_type", "refresh_token", "scope", more, "refresh_token", r.Refresh)
		}
	}
}
