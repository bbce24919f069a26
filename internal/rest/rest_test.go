package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/right"
)

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func bearer(plain string) string { return "Authorization: Bearer " + plain }

// object reads an answer's body.
func object(t *testing.T, a apptest.Answer) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Text), &v); err != nil {
		t.Fatalf("the body is not a JSON object: %v\n%s", err, a.Text)
	}
	return v
}

func TestCarriers_sameAnswer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	want := ""
	for name, header := range map[string]string{
		"password":            basic("ada", plain),
		"password, any user":  basic("whoever", plain),
		"user":                basic(plain, ""),
		"user, x-oauth-basic": basic(plain, "x-oauth-basic"),
		"white space":         basic("ada", " "+plain+"\r\n"),
		"Bearer":              bearer(plain),
		"token":               "Authorization: token " + plain,
		"bearer, lower case":  "Authorization: bearer  " + plain,
	} {
		a := s.Do(t, "GET", "/api/v3/user", "", header)
		if a.StatusCode != http.StatusOK || object(t, a)["login"] != "ada" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		if want == "" {
			want = a.Text
		}
		if a.Text != want {
			t.Errorf("%s: another answer than the others", name)
		}
		if got := a.Header.Get("X-OAuth-Scopes"); got != "repo" {
			t.Errorf("%s: X-OAuth-Scopes is %q, want repo", name, got)
		}
	}
}

func TestBadCredentials(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	tok, plain := s.Token(t, ada, "gone", "repo")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	short, expired := s.TokenUntil(t, ada, "short", s.Now().Add(time.Hour), "repo")
	s.Advance(2 * time.Hour)
	for name, c := range map[string]struct{ header, want string }{
		"revoked":       {bearer(plain), `"gone" was deleted`},
		"expired":       {bearer(expired), fmt.Sprintf("/settings/tokens/%d/regenerate", short.ID)},
		"password":      {basic("ada", apptest.Password), "Make a token"},
		"garbage":       {bearer("nonsense"), "Make a token"},
		"empty":         {"Authorization: Bearer ", "Make one"},
		"no user":       {basic("", plain), "any user name"},
		"unknown kind":  {"Authorization: Digest x=y", "Make one"},
		"another host":  {bearer("ghp" + "_" + strings.Repeat("x1Y2", 9)), "GitHub"},
		"a broken copy": {bearer(plain[:38] + "zz"), "Copy it again"},
	} {
		// A bad credential is refused everywhere, also where none is needed.
		for _, path := range []string{"/api/v3/user", "/api/v3/", "/api/v3/meta", "/api/v3/rate_limit", "/api/v3/nowhere"} {
			a := s.Do(t, "GET", path, "", c.header)
			if a.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d, want 401", name, path, a.StatusCode)
				continue
			}
			message, _ := object(t, a)["message"].(string)
			if !strings.HasPrefix(message, "Bad credentials") || !strings.Contains(message, c.want) {
				t.Errorf("%s, %s: %q, want Bad credentials and %q", name, path, message, c.want)
			}
		}
	}
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "x", "repo")
	if err := s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), ada.ID); err != nil {
		t.Fatal(err)
	}
	a := s.Do(t, "GET", "/api/v3/user", "", bearer(plain))
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "suspended") {
		t.Errorf("%d %s, want 403 that says suspended", a.StatusCode, a.Text)
	}
}

func TestUser_privateFields(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "private", true)
	for scope, want := range map[string]struct{ private, email bool }{
		"": {}, "repo": {}, "read:user": {private: true}, "user:email": {email: true}, "user": {private: true, email: true},
	} {
		_, plain := s.Token(t, ada, "scope "+scope, strings.Fields(scope)...)
		u := object(t, s.Do(t, "GET", "/api/v3/user", "", bearer(plain)))
		if _, got := u["owned_private_repos"]; got != want.private {
			t.Errorf("%q: private fields: %v, want %v", scope, got, want.private)
		}
		if got := u["email"] != nil; got != want.email {
			t.Errorf("%q: email: %v, want %v", scope, got, want.email)
		}
		a := s.Do(t, "GET", "/api/v3/user/emails", "", bearer(plain))
		if got := a.StatusCode == http.StatusOK; got != want.email {
			t.Errorf("%q: /user/emails gives %d", scope, a.StatusCode)
		}
		if !want.email && (a.StatusCode != http.StatusForbidden || a.Header.Get("X-Accepted-OAuth-Scopes") != "user, user:email") {
			t.Errorf("%q: /user/emails gives %d and accepts %q", scope, a.StatusCode, a.Header.Get("X-Accepted-OAuth-Scopes"))
		}
	}
}

func TestPatchUser(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, may := s.Token(t, ada, "may", "user")
	_, mayNot := s.Token(t, ada, "may not", "read:user")
	if a := s.Do(t, "PATCH", "/api/v3/user", `{"bio":"x"}`, bearer(mayNot)); a.StatusCode != http.StatusForbidden {
		t.Errorf("without user: %d", a.StatusCode)
	}
	a := s.Do(t, "PATCH", "/api/v3/user", `{"bio":"Numbers","blog":"https://example.com"}`, bearer(may))
	if u := object(t, a); a.StatusCode != http.StatusOK || u["bio"] != "Numbers" || u["blog"] != "https://example.com" {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
}

func TestRepo_life(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, eve := s.User(t, "ada"), s.User(t, "eve")
	_, plain := s.Token(t, ada, "all", "repo", "delete_repo")
	_, other := s.Token(t, eve, "all", "repo", "delete_repo")
	auth, stranger := bearer(plain), bearer(other)

	a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"hello","private":true,"description":"A greeting"}`, auth)
	if a.StatusCode != http.StatusCreated || object(t, a)["full_name"] != "ada/hello" || object(t, a)["private"] != true {
		t.Fatalf("create: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"HELLO"}`, auth); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "already exists") {
		t.Errorf("create again: %d %s", a.StatusCode, a.Text)
	}
	hidden := s.Do(t, "GET", "/api/v3/repos/ada/hello", "", stranger)
	missing := s.Do(t, "GET", "/api/v3/repos/ada/nothing", "", stranger)
	if hidden.StatusCode != http.StatusNotFound || hidden.Text != missing.Text {
		t.Errorf("hidden: %d %s\nmissing: %d %s", hidden.StatusCode, hidden.Text, missing.StatusCode, missing.Text)
	}
	for _, change := range []string{`{"name":"greeting"}`, `{"archived":true}`} {
		if a := s.Do(t, "PATCH", "/api/v3/repos/ada/hello", change, stranger); a.StatusCode != http.StatusNotFound {
			t.Errorf("a stranger's %s: %d", change, a.StatusCode)
		}
	}
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/hello", `{"name":"greeting","private":false}`, auth); a.StatusCode != http.StatusOK || object(t, a)["full_name"] != "ada/greeting" || object(t, a)["visibility"] != "public" {
		t.Fatalf("rename: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/repos/ada/hello", "", auth); a.StatusCode != http.StatusMovedPermanently || a.Header.Get("Location") != s.URL()+"/api/v3/repos/ada/greeting" {
		t.Errorf("the old name: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/hello", `{}`, auth); a.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("PATCH of the old name: %d", a.StatusCode)
	}
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/greeting", `{"archived":true}`, auth); a.StatusCode != http.StatusOK {
		t.Fatalf("archive: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/greeting", `{"description":"x"}`, auth); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "archived") {
		t.Errorf("edit of an archived one: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/greeting", `{"archived":false}`, auth); a.StatusCode != http.StatusOK {
		t.Errorf("unarchive: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "DELETE", "/api/v3/repos/ada/greeting", "", stranger); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "Must have admin rights") {
		t.Errorf("a stranger's DELETE of a public one: %d %s", a.StatusCode, a.Text)
	}
	_, narrow := s.Token(t, ada, "narrow", "repo")
	if a := s.Do(t, "DELETE", "/api/v3/repos/ada/greeting", "", bearer(narrow)); a.StatusCode != http.StatusForbidden || a.Header.Get("X-Accepted-OAuth-Scopes") != "delete_repo" {
		t.Errorf("DELETE without delete_repo: %d accepts %q", a.StatusCode, a.Header.Get("X-Accepted-OAuth-Scopes"))
	}
	if a := s.Do(t, "DELETE", "/api/v3/repos/ada/greeting", "", auth); a.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/repos/ada/greeting", "", auth); a.StatusCode != http.StatusNotFound {
		t.Errorf("after DELETE: %d", a.StatusCode)
	}
}

func TestCreate_needsScope(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, none := s.Token(t, ada, "none")
	_, public := s.Token(t, ada, "public", "public_repo")
	if a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x","private":false}`, bearer(none)); a.StatusCode != http.StatusForbidden || a.Header.Get("X-Accepted-OAuth-Scopes") != "public_repo, repo" {
		t.Errorf("without a scope: %d accepts %q", a.StatusCode, a.Header.Get("X-Accepted-OAuth-Scopes"))
	}
	if a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x"}`, bearer(public)); a.StatusCode != http.StatusForbidden {
		t.Errorf("one that is private because nothing is said, with public_repo: %d", a.StatusCode)
	}
	if a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x","private":true}`, bearer(public)); a.StatusCode != http.StatusForbidden {
		t.Errorf("a private one with public_repo: %d", a.StatusCode)
	}
	if a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"x","private":false}`, bearer(public)); a.StatusCode != http.StatusCreated {
		t.Errorf("a public one with public_repo: %d %s", a.StatusCode, a.Text)
	}
}

func TestList_pages(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	for i := range 5 {
		s.Repo(t, ada, fmt.Sprintf("r%d", i), i%2 == 0)
	}
	_, plain := s.Token(t, ada, "x", "repo")
	var names []string
	path := "/api/v3/user/repos?per_page=2"
	for range 4 {
		a := s.Do(t, "GET", path, "", bearer(plain))
		var list []struct{ Name string }
		if err := json.Unmarshal([]byte(a.Text), &list); err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			names = append(names, r.Name)
		}
		next, ok := strings.CutSuffix(strings.Split(a.Header.Get("Link"), ",")[0], `>; rel="next"`)
		if strings.Contains(a.Header.Get("Link"), `rel="prev"`) {
			for part := range strings.SplitSeq(a.Header.Get("Link"), ", ") {
				if n, isNext := strings.CutSuffix(part, `>; rel="next"`); isNext {
					next, ok = n, true
				}
			}
		}
		if !ok {
			break
		}
		path = strings.TrimPrefix(strings.TrimPrefix(next, "<"), s.URL())
	}
	if got := strings.Join(names, " "); got != "r0 r1 r2 r3 r4" {
		t.Errorf("the pages hold %q", got)
	}
	_, none := s.Token(t, ada, "none")
	a := s.Do(t, "GET", "/api/v3/user/repos", "", bearer(none))
	if strings.Contains(a.Text, `"private":true`) || !strings.Contains(a.Text, `"r1"`) {
		t.Errorf("a token without repo lists %s", a.Text)
	}
}

func TestETag(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "private", true)
	tok, plain := s.Token(t, ada, "x", "repo")
	first := s.Do(t, "GET", "/api/v3/repos/ada/private", "", bearer(plain))
	tag := "If-None-Match: " + first.Header.Get("ETag")
	if a := s.Do(t, "GET", "/api/v3/repos/ada/private", "", bearer(plain), tag); a.StatusCode != http.StatusNotModified || a.Text != "" {
		t.Errorf("unchanged: %d %q", a.StatusCode, a.Text)
	}
	if cc := first.Header.Get("Cache-Control"); cc != "private, no-cache" {
		t.Errorf("Cache-Control is %q", cc)
	}
	// A 304 is decided after the gate.
	if _, err := s.Tokens.Update(t.Context(), right.Operator(), ada.ID, tok.ID, "x", 0); err != nil {
		t.Fatal(err)
	}
	if a := s.Do(t, "GET", "/api/v3/repos/ada/private", "", bearer(plain), tag); a.StatusCode != http.StatusNotFound {
		t.Errorf("with the scope gone: %d", a.StatusCode)
	}
}

func TestRequests_refused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "x", "repo")
	auth := bearer(plain)
	for name, c := range map[string]struct {
		method, path, body, header string
		status                     int
		want                       string
	}{
		"no JSON":      {"POST", "/api/v3/user/repos", "{", auth, 400, "Problems parsing JSON"},
		"no object":    {"POST", "/api/v3/user/repos", "[1]", auth, 400, "Body should be a JSON object"},
		"a wrong type": {"POST", "/api/v3/user/repos", `{"name":1}`, auth, 422, "Validation Failed"},
		"too large":    {"POST", "/api/v3/user/repos", strings.Repeat(" ", 2<<20), auth, 413, "1 MiB"},
		"a bad name":   {"POST", "/api/v3/user/repos", `{"name":"a b"}`, auth, 422, "Validation Failed"},
		"no route":     {"GET", "/api/v3/nowhere", "", auth, 404, "Not Found"},
		"a slash":      {"GET", "/api/v3/user/", "", auth, 404, "Not Found"},
		"visitor":      {"GET", "/api/v3/user", "", "Accept: */*", 401, "Requires authentication"},
		"a filter":     {"GET", "/api/v3/user/repos?sort=size", "", auth, 422, "sort must be"},
		"a version":    {"GET", "/api/v3/user", "", "X-GitHub-Api-Version: 1999-01-01", 400, "not supported"},
	} {
		a := s.Do(t, c.method, c.path, c.body, c.header)
		if a.StatusCode != c.status || !strings.Contains(a.Text, c.want) {
			t.Errorf("%s: %d %s, want %d with %q", name, a.StatusCode, a.Text, c.status, c.want)
		}
		if a.StatusCode >= 400 && object(t, a)["status"] != fmt.Sprint(c.status) {
			t.Errorf("%s: the body's status is %v", name, object(t, a)["status"])
		}
		if a.Header.Get("X-GitHub-Request-Id") == "" || a.Header.Get("Vary") == "" {
			t.Errorf("%s: no request id or no Vary", name)
		}
	}
}

func TestCookie_notAccepted(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	cookie := "Cookie: __Host-session=" + s.Session(t, ada).Reveal() + "; __Host-jeton=" + s.Session(t, ada).Reveal()
	if a := s.Do(t, "GET", "/api/v3/user", "", cookie); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a cookie: %d", a.StatusCode)
	}
}

func TestTokenInURL(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "x", "repo")
	for _, path := range []string{"/api/v3/user?access_token=" + plain, "/api/v3/user?x=" + plain, "/" + plain, "/?access_token=x"} {
		if a := s.Do(t, "GET", path, ""); a.StatusCode != http.StatusBadRequest || strings.Contains(a.Text, plain) {
			t.Errorf("a token in the URL: %d", a.StatusCode)
		}
	}
	if strings.Contains(s.Log.String(), plain) {
		t.Error("the token is in the log")
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.APIRateLimit = 20 })
	ada, ben := s.User(t, "ada"), s.User(t, "ben")
	_, one := s.Token(t, ada, "x")
	_, two := s.Token(t, ben, "x")
	for i := range 20 {
		if a := s.Do(t, "GET", "/api/v3/user", "", bearer(one)); a.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %d", i, a.StatusCode)
		}
	}
	a := s.Do(t, "GET", "/api/v3/user", "", bearer(one))
	if a.StatusCode != http.StatusForbidden || a.Header.Get("X-RateLimit-Remaining") != "0" || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Text, "API rate limit exceeded for user ID") {
		t.Errorf("past the limit: %d, remaining %q, %s", a.StatusCode, a.Header.Get("X-RateLimit-Remaining"), a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/user", "", bearer(two)); a.StatusCode != http.StatusOK {
		t.Errorf("somebody else at the same address: %d", a.StatusCode)
	}
	if a := s.Do(t, "GET", "/api/v3/rate_limit", "", bearer(two)); object(t, a)["rate"].(map[string]any)["used"] != float64(1) {
		t.Errorf("rate_limit counts itself: %s", a.Text)
	}
}

// TestClassroom: failures from an address never refuse a valid token from it.
func TestClassroom(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	const people = 200
	plains := make([]string, people)
	for i := range people {
		u := s.User(t, fmt.Sprintf("student%d", i))
		_, plains[i] = s.Token(t, u, "course", "repo")
	}
	for i, plain := range plains {
		for range 3 {
			wrong := plain[:39] + string('a'+(plain[39]+1)%26)
			if a := s.Do(t, "GET", "/api/v3/user", "", basic(fmt.Sprintf("student%d", i), wrong)); a.StatusCode != http.StatusUnauthorized {
				t.Fatalf("a wrong token: %d", a.StatusCode)
			}
		}
		if a := s.Do(t, "GET", "/api/v3/user", "", basic("x", plain)); a.StatusCode != http.StatusOK {
			t.Fatalf("student %d with a good token: %d %s", i, a.StatusCode, a.Text)
		}
	}
}

func TestClosedSite(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Closed = true })
	ada := s.User(t, "ada")
	s.Repo(t, ada, "public", false)
	_, plain := s.Token(t, ada, "x")
	for _, path := range []string{"/api/v3/users/ada", "/api/v3/users/ada/repos", "/api/v3/repos/ada/public", "/api/v3/"} {
		if a := s.Do(t, "GET", path, ""); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusNotFound {
			t.Errorf("a visitor reads %s: %d", path, a.StatusCode)
		}
		if a := s.Do(t, "GET", path, "", bearer(plain)); a.StatusCode != http.StatusOK {
			t.Errorf("somebody with an account reads %s: %d", path, a.StatusCode)
		}
	}
	if a := s.Do(t, "GET", "/api/v3/meta", ""); a.StatusCode != http.StatusOK {
		t.Errorf("/meta is for clients that have no credential yet: %d", a.StatusCode)
	}
}

// TestMeta: what makes Git Credential Manager offer tokens alone.
func TestMeta(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	m := object(t, s.Do(t, "GET", "/api/v3/meta", ""))
	if m["verifiable_password_authentication"] != false || m["installed_version"] != "3.2.0" {
		t.Errorf("/meta says %v", m)
	}
}

func TestHostAndHealth(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	if a := s.Do(t, "GET", "/api/v3/meta", "", "Host: evil.example.com"); a.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(a.Text, s.URL()) {
		t.Errorf("another host: %d %s", a.StatusCode, a.Text)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.Do(t, "GET", path, ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := s.Do(t, "GET", "/metrics", ""); !strings.Contains(a.Text, "jeton_requests_total") {
		t.Errorf("/metrics: %d", a.StatusCode)
	}
}

func TestAvatar(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.User(t, "ada")
	u := object(t, s.Do(t, "GET", "/api/v3/users/ada", ""))
	path, _ := strings.CutPrefix(u["avatar_url"].(string), s.URL())
	a := s.Do(t, "GET", path, "")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(a.Text, ">A</text>") {
		t.Errorf("%d %s %s", a.StatusCode, a.Header.Get("Content-Type"), a.Text)
	}
}
