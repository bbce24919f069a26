package deliver_test

import (
	"fmt"
	"net/http"
	"testing"

	"jeton/internal/app/apptest"
)

// Statuses, deployments and releases are told, with their addresses and people.
func TestPublished(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	r := s.Repo(t, ada, "engine", true)
	g := clone(t, s, "ada", plain, r)
	g.Commit(t, "a.txt", "a\n", "Add a")
	g.Run(t, "push", "-q", "origin", "HEAD")
	sha := g.Run(t, "rev-parse", "HEAD")
	hookUp(t, s, r, to.URL, "", "status", "deployment", "deployment_status", "release")
	const in = "/api/v3/repos/ada/engine"
	do := func(code int, method, path, body string) string {
		t.Helper()
		a := s.Do(t, method, in+path, body, "Authorization: Bearer "+plain)
		if a.StatusCode != code {
			t.Fatalf("%s %s: %d %s", method, path, a.StatusCode, a.Text)
		}
		return a.Text
	}
	sub := func(p map[string]any, name string) map[string]any { m, _ := p[name].(map[string]any); return m }

	do(201, http.MethodPost, "/statuses/"+sha, `{"state":"success","context":"ci","target_url":"https://ci.example.com/1"}`)
	p := to.next(t, "status").payload(t)
	branches, _ := p["branches"].([]any)
	if p["state"] != "success" || p["sha"] != sha || p["context"] != "ci" || p["target_url"] != "https://ci.example.com/1" || p["description"] != nil || p["name"] != "ada/engine" ||
		sub(sub(p, "commit"), "commit")["message"] != "Add a\n" || len(branches) != 1 {
		t.Errorf("status: %v", p)
	}

	do(201, http.MethodPost, "/deployments", `{"ref":"main","required_contexts":[],"payload":{"a":1}}`)
	p = to.next(t, "deployment").payload(t)
	d := sub(p, "deployment")
	if p["action"] != "created" || d["sha"] != sha || d["environment"] != "production" || sub(d, "creator")["login"] != "ada" || sub(d, "payload")["a"] != float64(1) {
		t.Errorf("deployment: %v", p)
	}
	if want := fmt.Sprintf("%s%s/deployments/%.0f", s.URL(), in, d["id"]); d["url"] != want {
		t.Errorf("%v, want %s", d["url"], want)
	}
	do(201, http.MethodPost, fmt.Sprintf("/deployments/%.0f/statuses", d["id"]), `{"state":"success","log_url":"https://ci.example.com/2"}`)
	p = to.next(t, "deployment_status").payload(t)
	if st := sub(p, "deployment_status"); st["state"] != "success" || st["log_url"] != "https://ci.example.com/2" || sub(st, "creator")["login"] != "ada" || sub(p, "deployment")["id"] != d["id"] || st["url"] == nil {
		t.Errorf("deployment status: %v", p)
	}

	// Nobody is told of a draft; then it is published, changed and deleted.
	do(201, http.MethodPost, "/releases", `{"tag_name":"v1","draft":true}`)
	do(201, http.MethodPost, "/releases", `{"tag_name":"v2","name":"Two"}`)
	for _, action := range []string{"created", "published", "released"} {
		p = to.next(t, "release").payload(t)
		rel := sub(p, "release")
		if p["action"] != action || rel["tag_name"] != "v2" || rel["name"] != "Two" || rel["target_commitish"] != "main" || sub(rel, "author")["login"] != "ada" || rel["upload_url"] == nil {
			t.Errorf("%s: %v", action, p)
		}
	}
	one := fmt.Sprintf("/releases/%.0f", sub(p, "release")["id"])
	do(200, http.MethodPatch, one, `{"body":"More"}`)
	if p = to.next(t, "release").payload(t); p["action"] != "edited" || sub(p, "release")["body"] != "More" {
		t.Errorf("edited: %v", p)
	}
	do(204, http.MethodDelete, one, "")
	if p = to.next(t, "release").payload(t); p["action"] != "deleted" || sub(p, "release")["tag_name"] != "v2" || sub(p, "sender")["login"] != "ada" {
		t.Errorf("deleted: %v", p)
	}
}
