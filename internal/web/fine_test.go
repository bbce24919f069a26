package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

const finePath = "/settings/personal-access-tokens"

// chosen is the value that is selected in a menu.
func (g page) chosen(name string) string {
	menu := g.find("select", "name", name)
	if menu == nil {
		return "no menu"
	}
	for n := range menu.Descendants() {
		if n.Type == html.ElementNode && n.Data == "option" && has(n, "selected") {
			return attr(n, "value")
		}
	}
	return ""
}

// ticked are the repositories that are ticked, in their order.
func (g page) ticked() string {
	var out []string
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && attr(n, "name") == "repositories" && has(n, "checked") {
			out = append(out, attr(n, "value"))
		}
	}
	return strings.Join(out, " ")
}

func (g page) access() string {
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && attr(n, "name") == "access" && has(n, "checked") {
			return attr(n, "value")
		}
	}
	return ""
}

func bearerOf(t *testing.T, s *apptest.Server, plain, path string) int {
	t.Helper()
	return s.Do(t, "GET", path, "", "Authorization: Bearer "+plain).StatusCode
}

// TestFine_flow: made on the form, shown once, changed in place, regenerated,
// deleted.
func TestFine_flow(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "notes", true)
	p := signedIn(t, s, "ada")
	p.get(finePath).want(t, 200, "Fine-grained personal access tokens", "No fine-grained tokens yet")
	form := p.get(finePath+"/new").want(t, 200, "New fine-grained personal access token", "Resource owner", "Repository permissions", "Account permissions", "Mandatory", "ada/engine", "ada/notes")
	if strings.Contains(form.text(), "Organization permissions") || strings.Contains(form.text(), "A link filled") || form.access() != "none" || form.find("select", "name", "metadata") != nil {
		t.Errorf("the form offers what it must not:\n%s", form.text())
	}

	list := p.follow(p.post(finePath, "name", "Build", "description", "For CI", "target_name", "ada", "expires", "60", "access", "selected", "repositories", "ada/engine", "contents", "read", "emails", "read", "gpg_keys", ""))
	plain := text(list.find("code", "id", "new-token"))
	if !strings.HasPrefix(plain, "jtf_") || strings.Count(list.body, plain) != 1 {
		t.Fatalf("the page shows %q as the token", plain)
	}
	list.want(t, 200, "Your new token: Build", "only time that it is shown", "git clone "+s.URL()+"/ada/engine.git", "Build — contents: read, metadata: read, emails: read", "1 repository of ada", "Never used")
	if strings.Contains(list.text(), "gets only what is public") {
		t.Error("a token that reads contents is said not to")
	}
	if list.Header.Get("Cache-Control") != "private, no-store" || !strings.Contains(list.Header.Get("Set-Cookie"), "__Host-shown=") {
		t.Errorf("headers: %v", list.Header)
	}
	if again := p.get(finePath); strings.Contains(again.body, plain) {
		t.Error("the token is shown twice")
	}
	for path, want := range map[string]int{"/api/v3/user": 200, "/api/v3/user/emails": 200, "/api/v3/repos/ada/engine": 200, "/api/v3/repos/ada/notes": 404} {
		if got := bearerOf(t, s, plain, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}

	// Changed in place: the secret stays.
	path := attr(p.get(finePath).find("a", "class", "token-note"), "href")
	edit := p.get(path).want(t, 200, "Edit fine-grained personal access token", "Ends in", "Resource owner ada")
	if edit.access() != "selected" || edit.ticked() != "ada/engine" || edit.chosen("contents") != "read" || edit.chosen("emails") != "read" || edit.chosen("statuses") != "" ||
		attr(edit.find("input", "name", "name"), "value") != "Build" || text(edit.find("textarea")) != "For CI" || edit.find("select", "name", "target_name") != nil {
		t.Errorf("the form does not show the token as it is:\n%s", edit.body)
	}
	p.follow(p.post(path, "name", "Build two", "access", "all", "contents", "write")).want(t, 200, "Updated the token Build two.", "Build two — contents: write, metadata: read", "All repositories of ada")
	if bearerOf(t, s, plain, "/api/v3/repos/ada/notes") != 200 || bearerOf(t, s, plain, "/api/v3/user/emails") == 200 {
		t.Error("the change does not hold")
	}

	// Regenerated: the permissions stay.
	p.get(path+"/regenerate").want(t, 200, "Regenerate fine-grained personal access token", "same permissions, contents: write, metadata: read")
	p.post(path+"/regenerate", "expires", "custom", "expires_at", "2001-01-01").want(t, 422, "must not be over")
	made := p.follow(p.post(path+"/regenerate", "expires", "none"))
	second := text(made.want(t, 200, "Never expires").find("code", "id", "new-token"))
	if second == plain || bearerOf(t, s, plain, "/api/v3/user") != 401 || bearerOf(t, s, second, "/api/v3/repos/ada/notes") != 200 {
		t.Error("the old secret still works, or the new one does not")
	}
	p.get(path+"/delete").want(t, 200, "cannot be undone")
	p.follow(p.post(path+"/delete")).want(t, 200, "Deleted the token Build two.", "No fine-grained tokens yet")
	if bearerOf(t, s, second, "/api/v3/user") != 401 {
		t.Error("a deleted token still works")
	}
	p.get(path).want(t, 404)

	// All at once, and the classic ones stay.
	_, classic := s.Token(t, ada, "Laptop", "repo")
	p.follow(p.post(finePath, "name", "Public", "expires", "30", "access", "none", "contents", "write")).want(t, 200, "gets only what is public", "Public — no permissions: reads what is public", "Public repositories, read-only")
	p.get(finePath+"/revoke_all").want(t, 200, "Revoke all your fine-grained tokens?")
	p.post(finePath+"/revoke_all", "confirm", "bob").want(t, 422, "This is not ada.")
	p.follow(p.post(finePath+"/revoke_all", "confirm", "ada")).want(t, 200, "Revoked 1 token.", "No fine-grained tokens yet")
	if bearerOf(t, s, classic, "/api/v3/user") != 200 {
		t.Error("a classic token was revoked with them")
	}
}

// TestFine_wrong: after each error the form comes back whole.
func TestFine_wrong(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	for i := range 51 {
		s.Repo(t, ada, fmt.Sprintf("r%02d", i), true)
	}
	hidden := s.Repo(t, bob, "hidden", true)
	s.FineToken(t, ada, token.NewFine{Name: "taken", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	p := signedIn(t, s, "ada")
	good := url.Values{"name": {"Build"}, "description": {"For CI"}, "target_name": {"ada"}, "expires": {"custom"}, "expires_at": {"2099-01-02"}, "access": {"selected"},
		"repositories": {"ada/r01", "ada/r02"}, "contents": {"write"}, "emails": {"read"}}
	var all []string
	for i := range 51 {
		all = append(all, fmt.Sprintf("ada/r%02d", i))
	}
	for _, c := range []struct {
		field  string
		values []string
		says   string
	}{
		{"name", []string{" "}, "The token name can't be blank"},
		{"name", []string{strings.Repeat("x", 41)}, "maximum is 40"},
		{"name", []string{"taken"}, "The token name has already been taken"},
		{"description", []string{strings.Repeat("x", 1025)}, "description is too long"},
		{"target_name", []string{"bob"}, "Choose yourself"},
		{"target_name", []string{"nobody"}, "Choose yourself"},
		{"expires_at", []string{"2001-01-01"}, "must not be over"},
		{"expires_at", []string{""}, "Choose the day"},
		{"expires", []string{"8"}, "Choose one of the expirations"},
		{"access", []string{""}, "Choose to which repositories"},
		{"access", []string{"anywhere"}, "Choose to which repositories"},
		{"repositories", nil, "Choose between one repository and 50"},
		{"repositories", all, "Choose between one repository and 50"},
		{"repositories", []string{"ada/r01", "bob/hidden"}, `There is no repository "bob/hidden" of ada`},
		{"repositories", []string{"ada/none"}, `There is no repository "none" of ada`},
	} {
		v := url.Values{}
		for k, old := range good {
			v[k] = old
		}
		v[c.field] = c.values
		var fields []string
		for k, vs := range v {
			for _, one := range vs {
				fields = append(fields, k, one)
			}
		}
		got := p.post(finePath, fields...).want(t, 422, c.says)
		wantTicked := "ada/r01 ada/r02"
		switch {
		case c.field == "repositories" && len(c.values) == 51:
			wantTicked = strings.Join(all, " ")
		case c.field == "repositories":
			wantTicked = strings.TrimSuffix(strings.Join(c.values[:min(len(c.values), 1)], " "), "ada/none")
		}
		if got.chosen("contents") != "write" || got.chosen("emails") != "read" || c.field != "expires" && got.chosen("expires") != "custom" || got.ticked() != wantTicked ||
			c.field != "access" && got.access() != "selected" {
			t.Errorf("%s %q: the form forgot something: %q %q %q %q %q", c.field, c.values, got.chosen("contents"), got.chosen("emails"), got.chosen("expires"), got.access(), got.ticked())
		}
		if c.field != "name" && attr(got.find("input", "name", "name"), "value") != "Build" || c.field != "description" && text(got.find("textarea")) != "For CI" {
			t.Errorf("%s: the form forgot name or description", c.field)
		}
		if c.field == "name" && attr(got.find("input", "name", "name"), "aria-invalid") != "true" {
			t.Error("the field is not marked")
		}
	}
	// Nobody's form sends these.
	p.post(finePath, "name", "x", "expires", "30", "access", "all", "contents", "admin").want(t, 422, "not offered here")
	p.post(finePath, "name", "x", "expires", "30", "access", "all", "issues", "write").want(t, 422, "not offered here")
	// A word that is a level is a good name all the same.
	p.follow(p.post(finePath, "name", "write", "description", "read", "expires", "30", "access", "all")).want(t, 200, "Your new token: write")
	// Once they share nothing with her, the two answers are the same.
	if got := p.post(finePath, "name", "y", "target_name", "bob", "expires", "30", "access", "selected", "repositories", "bob/hidden").want(t, 422); strings.Contains(got.text(), "bob/hidden") {
		t.Errorf("the page tells of a repository of others:\n%s", got.text())
	}
	// What is given for the organization's or another's account means nothing for one's own.
	p.follow(p.post(finePath, "name", "own", "expires", "30", "access", "all", "members", "write")).want(t, 200, "own — metadata: read")
	_ = hidden
}

// TestFine_limit: fifty tokens are enough.
func TestFine_limit(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	for i := range token.MaxFine {
		s.FineToken(t, ada, token.NewFine{Name: fmt.Sprint("t", i), Owner: ada.ID, Access: token.PublicOnly}, "")
	}
	p := signedIn(t, s, "ada")
	p.post(finePath, "name", "one more", "expires", "30", "access", "none").want(t, 422, "You have 50 fine-grained tokens")
}

// TestFine_link: a link fills in the form by GitHub's parameters, and the page
// names what it does not offer.
func TestFine_link(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	s.Join(t, s.Org(t, bob, "course"), org.Member, ada)
	p := visitor(t, s)
	link := finePath + "/new?" + url.Values{"name": {"Lesson <b>"}, "description": {"Course"}, "target_name": {"COURSE"}, "expires_in": {"45"}, "contents": {"write"}, "metadata": {"read"},
		"members": {"read"}, "emails": {"read"}, "issues": {"write"}, "workflows": {"read"}, "pages": {"admin"}, "utm_source": {"x"}, "access": {"all"}, "repositories": {"ada/engine"}, "find": {"x"}}.Encode()
	login := p.follow(p.get(link)).want(t, 200, "form for a new access token")
	back := attr(login.find("input", "name", "return_to"), "value")
	form := p.follow(p.post("/login", "login", "ada", "password", apptest.Password, "return_to", back))
	form.want(t, 200, "A link filled in this form", "not offered here, or not for this resource owner: issues: write, pages: admin, workflows: read, emails: read", "Organization permissions")
	if strings.Contains(form.text(), "Account permissions") || strings.Contains(form.text(), "utm_source") {
		t.Error("the form has what is of an own account, or names what is no permission")
	}
	end := s.Now().UTC().AddDate(0, 0, 45).Format(time.DateOnly)
	if attr(form.find("input", "name", "name"), "value") != "Lesson <b>" || text(form.find("textarea")) != "Course" || form.chosen("target_name") != "course" || form.chosen("expires") != "custom" ||
		attr(form.find("input", "name", "expires_at"), "value") != end || form.chosen("contents") != "write" || form.chosen("members") != "read" || form.chosen("workflows") != "" || form.access() != "selected" {
		t.Errorf("the form is not filled in as the link says:\n%s", form.body)
	}
	for query, want := range map[string]string{"expires_in=7": "7", "expires_in=none": "none", "expires_in=367": "30", "expires_in=0": "30", "expires_in=soon": "30", "": "30"} {
		got := p.get(finePath + "/new?" + query)
		if got.chosen("expires") != want || strings.Contains(got.text(), "not offered here, or not") != (want == "30" && query != "") || strings.Contains(got.text(), "A link filled") != (query != "") {
			t.Errorf("%s: %s is selected\n%s", query, got.chosen("expires"), got.text())
		}
	}
	p.get(finePath+"/new?target_name=nobody").want(t, 200, "Cannot find the specified resource owner: nobody")
	p.get(finePath+"/new?target_name=bob").want(t, 200, "Cannot find the specified resource owner: bob")
	p.get(finePath+"/new?name="+strings.Repeat("%ff", 3000)).want(t, 200)
}

// TestFine_again: the buttons "Choose" and "Search" load the form again, with all
// that was filled in, and make nothing.
func TestFine_again(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "notes", true)
	s.Share(t, s.Repo(t, bob, "shared", true), ada, right.Write)
	s.Repo(t, bob, "kept", true)
	course := s.Org(t, bob, "course")
	s.Join(t, course, org.Owner, ada)
	s.Repo(t, account.Account{ID: course.ID, Login: "course"}, "lesson", true)
	p := signedIn(t, s, "ada")
	form := p.get(finePath + "/new")
	if b := form.find("button", "name", "again"); attr(b, "formmethod") != "get" || attr(b, "formaction") != finePath+"/new" {
		t.Fatal("the button is not there")
	}
	q := url.Values{"again": {"1"}, "name": {"Build"}, "description": {"CI"}, "target_name": {"ada"}, "expires": {"custom"}, "expires_at": {"2099-01-02"}, "access": {"selected"},
		"repositories": {"ada/engine"}, "find": {"not"}, "contents": {"write"}, "emails": {"read"}, "statuses": {""}}
	got := p.get(finePath+"/new?"+q.Encode()).want(t, 200, "What was filled in is kept", "ada/notes")
	if got.ticked() != "ada/engine" || got.chosen("contents") != "write" || got.chosen("emails") != "read" || got.chosen("expires") != "custom" || got.access() != "selected" ||
		attr(got.find("input", "name", "find"), "value") != "not" || attr(got.find("input", "name", "expires_at"), "value") != "2099-01-02" {
		t.Errorf("something was forgotten:\n%s", got.body)
	}
	q.Set("find", "")
	q.Set("target_name", "course")
	got = p.get(finePath+"/new?"+q.Encode()).want(t, 200, "Organization permissions", "course/lesson", "not offered for this resource owner: emails: read")
	if got.ticked() != "" || got.chosen("contents") != "write" || strings.Contains(got.text(), "ada/engine") {
		t.Errorf("what is another owner's is there:\n%s", got.text())
	}
	q.Set("target_name", "bob")
	got = p.get(finePath+"/new?"+q.Encode()).want(t, 200, "bob/shared")
	if strings.Contains(got.text(), "bob/kept") || strings.Contains(got.text(), "Organization permissions") || strings.Contains(got.text(), "Account permissions") {
		t.Errorf("what is bob's own is there:\n%s", got.text())
	}
	q.Set("find", "nothing like it")
	p.get(finePath+"/new?"+q.Encode()).want(t, 200, "No name contains “nothing like it”.")
	p.get(finePath).want(t, 200, "No fine-grained tokens yet")

	// For others' repositories and for organizations.
	p.follow(p.post(finePath, "name", "Shared", "target_name", "bob", "expires", "30", "access", "selected", "repositories", "bob/shared", "contents", "write")).want(t, 200, "1 repository of bob", "/bob/shared.git")
	p.follow(p.post(finePath, "name", "Course", "target_name", "course", "expires", "30", "access", "all", "members", "write")).want(t, 200, "All repositories of course", "metadata: read, members: write")
	edit := p.get(attr(p.get(finePath).find("a", "class", "token-note"), "href"))
	edit.want(t, 200, "Organization permissions", "Resource owner course")

	// On the page of one token, too.
	q = url.Values{"again": {"1"}, "name": {"Other"}, "access": {"selected"}, "repositories": {"course/lesson"}, "find": {"x"}, "members": {"read"}}
	got = p.get(edit.Request.URL.Path+"?"+q.Encode()).want(t, 200, "What was filled in is kept")
	if got.ticked() != "course/lesson" || got.chosen("members") != "read" || attr(got.find("input", "name", "name"), "value") != "Other" {
		t.Errorf("something was forgotten:\n%s", got.text())
	}
	// Without the button nothing of an address counts: a link changes nothing here.
	if got := p.get(edit.Request.URL.Path + "?members=read&name=Evil"); got.chosen("members") != "write" || attr(got.find("input", "name", "name"), "value") != "Course" {
		t.Error("a link filled in a token's own form")
	}
	bad := p.post(edit.Request.URL.Path, "name", "", "access", "selected", "repositories", "course/lesson", "members", "read", "contents", "read").want(t, 422, "can't be blank", "Resource owner course")
	if bad.ticked() != "course/lesson" || bad.chosen("members") != "read" || bad.chosen("contents") != "read" {
		t.Errorf("the form forgot something:\n%s", bad.text())
	}
}

// TestFine_more: an owner with more repositories than the form lists.
func TestFine_more(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	for i := range repo.MaxPerPage + 2 {
		s.Repo(t, ada, fmt.Sprintf("r%03d", i), i%2 == 0)
	}
	p := signedIn(t, s, "ada")
	p.get(finePath+"/new").want(t, 200, "2 more repositories are not listed")
	got := p.get(finePath + "/new?again=1&access=selected&find=r10&repositories=ada%2Fr001")
	if got.ticked() != "ada/r001" || strings.Contains(got.text(), "ada/r002") || !strings.Contains(got.text(), "ada/r101") || strings.Contains(got.text(), "not listed") {
		t.Errorf("found:\n%s", got.text())
	}
}

func unshare(t *testing.T, s *apptest.Server, r repo.Repo, a account.Account) {
	t.Helper()
	if err := s.Repos.RemoveCollaborator(t.Context(), right.Operator(), r.ID, a.ID); err != nil {
		t.Fatal(err)
	}
}

// TestFine_gone: what was shared is taken back, or deleted.
func TestFine_gone(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	one, two := s.Repo(t, bob, "one", true), s.Repo(t, bob, "two", true)
	s.Share(t, one, ada, right.Write)
	s.Share(t, two, ada, right.Write)
	tok, plain := s.FineToken(t, ada, token.NewFine{Name: "Shared", Owner: bob.ID, Access: token.Selected, Repos: []id.Repo{one.ID, two.ID}}, "contents=write")
	p := signedIn(t, s, "ada")
	path := fmt.Sprintf("%s/%d", finePath, tok.ID)
	if got := p.get(path); got.ticked() != "bob/one bob/two" {
		t.Errorf("ticked: %s", got.ticked())
	}
	unshare(t, s, two, ada)
	got := p.get(path).want(t, 200, "1 chosen repository is gone")
	if got.ticked() != "bob/one" || strings.Contains(got.text(), "bob/two") {
		t.Errorf("the page tells of what she may not see:\n%s", got.text())
	}
	unshare(t, s, one, ada)
	got = p.get(path).want(t, 200, "bob shares nothing with you any more", "2 chosen repositories are gone")
	if strings.Contains(got.text(), "bob/one") || bearerOf(t, s, plain, "/api/v3/repos/bob/one") != 404 {
		t.Errorf("she still sees it:\n%s", got.text())
	}
	p.post(path, "name", "Shared", "access", "selected", "repositories", "bob/one", "contents", "write").want(t, 422, "There is no repository")
	p.follow(p.post(path, "name", "Shared", "access", "none")).want(t, 200, "Updated the token Shared.")
	p.get(finePath).want(t, 200, "Public repositories, read-only")
}

// TestFine_ofOthers: nobody else's, and each kind on its own pages alone.
func TestFine_ofOthers(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.User(t, "bob")
	fine, _ := s.FineToken(t, ada, token.NewFine{Name: "Build", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	classic, _ := s.Token(t, ada, "Laptop", "repo")
	for login, paths := range map[string][]string{"bob": {fmt.Sprintf("%s/%d", finePath, fine.ID)}, "ada": {fmt.Sprintf("%s/%d", finePath, classic.ID), fmt.Sprintf("/settings/tokens/%d", fine.ID), finePath + "/0", finePath + "/x"}} {
		p := signedIn(t, s, login)
		for _, path := range paths {
			for _, rest := range []string{"", "/regenerate", "/delete"} {
				p.get(path+rest).want(t, 404)
				p.post(path+rest, "note", "Mine", "name", "Mine", "expires", "none", "scopes", "repo", "access", "all", "contents", "write").want(t, 404)
			}
		}
	}
	if list, err := s.Tokens.ListAll(t.Context(), ada.ID); err != nil || len(list) != 2 || list[0].Note != "Laptop" || list[1].Note != "Build" {
		t.Errorf("the tokens are %+v, %v", list, err)
	}
}

// TestFine_sudo: the form is kept while the password is asked for, and a secret of
// one kind does not come up among the other.
func TestFine_sudo(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "notes", true)
	p := signedIn(t, s, "ada")
	s.Advance(3 * time.Hour)
	for _, path := range []string{"/new", "/revoke_all"} {
		p.follow(p.get(finePath+path)).want(t, 200, "Confirm access")
	}
	ask := p.post(finePath, "name", "Kept", "expires", "90", "access", "selected", "repositories", "ada/engine", "repositories", "ada/notes", "contents", "write").want(t, 403, "Confirm access", "is kept")
	fields := []string{"sudo_password", apptest.Password}
	for n := range ask.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "type") == "hidden" {
			fields = append(fields, attr(n, "name"), attr(n, "value"))
		}
	}
	made := p.post(finePath, fields...)
	if other := p.get("/settings/tokens"); strings.Contains(other.body, "jtf_") || other.StatusCode != 200 {
		t.Error("the classic list shows it")
	}
	p.follow(made).want(t, 200, "Your new token: Kept", "2 repositories of ada")
}

// TestFine_leak: a push that brings a live fine-grained token is refused, and both
// pages lead to its own.
func TestFine_leak(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	tok, plain := s.FineToken(t, ada, token.NewFine{Name: "Build", Owner: ada.ID, Access: token.AllOf}, "contents=write")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git")
	g = g.In("engine")
	g.Commit(t, "conf.txt", "token: "+plain+"\n", "configure")
	out, code := g.Try(t, "push", "origin", "HEAD")
	own := fmt.Sprintf("%s/%d/delete", finePath, tok.ID)
	if code == 0 || !strings.Contains(out, "Jeton Fine-grained Personal Access Token") || !strings.Contains(out, s.URL()+own) {
		t.Fatalf("exit %d\n%s", code, out)
	}
	_, rest, _ := strings.Cut(out, "/ada/engine/security/secret-scanning/unblock-secret/")
	unblock := "/ada/engine/security/secret-scanning/unblock-secret/" + rest[:26]
	p := signedIn(t, s, "ada")
	if page := p.get(unblock).want(t, 200, "It is your token"); page.find("a", "href", own) == nil {
		t.Error("the page does not lead to the token's own")
	}
	p.post(unblock, "reason", "will_fix_later").want(t, 303)
	g.Run(t, "push", "-q", "origin", "HEAD")
	list := p.get("/ada/engine/security/secret-scanning").want(t, 200, "Fine-grained Personal Access Token ending in "+plain[len(plain)-8:])
	for n := range list.doc.Descendants() {
		if href := attr(n, "href"); strings.HasPrefix(href, "/ada/engine/security/secret-scanning/") {
			p.get(href).want(t, 200, "It is yours")
			p.follow(p.post(href, "revoke", "yes")).want(t, 200)
		}
	}
	if bearerOf(t, s, plain, "/api/v3/user") != 401 {
		t.Error("the token was not deleted")
	}
}
