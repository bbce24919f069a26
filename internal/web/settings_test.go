package web_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"jeton/internal/app/apptest"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	p, elsewhere := signedIn(t, s, "ada"), signedIn(t, s, "ada")

	p.post("/settings/profile", "name", "Ada", "website", "javascript:x").want(t, 422, "Website must be")
	p.follow(p.post("/settings/profile", "name", "Ada L", "bio", "Poetical science")).want(t, 200, "Saved your profile")
	p.get("/ada").want(t, 200, "Ada L", "Poetical science")

	p.post("/settings/emails", "email", "nonsense").want(t, 422)
	added := p.follow(p.post("/settings/emails", "email", "ada@example.org")).want(t, 200, "ada@example.org", "Not verified")
	for n := range added.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && strings.HasSuffix(attr(n, "action"), "/delete") {
			p.follow(p.post(attr(n, "action"))).want(t, 200, "Removed the address")
			break
		}
	}

	p.follow(p.post("/settings/appearance", "theme", "dark")).want(t, 200)
	if got := p.get("/settings/appearance"); attr(got.find("html"), "data-theme") != "dark" {
		t.Error("the theme was not kept")
	}

	p.get("/settings/sessions").want(t, 200, "This browser")
	p.follow(p.post("/settings/sessions/end_others")).want(t, 200, "Ended 1 other session")
	if got := elsewhere.get("/settings/profile"); got.StatusCode != 303 {
		t.Errorf("an ended session still works: %s", got.Status)
	}

	p.post("/settings/admin/password", "old_password", "wrong", "password", "a new long pass phrase").want(t, 422, "Incorrect password")
	p.follow(p.post("/settings/admin/password", "old_password", apptest.Password, "password", "a new long pass phrase")).want(t, 200, "Changed your password")

	p.get("/settings/security-log").want(t, 200, "user.login", "user.change_password")
	p.get("/settings/security-log?action=user.login&since=2001-01-01").want(t, 200, "Only what matches")
	p.get("/settings/security-log?since=yesterday").want(t, 422)
	if got := p.get("/settings/security-log/export?format=csv"); got.StatusCode != 200 || !strings.Contains(got.body, "user.login") || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("export: %s %v", got.Status, got.Header)
	}
	if got := p.get("/settings/security-log/export?format=jsonl"); got.StatusCode != 200 || !strings.HasPrefix(got.body, "{") {
		t.Errorf("export: %s", got.Status)
	}

	p.follow(p.post("/settings/admin/rename", "login", "ada-l")).want(t, 200, "Your user name is ada-l now")
	p.post("/settings/admin/delete", "confirm", "ada").want(t, 422)
	if got := p.post("/settings/admin/delete", "confirm", "ada-l"); got.StatusCode != 303 || got.Header.Get("Location") != "/" {
		t.Errorf("delete: %s", got.Status)
	}
	visitor(t, s).post("/login", "login", "ada-l", "password", "a new long pass phrase").want(t, 401)
}

func TestAdmin_links(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Admin(t, "root-user")
	admin := signedIn(t, s, "root-user")

	shown := admin.follow(admin.post("/admin/users/invite", "email", "grace@example.com"))
	link := text(shown.want(t, 200, "Invitation link").find("code", "id", "new-link"))
	_, fragment, ok := strings.Cut(link, "/join#")
	if !ok {
		t.Fatalf("the invitation's link is %q", link)
	}
	if strings.Contains(admin.get("/admin/users").body, fragment) {
		t.Error("the link is shown twice")
	}
	grace := visitor(t, s)
	grace.get("/join").want(t, 200, "Join this site")
	wrong := grace.post("/join", "link", link, "login", "grace", "password", "short").want(t, 422)
	if attr(wrong.find("input", "name", "link"), "value") != fragment {
		t.Error("the link must be found again after a mistake in another field")
	}
	grace.follow(grace.post("/join", "link", link, "login", "grace", "password", "cobol and compilers")).want(t, 200, "No repositories yet")
	visitor(t, s).post("/join", "link", fragment, "login", "eve", "password", "cobol and compilers").want(t, 404)

	users := admin.get("/admin/users").want(t, 200, "grace")
	var path string
	for n := range users.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && strings.HasPrefix(attr(n, "href"), "/admin/users/") && strings.Contains(text(n), "grace") {
			path = attr(n, "href")
		}
	}
	shown = admin.follow(admin.post(path + "/reset"))
	resetLink := text(shown.want(t, 200, "Reset link").find("code", "id", "new-link"))
	visitor(t, s).follow(visitor(t, s).post("/password_reset", "link", resetLink, "password", "a second pass phrase")).want(t, 200, "Your password was changed")
	if got := grace.get("/settings/profile"); got.StatusCode != 303 {
		t.Error("a reset left the session open")
	}
	again := visitor(t, s)
	again.post("/login", "login", "grace@example.com", "password", "a second pass phrase").want(t, 303)
	admin.follow(admin.post(path+"/suspend", "suspend", "yes")).want(t, 200, "Suspended grace")
	again.get("/settings/profile").want(t, 403, "suspended")
	visitor(t, s).post("/login", "login", "grace", "password", "a second pass phrase").want(t, 403, "suspended")
	admin.follow(admin.post(path+"/suspend", "suspend", "no")).want(t, 200, "Lifted the suspension")
	admin.follow(admin.post(path+"/admin", "admin", "yes")).want(t, 200, "administers this site now")
	admin.follow(admin.post(path+"/admin", "admin", "no")).want(t, 200)
	admin.post(path+"/delete", "confirm", "no").want(t, 422)
	admin.follow(admin.post(path+"/delete", "confirm", "grace")).want(t, 200, "Deleted the account grace")
}
