package deliver_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/url"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/hook"
	"jeton/internal/secret"
)

func sign(sum func() hash.Hash, key string, body []byte) string {
	m := hmac.New(sum, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// A push is told with its commits and paths, over HTTPS, signed, in the shape that
// GitHub's receivers read.
func TestPush(t *testing.T) {
	t.Parallel()
	to := tlsReceiver(t)
	s := apptest.Start(t, loopback, trusting(t, to))
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "git", "repo")
	r := s.Repo(t, ada, "engine", true)
	h := hookUp(t, s, r, to.URL+"/in?key=v", "share and enjoy", "push", "create", "delete")
	ping := to.next(t, "ping")
	if p := ping.payload(t); p["hook_id"] != float64(h.ID) || p["zen"] == "" || p["hook"].(map[string]any)["config"].(map[string]any)["secret"] != "********" {
		t.Errorf("ping: %s", ping.body)
	}

	g := clone(t, s, "ada", plain, r)
	g.Write(t, "b.txt", "b\n")
	g.Commit(t, "a.txt", "a\n", "Add a and b")
	g.Run(t, "push", "-q", "origin", "HEAD")
	first := g.Run(t, "rev-parse", "HEAD")
	if p := to.next(t, "create").payload(t); p["ref"] != "main" || p["ref_type"] != "branch" || p["master_branch"] != "main" || p["pusher_type"] != "user" {
		t.Errorf("create: %v", p)
	}
	came := to.next(t, "push")
	p := came.payload(t)
	if p["ref"] != "refs/heads/main" || p["before"] != strings.Repeat("0", 40) || p["after"] != first || p["created"] != true || p["deleted"] != false || p["forced"] != false {
		t.Errorf("push: %v", p)
	}
	if r := p["repository"].(map[string]any); r["full_name"] != "ada/engine" || r["private"] != true || r["owner"].(map[string]any)["login"] != "ada" {
		t.Errorf("repository: %v", r)
	}
	if p["sender"].(map[string]any)["login"] != "ada" || p["pusher"].(map[string]any)["name"] != "ada" {
		t.Errorf("who: %v, %v", p["sender"], p["pusher"])
	}
	commits := p["commits"].([]any)
	if len(commits) != 1 || p["head_commit"].(map[string]any)["id"] != first {
		t.Fatalf("commits: %v", commits)
	}
	if c := commits[0].(map[string]any); texts(c["added"]) != "a.txt b.txt" || texts(c["removed"]) != "" || c["message"] != "Add a and b" || c["distinct"] != true || c["author"].(map[string]any)["email"] != "ada@example.com" {
		t.Errorf("commit: %v", c)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Hook-Installation-Target-Type": "repository",
		"X-Hub-Signature":     "sha1=" + sign(sha1.New, "share and enjoy", came.body),
		"X-Hub-Signature-256": "sha256=" + sign(sha256.New, "share and enjoy", came.body),
	} {
		if got := came.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(came.Get("User-Agent"), "GitHub-Hookshot/") || len(came.Get("X-GitHub-Delivery")) != 36 || came.Get("X-GitHub-Hook-ID") == "" || came.Get("X-GitHub-Hook-Installation-Target-ID") == "" {
		t.Errorf("head: %v", came.Header)
	}

	// Changed, removed, renamed; and one that is amended, which is forced.
	g.Run(t, "mv", "b.txt", "c.txt")
	g.Commit(t, "a.txt", "a\na\n", "Change a, move b")
	g.Run(t, "push", "-q")
	second := g.Run(t, "rev-parse", "HEAD")
	p = to.next(t, "push").payload(t)
	if c := p["head_commit"].(map[string]any); texts(c["modified"]) != "a.txt" || texts(c["removed"]) != "b.txt" || texts(c["added"]) != "c.txt" || p["before"] != first || p["created"] != false {
		t.Errorf("second push: %v", p)
	}
	g.Run(t, "commit", "-q", "--amend", "-m", "Anew")
	g.Run(t, "push", "-qf")
	if p = to.next(t, "push").payload(t); p["forced"] != true || p["before"] != second || len(p["commits"].([]any)) != 1 {
		t.Errorf("forced push: %v", p)
	}

	// A branch at a commit that is there brings none; a tag names it.
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/side")
	if p = to.next(t, "push").payload(t); p["base_ref"] != "refs/heads/main" || len(p["commits"].([]any)) != 0 || p["head_commit"].(map[string]any)["distinct"] != false {
		t.Errorf("new branch: %v", p)
	}
	g.Run(t, "tag", "-a", "v1", "-m", "One")
	g.Run(t, "push", "-q", "origin", "v1")
	if p = to.next(t, "create").payload(t); p["ref"] != "v1" || p["ref_type"] != "tag" {
		t.Errorf("new tag: %v", p)
	}
	if p = to.next(t, "push").payload(t); p["ref"] != "refs/tags/v1" || p["head_commit"].(map[string]any)["message"] != "Anew" {
		t.Errorf("new tag: %v", p)
	}
	g.Run(t, "push", "-q", "origin", ":side")
	if p = to.next(t, "delete").payload(t); p["ref"] != "side" || p["ref_type"] != "branch" {
		t.Errorf("deletion: %v", p)
	}
	if p = to.next(t, "push").payload(t); p["deleted"] != true || p["after"] != strings.Repeat("0", 40) || p["head_commit"] != nil {
		t.Errorf("deletion: %v", p)
	}
}

// Twenty commits are told of a hundred, and of a mirror's tags nobody is.
func TestPush_many(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "git", "repo")
	r := s.Repo(t, ada, "engine", true)
	hookUp(t, s, r, to.URL, "", "push", "create")
	g := clone(t, s, "ada", plain, r)
	for range 30 {
		g.Run(t, "commit", "-q", "--allow-empty", "-m", "one more")
	}
	tip := g.Run(t, "rev-parse", "HEAD")
	g.Run(t, "push", "-q", "origin", "HEAD")
	came := to.next(t, "push")
	p := came.payload(t)
	if commits := p["commits"].([]any); len(commits) != 20 || commits[19].(map[string]any)["id"] != tip {
		t.Errorf("%d commits are told", len(commits))
	}
	if came.Get("X-Hub-Signature-256") != "" {
		t.Error("there is a signature without a secret")
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		g.Run(t, "tag", name)
	}
	g.Run(t, "push", "-q", "origin", "--tags")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/last")
	if p := to.next(t, "create").payload(t); p["ref"] != "last" {
		t.Errorf("four tags at once are told: %v", p)
	}
}

// The form that GitHub used first: the same JSON in a field, signed as it is sent.
func TestForm(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	r := s.Repo(t, s.User(t, "ada"), "engine", false)
	kind, key := hook.Form, secret.New("k")
	if _, err := s.Hooks.Create(t.Context(), owner(r), place(r), hook.Patch{URL: &to.URL, ContentType: &kind, Secret: &key}); err != nil {
		t.Fatal(err)
	}
	came := to.next(t, "ping")
	form, err := url.ParseQuery(string(came.body))
	if err != nil || came.Get("Content-Type") != "application/x-www-form-urlencoded" || !strings.HasPrefix(form.Get("payload"), "{") {
		t.Errorf("%v, %v, %s", err, came.Header, came.body)
	}
	if came.Get("X-Hub-Signature-256") != "sha256="+sign(sha256.New, "k", came.body) {
		t.Error("the signature is not of what was sent")
	}
}
