package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// field is a text in an answer, by its path.
func field(t *testing.T, a apptest.Answer, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.Text), &v); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.Text, err)
	}
	for part := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	s, _ := v.(string)
	return s
}

const openAPI = "/api/v3/repos/ada/open"

// blobOf is the file that every repository of the scene has.
func (s *scene) blobOf(t *testing.T, header string) (blob, commit, tree string) {
	t.Helper()
	a := s.Do(t, "GET", openAPI+"/commits/main", "", header)
	b := s.Do(t, "GET", openAPI+"/contents/file.txt", "", header)
	return field(t, b, "sha"), field(t, a, "sha"), field(t, a, "commit.tree.sha")
}

// TestF10_ByTheAPI: nothing that a checkout would take for git's own comes into a
// tree, by no way of the API.
func TestF10_ByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := bearer(s.token(t, s.ada, "all", "repo"))
	blob, _, _ := s.blobOf(t, ada)
	for _, path := range []string{".git/config", ".GIT/hooks/post-checkout", "a/.git/config", "git~1/config", ".g\u200cit/config"} {
		name, _ := json.Marshal(path)
		want(t, "a file at "+path, s.Do(t, "PUT", openAPI+"/contents/"+strings.ReplaceAll(path, "\u200c", "%E2%80%8C"), `{"message":"m","content":"eA=="}`, ada), 422)
		tree := s.Do(t, "POST", openAPI+"/git/trees", fmt.Sprintf(`{"tree":[{"path":%s,"mode":"100644","sha":"%s"}]}`, name, blob), ada)
		want(t, "a tree with "+path, tree, 422)
	}
	if out := s.clone(t, s.ada, s.token(t, s.ada, "clone", "repo"), "open").Run(t, "ls-tree", "-r", "--name-only", "HEAD"); strings.Contains(strings.ToLower(out), "git") {
		t.Errorf("the tree has %s", out)
	}
}

// TestF4_ByTheAPI: the API writes objects. No path and no link in the repository
// leads it to a file of the machine.
func TestF4_ByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := bearer(s.token(t, s.ada, "all", "repo"))
	blob, commit, tree := s.blobOf(t, ada)
	linked := s.Do(t, "POST", openAPI+"/git/trees", fmt.Sprintf(`{"base_tree":"%s","tree":[{"path":"out","mode":"120000","content":"../../../.."},{"path":"config","mode":"120000","content":"../config"}]}`, tree), ada)
	made := s.Do(t, "POST", openAPI+"/git/commits", fmt.Sprintf(`{"message":"m","tree":"%s","parents":["%s"]}`, field(t, linked, "sha"), commit), ada)
	want(t, "the links", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s"}`, field(t, made, "sha")), ada), 200)
	want(t, "a file behind the link", s.Do(t, "PUT", openAPI+"/contents/out/x", `{"message":"m","content":"eA=="}`, ada), 422)
	for _, name := range []string{"out", "config"} {
		a := s.Do(t, "GET", openAPI+"/contents/"+name, "", ada)
		if want(t, "the link "+name, a, 200); field(t, a, "type") != "symlink" {
			t.Errorf("%s: %s", name, a.Text)
		}
	}
	for _, path := range []string{"..%2fconfig", "..%2f..%2f..%2fjeton.db", "%2e%2e%2fHEAD", "out%2f..%2f..%2fx", "x%00y", "%2fetc%2fx"} {
		want(t, "writing "+path, s.Do(t, "PUT", openAPI+"/contents/"+path, `{"message":"m","content":"eA=="}`, ada), 422)
		want(t, "reading "+path, s.Do(t, "GET", openAPI+"/contents/"+path, "", ada), 404)
	}
	_ = blob
}

// TestH3_ByTheAPI: a workflow file wants its scope, whether it comes as a file, or
// as a tree and a commit that another token made.
func TestH3_ByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	without, with := bearer(s.token(t, s.ada, "without", "repo")), bearer(s.token(t, s.ada, "with", "repo", "workflow"))
	_, commit, tree := s.blobOf(t, without)
	const path = ".github/workflows/ci.yml"
	want(t, "a file", s.Do(t, "PUT", openAPI+"/contents/"+path, `{"message":"m","content":"eA=="}`, without), 403)
	made := s.Do(t, "POST", openAPI+"/git/trees", fmt.Sprintf(`{"base_tree":"%s","tree":[{"path":"%s","mode":"100644","content":"x"}]}`, tree, path), with)
	body := fmt.Sprintf(`{"message":"m","tree":"%s","parents":["%s"]}`, field(t, made, "sha"), commit)
	by := field(t, s.Do(t, "POST", openAPI+"/git/commits", body, with), "sha")
	want(t, "a branch that is moved to it", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s"}`, by), without), 403)
	want(t, "a new branch", s.Do(t, "POST", openAPI+"/git/refs", fmt.Sprintf(`{"ref":"refs/heads/x","sha":"%s"}`, by), without), 403)
	want(t, "a new tag", s.Do(t, "POST", openAPI+"/git/refs", fmt.Sprintf(`{"ref":"refs/tags/x","sha":"%s"}`, by), without), 403)
	want(t, "with the scope", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s"}`, by), with), 200)
}

// TestH3_InATree: a tree with a workflow is refused when it is made.
func TestH3_InATree(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	without := bearer(s.token(t, s.ada, "without", "repo"))
	inner := s.Do(t, "POST", openAPI+"/git/trees", `{"tree":[{"path":"ci.yml","mode":"100644","content":"x"}]}`, without)
	for _, body := range []string{
		`{"tree":[{"path":".github/workflows/ci.yml","mode":"100644","content":"x"}]}`,
		fmt.Sprintf(`{"tree":[{"path":".github/workflows","mode":"040000","sha":"%s"}]}`, field(t, inner, "sha")),
	} {
		want(t, body, s.Do(t, "POST", openAPI+"/git/trees", body, without), 403)
	}
}

// TestH8_ByTheAPI: a branch does not go back unless that is said.
func TestH8_ByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := bearer(s.token(t, s.ada, "all", "repo"))
	_, first, _ := s.blobOf(t, ada)
	want(t, "forwards", s.Do(t, "PUT", openAPI+"/contents/new.txt", `{"message":"m","content":"eA=="}`, ada), 201)
	want(t, "backwards", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s"}`, first), ada), 422)
	want(t, "backwards, forced", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s","force":true}`, first), ada), 200)
}

// TestJ7_ByTheAPI: what no ref reaches any more is not read by its name.
func TestJ7_ByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := bearer(s.token(t, s.ada, "all", "repo"))
	_, first, _ := s.blobOf(t, ada)
	a := s.Do(t, "PUT", openAPI+"/contents/hidden.txt", `{"message":"m","content":"aGlkZGVu"}`, ada)
	want(t, "the file", a, 201)
	want(t, "it goes", s.Do(t, "PATCH", openAPI+"/git/refs/heads/main", fmt.Sprintf(`{"sha":"%s","force":true}`, first), ada), 200)
	blob, commit, tree := field(t, a, "content.sha"), field(t, a, "commit.sha"), field(t, a, "commit.tree.sha")
	for _, path := range []string{"/git/blobs/" + blob, "/git/commits/" + commit, "/git/trees/" + tree, "/contents/hidden.txt?ref=" + commit, "/commits?sha=" + commit, "/compare/main..." + commit, "/tarball/" + commit, "/legacy.zip/" + commit, "/raw/" + commit + "/hidden.txt"} {
		for who, header := range map[string]string{"ada": ada, "eve": bearer(s.token(t, s.eve, path, "repo"))} {
			want(t, who+", "+path, s.Do(t, "GET", openAPI+path, "", header), 404)
		}
	}
}

// TestJ7_MadeByOthers: what somebody made through the API is theirs until a ref
// names it.
func TestJ7_MadeByOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ada := bearer(s.token(t, s.ada, "all", "repo"))
	bob := s.User(t, "bob")
	r, err := s.Repos.Find(t.Context(), s.DB, "ada", "open", 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, r.Repo, bob, right.Write)
	bobs := bearer(s.token(t, bob, "all", "repo"))
	made := s.Do(t, "POST", openAPI+"/git/blobs", `{"content":"made by ada"}`, ada)
	want(t, "made", made, 201)
	sha := field(t, made, "sha")
	want(t, "by its maker", s.Do(t, "GET", openAPI+"/git/blobs/"+sha, "", ada), 200)
	want(t, "by another", s.Do(t, "GET", openAPI+"/git/blobs/"+sha, "", bobs), 404)
	want(t, "in a tree of another's", s.Do(t, "POST", openAPI+"/git/trees", fmt.Sprintf(`{"tree":[{"path":"x","mode":"100644","sha":"%s"}]}`, sha), bobs), 422)
}

// TestK_SecretByTheAPI: a live token comes into no object, and no ref.
func TestK_SecretByTheAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "all", "repo")
	ada := bearer(plain)
	_, _, tree := s.blobOf(t, ada)
	want(t, "a blob", s.Do(t, "POST", openAPI+"/git/blobs", fmt.Sprintf(`{"content":"key=%s"}`, plain), ada), 422)
	want(t, "a tree", s.Do(t, "POST", openAPI+"/git/trees", fmt.Sprintf(`{"tree":[{"path":"x","mode":"100644","content":"key=%s"}]}`, plain), ada), 422)
	want(t, "a message", s.Do(t, "POST", openAPI+"/git/commits", fmt.Sprintf(`{"message":"key=%s","tree":"%s"}`, plain, tree), ada), 422)
}
