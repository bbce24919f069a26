package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jeton/internal/app/apptest"
	"jeton/internal/token"
)

func TestTokens_flow(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")

	// A prefilled link survives the sign-in.
	p := visitor(t, s)
	link := "/settings/tokens/new?description=Course&scopes=repo,gist&default_expires_at=60"
	login := p.follow(p.get(link)).want(t, 200, "form for a new access token")
	back := attr(login.find("input", "name", "return_to"), "value")
	form := p.follow(p.post("/login", "login", "ada", "password", apptest.Password, "return_to", back))
	form.want(t, 200, "A link filled in this form", "gist")
	if got := attr(form.find("input", "name", "note"), "value"); got != "Course" {
		t.Errorf("note = %q", got)
	}
	if !has(form.find("input", "value", "repo"), "checked") || has(form.find("input", "value", "user"), "checked") {
		t.Error("the link's scopes are not the ticked ones")
	}
	if !has(form.find("option", "value", "60"), "selected") {
		t.Error("the link's expiration is not selected")
	}

	// A blank note comes back with what was chosen.
	again := p.post("/settings/tokens", "note", " ", "expires", "7", "scopes", "workflow").want(t, 422, "Note can't be blank")
	if !has(again.find("input", "value", "workflow"), "checked") || !has(again.find("option", "value", "7"), "selected") {
		t.Error("the form forgot what was chosen")
	}
	if attr(again.find("input", "name", "note"), "aria-invalid") != "true" {
		t.Error("the field is not marked")
	}

	// The token is shown once.
	list := p.follow(p.post("/settings/tokens", "note", "Course", "expires", "60", "scopes", "repo", "scopes", "public_repo"))
	plain := text(list.find("code", "id", "new-token"))
	if !strings.HasPrefix(plain, "jtp_") {
		t.Fatalf("the page shows %q as the token", plain)
	}
	list.want(t, 200, "only time that it is shown", "inside others", "git clone "+s.URL(), "Nothing shows while you paste", "not encrypted")
	if strings.Count(list.body, plain) != 1 {
		t.Error("the token stands in more than one place of the page")
	}
	if list.Header.Get("Cache-Control") != "private, no-store" || list.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", list.Header)
	}
	// The cookie that changes makes browsers forget the page.
	if !strings.Contains(list.Header.Get("Set-Cookie"), "__Host-shown=") {
		t.Error("Back may bring the page with the token back")
	}
	if reload := p.get("/settings/tokens").want(t, 200, "Course", "repo", "Never used"); strings.Contains(reload.body, plain) {
		t.Error("the token is shown twice")
	}
	if got := s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+plain); got.StatusCode != 200 {
		t.Errorf("the token does not work: %s", got.Status)
	}

	// Edit keeps it, regenerate replaces it, delete ends it.
	path := attr(p.get("/settings/tokens").find("a", "class", "token-note"), "href")
	p.follow(p.post(path, "note", "Course two", "scopes", "user")).want(t, 200, "Updated the token Course two", "Course two — user")
	p.post(path+"/regenerate", "expires", "custom", "expires_at", "2001-01-01").want(t, 422, "must not be over")
	made := p.follow(p.post(path+"/regenerate", "expires", "none"))
	second := text(made.want(t, 200, "Never expires").find("code", "id", "new-token"))
	if second == plain || s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+plain).StatusCode != 401 {
		t.Error("the old secret still works")
	}
	p.get(path+"/delete").want(t, 200, "cannot be undone")
	p.follow(p.post(path+"/delete")).want(t, 200, "Deleted the token Course two")
	if s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+second).StatusCode != 401 {
		t.Error("a deleted token still works")
	}
	p.get(path).want(t, 404)

	p.follow(p.post("/settings/tokens", "note", "Another", "expires", "30"))
	p.post("/settings/tokens/revoke_all", "confirm", "bob").want(t, 422, "This is not ada.")
	p.follow(p.post("/settings/tokens/revoke_all", "confirm", "ada")).want(t, 200, "Revoked 1 token.", "No tokens yet")
}

func TestTokens_ofOthers(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	tok, _ := s.Token(t, ada, "Laptop", "repo")
	bob := signedIn(t, s, "bob")
	for _, path := range []string{"", "/regenerate", "/rotate", "/delete"} {
		full := fmt.Sprintf("/settings/tokens/%d%s", tok.ID, path)
		bob.get(full).want(t, 404)
		bob.post(full, "note", "Mine", "expires", "none", "scopes", "repo").want(t, 404)
	}
}

// TestTokens_lastUse: the list says about when, the token's own page exactly
// when, from where and by what.
func TestTokens_lastUse(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	tok, plain := s.Token(t, s.User(t, "ada"), "Laptop", "repo")
	p := signedIn(t, s, "ada")
	path := fmt.Sprintf("/settings/tokens/%d", tok.ID)
	if unused := p.get(path).want(t, 200, "Last used Never"); strings.Contains(unused.text(), "127.0.0.1") {
		t.Error("an unused token has an address")
	}

	s.Advance(90 * time.Minute) // no time that the test or the making of the token has
	before := s.Now()
	if got := s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+plain, "User-Agent: course-script/1.2"); got.StatusCode != 200 {
		t.Fatalf("the token does not work: %s", got.Status)
	}
	after := s.Now()
	if err := s.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	used := p.get(path).want(t, 200, "From 127.0.0.1", "Client course-script/1.2", "For reading through the API")
	exact := slices.ContainsFunc(slices.Collect(used.doc.Descendants()), func(n *html.Node) bool {
		at, err := time.Parse(time.RFC3339, attr(n, "datetime"))
		return n.Data == "time" && err == nil && !at.Before(before.Truncate(time.Second)) && !at.After(after)
	})
	if !exact {
		t.Errorf("the page does not say that the token was used between %s and %s:\n%s", before, after, used.text())
	}
	p.get("/settings/tokens").want(t, 200, "Last used within the last week")
}

func TestSudo(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	p := signedIn(t, s, "ada")
	s.Advance(3 * time.Hour)

	// A page is returned to.
	ask := p.follow(p.get("/settings/tokens/new?description=Course")).want(t, 200, "Confirm access")
	p.post("/sessions/sudo", "sudo_password", "wrong", "return_to", "/").want(t, 422, "Incorrect password")
	back := attr(ask.find("input", "name", "return_to"), "value")
	p.follow(p.post("/sessions/sudo", "sudo_password", apptest.Password, "return_to", back)).want(t, 200, "A link filled in this form")

	// A form is kept and sent on with the password.
	s.Advance(3 * time.Hour)
	ask = p.post("/settings/tokens", "note", "Kept", "expires", "90", "scopes", "user", "scopes", "workflow").want(t, 403, "Confirm access", "is kept")
	fields := []string{"sudo_password", apptest.Password}
	for n := range ask.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "type") == "hidden" {
			fields = append(fields, attr(n, "name"), attr(n, "value"))
		}
	}
	if got := attr(ask.find("form", "class", "card stack"), "action"); got != "/settings/tokens" {
		t.Errorf("the kept form goes to %q", got)
	}
	p.follow(p.post("/settings/tokens", fields...)).want(t, 200, "Your new token: Kept", "Kept — user, workflow")

	// Passwords are not written into the page.
	s.Advance(3 * time.Hour)
	ask = p.post("/settings/admin/password", "old_password", apptest.Password, "password", "another good password").want(t, 403, "not kept")
	if strings.Contains(ask.body, "another good password") || strings.Contains(ask.body, apptest.Password) {
		t.Error("the page that asks holds a password")
	}
}

// TestExpiry_minute: a token may end at a time of a day.
func TestExpiry_minute(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := visitor(t, s)
	p.post("/login", "login", "ada", "password", apptest.Password)
	for _, c := range []struct {
		day, clock string
		wrong      string
		ends       time.Time
	}{
		{"2099-01-02", "14:30", "", time.Date(2099, 1, 2, 14, 30, 0, 0, time.UTC)},
		{"2099-01-02", "", "", time.Date(2099, 1, 2, 23, 59, 59, 0, time.UTC)},
		{"2001-01-01", "14:30", "must not be over", time.Time{}},
		{"", "14:30", "Choose the day", time.Time{}},
		{"2099-01-02", "25:00", "Choose the day", time.Time{}},
	} {
		a := p.post("/settings/tokens", "note", "ends "+c.day+c.clock, "expires", "custom", "expires_at", c.day, "expires_time", c.clock)
		if c.wrong != "" {
			a.want(t, 422, c.wrong)
			continue
		}
		a.want(t, 303)
		list, err := s.Tokens.List(t.Context(), ada.ID, token.Personal)
		if err != nil || len(list) == 0 || !list[0].ExpiresAt.Equal(c.ends) {
			t.Errorf("%s %s: %v, %v", c.day, c.clock, list, err)
		}
	}
}
