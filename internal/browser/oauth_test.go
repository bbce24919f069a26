package browser

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"jeton/internal/application"
)

// program is a program on the person's computer that waits for the browser.
func program(t *testing.T) (address string, got <-chan url.Values) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan url.Values, 8)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			answers <- r.URL.Query()
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Done</title><link rel=icon href='data:,'><p>You can close this page."))
	})}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String(), answers
}

// TestOAuth_consent lets a program on the same computer in, as a person with a
// real browser does: from the program's link through the sign-in to the consent,
// and back to the program on a port that nobody registered.
func TestOAuth_consent(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	base, got := program(t)
	p.led = base
	link := "/login/oauth/authorize?" + url.Values{"client_id": {application.GCM}, "redirect_uri": {base + "/callback"}, "scope": {"repo gist workflow"}, "state": {"s1"}}.Encode()
	p.open(link)
	p.sees("A program asks to act for you")
	p.signIn("ada")
	p.sees("Authorize Git Credential Manager", "What it may do for you", "every repository that you can", "started it yourself")
	p.look("oauth-consent")
	p.do("agree", chromedp.Click(find("Authorize Git Credential Manager")))
	if v := <-got; v.Get("code") == "" || v.Get("state") != "s1" {
		t.Errorf("the program got %v", v)
	}
	p.wait("the browser is at the program", `location.href.startsWith("`+base+`")`)

	p.open(link)
	p.do("refuse", chromedp.Click(find("Cancel")))
	if v := <-got; v.Get("error") != "access_denied" || v.Get("code") != "" {
		t.Errorf("the program got %v", v)
	}
	p.wait("the browser is at the program", `location.href.startsWith("`+base+`") && document.readyState === "complete"`)
	p.openRefused("/login/oauth/authorize?client_id="+application.GCM+"&redirect_uri=https://evil.example.com/", 422)
	p.look("oauth-refused")
}

// TestOAuth_device lets a device in, and takes that back.
func TestOAuth_device(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.User(t, "ada")
	p := visit(t, s)
	begin := func() string {
		a := s.Do(t, "POST", "/login/device/code", "client_id="+application.GitHubCLI+"&scope=repo", "Content-Type: application/x-www-form-urlencoded")
		v, err := url.ParseQuery(a.Text)
		if err != nil || v.Get("user_code") == "" {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
		return v.Get("user_code")
	}
	code := begin()
	p.open("/login/device")
	p.signIn("ada")
	p.sees("Never type a code that somebody sent you")
	p.look("device")
	p.fill("Code", "BBBB-BBBB")
	p.follow("Continue")
	p.got(422)
	p.look("device-wrong")
	p.fill("Code", strings.ToLower(code))
	p.follow("Continue")
	p.sees("Authorize GitHub CLI", "127.0.0.1", "Asked")
	p.look("device-confirm")
	p.follow("Authorize GitHub CLI")
	p.at("/login/device/success")
	p.look("device-success")
	p.open("/login/device")
	p.fill("Code", begin())
	p.follow("Continue")
	p.follow("Cancel")
	p.sees("You refused")
	p.look("device-failure")

	p.open("/settings/profile")
	p.follow("Applications")
	p.sees("GitHub CLI", "repo")
	p.look("applications")
	p.follow("GitHub CLI")
	p.look("application")
	p.click("Revoke access")
	p.wait("the dialog is open", `document.querySelector("dialog[open]")`)
	p.barriers("the dialog", "")
	p.follow("I understand, revoke access")
	p.sees("Revoked the access of GitHub CLI.", "No applications yet")
	p.look("applications-empty")
}

// TestOAuth_register registers an application and shows its secret once.
func TestOAuth_register(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ada := s.User(t, "ada")
	p := visit(t, s)
	p.signIn("ada")
	p.open("/settings/developers")
	p.sees("No OAuth apps yet")
	p.look("apps-empty")
	p.follow("New OAuth app")
	p.look("app-new")
	p.fill("Application name", "A wiki with a rather long name that a phone has to break somewhere")
	p.fill("Homepage URL", "https://wiki.example.com")
	p.fill("Authorization callback URL", "http://wiki.example.com/cb")
	p.follow("Register application")
	p.got(422)
	p.look("app-wrong")
	p.fill("Authorization callback URL", "https://wiki.example.com/cb")
	p.tick("Expiring tokens")
	p.follow("Register application")
	p.sees("Registered A wiki", "None yet")
	p.follow("Generate a new client secret")
	p.sees("Your new client secret", "jtc_")
	p.look("app-secret")
	p.open(p.path())
	p.seesNot("jtc_")
	p.look("app")
	p.open("/settings/developers")
	p.look("apps")

	s.Org(t, ada, "acme")
	p.open("/organizations/acme/settings")
	p.follow("OAuth Apps")
	p.sees("No OAuth apps yet")
	p.follow("New OAuth app")
	p.fill("Application name", "Acme wiki")
	p.fill("Homepage URL", "https://acme.example.com")
	p.fill("Authorization callback URL", "https://acme.example.com/cb")
	p.follow("Register application")
	p.look("org-app")
	p.open("/organizations/acme/settings/applications")
	p.look("org-apps")
}
