package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

func TestDeployments(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	_, sha := pushed(t, s, ada, "r", true)
	pushed(t, s, bob, "other", true)
	_, plain := s.Token(t, ada, "deploy", "repo_deployment")
	_, ci := s.Token(t, ada, "ci", "repo:status")
	_, others := s.Token(t, bob, "all", "repo")
	auth := bearer(plain)
	const base = "/api/v3/repos/ada/r"
	do := func(method, path, body string, want int) apptest.Answer {
		t.Helper()
		a := s.Do(t, method, path, body, auth)
		if a.StatusCode != want {
			t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, a.StatusCode, a.Text, want)
		}
		return a
	}
	create := func(body string) string {
		t.Helper()
		return fmt.Sprintf("%s/deployments/%.0f", base, object(t, do("POST", base+"/deployments", body, 201))["id"])
	}
	d := object(t, do("POST", base+"/deployments", `{"ref":"main","payload":{"a":[1]},"environment":"staging","description":"First"}`, 201))
	if d["sha"] != sha || d["ref"] != "main" || d["task"] != "deploy" || d["environment"] != "staging" || d["production_environment"] != false || d["creator"].(map[string]any)["login"] != "ada" {
		t.Errorf("%v", d)
	}
	if p, _ := d["payload"].(map[string]any); fmt.Sprint(p["a"]) != "[1]" {
		t.Errorf("the payload is %v", d["payload"])
	}
	first := fmt.Sprintf("%s/deployments/%.0f", base, d["id"])
	for name, body := range map[string]string{
		"no ref": `{}`, "no commit": `{"ref":"nothing"}`, "an option": `{"ref":"--all"}`, "payload": `{"ref":"main","payload":7}`,
		"large": `{"ref":"main","payload":"` + strings.Repeat("x", 70<<10) + `"}`, "description": `{"ref":"main","description":"` + strings.Repeat("x", 141) + `"}`,
	} {
		if a := s.Do(t, "POST", base+"/deployments", body, auth); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}

	// Checks stand in the way, unless none are asked for.
	s.Do(t, "POST", base+"/statuses/"+sha, `{"state":"failure","context":"ci"}`, bearer(ci))
	s.Do(t, "POST", base+"/statuses/"+sha, `{"state":"success","context":"lint"}`, bearer(ci))
	for body, want := range map[string]int{
		`{"ref":"main"}`: 409, `{"ref":"main","required_contexts":["ci"]}`: 409, `{"ref":"main","required_contexts":["missing"]}`: 409,
		`{"ref":"main","required_contexts":["lint"],"task":"lint"}`: 201, `{"ref":"main","required_contexts":[],"task":"none"}`: 201,
	} {
		if a := s.Do(t, "POST", base+"/deployments", body, auth); a.StatusCode != want || want == 409 && !strings.Contains(a.Text, "Conflict: Commit status checks failed for main") {
			t.Errorf("%s: %d %s, want %d", body, a.StatusCode, a.Text, want)
		}
	}
	for query, want := range map[string]int{"": 3, "?task=lint": 1, "?environment=staging": 1, "?environment=none&ref=main": 3, "?sha=" + strings.Repeat("0", 40): 0} {
		if a := do("GET", base+"/deployments"+query, "", 200); strings.Count(a.Text, `"statuses_url":"`+s.URL()+base+"/deployments") != want {
			t.Errorf("%q: %s, want %d", query, a.Text, want)
		}
	}

	// A success takes the place of the one before.
	for _, body := range []string{`{}`, `{"state":"done"}`, `{"state":"success","environment_url":"javascript:x"}`} {
		do("POST", first+"/statuses", body, 422)
	}
	st := object(t, do("POST", first+"/statuses", `{"state":"success","log_url":"https://ci.example.com/1"}`, 201))
	if st["target_url"] != "https://ci.example.com/1" || st["environment"] != "staging" {
		t.Errorf("%v", st)
	}
	second := create(`{"ref":"main","required_contexts":[],"environment":"staging"}`)
	do("DELETE", first, "", 422)
	do("POST", second+"/statuses", `{"state":"success"}`, 201)
	a := do("GET", first+"/statuses", "", 200)
	if !strings.Contains(a.Text, `"inactive"`) || strings.Count(a.Text, `"state"`) != 2 {
		t.Errorf("the first is %s", a.Text)
	}
	third := create(`{"ref":"main","required_contexts":[],"environment":"staging"}`)
	do("POST", third+"/statuses", `{"state":"success","auto_inactive":false}`, 201)
	if a := do("GET", second+"/statuses", "", 200); strings.Contains(a.Text, `"inactive"`) {
		t.Errorf("auto_inactive false: %s", a.Text)
	}
	do("GET", fmt.Sprintf("%s/statuses/%.0f", first, st["id"]), "", 200)
	do("GET", fmt.Sprintf("%s/statuses/%.0f", second, st["id"]), "", 404)
	do("DELETE", first, "", 204)
	do("GET", first, "", 404)

	// Another repository's numbers lead nowhere, and code is not given.
	if a := s.Do(t, "GET", "/api/v3/repos/bob/other"+strings.TrimPrefix(second, base), "", bearer(others)); a.StatusCode != http.StatusNotFound {
		t.Errorf("by another repository: %d", a.StatusCode)
	}
	if a := s.Do(t, "GET", second, "", bearer(others)); a.StatusCode != http.StatusNotFound {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
	do("GET", base, "", 404)
	do("GET", base+"/commits/main/status", "", 404)
	repo, err := s.Repos.Find(t.Context(), s.DB, "ada", "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), repo.ID); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.DB.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM deployments) + (SELECT COUNT(*) FROM deployment_statuses)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}
