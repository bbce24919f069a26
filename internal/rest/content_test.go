package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/right"
)

// TestContents_life: a repository begins, grows and shrinks by the API alone, and
// git finds in it what the answers said.
func TestContents_life(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if a := d.ask(t, 404, "GET", "/contents/README.md", nil); !strings.Contains(a.Text, "This repository is empty.") {
		t.Errorf("empty: %s", a.Text)
	}
	made := d.put(t, 201, "README.md", "# Engine\n", "Begin")
	if str(t, made, "content.path") != "README.md" || str(t, made, "commit.message") != "Begin" || str(t, made, "commit.author.email") != "ada@example.com" {
		t.Errorf("the first commit: %v", made)
	}
	sha := str(t, made, "content.sha")
	d.put(t, 422, "README.md", "x", "m")
	d.put(t, 409, "README.md", "x", "m", "sha", strings.Repeat("1", 40))
	changed := d.put(t, 200, "README.md", "# Engine 2\n", "Change", "sha", sha)
	d.put(t, 201, "docs/a/b.txt", "deep\n", "Deep")
	d.put(t, 201, "docs/c.txt", "c\n", "Beside")
	d.put(t, 422, "README.md/x", "c\n", "A file in the way")
	d.put(t, 422, "docs", "c\n", "A folder in the way")
	// The file is read as it was written, in every form.
	got := d.object(t, 200, "GET", "/contents/README.md", nil)
	text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(str(t, got, "content"), "\n", ""))
	if err != nil || string(text) != "# Engine 2\n" || got["sha"] != get(t, changed, "content.sha") || got["encoding"] != "base64" || got["type"] != "file" {
		t.Errorf("read: %q, %v, %v", text, err, got)
	}
	if raw := d.ask(t, 200, "GET", "/contents/README.md", nil, "Accept: application/vnd.github.raw+json"); raw.Text != "# Engine 2\n" || !strings.HasPrefix(raw.Header.Get("Content-Type"), "application/vnd.github.raw") {
		t.Errorf("raw: %q %s", raw.Text, raw.Header.Get("Content-Type"))
	}
	if html := d.ask(t, 200, "GET", "/readme", nil, "Accept: application/vnd.github.html"); !strings.Contains(html.Text, "<h1") {
		t.Errorf("html: %q", html.Text)
	}
	if raw := d.ask(t, 200, "GET", str(t, got, "download_url")[len(d.URL()):], nil); raw.Text != "# Engine 2\n" {
		t.Errorf("download_url: %q", raw.Text)
	}
	if list := d.list(t, "/contents/docs"); len(list) != 2 || list[0]["type"] != "dir" || list[1]["name"] != "c.txt" || list[1]["size"] != 2.0 {
		t.Errorf("the folder: %v", list)
	}
	if o := d.object(t, 200, "GET", "/contents/docs", nil, "Accept: application/vnd.github.object"); o["type"] != "dir" || len(o["entries"].([]any)) != 2 {
		t.Errorf("the folder as an object: %v", o)
	}
	// What is the same is not sent again.
	etag := d.ask(t, 200, "GET", "/contents/docs", nil).Header.Get("ETag")
	d.ask(t, 304, "GET", "/contents/docs", nil, "If-None-Match: "+etag)
	// Gone are the file and the folder that it leaves empty.
	deep := str(t, d.object(t, 200, "GET", "/contents/docs/a/b.txt", nil), "sha")
	d.ask(t, 422, "DELETE", "/contents/docs/a/b.txt", dict{"message": "Remove"})
	gone := d.object(t, 200, "DELETE", "/contents/docs/a/b.txt", dict{"message": "Remove", "sha": deep})
	if gone["content"] != nil {
		t.Errorf("after the deletion: %v", gone)
	}
	c := str(t, d.object(t, 200, "GET", "/contents/docs/c.txt", nil), "sha")
	d.ask(t, 200, "DELETE", "/contents/docs/c.txt?message=Query&sha="+c, nil) // by the query, as some clients do
	d.ask(t, 404, "GET", "/contents/docs", nil)

	g := d.clone(t)
	if out := g.Run(t, "log", "--reverse", "--format=%s|%an|%ae|%cn"); out != "Begin|ada|ada@example.com|ada\nChange|ada|ada@example.com|ada\nDeep|ada|ada@example.com|ada\nBeside|ada|ada@example.com|ada\nRemove|ada|ada@example.com|ada\nQuery|ada|ada@example.com|ada" {
		t.Errorf("git log:\n%s", out)
	}
	if out := g.Run(t, "ls-tree", "-r", "--name-only", "HEAD"); out != "README.md" {
		t.Errorf("git ls-tree: %s", out)
	}
	if r, err := d.Repos.ByID(t.Context(), d.DB, d.repo.ID); err != nil || r.DefaultBranch != "main" || r.PushedAt.IsZero() {
		t.Errorf("the row: %+v, %v", r, err)
	}
}

// TestContents_words: what is wrong is told in GitHub's words.
func TestContents_words(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	for _, c := range []struct {
		method, path string
		body         any
		code         int
		want         string
	}{
		{"PUT", "/contents/b.txt", dict{"content": ""}, 422, `"message\" wasn't supplied`},
		{"PUT", "/contents/b.txt", dict{"message": "m"}, 422, `"content\" wasn't supplied`},
		{"PUT", "/contents/b.txt", dict{"message": "m", "content": "%%%"}, 422, "content is not valid Base64"},
		{"PUT", "/contents/a.txt", dict{"message": "m", "content": ""}, 422, `"sha\" wasn't supplied`},
		{"PUT", "/contents/a.txt", dict{"message": "m", "content": "", "sha": strings.Repeat("1", 40)}, 409, "a.txt does not match 1111"},
		{"PUT", "/contents/b.txt", dict{"message": "m", "content": "", "branch": "none"}, 404, "Branch none not found"},
		{"PUT", "/contents/b.txt", dict{"message": "m", "content": "", "author": dict{"name": "x"}}, 422, "author.email"},
		{"PUT", "/contents/b.txt", dict{"message": "m\u0000", "content": ""}, 422, "nulInCommit"},
		{"PUT", "/contents/.git/config", dict{"message": "m", "content": ""}, 422, "malformed path component"},
		{"PUT", "/contents/.GIT%2Fhooks%2Fx", dict{"message": "m", "content": ""}, 422, "malformed path component"},
		{"PUT", "/contents/a%2F..%2F..%2Fetc", dict{"message": "m", "content": ""}, 422, "malformed path component"},
		{"PUT", "/contents/git~1/config", dict{"message": "m", "content": ""}, 422, "malformed path component"},
		{"PUT", "/contents/x%00y", dict{"message": "m", "content": ""}, 422, "zero byte"},
		{"PUT", "/contents/%2Fabs", dict{"message": "m", "content": ""}, 422, "cannot start with a slash"},
		{"DELETE", "/contents/none", dict{"message": "m", "sha": strings.Repeat("1", 40)}, 404, "Not Found"},
		{"GET", "/contents/a.txt?ref=none", nil, 404, "No commit found for the ref none"},
		{"GET", "/contents/none", nil, 404, "Not Found"},
		{"GET", "/contents/..%2F..%2Fconfig", nil, 404, "Not Found"},
		{"GET", "/readme", nil, 404, "Not Found"},
		{"GET", "/commits/none", nil, 422, "No commit found for SHA: none"},
		{"GET", "/branches/none", nil, 404, "Branch not found"},
		{"GET", "/compare/main...none", nil, 404, "Not Found"},
		{"GET", "/git/ref/heads/none", nil, 404, "Not Found"},
		{"POST", "/git/refs", dict{"ref": "refs/heads/main", "sha": "HEAD"}, 422, "sha"},
		{"GET", "/branches/main/protection", nil, 404, "Branch not protected"},
	} {
		if a := d.ask(t, c.code, c.method, c.path, c.body); !strings.Contains(a.Text, c.want) {
			t.Errorf("%s %s: %s, want %q", c.method, c.path, a.Text, c.want)
		}
	}
	if out := d.clone(t).Run(t, "rev-list", "--count", "--all"); out != "1" {
		t.Errorf("%s commits after nothing but refusals", out)
	}
}

// TestContents_special: links are followed inside the repository alone, submodules
// are told of, and the bits of files stay.
func TestContents_special(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	g := d.git
	g.Run(t, "init", "-q")
	g.Write(t, "real.txt", "real\n")
	g.Write(t, "run.sh", "#!/bin/sh\n")
	g.Run(t, "add", "-A")
	g.Run(t, "update-index", "--chmod=+x", "run.sh")
	link := func(name, target string) {
		id, _ := g.TryIn(t, target, "hash-object", "-w", "--stdin")
		g.Run(t, "update-index", "--add", "--cacheinfo", "120000,"+strings.TrimSpace(id)+","+name)
	}
	link("inside", "real.txt")
	link("folder/up", "../real.txt")
	link("outside", "../../../../etc/passwd")
	link("absolute", "/etc/passwd")
	link("loop", "loop")
	g.Write(t, ".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.com/lib.git\n")
	g.Run(t, "add", ".gitmodules")
	g.Run(t, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",lib")
	g.Run(t, "commit", "-qm", "Special")
	g.Run(t, "push", "-q", d.URL()+"/ada/engine.git", "main")

	for _, name := range []string{"inside", "folder/up"} {
		if o := d.object(t, 200, "GET", "/contents/"+name, nil); o["type"] != "file" || o["path"] != "real.txt" {
			t.Errorf("%s: %v", name, o)
		}
	}
	for name, target := range map[string]string{"outside": "../../../../etc/passwd", "absolute": "/etc/passwd", "loop": "loop"} {
		if o := d.object(t, 200, "GET", "/contents/"+name, nil); o["type"] != "symlink" || o["target"] != target {
			t.Errorf("%s: %v", name, o)
		}
	}
	if o := d.object(t, 200, "GET", "/contents/lib", nil); o["type"] != "submodule" || o["submodule_git_url"] != "https://example.com/lib.git" || o["sha"] != strings.Repeat("1", 40) {
		t.Errorf("submodule: %v", o)
	}
	run := d.object(t, 200, "GET", "/contents/run.sh", nil)
	d.put(t, 200, "run.sh", "#!/bin/sh\ntrue\n", "Run", "sha", str(t, run, "sha"))
	if out := d.clone(t).Run(t, "ls-tree", "HEAD", "run.sh"); !strings.HasPrefix(out, "100755") {
		t.Errorf("the bit was lost: %s", out)
	}
}

// TestContents_rules: what a push may not do, the API does not either.
func TestContents_rules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Write)
	_, repoOnly := d.Token(t, bob, "bob", "repo")
	_, nothing := d.Token(t, bob, "none")
	body := dict{"message": "m", "content": b64("x")}
	// Without the scope there is no such repository.
	if a := d.as(t, nothing, "PUT", "/contents/b.txt", body); a.StatusCode != 404 {
		t.Errorf("no scope: %d", a.StatusCode)
	}
	// Workflow files want their scope, by every way.
	workflow := ".github/workflows/ci.yml"
	a := d.as(t, repoOnly, "PUT", "/contents/"+workflow, body)
	if a.StatusCode != 403 || !strings.Contains(a.Text, "without `workflow` scope") || a.Header.Get("X-Accepted-OAuth-Scopes") != "workflow" {
		t.Errorf("workflow: %d %s %q", a.StatusCode, a.Text, a.Header.Get("X-Accepted-OAuth-Scopes"))
	}
	for _, tree := range []dict{
		{"tree": []dict{{"path": workflow, "mode": "100644", "content": "x"}}},
		{"tree": []dict{{"path": ".github/workflows", "mode": "120000", "content": "x"}}},
	} {
		if a := d.as(t, repoOnly, "POST", "/git/trees", tree); a.StatusCode != 403 {
			t.Errorf("a tree with a workflow: %d %s", a.StatusCode, a.Text)
		}
	}
	// In parts no tree is one of a repository, but the commit's is.
	inner := object(t, d.as(t, repoOnly, "POST", "/git/trees", dict{"tree": []dict{{"path": "ci.yml", "mode": "100644", "content": "x"}}}))
	if a := d.as(t, repoOnly, "POST", "/git/trees", dict{"tree": []dict{{"path": ".github/workflows", "mode": "040000", "type": "tree", "sha": inner["sha"]}}}); a.StatusCode != 403 {
		t.Errorf("a folder of workflows: %d %s", a.StatusCode, a.Text)
	}
	folder := object(t, d.as(t, repoOnly, "POST", "/git/trees", dict{"tree": []dict{{"path": "workflows", "mode": "040000", "sha": inner["sha"]}}}))
	if a := d.as(t, repoOnly, "POST", "/git/trees", dict{"tree": []dict{{"path": ".github", "mode": "040000", "sha": folder["sha"]}}}); a.StatusCode != 403 {
		t.Errorf("a folder of workflows, deeper: %d %s", a.StatusCode, a.Text)
	}
	// Bob's other token made the commit: the one that moves the ref is asked.
	_, both := d.Token(t, bob, "both", "repo", "workflow")
	tree := object(t, d.as(t, both, "POST", "/git/trees", dict{"tree": []dict{{"path": workflow, "mode": "100644", "content": "x"}}}))
	main := str(t, d.object(t, 200, "GET", "/git/ref/heads/main", nil), "object.sha")
	commit := object(t, d.as(t, both, "POST", "/git/commits", dict{"message": "m", "tree": tree["sha"], "parents": []string{main}}))
	if a := d.as(t, repoOnly, "PATCH", "/git/refs/heads/main", dict{"sha": commit["sha"]}); a.StatusCode != 403 || !strings.Contains(a.Text, "workflow") {
		t.Errorf("a ref to a commit with a workflow: %d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, repoOnly, "POST", "/git/refs", dict{"ref": "refs/tags/v1", "sha": commit["sha"]}); a.StatusCode != 403 {
		t.Errorf("a tag of a commit with a workflow: %d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, both, "PATCH", "/git/refs/heads/main", dict{"sha": commit["sha"]}); a.StatusCode != 200 {
		t.Errorf("with the scope: %d %s", a.StatusCode, a.Text)
	}
	// A live token goes nowhere.
	secret := dict{"message": "m", "content": b64("key = " + repoOnly + "\n")}
	if a := d.as(t, both, "PUT", "/contents/key.txt", secret); a.StatusCode != 409 || !strings.Contains(a.Text, "Secret detected in content") {
		t.Errorf("a secret: %d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, both, "POST", "/git/blobs", dict{"content": "key = " + repoOnly}); a.StatusCode != 422 || !strings.Contains(a.Text, "Secret detected") {
		t.Errorf("a secret in a blob: %d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, both, "POST", "/git/trees", dict{"tree": []dict{{"path": "k", "mode": "100644", "content": repoOnly}}}); a.StatusCode != 422 {
		t.Errorf("a secret in a tree: %d %s", a.StatusCode, a.Text)
	}
	if a := d.as(t, both, "POST", "/git/commits", dict{"message": repoOnly, "tree": tree["sha"]}); a.StatusCode != 422 {
		t.Errorf("a secret in a message: %d %s", a.StatusCode, a.Text)
	}
	// Protected branches hold.
	d.ask(t, 200, "PUT", "/branches/main/protection", dict{"required_status_checks": nil, "enforce_admins": true, "required_pull_request_reviews": nil,
		"restrictions": dict{"users": []string{"ada"}, "teams": []string{}}})
	if a := d.as(t, both, "PUT", "/contents/c.txt", body); a.StatusCode != 403 || !strings.Contains(a.Text, "not authorized to push to this branch") {
		t.Errorf("a protected branch: %d %s", a.StatusCode, a.Text)
	}
	first := strings.Fields(d.clone(t).Run(t, "rev-list", "--reverse", "HEAD"))[0]
	if a := d.ask(t, 422, "PATCH", "/git/refs/heads/main", dict{"sha": first, "force": true}); !strings.Contains(a.Text, "Cannot force-push") {
		t.Errorf("force: %s", a.Text)
	}
	if a := d.ask(t, 422, "PATCH", "/git/refs/heads/main", dict{"sha": first}); !strings.Contains(a.Text, "not a fast forward") && !strings.Contains(a.Text, "Cannot force-push") {
		t.Errorf("backwards: %s", a.Text)
	}
	// The log has them like pushes.
	if log := d.Log.String(); strings.Contains(log, repoOnly) {
		t.Error("the secret is in the log")
	}
}

// TestGitDatabase: a history is made of single objects, and git finds it whole.
func TestGitDatabase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, path := range []string{"/git/blobs", "/git/trees", "/git/commits", "/git/tags"} {
		body := dict{"content": "x", "tree": []dict{}, "message": "m", "tag": "t", "object": strings.Repeat("1", 40), "type": "commit"}
		if path == "/git/commits" {
			body["tree"] = strings.Repeat("1", 40)
		}
		if a := d.ask(t, 409, "POST", path, body); !strings.Contains(a.Text, "Git Repository is empty.") {
			t.Errorf("%s: %s", path, a.Text)
		}
	}
	first := d.put(t, 201, "keep/a.txt", "a\n", "Begin")
	main := str(t, first, "commit.sha")
	blob := d.object(t, 201, "POST", "/git/blobs", dict{"content": b64("binary\x00\xff"), "encoding": "base64"})
	sha := str(t, blob, "sha")
	if back := d.object(t, 200, "GET", "/git/blobs/"+sha, nil); back["content"] != b64("binary\x00\xff")+"\n" || back["size"] != 8.0 {
		t.Errorf("the blob that nothing reaches: %v", back)
	}
	base := str(t, first, "commit.tree.sha")
	tree := d.object(t, 201, "POST", "/git/trees", dict{"base_tree": base, "tree": []dict{
		{"path": "bin/tool", "mode": "100755", "type": "blob", "sha": sha},
		{"path": "keep/b.txt", "mode": "100644", "type": "blob", "content": "b\n"},
		{"path": "keep/a.txt", "mode": "100644", "type": "blob", "sha": nil},
		{"path": "link", "mode": "120000", "type": "blob", "content": "bin/tool"},
		{"path": "sub", "mode": "160000", "type": "commit", "sha": strings.Repeat("2", 40)},
	}})
	commit := d.object(t, 201, "POST", "/git/commits", dict{"message": "By hand\n\nBody", "tree": tree["sha"], "parents": []string{main},
		"author": dict{"name": "Someone", "email": "someone@example.com", "date": "2020-02-02T02:02:02+05:30"}})
	if str(t, commit, "author.date") != "2020-02-01T20:32:02Z" || get(t, commit, "verification.reason") != "unsigned" {
		t.Errorf("the commit: %v", commit)
	}
	tag := d.object(t, 201, "POST", "/git/tags", dict{"tag": "v1", "message": "One", "object": commit["sha"], "type": "commit"})
	ref := d.object(t, 201, "POST", "/git/refs", dict{"ref": "refs/tags/v1", "sha": tag["sha"]})
	if ref["ref"] != "refs/tags/v1" || get(t, ref, "object.type") != "tag" {
		t.Errorf("the ref: %v", ref)
	}
	d.ask(t, 422, "POST", "/git/refs", dict{"ref": "refs/tags/v1", "sha": tag["sha"]})
	d.ask(t, 200, "PATCH", "/git/refs/heads/main", dict{"sha": commit["sha"]})
	if got := d.object(t, 200, "GET", "/git/tags/"+str(t, tag, "sha"), nil); get(t, got, "object.sha") != commit["sha"] {
		t.Errorf("the tag: %v", got)
	}
	all := d.object(t, 200, "GET", "/git/trees/main?recursive=1", nil)
	var paths []string
	for _, e := range all["tree"].([]any) {
		paths = append(paths, fmt.Sprint(get(t, e, "mode"), " ", get(t, e, "path")))
	}
	if got := strings.Join(paths, ","); got != "040000 bin,100755 bin/tool,040000 keep,100644 keep/b.txt,120000 link,160000 sub" {
		t.Errorf("the tree: %s", got)
	}
	// A second branch, forwards and backwards.
	d.ask(t, 201, "POST", "/git/refs", dict{"ref": "refs/heads/feature/x", "sha": main})
	d.ask(t, 200, "PATCH", "/git/refs/heads/feature/x", dict{"sha": commit["sha"]})
	if a := d.ask(t, 422, "PATCH", "/git/refs/heads/feature/x", dict{"sha": main}); !strings.Contains(a.Text, "Update is not a fast forward") {
		t.Errorf("backwards: %s", a.Text)
	}
	d.ask(t, 200, "PATCH", "/git/refs/heads/feature/x", dict{"sha": main, "force": true})
	if got := d.list(t, "/git/matching-refs/heads/feat"); len(got) != 1 || got[0]["ref"] != "refs/heads/feature/x" {
		t.Errorf("matching: %v", got)
	}
	d.ask(t, 204, "DELETE", "/git/refs/heads/feature/x", nil)
	if a := d.ask(t, 422, "DELETE", "/git/refs/heads/feature/x", nil); !strings.Contains(a.Text, "Reference does not exist") {
		t.Errorf("deleted twice: %s", a.Text)
	}
	d.ask(t, 422, "DELETE", "/git/refs/heads/main", nil)

	g := d.clone(t)
	if out := g.Run(t, "log", "-1", "--format=%H|%an|%ae|%aI|%B"); out != str(t, commit, "sha")+"|Someone|someone@example.com|2020-02-02T02:02:02+05:30|By hand\n\nBody" {
		t.Errorf("git log: %s", out)
	}
	if out := g.Run(t, "cat-file", "-p", "v1"); !strings.Contains(out, "tagger ada <ada@example.com>") || !strings.HasSuffix(out, "One") {
		t.Errorf("the tag: %s", out)
	}
}

// TestGitDatabase_hidden: an object that somebody else made, or that no ref reaches
// any more, is as good as missing.
func TestGitDatabase_hidden(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.put(t, 201, "a.txt", "a\n", "Begin")
	second := d.put(t, 200, "a.txt", "secret\n", "Secret", "sha", str(t, first, "content.sha"))
	hiddenBlob, hiddenCommit, hiddenTree := str(t, second, "content.sha"), str(t, second, "commit.sha"), str(t, second, "commit.tree.sha")
	d.ask(t, 200, "PATCH", "/git/refs/heads/main", dict{"sha": str(t, first, "commit.sha"), "force": true})
	mine := str(t, d.object(t, 201, "POST", "/git/blobs", dict{"content": "mine"}), "sha")

	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Write)
	eve := d.User(t, "eve")
	d.Share(t, d.repo, eve, right.Read)
	_, bobs := d.Token(t, bob, "bob", "repo")
	_, eves := d.Token(t, eve, "eve", "repo")
	missing := strings.Repeat("7", 40)
	for who, plain := range map[string]string{"bob": bobs, "eve": eves} {
		for _, sha := range []string{hiddenBlob, mine, missing} {
			if a := d.as(t, plain, "GET", "/git/blobs/"+sha, nil); a.StatusCode != 404 {
				t.Errorf("%s reads the blob %s: %d", who, sha, a.StatusCode)
			}
		}
		for _, sha := range []string{hiddenCommit, missing} {
			if a := d.as(t, plain, "GET", "/git/commits/"+sha, nil); a.StatusCode != 404 {
				t.Errorf("%s reads the commit: %d", who, a.StatusCode)
			}
			if a := d.as(t, plain, "GET", "/commits/"+sha, nil); a.StatusCode != 422 {
				t.Errorf("%s reads the commit: %d", who, a.StatusCode)
			}
			if a := d.as(t, plain, "GET", "/compare/main..."+sha, nil); a.StatusCode != 404 {
				t.Errorf("%s compares: %d", who, a.StatusCode)
			}
			if a := d.as(t, plain, "GET", "/tarball/"+sha, nil); a.StatusCode != 404 {
				t.Errorf("%s downloads: %d", who, a.StatusCode)
			}
		}
		if a := d.as(t, plain, "GET", "/git/trees/"+hiddenTree, nil); a.StatusCode != 404 {
			t.Errorf("%s reads the tree: %d", who, a.StatusCode)
		}
	}
	// Nor may it be named: the words are those for what is not there.
	same := func(path string, body func(sha string) dict, shas ...string) {
		t.Helper()
		want := d.as(t, bobs, "POST", path, body(missing))
		for _, sha := range shas {
			got := d.as(t, bobs, "POST", path, body(sha))
			if got.StatusCode != 422 || strings.ReplaceAll(got.Text, sha, "X") != strings.ReplaceAll(want.Text, missing, "X") {
				t.Errorf("%s: %d %s, want %s", path, got.StatusCode, got.Text, want.Text)
			}
		}
	}
	same("/git/trees", func(sha string) dict { return dict{"tree": []dict{{"path": "x", "mode": "100644", "sha": sha}}} }, hiddenBlob, mine)
	same("/git/trees", func(sha string) dict { return dict{"base_tree": sha, "tree": []dict{}} }, hiddenTree, hiddenCommit)
	same("/git/commits", func(sha string) dict { return dict{"message": "m", "tree": sha} }, hiddenTree)
	same("/git/commits", func(sha string) dict {
		return dict{"message": "m", "tree": get(t, first, "commit.tree.sha"), "parents": []string{sha}}
	}, hiddenCommit)
	same("/git/tags", func(sha string) dict { return dict{"message": "m", "tag": "v", "object": sha, "type": "commit"} }, hiddenCommit)
	same("/git/refs", func(sha string) dict { return dict{"ref": "refs/heads/x", "sha": sha} }, hiddenCommit, mine)
	// Its maker has it still, for a day.
	d.ask(t, 200, "GET", "/git/blobs/"+mine, nil)
	d.Advance(25 * 3600 * 1e9)
	d.Do(t, "GET", d.at(""), "")
	d.ask(t, 201, "POST", "/git/blobs", dict{"content": "another"})
	d.ask(t, 404, "GET", "/git/blobs/"+mine, nil)
}

// TestRefs_confused: no name leads out of where refs are, or is taken for another.
func TestRefs_confused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	main := str(t, d.put(t, 201, "a.txt", "a\n", "Begin"), "commit.sha")
	for _, name := range []string{"refs/heads/../x", "refs/../config", "refs/heads/a..b", "refs/heads/.x", "refs/heads/x.lock", "refs/heads/@{", "refs/heads/a b", "refs/heads/x\x00y",
		"refs/heads/" + strings.Repeat("a", 40), "refs/heads/HEAD", "refs/heads/-x", "refs/pull/1/head", "refs/jeton/x", "refs/heads/", "refs/heads//x", "refs/heads/x/", "HEAD", "main", "refs/x",
		"refs/heads/" + strings.Repeat("x", 600), "refs/heads/a\\b", "refs/heads/a\nb", "refs/stash", "refs/replace/" + main, "refs/heads/main/sub"} {
		if a := d.as(t, d.plain, "POST", "/git/refs", dict{"ref": name, "sha": main}); a.StatusCode != 422 {
			t.Errorf("%q: %d %s", name, a.StatusCode, a.Text)
		}
	}
	for _, path := range []string{"/git/ref/heads/..%2f..%2fconfig", "/git/ref/%2e%2e%2fHEAD", "/git/ref/heads/main%00", "/git/ref/heads%2f..%2fheads%2fmain"} {
		if a := d.as(t, d.plain, "GET", path, nil); a.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if out := d.clone(t).Run(t, "ls-remote", "origin"); strings.Count(out, "\n") != 1 {
		t.Errorf("refs: %s", out)
	}
}

// TestTrees_hostile: a tree that git would refuse is refused here.
func TestTrees_hostile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.put(t, 201, "a.txt", "a\n", "Begin")
	blob := str(t, first, "content.sha")
	for _, path := range []string{".git", ".git/config", "a/.GIT/hooks/x", "..", "../x", "a/../b", "./x", "/abs", "a//b", "a/", "", "a\x00b", "git~1", ".gi\u200ct/x", strings.Repeat("x", 5000), strings.Repeat("d/", 300) + "x"} {
		a := d.as(t, d.plain, "POST", "/git/trees", dict{"tree": []dict{{"path": path, "mode": "100644", "sha": blob}}})
		if a.StatusCode != 422 {
			t.Errorf("%q: %d %s", path, a.StatusCode, a.Text)
		}
	}
	for name, e := range map[string]dict{
		"a link called .gitmodules": {"path": ".gitmodules", "mode": "120000", "content": "x"},
		"an odd mode":               {"path": "x", "mode": "100600", "sha": blob},
		"another type":              {"path": "x", "mode": "100644", "type": "tree", "sha": blob},
		"a blob as a folder":        {"path": "x", "mode": "040000", "type": "tree", "sha": blob},
		"the null id":               {"path": "x", "mode": "160000", "type": "commit", "sha": strings.Repeat("0", 40)},
		"no id":                     {"path": "x", "mode": "100644"},
		"both":                      {"path": "x", "mode": "100644", "sha": blob, "content": "y"},
		"something gone that isn't": {"path": "nowhere", "mode": "100644", "sha": nil},
	} {
		if a := d.as(t, d.plain, "POST", "/git/trees", dict{"tree": []dict{e}}); a.StatusCode != 422 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	if a := d.as(t, d.plain, "POST", "/git/trees", dict{"tree": []dict{{"path": "x", "mode": "100644", "sha": blob}, {"path": "x/y", "mode": "100644", "sha": blob}}}); a.StatusCode != 422 {
		t.Errorf("a file that is a folder: %d %s", a.StatusCode, a.Text)
	}
	// .gitmodules with a URL that runs something is refused when a ref comes to it.
	tree := d.object(t, 201, "POST", "/git/trees", dict{"tree": []dict{{"path": ".gitmodules", "mode": "100644", "content": "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=evil\n"}}})
	commit := d.object(t, 201, "POST", "/git/commits", dict{"message": "m", "tree": tree["sha"], "parents": []string{str(t, first, "commit.sha")}})
	if a := d.as(t, d.plain, "PATCH", "/git/refs/heads/main", dict{"sha": commit["sha"]}); a.StatusCode != 422 || !strings.Contains(a.Text, "gitmodules") {
		t.Errorf("an evil .gitmodules: %d %s", a.StatusCode, a.Text)
	}
	// An author cannot bring lines of his own.
	c := d.object(t, 201, "POST", "/git/commits", dict{"message": "m", "tree": get(t, first, "commit.tree.sha"), "author": dict{"name": "A\nparent " + blob, "email": "a<b>@c\n"}})
	if got := str(t, c, "author.name"); got != "Aparent "+blob || len(c["parents"].([]any)) != 0 {
		t.Errorf("an author with lines: %v", c)
	}
}

// TestBranches: lists, protection and renaming.
func TestBranches(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if list := d.list(t, "/branches"); len(list) != 0 {
		t.Errorf("of an empty repository: %v", list)
	}
	main := str(t, d.put(t, 201, "a.txt", "a\n", "Begin"), "commit.sha")
	d.ask(t, 201, "POST", "/git/refs", dict{"ref": "refs/heads/feature/x", "sha": main})
	if got := d.list(t, "/branches"); len(got) != 2 || got[0]["name"] != "feature/x" || get(t, got[1], "commit.sha") != main || got[1]["protected"] != false {
		t.Errorf("branches: %v", got)
	}
	for _, path := range []string{"/branches/feature/x", "/branches/feature%2Fx"} {
		b := d.object(t, 200, "GET", path, nil)
		if b["name"] != "feature/x" || get(t, b, "commit.commit.message") != "Begin" || get(t, b, "commit.author.login") != "ada" {
			t.Errorf("%s: %v", path, b)
		}
	}
	p := d.object(t, 200, "PUT", "/branches/feature/x/protection", dict{"required_status_checks": nil, "enforce_admins": nil, "required_pull_request_reviews": nil, "restrictions": nil, "allow_force_pushes": true})
	if get(t, p, "allow_force_pushes.enabled") != true || get(t, p, "allow_deletions.enabled") != false || get(t, p, "enforce_admins.enabled") != false || p["restrictions"] != nil {
		t.Errorf("protection: %v", p)
	}
	d.ask(t, 422, "PUT", "/branches/main/protection", dict{"required_status_checks": dict{"strict": true, "contexts": []string{}}, "enforce_admins": nil, "required_pull_request_reviews": nil, "restrictions": nil})
	if got := d.list(t, "/branches?protected=true"); len(got) != 1 || got[0]["protected"] != true {
		t.Errorf("protected: %v", got)
	}
	if a := d.ask(t, 422, "DELETE", "/git/refs/heads/feature/x", nil); !strings.Contains(a.Text, "Cannot delete this branch") {
		t.Errorf("delete: %s", a.Text)
	}
	d.ask(t, 200, "POST", "/branches/feature/x/protection/enforce_admins", nil)
	bob := d.User(t, "bob")
	d.Share(t, d.repo, bob, right.Write)
	d.ask(t, 200, "PUT", "/branches/feature/x/protection", dict{"required_status_checks": nil, "enforce_admins": true, "required_pull_request_reviews": nil, "restrictions": dict{"users": []string{"ada"}, "teams": []string{}}})
	var users []dict
	a := d.ask(t, 200, "POST", "/branches/feature/x/protection/restrictions/users", dict{"users": []string{"bob"}})
	if err := json.Unmarshal([]byte(a.Text), &users); err != nil || len(users) != 2 {
		t.Errorf("users: %s", a.Text)
	}
	d.ask(t, 204, "DELETE", "/branches/feature/x/protection", nil)
	d.ask(t, 404, "GET", "/branches/feature/x/protection", nil)

	d.ask(t, 201, "POST", "/branches/feature/x/rename", dict{"new_name": "topic"})
	d.ask(t, 404, "GET", "/branches/feature/x", nil)
	d.ask(t, 422, "POST", "/branches/topic/rename", dict{"new_name": "main"})
	d.ask(t, 422, "POST", "/branches/topic/rename", dict{"new_name": "../x"})
	// The rule of a branch goes with it.
	d.ask(t, 200, "PUT", "/branches/topic/protection", dict{"required_status_checks": nil, "enforce_admins": true, "required_pull_request_reviews": nil, "restrictions": nil})
	if b := d.object(t, 201, "POST", "/branches/topic/rename", dict{"new_name": "kept/topic"}); b["protected"] != true {
		t.Errorf("the renamed branch lost its rule: %v", b)
	}
	d.ask(t, 422, "DELETE", "/git/refs/heads/kept/topic", nil)
	d.ask(t, 201, "POST", "/branches/main/rename", dict{"new_name": "trunk"})
	if r := d.object(t, 200, "GET", "", nil); r["default_branch"] != "trunk" {
		t.Errorf("the default branch: %v", r["default_branch"])
	}
	if out := d.clone(t).Run(t, "symbolic-ref", "HEAD"); out != "refs/heads/trunk" {
		t.Errorf("HEAD: %s", out)
	}
	_, bobs := d.Token(t, bob, "b", "repo")
	if a := d.as(t, bobs, "POST", "/branches/trunk/rename", dict{"new_name": "mine"}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a writer renames the default branch: %d", a.StatusCode)
	}
}
