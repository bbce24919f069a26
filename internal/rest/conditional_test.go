package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
)

// TestLastModified: one thing says when it was changed, once that second has
// passed, and is not sent again to who has it since.
func TestLastModified(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Org(t, ada, "acme")
	_, sha := pushed(t, s, ada, "r", false)
	_, plain := s.Token(t, ada, "all", "repo", "user", "admin:org", "admin:repo_hook")
	_, others := s.Token(t, bob, "none")
	auth := bearer(plain)
	make := func(path, body string) string {
		t.Helper()
		a := s.Do(t, "POST", "/api/v3"+path, body, auth)
		if a.StatusCode != 201 {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.Text)
		}
		return fmt.Sprintf("%s/%.0f", path, object(t, a)["id"])
	}
	make("/orgs/acme/teams", `{"name":"crew"}`)
	release := make("/repos/ada/r/releases", `{"tag_name":"v1"}`)
	deployment := make("/repos/ada/r/deployments", `{"ref":"main","required_contexts":[]}`)
	hook := make("/repos/ada/r/hooks", `{"config":{"url":"https://hooks.example/in"},"active":false}`)
	up := s.Do(t, "POST", "/api/uploads"+release+"/assets?name=a", "x", auth)
	asset := fmt.Sprintf("/repos/ada/r/releases/assets/%.0f", object(t, up)["id"])

	changes := map[string]func(){
		"/repos/ada/r":                  func() { s.Do(t, "PATCH", "/api/v3/repos/ada/r", `{"description":"other"}`, auth) },
		"/user":                         func() { s.Do(t, "PATCH", "/api/v3/user", `{"bio":"other"}`, auth) },
		"/users/ada":                    func() { s.Do(t, "PATCH", "/api/v3/user", `{"bio":"third"}`, auth) },
		"/orgs/acme":                    func() { s.Do(t, "PATCH", "/api/v3/orgs/acme", `{"default_repository_permission":"write"}`, auth) },
		"/orgs/acme/teams/crew":         func() { s.Do(t, "PUT", "/api/v3/orgs/acme/teams/crew/memberships/bob", `{}`, auth) },
		release:                         func() { s.Do(t, "POST", "/api/uploads"+release+"/assets?name=b", "x", auth) },
		"/repos/ada/r/releases/tags/v1": func() { s.Do(t, "PATCH", "/api/v3"+release, `{"name":"One"}`, auth) },
		asset:                           func() { s.Do(t, "PATCH", "/api/v3"+asset, `{"label":"other"}`, auth) },
		deployment:                      func() { s.Do(t, "POST", "/api/v3"+deployment+"/statuses", `{"state":"success"}`, auth) },
		hook:                            nil, // changed below by what its ping comes to
	}
	for path, change := range changes {
		get := func(headers ...string) apptest.Answer {
			return s.Do(t, "GET", "/api/v3"+path, "", append(headers, auth)...)
		}
		s.Advance(2 * time.Second)
		first := get()
		last := first.Header.Get("Last-Modified")
		if path == hook && last == "" {
			continue // the ping came to something already
		}
		at, err := http.ParseTime(last)
		if first.StatusCode != 200 || err != nil || at.After(s.Now()) || !strings.Contains(first.Header.Get("Vary"), "Authorization") {
			t.Errorf("%s: %d, Last-Modified is %q", path, first.StatusCode, last)
			continue
		}
		etag := first.Header.Get("ETag")
		for name, c := range map[string]struct {
			headers []string
			status  int
		}{
			"the same time":            {[]string{"If-Modified-Since: " + last}, 304},
			"later":                    {[]string{"If-Modified-Since: " + at.Add(time.Hour).Format(http.TimeFormat)}, 304},
			"earlier":                  {[]string{"If-Modified-Since: " + at.Add(-time.Second).Format(http.TimeFormat)}, 200},
			"no time":                  {[]string{"If-Modified-Since: yesterday"}, 200},
			"the tag, an earlier time": {[]string{"If-None-Match: " + etag, "If-Modified-Since: " + at.Add(-time.Hour).Format(http.TimeFormat)}, 304},
			"another tag, the time":    {[]string{`If-None-Match: "other"`, "If-Modified-Since: " + last}, 200},
			"no tag at all, the time":  {[]string{"If-None-Match: ", "If-Modified-Since: " + last}, 200},
		} {
			a := get(c.headers...)
			if a.StatusCode != c.status || c.status == 304 && (a.Text != "" || a.Header.Get("ETag") != etag || a.Header.Get("Last-Modified") != last) {
				t.Errorf("%s, %s: %d, want %d %v", path, name, a.StatusCode, c.status, a.Header)
			}
		}
		if change == nil {
			continue
		}
		change()
		// Within the second of a change there is no time to be told, and nothing to skip.
		now := get("If-Modified-Since: " + last)
		if now.StatusCode != 200 {
			t.Errorf("%s: changed, and yet %d", path, now.StatusCode)
		}
		if at, err := http.ParseTime(now.Header.Get("Last-Modified")); err == nil && !at.Before(s.Now().Truncate(time.Second)) {
			t.Errorf("%s: tells a second that goes on", path)
		}
		s.Advance(2 * time.Second)
		now = get("If-Modified-Since: " + last)
		if got := now.Header.Get("Last-Modified"); now.StatusCode != 200 || got == last {
			t.Errorf("%s: changed at %q, and yet %d with %q", path, last, now.StatusCode, got)
		}
	}

	// The same words to another person are another answer, and the gate comes first.
	last := "If-Modified-Since: " + s.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	s.Do(t, "PATCH", "/api/v3/repos/ada/r", `{"private":true}`, auth)
	s.Advance(2 * time.Second)
	for _, path := range []string{"/repos/ada/r", release, hook, deployment, "/repos/ada/none"} {
		if a := s.Do(t, "GET", "/api/v3"+path, "", bearer(others), last); a.StatusCode != 404 || a.Header.Get("Last-Modified") != "" {
			t.Errorf("%s to a stranger: %d %v", path, a.StatusCode, a.Header)
		}
	}
	// Lists, and what is the latest, have no time.
	for _, path := range []string{"/user/repos", "/repos/ada/r/releases", "/repos/ada/r/releases/latest"} {
		if a := s.Do(t, "GET", "/api/v3"+path, "", auth, last); a.StatusCode != 200 || a.Header.Get("Last-Modified") != "" {
			t.Errorf("%s: %d, Last-Modified is %q", path, a.StatusCode, a.Header.Get("Last-Modified"))
		}
	}
	// A commit tells its own time, which says nothing of what is told beside it.
	if a := s.Do(t, "GET", "/api/v3/repos/ada/r/commits/"+sha, "", auth, last); a.StatusCode != 200 || a.Header.Get("Last-Modified") == "" {
		t.Errorf("a commit: %d %v", a.StatusCode, a.Header)
	}
	// A change is no read.
	if a := s.Do(t, "PATCH", "/api/v3/repos/ada/r", `{"description":"third"}`, auth, last); a.StatusCode != 200 || a.Header.Get("Last-Modified") != "" {
		t.Errorf("a change: %d %v", a.StatusCode, a.Header)
	}
}
