package attack

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/signin"
)

// TestJ5_GoGetTellsNothing: ?go-get=1 gets what every other request gets.
func TestJ5_GoGetTellsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	flat := func(path string) string {
		a := s.Do(t, "GET", path, "")
		return strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(a.StatusCode, a.Header.Get("Location"), a.Text), a.Header.Get("X-GitHub-Request-Id"), ""), "shut", "none")
	}
	for _, query := range []string{"?go-get=1", "?go-get=0", ""} {
		for _, path := range []string{"/ada/%s", "/ada/%s/tree/main", "/ada/%s/sub/package"} {
			if hidden, missing := flat(fmt.Sprintf(path, "shut")+query), flat(fmt.Sprintf(path, "none")+query); hidden != missing {
				t.Errorf("%s%s: hidden and missing differ", path, query)
			}
		}
	}
}

// TestJ6_SigningInTellsNoLogins: a wrong password and a login that does not
// exist get the same answer for the same work.
func TestJ6_SigningInTellsNoLogins(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	answer := func(login string) (string, int64) {
		before := s.Signin.Hashes()
		a := s.post(t, "/login", url.Values{"login": {login}, "password": {"a wrong password"}})
		text := strings.ReplaceAll(strings.ReplaceAll(a.Text, login, "LOGIN"), a.Header.Get("X-GitHub-Request-Id"), "")
		return fmt.Sprint(a.StatusCode, a.Header.Values("Set-Cookie"), a.Header.Get("Retry-After"), text), s.Signin.Hashes() - before
	}
	known, work := answer("ada")
	for _, login := range []string{"nobody", "nobody@example.com", "ada@example.com"} {
		if got, n := answer(login); got != known || n != work || work != 1 {
			t.Errorf("%s: %d hashes, want %d; same answer: %v", login, n, work, got == known)
		}
	}
	// A reset link is made by an administrator; there is no form that sends mail.
	want(t, "asking for a reset", s.post(t, "/password_reset", url.Values{"email": {"ada@example.com"}}), 404)
}

// TestJ8_NumbersOfOthersAreNobodys: an id in a path counts only for its owner.
func TestJ8_NumbersOfOthersAreNobodys(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, plain := s.Token(t, s.ada, "a-note-of-adas", "repo")
	victim := s.session(t, s.ada)
	sessions, err := s.Signin.ListSessions(t.Context(), s.ada.ID)
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	mails, err := s.Accounts.ListEmails(t.Context(), s.DB, s.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	extra, err := s.Accounts.AddEmail(t.Context(), right.Operator(), s.ada.ID, "second@example.com")
	if err != nil {
		t.Fatal(err)
	}
	page := cookie(s.session(t, s.eve))
	of := fmt.Sprintf("/settings/tokens/%d", tok.ID)
	for _, path := range []string{of, of + "/regenerate", of + "/delete"} {
		want(t, path, s.Do(t, "GET", path, "", page), 404)
		want(t, path, s.post(t, path, url.Values{"note": {"hers"}, "scopes": {"repo"}, "expires": {"none"}}, page), 404)
	}
	s.post(t, fmt.Sprintf("/settings/sessions/%d/end", sessions[0].ID), nil, page)
	want(t, "ada's session", s.Do(t, "GET", "/settings/tokens", "", cookie(victim)), 200)
	for _, e := range []id.Email{mails[0].ID, extra.ID} {
		for _, what := range []string{"primary", "delete"} {
			want(t, what, s.post(t, fmt.Sprintf("/settings/emails/%d/%s", e, what), nil, page), 404, 422)
		}
	}
	if after, _ := s.Accounts.ListEmails(t.Context(), s.DB, s.ada.ID); len(after) != 2 {
		t.Errorf("ada's addresses are %v", after)
	}
	want(t, "ada's token", s.Do(t, "GET", "/api/v3/user", "", bearer(plain)), 200)
	if a := s.Do(t, "GET", fmt.Sprintf("/settings/security-log?token=%d", tok.ID), "", page); strings.Contains(a.Text, "a-note-of-adas") {
		t.Error("the security log shows what ada's token did to eve")
	}
}

// TestL8_NoRedirectLeavesTheHost: whatever stands in return_to or a path, the
// answer leads to a path of this host.
func TestL8_NoRedirectLeavesTheHost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	page := cookie(s.session(t, s.ada))
	for _, to := range []string{
		"https://attacker.example/", "//attacker.example/", "///attacker.example", "/\\attacker.example", "\\\\attacker.example", "/%5cattacker.example", "/%2fattacker.example", "/%09/attacker.example",
		"/\t/attacker.example", "\t//attacker.example", "/\n/attacker.example", " //attacker.example", "/.//attacker.example", "/..//attacker.example", "/a/..//attacker.example", "javascript:alert(1)", "data:text/html,x",
		"https:attacker.example", "https:/attacker.example", "http:///attacker.example", "//attacker.example%2f@localhost", "/\u2044attacker.example", "@attacker.example", ":80//attacker.example", "/%0d%0aLocation:%20https://attacker.example",
		"\x00//attacker.example", "/%00//attacker.example", "//[::1]/", "//google.com:443\\@localhost",
	} {
		q := url.Values{"return_to": {to}}.Encode()
		form := url.Values{"return_to": {to}, "login": {"ada"}, "password": {apptest.Password}, "sudo_password": {apptest.Password}}
		for name, a := range map[string]apptest.Answer{
			"GET /login, signed in":         s.Do(t, "GET", "/login?"+q, "", page),
			"POST /login":                   s.post(t, "/login", form),
			"POST /sessions/sudo":           s.post(t, "/sessions/sudo", form, page),
			"GET /sessions/sudo":            s.Do(t, "GET", "/sessions/sudo?"+q, "", page),
			"GET /login with a bad referer": s.Do(t, "GET", "/login", "", page, "Referer: https://attacker.example/x"),
		} {
			if !ownPath(a.Header.Get("Location")) {
				t.Errorf("%s with %q leads to %q", name, to, a.Header.Get("Location"))
			}
		}
	}
	for _, path := range []string{"//attacker.example/", "//attacker.example/shut", "/\\attacker.example", "/%2f%2fattacker.example", "//attacker.example/..", "/ada//attacker.example", "/ADA/OPEN//attacker.example", "/%5c%5cattacker.example/"} {
		for _, header := range []string{"X-None: x", page} {
			if a := s.Do(t, "GET", path, "", header); !ownPath(a.Header.Get("Location")) {
				t.Errorf("GET %s leads to %q", path, a.Header.Get("Location"))
			}
		}
	}
}

// ownPath reads a Location as browsers do: a backslash is a slash to them, and
// white space at either end, tabs and line ends are nothing.
func ownPath(to string) bool {
	if to == "" {
		return true
	}
	seen := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(strings.TrimSpace(to))
	return strings.HasPrefix(seen, "/") && !strings.HasPrefix(seen, "//")
}

// TestM2_EachLinkHasItsOwnLife: a link for a password lives a day though one to
// join lives a week, works once, and a newer one replaces it.
func TestM2_EachLinkHasItsOwnLife(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	link := func(kind signin.LinkKind, f signin.For) url.Values {
		t.Helper()
		v, _, err := s.Signin.NewLink(t.Context(), right.Operator(), kind, f, 0)
		if err != nil {
			t.Fatal(err)
		}
		return url.Values{"link": {v.Reveal()}, "login": {"newcomer"}, "email": {"n@example.com"}, "password": {"another lantern for teaspoons"}}
	}
	first := link(signin.Reset, signin.For{Account: s.ada.ID})
	second := link(signin.Reset, signin.For{Account: s.ada.ID})
	invite, late := link(signin.Invite, signin.For{}), link(signin.Invite, signin.For{})
	want(t, "the replaced one", s.post(t, "/password_reset", first), 404)
	want(t, "in time", s.post(t, "/password_reset", second), 303)
	want(t, "twice", s.post(t, "/password_reset", second), 404)
	third := link(signin.Reset, signin.For{Account: s.eve.ID})
	s.Advance(24*time.Hour + time.Minute)
	want(t, "a day later", s.post(t, "/password_reset", third), 404)
	want(t, "an invitation a day later", s.post(t, "/join", invite), 303)
	want(t, "the same invitation", s.post(t, "/join", invite), 404)
	s.Advance(7 * 24 * time.Hour)
	want(t, "an invitation a week later", s.post(t, "/join", late), 404)
}

// TestM3_GetChangesNothingAndOtherSitesSendNothing: what changes something is a
// POST, and one from another site is refused.
func TestM3_GetChangesNothingAndOtherSitesSendNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, _ := s.Token(t, s.ada, "everything", "repo")
	page := cookie(s.session(t, s.ada))
	for path, form := range securityForms(s, int64(tok.ID)) {
		if path == "/admin/users/invite" {
			continue // ada administers nothing
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"} {
			s.Do(t, method, path+"?"+form.Encode(), "", page)
		}
		for _, from := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://attacker.example", "Origin: null"} {
			want(t, path+", "+from, s.Do(t, "POST", path, form.Encode(), "Content-Type: application/x-www-form-urlencoded", page, from), 403)
		}
	}
	s.unharmed(t, "after all forms")
	if n, err := s.Signin.ListSessions(t.Context(), s.ada.ID); err != nil || len(n) != 1 {
		t.Errorf("ada has the sessions %v, %v", n, err)
	}
}

// TestM4_TheAPITakesNoCookie: nor does git.
func TestM4_TheAPITakesNoCookie(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	page := cookie(s.session(t, s.ada))
	want(t, "who am I", s.Do(t, "GET", "/api/v3/user", "", page), 401)
	want(t, "read", s.Do(t, "GET", "/api/v3/repos/ada/shut", "", page), 404)
	want(t, "change", s.Do(t, "PATCH", "/api/v3/repos/ada/open", `{"description":"x"}`, page), 401)
	want(t, "delete", s.Do(t, "DELETE", "/api/v3/repos/ada/open", "", page), 401)
	want(t, "create", s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x"}`, page), 401)
	want(t, "fetch", s.Do(t, "GET", "/ada/shut.git"+refs, "", page), 401)
	want(t, "push", s.Do(t, "GET", "/ada/open.git"+packs, "", page), 401)
	s.unharmedRepo(t)
}

func (s *scene) unharmedRepo(t *testing.T) {
	t.Helper()
	if f, err := s.Repos.Find(t.Context(), s.DB, "ada", "open", s.ada.ID); err != nil || f.Description != "" || f.Private || f.Archived {
		t.Errorf("the repository is %+v, %v", f, err)
	}
}

// running is a tag that would do something: of a script without an address, or
// with a handler, or that leads where no link of ours does.
var running = regexp.MustCompile(`(?i)<script>|<[a-z][^>]*\son[a-z]+\s*=|<[a-z][^>]*(href|src)="?\s*(javascript|data:)|<[a-z][^>]*\ssrc="?\s*https?://`)

// TestM5_UploadedBytesNeverRun: what somebody pushed is served as text or as an
// attachment, in a sandbox.
func TestM5_UploadedBytesNeverRun(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g := s.Git(t, "", "")
	g.Run(t, "init", "-q")
	files := map[string]string{
		"x.html": "<script>alert(1)</script>", "x.svg": `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "x.pdf": "%PDF-1.4\n", "x.xml": `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script/></html>`,
		"x.js": "alert(1)", "x.ipynb": `{"cells":[]}`, "x.gif": "GIF89a<script>alert(1)</script>", "x.css": "body{}", "x.wasm": "\x00asm", "x": "\xef\xbb\xbf<html><script>alert(1)</script>",
		"README.md": "<script>alert(1)</script>\n[x](javascript:alert(1)) ![](https://attacker.example/x.png) <img src=x onerror=alert(1)> [d](data:text/html,x)\n",
	}
	for name, content := range files {
		g.Write(t, name, content)
	}
	g.Run(t, "add", "-A")
	g.Run(t, "commit", "-qm", "Attack <script>alert(1)</script>")
	g.Run(t, "push", "-qf", s.dir(s.open.ID), "HEAD:main")
	for name := range files {
		a := s.Do(t, "GET", "/ada/open/raw/main/"+name, "")
		h := a.Header
		kind := h.Get("Content-Type")
		safe := kind == "text/plain; charset=utf-8" || strings.HasPrefix(h.Get("Content-Disposition"), "attachment")
		if a.StatusCode != 200 || !safe || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(kind, "html") || strings.Contains(kind, "svg") || strings.Contains(kind, "script") {
			t.Errorf("%s: %d, %s, %s, %s", name, a.StatusCode, kind, h.Get("Content-Disposition"), h.Get("Content-Security-Policy"))
		}
	}
	for _, path := range []string{"/ada/open", "/ada/open/blob/main/README.md", "/ada/open/blob/main/x.html", "/ada/open/blob/main/x.svg", "/ada/open/commits", "/ada/open/commit/main"} {
		a := s.Do(t, "GET", path, "")
		if bad := running.FindString(a.Text); bad != "" {
			t.Errorf("%s holds %s", path, bad)
		}
		if csp := a.Header.Get("Content-Security-Policy"); a.StatusCode != 200 || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %d, policy %q", path, a.StatusCode, csp)
		}
	}
}
