package rest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// releases is a person who publishes.
type releases struct {
	t    *testing.T
	s    *apptest.Server
	auth string
}

const releaseBase = "/api/v3/repos/ada/r"

func (r *releases) do(method, path, body string, want int, headers ...string) apptest.Answer {
	r.t.Helper()
	a := r.s.Do(r.t, method, path, body, append([]string{r.auth}, headers...)...)
	if a.StatusCode != want {
		r.t.Fatalf("%s %s %.200s: %d %s, want %d", method, path, body, a.StatusCode, a.Text, want)
	}
	return a
}

func (r *releases) create(body string) (path string, o map[string]any) {
	r.t.Helper()
	o = object(r.t, r.do("POST", releaseBase+"/releases", body, 201))
	return fmt.Sprintf("%s/releases/%.0f", releaseBase, o["id"]), o
}

// upload sends a file to where the release says.
func (r *releases) upload(o map[string]any, name, content string, want int) apptest.Answer {
	r.t.Helper()
	to, _, _ := strings.Cut(o["upload_url"].(string), "{")
	if !strings.HasPrefix(to, r.s.URL()+"/api/uploads/repos/ada/r/releases/") {
		r.t.Fatalf("upload_url is %v", o["upload_url"])
	}
	return r.do("POST", strings.TrimPrefix(to, r.s.URL())+"?name="+name, content, want, "Content-Type: text/plain")
}

func TestReleases(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	g, sha := pushed(t, s, ada, "r", false)
	_, plain := s.Token(t, ada, "release", "repo")
	_, others := s.Token(t, bob, "all", "repo")
	r := &releases{t, s, bearer(plain)}

	r.do("GET", releaseBase+"/releases/latest", "", 404)
	for name, c := range map[string]struct{ body, field string }{
		"no tag":     {`{}`, "tag_name"},
		"a bad tag":  {`{"tag_name":"a..b"}`, "tag_name"},
		"an option":  {`{"tag_name":"-x","target_commitish":"--all"}`, ""},
		"no target":  {`{"tag_name":"v0","target_commitish":"nothing"}`, "target_commitish"},
		"a long one": {`{"tag_name":"v0","body":"` + strings.Repeat("x", 125_001) + `"}`, "body"},
		"latest":     {`{"tag_name":"v0","make_latest":"maybe"}`, "make_latest"},
	} {
		a := s.Do(t, "POST", releaseBase+"/releases", c.body, r.auth)
		if field, _ := errorOf(t, a); a.StatusCode != 422 || c.field != "" && field != c.field {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	// What is refused leaves no tag behind.
	if tags := g.Run(t, "ls-remote", "--tags", s.URL()+"/ada/r.git"); tags != "" {
		t.Errorf("tags of releases that were refused: %s", tags)
	}

	first, o := r.create(`{"tag_name":"v1.0","name":"One","body":"**First**","generate_release_notes":true}`)
	if o["draft"] != false || o["tag_name"] != "v1.0" || o["published_at"] == nil || o["html_url"] != s.URL()+"/ada/r/releases/tag/v1.0" || !strings.Contains(o["body"].(string), "Full Changelog") {
		t.Errorf("%v", o)
	}
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/r.git", "refs/tags/v1.0"); !strings.HasPrefix(out, sha) {
		t.Errorf("the tag is %q", out)
	}
	r.do("POST", releaseBase+"/releases", `{"tag_name":"v1.0"}`, 422)

	// Assets: up, listed, down, in parts, renamed, deleted.
	const content = "The analytical engine weaves algebraical patterns.\n"
	sum := sha256.Sum256([]byte(content))
	a := object(t, r.upload(o, "engine%20notes.txt", content, 201))
	if a["name"] != "engine.notes.txt" || a["label"] != "engine notes.txt" || a["size"] != float64(len(content)) || a["digest"] != "sha256:"+hex.EncodeToString(sum[:]) || a["content_type"] != "text/plain" {
		t.Errorf("%v", a)
	}
	asset := fmt.Sprintf("%s/releases/assets/%.0f", releaseBase, a["id"])
	r.upload(o, "engine.notes.txt", content, 422)
	r.upload(o, "", content, 422)
	r.upload(o, "...", content, 422)
	if got := r.do("GET", asset, "", 200, "Accept: application/octet-stream"); got.Text != content || got.Header.Get("Content-Type") != "text/plain" ||
		!strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%q %v", got.Text, got.Header)
	}
	if got := r.do("GET", asset, "", 206, "Accept: application/octet-stream", "Range: bytes=4-13"); got.Text != content[4:14] {
		t.Errorf("a part: %q", got.Text)
	}
	page := s.Do(t, "GET", "/ada/r/releases/tag/v1.0", "")
	if !strings.Contains(page.Text, "<strong>First</strong>") || !strings.Contains(page.Text, `href="/ada/r/releases/download/v1.0/engine.notes.txt"`) {
		t.Errorf("the page: %d %s", page.StatusCode, page.Text)
	}
	if got := s.Do(t, "GET", "/ada/r/releases/download/v1.0/engine.notes.txt", ""); got.Text != content || got.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("the browser gets %d %q", got.StatusCode, got.Text)
	}
	if got := s.Do(t, "GET", "/ada/r/releases/latest", ""); got.Header.Get("Location") != "/ada/r/releases/tag/v1.0" {
		t.Errorf("latest leads to %q", got.Header.Get("Location"))
	}
	if err := s.Releases.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := object(t, r.do("GET", asset, "", 200)); got["download_count"] != float64(2) {
		t.Errorf("%v downloads", got["download_count"])
	}
	if got := object(t, r.do("PATCH", asset, `{"name":"notes.txt","label":""}`, 200)); got["name"] != "notes.txt" || got["label"] != "" {
		t.Errorf("%v", got)
	}
	r.do("GET", first+"/assets", "", 200)
	r.do("GET", first+"/other", "", 404)

	// Drafts are for who may write.
	draft, od := r.create(`{"tag_name":"v2.0","draft":true,"prerelease":false}`)
	ad := object(t, r.upload(od, "x.bin", "draft", 201))
	draftAsset := fmt.Sprintf("%s/releases/assets/%.0f", releaseBase, ad["id"])
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/r.git", "refs/tags/v2.0"); out != "" {
		t.Errorf("a draft made the tag %q", out)
	}
	for _, path := range []string{draft, draft + "/assets", draftAsset, releaseBase + "/releases/tags/v2.0"} {
		for _, auth := range []string{bearer(others), "Accept: */*"} {
			if got := s.Do(t, "GET", path, "", auth); got.StatusCode != 404 {
				t.Errorf("a draft, by others: %s: %d", path, got.StatusCode)
			}
		}
	}
	query := `{"query":"{repository(owner:\"ada\",name:\"r\"){releases(first:9){totalCount nodes{tagName isLatest}} release(tagName:\"v2.0\"){isDraft}}}"}`
	if got := s.Do(t, "POST", "/api/graphql", query, bearer(others)); strings.Contains(got.Text, "v2.0") || !strings.Contains(got.Text, `"release":null`) || !strings.Contains(got.Text, `"totalCount":1`) {
		t.Errorf("GraphQL tells others of the draft: %s", got.Text)
	}
	if got := s.Do(t, "POST", "/api/graphql", query, r.auth); !strings.Contains(got.Text, `"release":{"isDraft":true}`) || !strings.Contains(got.Text, `"totalCount":2`) {
		t.Errorf("GraphQL tells the owner: %s", got.Text)
	}
	to := "/api/uploads/repos/ada/r" + strings.TrimPrefix(first, releaseBase) + "/assets?name=z"
	for auth, want := range map[string]int{"Accept: */*": 401, bearer(others): 403, "Cookie: __Host-session=" + s.Session(t, ada).Reveal(): 401} {
		if got := s.Do(t, "POST", to, "x", auth); got.StatusCode != want {
			t.Errorf("an upload: %d %s, want %d", got.StatusCode, got.Text, want)
		}
	}
	for _, path := range []string{"/api/uploads/user", "/api/uploads/repos/ada/r/releases/1/assets/x"} {
		if got := s.Do(t, "POST", path, "x", r.auth); got.StatusCode != 404 {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/ada/r/releases", releaseBase + "/releases"} {
		if got := s.Do(t, "GET", path, ""); strings.Contains(got.Text, "v2.0") || !strings.Contains(got.Text, "v1.0") {
			t.Errorf("visitors see the draft at %s", path)
		}
	}
	if got := s.Do(t, "GET", "/ada/r/releases", "", cookie(t, s, ada)); !strings.Contains(got.Text, "v2.0") || !strings.Contains(got.Text, ">Draft<") {
		t.Error("the owner does not see the draft")
	}
	if got := s.Do(t, "GET", "/ada/r/releases/download/v2.0/x.bin", "", cookie(t, s, ada)); got.StatusCode != 404 {
		t.Errorf("a draft's file by its tag: %d", got.StatusCode)
	}
	for _, c := range [][2]string{{"POST", releaseBase + "/releases"}, {"PATCH", first}, {"DELETE", first}, {"POST", first + "/assets?name=y"}, {"PATCH", asset}, {"DELETE", asset}} {
		if got := s.Do(t, c[0], c[1], `{"tag_name":"v9"}`, bearer(others)); got.StatusCode != 403 {
			t.Errorf("%s %s by a stranger: %d", c[0], c[1], got.StatusCode)
		}
	}
	if got := object(t, r.do("PATCH", draft, `{"draft":false,"make_latest":"false"}`, 200)); got["published_at"] == nil || got["tag_name"] != "v2.0" {
		t.Errorf("%v", got)
	}
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/r.git", "refs/tags/v2.0"); !strings.HasPrefix(out, sha) {
		t.Errorf("the tag is %q", out)
	}
	latest := func(want string) {
		t.Helper()
		if got := object(t, r.do("GET", releaseBase+"/releases/latest", "", 200)); got["tag_name"] != want {
			t.Errorf("the latest is %v, want %s", got["tag_name"], want)
		}
	}
	latest("v1.0")
	r.create(`{"tag_name":"v3.0-rc","prerelease":true}`)
	latest("v1.0")
	r.do("PATCH", draft, `{"make_latest":"true"}`, 200)
	latest("v2.0")

	// A number of another repository leads nowhere.
	pushed(t, s, bob, "other", false)
	if got := s.Do(t, "GET", "/api/v3/repos/bob/other"+strings.TrimPrefix(first, releaseBase), ""); got.StatusCode != 404 {
		t.Errorf("by another repository: %d", got.StatusCode)
	}

	// What is deleted is gone, and its bytes some time later.
	r.do("DELETE", asset, "", 204)
	r.do("GET", asset, "", 404)
	r.do("DELETE", draft, "", 204)
	r.do("GET", draftAsset, "", 404)
	if n, err := s.Releases.Tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("at once: %d, %v", n, err)
	}
	s.Advance(25 * time.Hour)
	if n, err := s.Releases.Tidy(t.Context()); n != 2 || err != nil {
		t.Errorf("a day later: %d, %v", n, err)
	}
	for info, err := range s.ReleaseBlobs.All(t.Context()) {
		t.Errorf("left: %v, %v", info, err)
	}
	repo, err := s.Repos.Find(t.Context(), s.DB, "ada", "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), repo.ID); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.DB.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM releases) + (SELECT COUNT(*) FROM release_assets)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

// TestReleases_rules: the tag of a release is a push like any other.
func TestReleases_rules(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	g, _ := pushed(t, s, ada, "r", true)
	repo, err := s.Repos.Find(t.Context(), s.DB, "ada", "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, repo.Repo, bob, right.Write)
	_, plain := s.Token(t, bob, "release", "repo")
	r := &releases{t, s, bearer(plain)}

	// A file that brings more than the quota has room for is refused.
	if err := s.Repos.SetQuota(t.Context(), right.Operator(), repo.ID, 1<<20); err != nil {
		t.Fatal(err)
	}
	_, o := r.create(`{"tag_name":"v1"}`)
	r.upload(o, "small", strings.Repeat("x", 100<<10), 201)
	r.upload(o, "large", strings.Repeat("x", 1<<20), 413)
	entries, err := os.ReadDir(s.Config.Releases() + "/tmp")
	if err == nil && len(entries) > 0 {
		t.Errorf("an upload that was refused left %v", entries)
	}
	after, err := s.Repos.Find(t.Context(), s.DB, "ada", "r", 0)
	if err != nil || after.LFSBytes != 100<<10 {
		t.Errorf("%d bytes are counted, %v", after.LFSBytes, err)
	}

	// An archived repository publishes nothing.
	if _, err := s.Repos.SetArchived(t.Context(), right.Operator(), repo.ID, true); err != nil {
		t.Fatal(err)
	}
	r.do("POST", releaseBase+"/releases", `{"tag_name":"v2"}`, 403)
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/r.git", "refs/tags/v2"); out != "" {
		t.Errorf("the tag is %q", out)
	}
}
