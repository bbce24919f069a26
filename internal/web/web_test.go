package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jeton/internal/app/apptest"
)

// person is somebody with a browser: cookies, forms, links; no script.
type person struct {
	t      *testing.T
	s      *apptest.Server
	client *http.Client
}

// page is an answer, read.
type page struct {
	*http.Response
	body string
	doc  *html.Node
}

func visitor(t *testing.T, s *apptest.Server) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, s, &http.Client{Transport: s.Client.Transport, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func signedIn(t *testing.T, s *apptest.Server, login string) *person {
	t.Helper()
	p := visitor(t, s)
	if got := p.post("/login", "login", login, "password", apptest.Password); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %s\n%s", login, got.Status, got.body)
	}
	return p
}

func (p *person) do(r *http.Request) page {
	p.t.Helper()
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(string(b)))
	if err != nil {
		p.t.Fatal(err)
	}
	return page{resp, string(b), doc}
}

func (p *person) request(method, path, body string, headers ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func (p *person) get(path string, headers ...string) page {
	p.t.Helper()
	return p.do(p.request(http.MethodGet, path, "", headers...))
}

func (p *person) post(path string, fields ...string) page {
	p.t.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return p.do(p.request(http.MethodPost, path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"))
}

// follow opens the page that a form led to.
func (p *person) follow(from page) page {
	p.t.Helper()
	if from.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("%s %s answered %s, want 303\n%s", from.Request.Method, from.Request.URL.Path, from.Status, from.text())
	}
	return p.get(from.Header.Get("Location"))
}

func (g page) find(tag string, match ...string) *html.Node {
	for n := range g.doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != tag {
			continue
		}
		ok := true
		for i := 0; i < len(match); i += 2 {
			ok = ok && attr(n, match[i]) == match[i+1]
		}
		if ok {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, key string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	if n == nil {
		return false
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (g page) text() string { return text(g.find("main")) }

func (g page) want(t *testing.T, status int, parts ...string) page {
	t.Helper()
	if g.StatusCode != status {
		t.Errorf("%s %s: %s, want %d", g.Request.Method, g.Request.URL.Path, g.Status, status)
	}
	for _, part := range parts {
		if !strings.Contains(g.text(), part) {
			t.Errorf("%s %s does not say %q:\n%s", g.Request.Method, g.Request.URL.Path, part, g.text())
		}
	}
	return g
}

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
	for _, path := range []string{"", "/regenerate", "/delete"} {
		full := fmt.Sprintf("/settings/tokens/%d%s", tok.ID, path)
		bob.get(full).want(t, 404)
		bob.post(full, "note", "Mine", "expires", "none", "scopes", "repo").want(t, 404)
	}
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

func TestRepo_pages(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := signedIn(t, s, "ada")

	p.post("/new", "name", "bad name", "visibility", "private").want(t, 422)
	empty := p.follow(p.post("/new", "name", "engine", "description", "An engine", "visibility", "private"))
	empty.want(t, 200, "This repository is empty", "Start here", "Push what you already have", "Bring everything", "Password: a personal access token")
	if got := attr(empty.find("input", "id", "clone-url"), "value"); got != s.URL()+"/ada/engine.git" {
		t.Errorf("clone address %q", got)
	}
	p.get("/ada/engine/commits").want(t, 200, "Nothing has been pushed")

	_, token := s.Token(t, ada, "git", "repo")
	g := s.Git(t, "ada", token)
	dirs, _ := filepath.Glob(s.Config.Repositories() + "/*/*.git")
	g.Run(t, "-c", "safe.directory=*", "clone", dirs[0], "work")
	w := g.In("work")
	w.Write(t, "README.md", "# Engine\n\n[notes](notes/one.txt) ![remote](https://example.com/x.png) <script>alert(1)</script>\n")
	w.Write(t, "notes/one.txt", "first <line>\nsecond\u202eline\n")
	w.Write(t, "data.bin", "a\x00b")
	w.Run(t, "add", ".")
	w.Run(t, "commit", "-m", "Begin")
	w.Commit(t, "notes/one.txt", "first line\nthird\n", "Change a note\n\nWith a body.")
	w.Run(t, "push", "-u", "origin", "HEAD:refs/heads/main")

	first := p.get("/ada/engine").want(t, 200, "Change a note", "README.md", "notes", "Engine")
	if strings.Contains(first.body, "alert(1)") || strings.Contains(first.body, `src="https://example.com`) {
		t.Error("the README was not made safe")
	}
	if first.find("a", "href", "/ada/engine/blob/main/notes/one.txt") == nil {
		t.Error("the README's relative link does not lead to the file")
	}
	p.get("/ada/engine/tree/main/notes").want(t, 200, "one.txt")
	p.get("/ada/engine/blob/main/notes/one.txt").want(t, 200, "2 lines", "third")
	old := strings.TrimSpace(w.Run(t, "rev-parse", "HEAD~1"))
	blob := p.get("/ada/engine/blob/"+old+"/notes/one.txt").want(t, 200, `first <line>`, `second\u{202E}line`)
	if strings.Contains(blob.body, "\u202e") {
		t.Error("a character that turns the reading direction is on the page")
	}
	p.get("/ada/engine/blob/main/data.bin").want(t, 200, "This file is not text")
	p.get("/ada/engine/blob/main/README.md?plain=1").want(t, 200, "[notes](notes/one.txt)")
	p.get("/ada/engine/blob/main/gone").want(t, 404)
	p.get("/ada/engine/commits/main").want(t, 200, "Begin", "Change a note")
	p.get("/ada/engine/commits/main/data.bin").want(t, 200, "Begin")
	head := strings.TrimSpace(w.Run(t, "rev-parse", "HEAD"))
	p.get("/ada/engine/commit/"+head).want(t, 200, "With a body.", "1 file changed", "third")

	raw := p.get("/ada/engine/raw/main/README.md")
	if raw.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(raw.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("raw headers: %v", raw.Header)
	}
	bin := p.get("/ada/engine/raw/main/data.bin")
	if !strings.HasPrefix(bin.Header.Get("Content-Disposition"), "attachment") || bin.body != "a\x00b" {
		t.Errorf("raw binary: %v", bin.Header)
	}

	// Settings: rename leads on, archive locks, access, visibility, transfer, delete.
	p.follow(p.post("/ada/engine/settings", "name", "machine", "description", "A machine", "default_branch", "main")).want(t, 200, "Saved the settings")
	moved := p.get("/ada/engine/tree/main/notes")
	if moved.StatusCode != 301 || moved.Header.Get("Location") != "/ada/machine/tree/main/notes" {
		t.Errorf("the old name: %s to %q", moved.Status, moved.Header.Get("Location"))
	}
	s.User(t, "bob")
	other := signedIn(t, s, "bob")
	other.get("/ada/engine").want(t, 404)
	p.post("/ada/machine/settings/access", "login", "nobody-here", "level", "read").want(t, 422, "no such user")
	p.follow(p.post("/ada/machine/settings/access", "login", "bob", "level", "read")).want(t, 200, "bob has read access now")
	other.get("/ada/machine").want(t, 200, "Change a note")
	other.get("/ada/machine/settings").want(t, 403)
	p.follow(p.post("/ada/machine/settings/access/remove", "login", "bob")).want(t, 200, "bob has no access any more")
	other.get("/ada/machine").want(t, 404)

	p.follow(p.post("/ada/machine/settings/archive")).want(t, 200, "archived")
	p.post("/ada/machine/settings", "name", "x").want(t, 403, "archived")
	p.follow(p.post("/ada/machine/settings/unarchive")).want(t, 200, "Unarchived")
	p.post("/ada/machine/settings/visibility", "visibility", "public", "confirm", "no").want(t, 422)
	p.follow(p.post("/ada/machine/settings/visibility", "visibility", "public", "confirm", "ada/machine")).want(t, 200, "public now")
	visitor(t, s).get("/ada/machine").want(t, 200, "Change a note")
	p.follow(p.post("/ada/machine/settings/transfer", "new_owner", "bob", "confirm", "ada/machine")).want(t, 200, "Transferred the repository to bob")
	p.post("/bob/machine/settings/delete", "confirm", "bob/machine").want(t, 403)
	other.follow(other.post("/bob/machine/settings/delete", "confirm", "bob/machine")).want(t, 200, "Deleted the repository bob/machine")
	other.get("/bob/machine").want(t, 404)
}

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
	grace.post("/join", "link", link, "login", "grace", "password", "short").want(t, 422)
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
	if got := again.get("/settings/profile"); got.StatusCode == 200 {
		t.Error("a suspended account's session works")
	}
	visitor(t, s).post("/login", "login", "grace", "password", "a second pass phrase").want(t, 403, "suspended")
	admin.follow(admin.post(path+"/suspend", "suspend", "no")).want(t, 200, "Lifted the suspension")
	admin.follow(admin.post(path+"/admin", "admin", "yes")).want(t, 200, "administers this site now")
	admin.follow(admin.post(path+"/admin", "admin", "no")).want(t, 200)
	admin.post(path+"/delete", "confirm", "no").want(t, 422)
	admin.follow(admin.post(path+"/delete", "confirm", "grace")).want(t, 200, "Deleted the account grace")
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
	p.get("/assets/none.css").want(t, 404)
	if got := p.get("/favicon.ico"); got.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("favicon: %s", got.Status)
	}
}
