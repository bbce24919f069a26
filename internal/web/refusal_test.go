package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

func TestPages_refusals(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	s.Repo(t, ada, "hidden", true)
	_, token := s.Token(t, ada, "Laptop", "repo")
	bob, nobody, owner := signedIn(t, s, "bob"), visitor(t, s), signedIn(t, s, "ada")

	// Private and missing are the same, byte for byte but for the request's id.
	strip := func(g page) string {
		return strings.ReplaceAll(g.body, g.Header.Get("X-GitHub-Request-Id"), "ID")
	}
	for _, who := range []*person{bob, nobody} {
		for _, part := range []string{"", "/tree/main", "/blob/main/x", "/raw/main/x", "/commits", "/commit/0123456", "/settings", "/settings/access"} {
			a, b := who.get("/ada/hidden"+part).want(t, 404), who.get("/ada/missin"+part).want(t, 404)
			if strip(a) != strip(b) {
				t.Errorf("the answers for a private and a missing repository differ at %q", part)
			}
		}
	}
	bob.post("/ada/hidden/settings", "name", "mine").want(t, 404)
	bob.get("/admin/users").want(t, 404)
	nobody.follow(nobody.get("/settings/profile")).want(t, 200, "Sign in")

	owner.get("/ada/hidden", "Authorization", "Bearer "+token).want(t, 403, "Pages accept no token")
	nobody.get("/ada/hidden", "Authorization", "Bearer "+token).want(t, 403)

	// Another site's form does nothing.
	r := owner.request("POST", "/settings/profile", "name=Eve", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	owner.do(r).want(t, 403, "sent from another site")
	owner.get("/no-such-user-at-all/x/y/z").want(t, 404)
	if got := owner.get("/settings/profile"); got.Header.Get("Content-Security-Policy") == "" || strings.Contains(got.Header.Get("Content-Security-Policy"), "unsafe") {
		t.Error("no strict content security policy")
	}
	// GET changes nothing.
	for _, path := range []string{"/logout", "/settings/tokens/1/delete", "/settings/sessions/end_others"} {
		owner.get(path)
	}
	owner.get("/settings/profile").want(t, 200)
}

func TestReturnTo_login(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	for _, evil := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "/%2f/evil.example/..", "/login?return_to=/"} {
		p := visitor(t, s)
		got := p.post("/login", "login", "ada", "password", apptest.Password, "return_to", evil)
		to := got.Header.Get("Location")
		u, err := url.Parse(to)
		if err != nil || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
			t.Errorf("return_to %q leads to %q", evil, to)
		}
	}
}

func TestLogin_cookie(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	got := visitor(t, s).post("/login", "login", "ada", "password", apptest.Password).want(t, 303)
	cookies := got.Cookies()
	i := slices.IndexFunc(cookies, func(k *http.Cookie) bool { return strings.Contains(k.Name, "session") })
	if i < 0 {
		t.Fatalf("no cookie of a session: %v", got.Header.Values("Set-Cookie"))
	}
	k := cookies[i]
	if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.Value == "" {
		t.Errorf("Set-Cookie: %s", strings.ReplaceAll(k.Raw, k.Value, "VALUE"))
	}
	for _, other := range cookies {
		if !strings.HasPrefix(other.Name, "__Host-") || !other.Secure {
			t.Errorf("the cookie %s can be set by a neighbour or read on the way", other.Name)
		}
	}
	failed := visitor(t, s).post("/login", "login", "ada", "password", "wrong").want(t, 401, "Incorrect user name or password.")
	if len(failed.Cookies()) != 0 {
		t.Error("a failed sign-in sets a cookie")
	}
}

func TestHeadersAndAssets(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	p := visitor(t, s)
	front := p.get("/").want(t, 200, "Sign in")
	sheet := attr(front.find("link", "rel", "stylesheet"), "href")
	css := p.get(sheet)
	if css.StatusCode != 200 || css.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || !strings.HasPrefix(css.Header.Get("Content-Type"), "text/css") {
		t.Errorf("%s: %s %v", sheet, css.Status, css.Header)
	}
	plain := p.get(sheet, "Accept-Encoding", "gzip;q=0")
	packed := p.get(sheet, "Accept-Encoding", "br, gzip")
	if plain.Header.Get("Content-Encoding") != "" || plain.body != css.body || packed.Header.Get("Content-Encoding") != "gzip" || len(packed.body) >= len(plain.body) {
		t.Errorf("%s: plain %v, packed %v", sheet, plain.Header, packed.Header)
	}
	p.get("/assets/none.css").want(t, 404)
	if got := p.get("/favicon.ico"); got.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("favicon: %s", got.Status)
	}
}
