package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/commitstatus"
	"jeton/internal/right"
)

// pushed makes a repository with one commit and returns its name.
func pushed(t *testing.T, s *apptest.Server, who account.Account, name string, private bool) (*apptest.Git, string) {
	t.Helper()
	s.Repo(t, who, name, private)
	_, plain := s.Token(t, who, "push "+name, "repo")
	g := s.Git(t, who.Login, plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "file", "x", "First")
	g.Run(t, "push", "-q", s.URL()+"/"+who.Login+"/"+name+".git", "main")
	return g, g.Run(t, "rev-parse", "HEAD")
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	g, sha := pushed(t, s, ada, "r", true)
	_, ci := s.Token(t, ada, "ci", "repo:status")
	_, others := s.Token(t, bob, "all", "repo")
	auth := bearer(ci)
	base := "/api/v3/repos/ada/r"
	post := func(body string, want int) map[string]any {
		t.Helper()
		a := s.Do(t, "POST", base+"/statuses/"+sha, body, auth)
		if a.StatusCode != want {
			t.Fatalf("%s: %d %s, want %d", body, a.StatusCode, a.Text, want)
		}
		return object(t, a)
	}
	combined := func(want string, n int) {
		t.Helper()
		a := s.Do(t, "GET", base+"/commits/main/status", "", auth)
		o := object(t, a)
		if o["state"] != want || o["total_count"] != float64(n) || o["sha"] != sha {
			t.Errorf("combined: %s, want %s of %d", a.Text, want, n)
		}
	}
	combined("pending", 0)
	for name, c := range map[string]struct{ body, field string }{
		"no state":    {`{}`, "state"},
		"odd state":   {`{"state":"done"}`, "state"},
		"long":        {`{"state":"success","description":"` + strings.Repeat("x", 141) + `"}`, "description"},
		"a script":    {`{"state":"success","target_url":"javascript:alert(1)"}`, "target_url"},
		"a user name": {`{"state":"success","target_url":"https://user:x@example.com"}`, "target_url"},
		"a context":   {`{"state":"success","context":"` + strings.Repeat("x", 256) + `"}`, "context"},
	} {
		a := s.Do(t, "POST", base+"/statuses/"+sha, c.body, auth)
		if field, _ := errorOf(t, a); a.StatusCode != http.StatusUnprocessableEntity || field != c.field {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	first := post(`{"state":"success"}`, 201)
	if first["context"] != "default" || first["description"] != nil || first["target_url"] != nil || first["creator"].(map[string]any)["login"] != "ada" {
		t.Errorf("%v", first)
	}
	combined("success", 1)
	post(`{"state":"pending","context":"ci/test","target_url":"https://ci.example.com/1","description":"Running"}`, 201)
	combined("pending", 2)
	post(`{"state":"error","context":"ci/lint"}`, 201)
	combined("failure", 3)
	post(`{"state":"success","context":"ci/lint"}`, 201)
	combined("pending", 3)
	if page := s.Do(t, "GET", "/ada/r/commit/"+sha, "", cookie(t, s, ada)); !strings.Contains(page.Text, "ci/test") || !strings.Contains(page.Text, `href="https://ci.example.com/1"`) || !strings.Contains(page.Text, ">Pending<") {
		t.Error("the page of the commit shows no checks")
	}
	if page := s.Do(t, "GET", "/ada/r/commits", "", cookie(t, s, ada)); !strings.Contains(page.Text, "2 of 3 checks succeeded") {
		t.Error("the list of commits shows no checks")
	}
	a := s.Do(t, "GET", base+"/commits/"+sha[:10]+"/statuses?per_page=1", "", auth)
	if !strings.Contains(a.Text, `"ci/lint"`) || strings.Contains(a.Text, `"error"`) || !strings.Contains(a.Header.Get("Link"), `rel="next"`) {
		t.Errorf("the newest first: %s", a.Text)
	}

	// What no ref reaches is not there, and neither is what is another's.
	lost := g.Run(t, "commit-tree", "-m", "lost", "HEAD^{tree}")
	for _, rev := range []string{lost, strings.Repeat("0", 40), "nothing", "-x"} {
		if a := s.Do(t, "POST", base+"/statuses/"+rev, `{"state":"success"}`, auth); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "No commit found for SHA") {
			t.Errorf("%s: %d %s", rev, a.StatusCode, a.Text)
		}
	}
	if a := s.Do(t, "GET", base+"/commits/main/status", "", bearer(others)); a.StatusCode != http.StatusNotFound {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
	// The scope gives statuses and no code.
	if a := s.Do(t, "GET", base, "", auth); a.StatusCode != http.StatusNotFound {
		t.Errorf("the repository itself: %d", a.StatusCode)
	}
	if a := s.Do(t, "GET", "/ada/r.git/info/refs?service=git-upload-pack", "", basic("x", ci)); a.StatusCode == http.StatusOK {
		t.Error("code is given")
	}
	repo, err := s.Repos.Find(t.Context(), s.DB, "ada", "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, repo.Repo, bob, right.Read)
	if a := s.Do(t, "POST", base+"/statuses/"+sha, `{"state":"success"}`, bearer(others)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "push access") {
		t.Errorf("a reader writes: %d %s", a.StatusCode, a.Text)
	}

	// The bound of one context.
	for range 999 {
		if _, err := s.Statuses.Create(t.Context(), right.Operator(), repo.ID, sha, commitstatus.New{State: "success"}); err != nil {
			t.Fatal(err)
		}
	}
	if a := s.Do(t, "POST", base+"/statuses/"+sha, `{"state":"success"}`, auth); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "maximum number of statuses") {
		t.Errorf("one more than a thousand: %d %s", a.StatusCode, a.Text)
	}
	post(`{"state":"success","context":"another"}`, 201)

	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), repo.ID); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM commit_statuses`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d statuses are left, %v", n, err)
	}
}

func cookie(t *testing.T, s *apptest.Server, who account.Account) string {
	t.Helper()
	return fmt.Sprintf("Cookie: __Host-session=%s", s.Session(t, who).Reveal())
}
