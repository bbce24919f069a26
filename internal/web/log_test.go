package web_test

import (
	"errors"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/right"
)

// TestLog_operator: who has an address and a browser is not asked of a command
// on the machine itself.
func TestLog_operator(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Token(t, ada, "Laptop", "repo") // as the operator makes one
	p := signedIn(t, s, "ada")
	got := p.get("/settings/security-log?action=oauth_access.create").want(t, 200, "operator", "command line")
	if strings.Contains(got.text(), "Unknown browser") {
		t.Errorf("a command has a browser:\n%s", got.text())
	}
}

// TestSiteLog: what concerns no account is shown to the site's administrators,
// and to nobody else.
func TestSiteLog(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Admin(t, "root-user")
	s.User(t, "ada")
	visitor(t, s).post("/login", "login", "nobody-here", "password", "not a password").want(t, 401)
	err := s.Audit.RecordAlone(t.Context(), audit.Entry{Action: "site.rotate_keys", Actor: right.Operator(), Target: "key 2"})
	if err := errors.Join(err, s.Signin.Flush(t.Context())); err != nil { // failures are counted first, then written
		t.Fatal(err)
	}

	admin, ada := signedIn(t, s, "root-user"), signedIn(t, s, "ada")
	all := admin.get("/admin/log").want(t, 200, "Site log", "user.failed_login", "site.rotate_keys", "key 2", "command line", "127.0.0.1")
	if strings.Contains(all.text(), "user.login ") {
		t.Errorf("the site's log tells of an account:\n%s", all.text())
	}
	if got := all.find("a", "href", "/admin/log"); attr(got, "aria-current") != "page" {
		t.Error("the left bar does not say where this is")
	}
	if admin.get("/admin/users").find("a", "href", "/admin/log") == nil {
		t.Error("the users' page does not lead to the log")
	}
	some := admin.get("/admin/log?action=site.rotate_keys").want(t, 200, "Only what matches", "key 2")
	if strings.Contains(text(some.find("tbody")), "user.failed_login") {
		t.Error("the filter lets another action through")
	}
	if some.find("a", "href", "/admin/log/export?format=csv&action=site.rotate_keys") == nil {
		t.Error("the export forgets the filter")
	}
	admin.get("/admin/log?since=yesterday").want(t, 422)

	csv := admin.get("/admin/log/export?format=csv&action=site.rotate_keys")
	if csv.StatusCode != 200 || strings.Count(csv.body, "\n") != 2 || !strings.Contains(csv.body, "site.rotate_keys") ||
		csv.Header.Get("Content-Disposition") != `attachment; filename="site-log.csv"` {
		t.Errorf("%s %v\n%s", csv.Status, csv.Header, csv.body)
	}
	if lines := admin.get("/admin/log/export?format=jsonl"); lines.StatusCode != 200 || !strings.HasPrefix(lines.body, "{") || !strings.Contains(lines.body, "user.failed_login") {
		t.Errorf("%s\n%s", lines.Status, lines.body)
	}
	admin.get("/admin/log/export?format=xml").want(t, 404)

	for _, path := range []string{"/admin/log", "/admin/log/export?format=csv"} {
		ada.get(path).want(t, 404)
		visitor(t, s).get(path).want(t, 303)
	}
	if own := ada.get("/settings/security-log").want(t, 200); strings.Contains(text(own.find("tbody")), "failed_login") {
		t.Error("a person's log holds the site's lines")
	}
}
