package apptest

import (
	"html"
	"net/url"
	"regexp"
	"testing"

	"jeton/internal/account"
	"jeton/internal/secret"
)

// Person is somebody who is signed in with a browser that runs no scripts: it
// keeps the session's cookie, sends forms as a browser does, and follows
// nothing by itself.
type Person struct {
	Account account.Account
	server  *Server
	session secret.Value
}

// Person signs the account in.
func (s *Server) Person(t testing.TB, a account.Account) *Person {
	t.Helper()
	return &Person{Account: a, server: s, session: s.Session(t, a)}
}

func (p *Person) headers(more ...string) []string {
	return append([]string{"Cookie: __Host-session=" + p.session.Reveal()}, more...)
}

// Get opens a page. target is a path, or a URL of the server.
func (p *Person) Get(t testing.TB, target string, headers ...string) Answer {
	t.Helper()
	return p.server.Do(t, "GET", p.server.path(target), "", p.headers(headers...)...)
}

// Post sends a form, as from a page of the server.
func (p *Person) Post(t testing.TB, target string, form url.Values, headers ...string) Answer {
	t.Helper()
	return p.server.Do(t, "POST", p.server.path(target), form.Encode(),
		p.headers(append([]string{"Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin"}, headers...)...)...)
}

func (s *Server) path(target string) string {
	if u, err := url.Parse(target); err == nil && u.IsAbs() {
		return u.RequestURI()
	}
	return target
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	leaveLink   = regexp.MustCompile(`<a href="([^"]+)" id="leave">`)
)

// Hidden are the hidden fields of a page.
func (a *Answer) Hidden() url.Values {
	v := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(a.Text, -1) {
		v.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return v
}

// Leaves is where a page leads the browser by itself, at the end of an OAuth
// flow; empty if it does not.
func (a *Answer) Leaves() string {
	m := leaveLink.FindStringSubmatch(a.Text)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// Authorize goes through the consent page that the URL of an authorization
// leads to, agrees, and returns the address that the browser is led to.
func (p *Person) Authorize(t testing.TB, authorizeURL string) string {
	t.Helper()
	page := p.Get(t, authorizeURL)
	if to := page.Leaves(); to != "" {
		return to
	}
	form := page.Hidden()
	form.Set("decision", "authorize")
	done := p.Post(t, "/login/oauth/authorize", form)
	to := done.Leaves()
	if to == "" {
		t.Fatalf("no consent: %d, then %d\n%.3000s", page.StatusCode, done.StatusCode, done.Text)
	}
	return to
}

// ConnectDevice types the code that a device shows, and agrees.
func (p *Person) ConnectDevice(t testing.TB, userCode string) {
	t.Helper()
	page := p.Post(t, "/login/device", url.Values{"user_code": {userCode}})
	form := page.Hidden()
	form.Set("decision", "authorize")
	if done := p.Post(t, "/login/device/confirmation", form); done.Header.Get("Location") != "/login/device/success" {
		t.Fatalf("the device was not let in: %d %s\n%.2000s", done.StatusCode, done.Header.Get("Location"), page.Text)
	}
}
