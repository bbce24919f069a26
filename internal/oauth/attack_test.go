package oauth_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/application"
	"jeton/internal/right"
)

// TestAttack_redirects (L8, L9): nobody is led to an address that is not
// registered, nor anywhere at all by a link alone.
func TestAttack_redirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused := []string{
		"https://evil.example.com/cb", "https://app.example.com.evil.example.com/cb", "https://app.example.com@evil.example.com/cb",
		"https://evil.example.com/?https://app.example.com/cb", "https://APP.example.com/cb", "https://app.example.com:444/cb", "http://app.example.com/cb",
		"https://app.example.com/cbx", "https://app.example.com/cb/../other", "https://app.example.com/cb/%2e%2e/other", "https://app.example.com/cb%2f..%2fother",
		"https://app.example.com/other", "https://app.example.com/cb#x", "//app.example.com/cb", "/cb", "https:app.example.com/cb", "https:///app.example.com/cb",
		`https://app.example.com\@evil.example.com/cb`, "https://app.example.com/cb\t", "https://app.example.com/cb\r\nX: y", "javascript:alert(1)", "data:text/html,x",
		"https://аpp.example.com/cb", "https://app.example.com/cb/\\evil", "HTTPS://app.example.com/cb", "https://app.example.com/cb//evil", "http://127.0.0.1/cb", "https://app.example.com./cb",
	}
	for _, to := range refused {
		a := w.person.Get(t, authorizeURL("client_id", w.app.ClientID, "redirect_uri", to, "scope", "repo"))
		if a.StatusCode != 422 || a.Header.Get("Location") != "" || a.Leaves() != "" {
			t.Errorf("%q: %d %s %s", to, a.StatusCode, a.Header.Get("Location"), a.Leaves())
		}
		f := values("client_id", w.app.ClientID, "redirect_uri", to, "scope", "repo", "decision", "cancel")
		if a := w.person.Post(t, "/login/oauth/authorize", f); a.StatusCode != 422 || a.Leaves() != "" {
			t.Errorf("%q by a form: %d %s", to, a.StatusCode, a.Leaves())
		}
	}
	for _, to := range []string{callback, callback + "/deeper", callback + "?a=b"} {
		if got := w.person.Authorize(t, authorizeURL("client_id", w.app.ClientID, "redirect_uri", to)); !strings.HasPrefix(got, strings.TrimSuffix(to, "?a=b")) || strings.Contains(to, "?") && !strings.Contains(got, "a=b") {
			t.Errorf("%s leads to %s", to, got)
		}
	}
	for _, to := range []string{"http://127.0.0.1:1/", "http://localhost:65535/callback", "http://[::1]:8080/x", "http://127.0.0.1:99"} {
		if got := w.person.Authorize(t, authorizeURL("client_id", application.GCM, "redirect_uri", to)); !strings.HasPrefix(got, to+"?") {
			t.Errorf("%s leads to %s", to, got)
		}
	}
	for _, to := range []string{"", "http://127.0.0.1.evil.example.com/", "https://evil.example.com/", "http://localhost.evil.example.com:80/", "http://127.0.0.2/", "http://LOCALHOST/", "http://user@localhost/"} {
		if a := w.person.Get(t, authorizeURL("client_id", application.GCM, "redirect_uri", to)); a.StatusCode != 422 {
			t.Errorf("%q of a known client: %d", to, a.StatusCode)
		}
	}
	if a := w.person.Get(t, authorizeURL("client_id", "nobody", "redirect_uri", callback)); a.StatusCode != 404 || a.Header.Get("Location") != "" {
		t.Errorf("an unknown client: %d", a.StatusCode)
	}
}

// TestAttack_pkce (L2): what was sent is enforced, plain is refused, and what was
// taken out is noticed.
func TestAttack_pkce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, q := range [][]string{
		{"code_challenge", verifier, "code_challenge_method", "plain"}, {"code_challenge", verifier}, {"code_challenge", challenge()},
		{"code_challenge_method", "S256"}, {"code_challenge", "short", "code_challenge_method", "S256"}, {"code_challenge", challenge(), "code_challenge_method", "s256"},
		{"response_type", "token"},
	} {
		a := w.person.Get(t, authorizeURL(append([]string{"client_id", application.GCM, "redirect_uri", loopback}, q...)...))
		if a.StatusCode != 422 {
			t.Errorf("%v: %d", q, a.StatusCode)
		}
	}
	with := func() string {
		return w.code(t, "client_id", application.GCM, "redirect_uri", loopback, "code_challenge", challenge(), "code_challenge_method", "S256")
	}
	for _, v := range []string{"", "another-verifier-of-forty-three-characters-11", challenge(), "short"} {
		if r := w.ask(t, tokens, "client_id", application.GCM, "code", with(), "code_verifier", v); r.Error != "bad_verification_code" {
			t.Errorf("verifier %q: %+v", v, r)
		}
	}
	without := w.code(t, "client_id", application.GCM, "redirect_uri", loopback)
	if r := w.ask(t, tokens, "client_id", application.GCM, "code", without, "code_verifier", verifier); r.Error != "bad_verification_code" {
		t.Errorf("a challenge that was taken out: %+v", r)
	}
	if r := w.ask(t, tokens, "client_id", application.GCM, "code", with(), "code_verifier", verifier); r.Access == "" {
		t.Errorf("the right one: %+v", r)
	}
}

// TestAttack_codes (L1, L4): a code is good once, for ten minutes, for its client and
// its address; its second use ends what it gave.
func TestAttack_codes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, otherSecret := w.register(t, application.Form{Name: "Other", Homepage: "https://other.example.com", Callback: callback})
	mine := func(code string, more ...string) reply {
		return w.ask(t, tokens, append([]string{"client_id", w.app.ClientID, "client_secret", w.secret, "code", code}, more...)...)
	}
	c := w.code(t, "client_id", w.app.ClientID, "scope", "repo")
	for name, r := range map[string]reply{
		"another client's":      w.ask(t, tokens, "client_id", other.ClientID, "client_secret", otherSecret, "code", c),
		"a public client's":     w.ask(t, tokens, "client_id", application.GitHubCLI, "code", c),
		"a code that is none":   mine("0123456789abcdef0123456789abcdef01234567"),
		"no code":               mine(""),
		"as a device code":      w.ask(t, tokens, "client_id", w.app.ClientID, "device_code", c, "grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
		"as a refresh token":    mine("", "grant_type", "refresh_token", "refresh_token", c),
		"another address":       mine(c, "redirect_uri", callback+"/deeper"),
		"without a secret":      w.ask(t, tokens, "client_id", w.app.ClientID, "code", c),
		"with a wrong secret":   w.ask(t, tokens, "client_id", w.app.ClientID, "client_secret", otherSecret, "code", c),
		"another kind of grant": mine(c, "grant_type", "password"),
		"client_credentials":    mine(c, "grant_type", "client_credentials"),
	} {
		if r.Access != "" || r.Error == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	first := mine(c, "redirect_uri", callback)
	if first.Access == "" {
		t.Fatalf("the right one: %+v", first)
	}
	if r := mine(c); r.Error != "bad_verification_code" {
		t.Errorf("a second time: %+v", r)
	}
	if w.works(t, first.Access) {
		t.Error("a code was used twice, and its token lives on")
	}
	late := w.code(t, "client_id", w.app.ClientID, "scope", "repo")
	w.Advance(10*time.Minute + time.Second)
	if r := mine(late); r.Error != "bad_verification_code" {
		t.Errorf("after ten minutes: %+v", r)
	}
	// A code of an application that was revoked meanwhile is worth nothing.
	gone := w.code(t, "client_id", w.app.ClientID, "scope", "repo")
	if err := w.Apps.Revoke(t.Context(), right.Operator(), w.ada.ID, w.app.ClientID, ""); err != nil {
		t.Fatal(err)
	}
	if r := mine(gone); r.Error != "bad_verification_code" {
		t.Errorf("revoked meanwhile: %+v", r)
	}
}

// TestAttack_race: of many exchanges of one code at the same time one succeeds,
// and of a refresh token and a device code too.
func TestAttack_race(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	race := func(fields ...string) (won int) {
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				r := w.ask(t, tokens, append([]string{"client_id", a.ClientID, "client_secret", secret}, fields...)...)
				mu.Lock()
				defer mu.Unlock()
				if r.Access != "" {
					won++
				} else if r.Error == "" || r.Status != 200 {
					t.Errorf("got %+v", r)
				}
			})
		}
		group.Wait()
		return won
	}
	if n := race("code", w.code(t, "client_id", a.ClientID, "scope", "repo")); n != 1 {
		t.Errorf("a code: %d succeeded", n)
	}
	r := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo"))
	if n := race("grant_type", "refresh_token", "refresh_token", r.Refresh); n != 1 {
		t.Errorf("a refresh token: %d succeeded", n)
	}
	d := w.ask(t, devices, "client_id", a.ClientID, "scope", "repo")
	w.person.ConnectDevice(t, d.UserCode)
	if n := race("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", d.DeviceCode); n != 1 {
		t.Errorf("a device code: %d succeeded", n)
	}
}

// TestAttack_crossSite (M3): consent can't be given from another site, nor by a link.
func TestAttack_crossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := values("client_id", application.GCM, "redirect_uri", loopback, "scope", "repo", "decision", "authorize")
	d := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	g := values("user_code", d.UserCode, "decision", "authorize")
	for _, from := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		if a := w.person.Post(t, "/login/oauth/authorize", f, from); a.StatusCode != 403 || a.Leaves() != "" {
			t.Errorf("consent, %s: %d", from, a.StatusCode)
		}
		if a := w.person.Post(t, "/login/device/confirmation", g, from); a.StatusCode != 403 {
			t.Errorf("device, %s: %d", from, a.StatusCode)
		}
	}
	for _, path := range []string{authorizeURL("client_id", application.GCM, "redirect_uri", loopback, "scope", "repo", "decision", "authorize"), "/login/device/confirmation?" + g.Encode(), "/login/device?" + g.Encode()} {
		if a := w.person.Get(t, path); a.Leaves() != "" || a.StatusCode == 303 || strings.Contains(a.Text, d.UserCode) {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	page := w.person.Get(t, authorizeURL("client_id", application.GCM, "redirect_uri", loopback))
	if !strings.Contains(page.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || page.Header.Get("X-Frame-Options") != "DENY" {
		t.Error("the consent page can be framed")
	}
	if _, ok, err := w.Apps.Allowed(t.Context(), w.ada.ID, application.GCM); ok || err != nil {
		t.Errorf("something was allowed: %v, %v", ok, err)
	}
	// A token opens no page, so it can't agree to a wider one (A10).
	_, plain := w.Token(t, w.ada, "all", "repo", "user")
	if a := w.Do(t, "POST", "/login/oauth/authorize", f.Encode(), form, "Authorization: Bearer "+plain); a.StatusCode != 403 {
		t.Errorf("a token agrees: %d", a.StatusCode)
	}
}

// TestAttack_stale: without a recent sign-in nothing is agreed to.
func TestAttack_stale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	w.Advance(3 * time.Hour)
	f := values("client_id", application.GCM, "redirect_uri", loopback, "decision", "authorize")
	if a := w.person.Post(t, "/login/oauth/authorize", f); a.Leaves() != "" || !strings.Contains(a.Text, "sudo_password") {
		t.Errorf("consent: %d", a.StatusCode)
	}
	if a := w.person.Post(t, "/login/device/confirmation", values("user_code", d.UserCode, "decision", "authorize")); !strings.Contains(a.Text, "sudo_password") {
		t.Errorf("device: %d", a.StatusCode)
	}
	if a := w.person.Get(t, authorizeURL("client_id", application.GCM, "redirect_uri", loopback)); !strings.HasPrefix(a.Header.Get("Location"), "/sessions/sudo?return_to=%2Flogin%2Foauth%2Fauthorize") {
		t.Errorf("the page: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestAttack_guesses: codes of devices can't be tried, neither on the one page
// nor on the other.
func TestAttack_guesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	for i := range 10 {
		path := []string{"/login/device", "/login/device/confirmation"}[i%2]
		if a := w.person.Post(t, path, values("user_code", "BBBB-BBB"+string("BCDFGHJKLM"[i]), "decision", "authorize")); a.StatusCode != 422 && a.StatusCode != 303 {
			t.Fatalf("guess %d: %d", i, a.StatusCode)
		}
	}
	a := w.person.Post(t, "/login/device", url.Values{"user_code": {d.UserCode}})
	if a.StatusCode != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("after ten wrong ones: %d", a.StatusCode)
	}
	// Somebody else is not held up, and decides once.
	bob := w.Person(t, w.bob)
	bob.ConnectDevice(t, d.UserCode)
	if a := bob.Post(t, "/login/device/confirmation", values("user_code", d.UserCode, "decision", "authorize")); a.Header.Get("Location") != "/login/device/failure?reason=not_found" {
		t.Errorf("a second time: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	if r := w.ask(t, tokens, "client_id", application.GCM, "device_code", d.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code"); r.Error != "incorrect_device_code" {
		t.Errorf("another client's device: %+v", r)
	}
	// A refusal is told.
	e := w.ask(t, devices, "client_id", application.GitHubCLI, "scope", "repo")
	bob.Post(t, "/login/device/confirmation", values("user_code", e.UserCode, "decision", "cancel"))
	if r := w.ask(t, tokens, "client_id", application.GitHubCLI, "device_code", e.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code"); r.Error != "access_denied" {
		t.Errorf("refused: %+v", r)
	}
}

// TestAttack_secrets (D1 to D4): nothing secret is taken from a URL, logged, or kept
// as it is.
func TestAttack_secrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	code := w.code(t, "client_id", a.ClientID, "scope", "repo")
	for _, q := range []string{"client_secret=" + secret, "x=" + secret, "client_secret=anything", "refresh_token=anything"} {
		if r := w.Do(t, "POST", tokens+"?"+q, values("client_id", a.ClientID, "code", code).Encode(), form); r.StatusCode != 400 {
			t.Errorf("%.20s in the URL: %d", q, r.StatusCode)
		}
	}
	if r := w.Do(t, "POST", tokens+"?code="+code+"&client_id="+a.ClientID, "", form, asJSON, basic(a.ClientID, secret)); strings.Contains(r.Text, "jto_") {
		t.Error("a code was taken from the URL")
	}
	got := w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", code)
	d := w.ask(t, devices, "client_id", a.ClientID, "scope", "repo")
	w.person.ConnectDevice(t, d.UserCode)
	dev := w.ask(t, tokens, "client_id", a.ClientID, "device_code", d.DeviceCode, "grant_type", "urn:ietf:params:oauth:grant-type:device_code")
	w.works(t, got.Access)
	log := w.Log.String()
	for name, plain := range map[string]string{"secret": secret, "code": code, "token": got.Access, "refresh token": got.Refresh, "device code": d.DeviceCode, "user code": d.UserCode, "device's token": dev.Access} {
		if plain == "" {
			t.Fatalf("no %s", name)
		}
		if strings.Contains(log, plain) {
			t.Errorf("the %s stands in the log", name)
		}
	}
}

// TestAttack_revocation (B17): what is revoked ends at once, with everything that came
// of it.
func TestAttack_revocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, secret := w.register(t, application.Form{Name: "Clock", Homepage: "https://clock.example.com", Callback: "https://clock.example.com/", Expiring: true, DeviceFlow: true})
	in := func() reply {
		return w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "code", w.code(t, "client_id", a.ClientID, "scope", "repo"))
	}
	renew := func(r reply) reply {
		return w.ask(t, tokens, "client_id", a.ClientID, "client_secret", secret, "grant_type", "refresh_token", "refresh_token", r.Refresh)
	}
	for name, revoke := range map[string]func(r reply) error{
		"by its person": func(reply) error {
			return w.Apps.Revoke(t.Context(), right.Operator(), w.ada.ID, a.ClientID, "")
		},
		"by the application's owner": func(reply) error {
			_, err := w.Apps.RevokeUsers(t.Context(), right.Operator(), w.bob.ID, a.ID)
			return err
		},
		"by the operator": func(reply) error {
			_, err := w.Tokens.RevokeEverything(t.Context(), right.Operator(), w.ada.ID)
			return err
		},
	} {
		r := in()
		if !w.works(t, r.Access) {
			t.Fatalf("%s: %+v", name, r)
		}
		if err := revoke(r); err != nil {
			t.Fatal(err)
		}
		if w.works(t, r.Access) {
			t.Errorf("%s: the token works", name)
		}
		if got := renew(r); got.Access != "" {
			t.Errorf("%s: it is renewed", name)
		}
	}
	// A secret that was deleted proves nothing any more.
	r := in()
	all, err := w.Apps.Secrets(t.Context(), w.bob.ID, a.ID)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := w.Apps.DeleteSecret(t.Context(), right.Operator(), w.bob.ID, a.ID, all[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := renew(r); got.Error != "incorrect_client_credentials" {
		t.Errorf("a deleted secret: %+v", got)
	}
	if _, err := w.Apps.Delete(t.Context(), right.Operator(), w.bob.ID, a.ID); err != nil {
		t.Fatal(err)
	}
	if w.works(t, r.Access) {
		t.Error("the token of a deleted application works")
	}
}

// TestAttack_others: an application and what it was allowed belong to their people.
func TestAttack_others(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wikiToken(t, "repo")
	path := "/settings/applications/" + id(int64(w.app.ID))
	for _, p := range []string{path, path + "/delete", path + "/revoke_users"} {
		if a := w.person.Get(t, p); a.StatusCode != 404 {
			t.Errorf("GET %s: %d", p, a.StatusCode)
		}
		if a := w.person.Post(t, p, values("confirm", "Wiki", "name", "x", "homepage", "https://x.example.com", "callback", "https://x.example.com")); a.StatusCode != 404 {
			t.Errorf("POST %s: %d", p, a.StatusCode)
		}
	}
	if a := w.person.Post(t, path+"/secrets", nil); a.StatusCode != 404 {
		t.Errorf("a secret: %d", a.StatusCode)
	}
	bob := w.Person(t, w.bob)
	if a := bob.Get(t, "/settings/connections/applications/"+w.app.ClientID); a.StatusCode != 404 {
		t.Errorf("what ada allowed, to bob: %d", a.StatusCode)
	}
	// Nobody registers what looks like a program that people know.
	for _, name := range []string{"github cli", "GitHub  CLI", "GitHub\tCLI", "GitHub-CLI", "ＧitHub CLI", "Git Credential\nManager"} {
		if a := bob.Post(t, "/settings/applications", values("name", name, "homepage", "https://x.example.com", "callback", "https://x.example.com")); a.StatusCode != 422 {
			t.Errorf("a false %q: %d", name, a.StatusCode)
		}
	}
	for _, bad := range []string{"http://app.example.com/", "javascript:alert(1)", "https://x.example.com/#a", "ftp://x.example.com", "https://", "x"} {
		if a := bob.Post(t, "/settings/applications", values("name", "App", "homepage", "https://x.example.com", "callback", bad)); a.StatusCode != 422 {
			t.Errorf("the callback %s: %d", bad, a.StatusCode)
		}
	}
}
