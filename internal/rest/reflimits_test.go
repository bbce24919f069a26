package rest_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// filled is a repository with a branch, a tag and a release beside the default
// branch, and the commits of both branches.
func filled(t *testing.T) (d *desk, main, secret string) {
	t.Helper()
	d = newDesk(t)
	d.git.Run(t, "clone", "-q", d.URL()+"/ada/engine.git", "c")
	g := d.git.In("c")
	g.Commit(t, "a", "1\n", "One")
	main = g.Run(t, "rev-parse", "HEAD")
	g.Run(t, "checkout", "-qb", "secret")
	g.Commit(t, "hidden", "the secret\n", "Hidden")
	secret = g.Run(t, "rev-parse", "HEAD")
	g.Run(t, "tag", "v1")
	g.Run(t, "push", "-q", "origin", "main", "secret", "v1", "main:refs/heads/bot/x")
	as(t, d.Server, d.ada, "repo").want(201, `POST /repos/ada/engine/releases {"tag_name":"v1","name":"hidden release"}`)
	return d, main, secret
}

// TestLimits_hiddenRefs: by the API, too, what a token may not see is not there,
// and what can't be kept to what it sees is refused.
func TestLimits_hiddenRefs(t *testing.T) {
	t.Parallel()
	d, main, secret := filled(t)
	c, _ := limitedTo(t, d.Server, d.ada, "repo workflow delete_repo admin:repo_hook", "ref\nrefs/heads/main\nrefs/heads/bot/**")
	no := []string{"!" + secret, "!secret", "!hidden", "!v1"}
	for _, path := range []string{"/branches", "/git/matching-refs/", "/git/matching-refs/heads", "/git/matching-refs/tags", "/tags", "/commits", "/contents", "/git/trees/main?recursive=1", "/compare/main...bot%2fx"} {
		if a := c.s.Do(t, "GET", "/api/v3/repos/ada/engine"+path, "", c.header); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		} else if strings.Contains(a.Text, secret) || strings.Contains(a.Text, "hidden") || strings.Contains(a.Text, "/v1") {
			t.Errorf("%s tells of what is hidden: %s", path, a.Text)
		}
	}
	for _, path := range []string{"/branches/secret", "/git/ref/heads/secret", "/git/ref/tags/v1", "/commits/secret", "/commits/" + secret, "/commits/" + secret[:10], "/git/commits/" + secret, "/git/trees/" + secret,
		"/contents/hidden?ref=secret", "/contents/hidden?ref=" + secret, "/contents/hidden?ref=v1", "/compare/main...secret", "/compare/main..." + secret, "/tarball/secret", "/zipball/" + secret, "/readme?ref=secret"} {
		a := c.s.Do(t, "GET", "/api/v3/repos/ada/engine"+path, "", c.header)
		if a.StatusCode != 404 && a.StatusCode != 422 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	for _, request := range []string{"GET /repos/ada/engine/releases", "GET /repos/ada/engine/releases/tags/v1", "GET /repos/ada/engine/commits/" + main + "/status", "GET /repos/ada/engine/deployments", "POST /repos/ada/engine/forks {}",
		"GET /repos/ada/engine/hooks", "PATCH /repos/ada/engine {\"default_branch\":\"bot/x\"}", "DELETE /repos/ada/engine", "PUT /repos/ada/engine/collaborators/eve {}", "GET /repos/ada/engine/branches/main/protection"} {
		c.want(403, request, append(no, "limited to some branches and tags", "/settings/tokens/")...)
	}
	c.want(422, `POST /repos/ada/engine/git/refs {"ref":"refs/heads/bot/y","sha":"`+secret+`"}`)
	c.want(404, `POST /repos/ada/engine/merges {"base":"main","head":"secret"}`)
	c.want(403, `POST /repos/ada/engine/git/refs {"ref":"refs/heads/secret2","sha":"`+main+`"}`, "it does not see refs/heads/secret2")
	c.want(201, `PUT /repos/ada/engine/contents/b {"message":"b","content":"YQ=="}`)
	c.want(200, "GET /repos/ada/engine", `"default_branch":"main"`)

	ask := func(q string) apptest.Answer {
		return d.Do(t, "POST", "/api/graphql", `{"query":"{ repository(owner:\"ada\", name:\"engine\") { `+q+` } }"}`, c.header)
	}
	for _, q := range []string{`object(expression:\"secret:hidden\") { __typename }`, `object(oid:\"` + secret + `\") { oid }`, `ref(qualifiedName:\"refs/heads/secret\") { name }`} {
		if a := ask(q); strings.Contains(a.Text, `"name":`) || strings.Contains(a.Text, `"oid":`) || strings.Contains(a.Text, "__typename\"") || !strings.Contains(a.Text, ":null") {
			t.Errorf("%s: %s", q, a.Text)
		}
	}
	if a := ask(`refs(refPrefix:\"refs/heads/\", first:10) { nodes { name } }`); strings.Contains(a.Text, "secret") || !strings.Contains(a.Text, "main") {
		t.Errorf("refs: %s", a.Text)
	}
	if a := ask(`releases(first:5) { nodes { name } }`); strings.Contains(a.Text, "hidden") {
		t.Errorf("releases: %s", a.Text)
	}
	if a := ask(`defaultBranchRef { name }`); !strings.Contains(a.Text, `"main"`) {
		t.Errorf("default branch: %s", a.Text)
	}
}

// TestLimits_movedRefs: the API moves refs within the same limits as git does.
func TestLimits_movedRefs(t *testing.T) {
	t.Parallel()
	d, main, secret := filled(t)
	c, _ := limitedTo(t, d.Server, d.ada, "repo workflow delete_repo", "push-ref\nrefs/heads/bot/**")
	const no = "it is not for moving refs/"
	c.want(403, `PUT /repos/ada/engine/contents/b {"message":"b","content":"YQ=="}`, no)
	c.want(403, `POST /repos/ada/engine/git/refs {"ref":"refs/heads/other","sha":"`+main+`"}`, no)
	c.want(403, `POST /repos/ada/engine/git/refs {"ref":"refs/heads/BOT/y","sha":"`+main+`"}`, no)
	c.want(403, `PATCH /repos/ada/engine/git/refs/heads/main {"sha":"`+secret+`","force":true}`, no)
	c.want(403, `DELETE /repos/ada/engine/git/refs/tags/v1`, no)
	c.want(403, `POST /repos/ada/engine/merges {"base":"main","head":"secret"}`, no)
	c.want(403, `POST /repos/ada/engine/branches/bot%2fx/rename {"new_name":"free"}`, no)
	c.want(403, `POST /repos/ada/engine/branches/secret/rename {"new_name":"bot/z"}`, no)
	c.want(403, `POST /repos/ada/engine/branches/main/rename {"new_name":"bot/main"}`, "HEAD would move")
	c.want(403, `POST /repos/ada/engine/releases {"tag_name":"v2","target_commitish":"main"}`, no)
	c.want(403, `PATCH /repos/ada/engine {"default_branch":"bot/x"}`, "may not choose the default branch")
	c.want(403, `DELETE /repos/ada/engine`, "limited in how it moves branches and tags")
	c.want(201, `POST /repos/ada/engine/branches/bot%2fx/rename {"new_name":"bot/w"}`)
	c.want(201, `PUT /repos/ada/engine/contents/b {"message":"b","content":"YQ==","branch":"bot/w"}`)
	c.want(200, "GET /repos/ada/engine/contents/hidden?ref=secret")

	c, _ = limitedTo(t, d.Server, d.ada, "repo", "fast-forward")
	c.want(403, `PATCH /repos/ada/engine/git/refs/heads/secret {"sha":"`+main+`","force":true}`, "it moves branches forward only")
	c.want(403, `DELETE /repos/ada/engine/git/refs/heads/secret`, "it deletes no branch or tag")
	c.want(403, `POST /repos/ada/engine/branches/secret/rename {"new_name":"other"}`, "it deletes no branch or tag")
	c.want(200, `PATCH /repos/ada/engine/git/refs/heads/main {"sha":"`+secret+`"}`)

	c, _ = limitedTo(t, d.Server, d.ada, "repo", "create-only")
	c.want(403, `PUT /repos/ada/engine/contents/c {"message":"c","content":"YQ=="}`, "moves none that is there")
	c.want(201, `POST /repos/ada/engine/git/refs {"ref":"refs/heads/made","sha":"`+main+`"}`)
}
