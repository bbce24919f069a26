package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestToken: a token says what it is, makes a weaker one, and ends it.
func TestToken(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, ada, "other", true)
	tok, plain := s.Token(t, ada, "laptop", "repo", "user:email")
	var what struct {
		ID                       int64
		Kind, Note, User, Access string
		Scopes                   []string
		Permissions              map[string]string
		Limits                   []struct{ Name, Text string }
		Node, ExpiresAt          *string
		Narrowed                 []struct{ Node, Note string }
	}
	ask := func(plain string) {
		t.Helper()
		a := s.Do(t, "GET", "/api/v3/user/token", "", bearer(plain))
		if a.StatusCode != http.StatusOK || json.Unmarshal([]byte(a.Text), &what) != nil {
			t.Fatal(a.StatusCode, a.Text)
		}
		if strings.Contains(a.Text, plain[20:]) {
			t.Error("the answer holds the token")
		}
	}
	ask(plain)
	if what.ID != int64(tok.ID) || what.Kind != "classic" || what.Note != "laptop" || what.User != "ada" || len(what.Scopes) != 2 || what.Node != nil || len(what.Limits) != 0 || what.Permissions != nil {
		t.Errorf("%+v", what)
	}
	var made struct {
		Token, Node string
		ExpiresAt   *string `json:"expires_at"`
		Limits      []struct{ Name string }
	}
	a := s.Do(t, "POST", "/api/v3/user/token/narrow", `{"note":"the build","repositories":["ada/engine"],"read":true,"expires_in":600,"permissions":{"contents":"read"},"uses":1000000}`, bearer(plain))
	if a.StatusCode != http.StatusCreated || json.Unmarshal([]byte(a.Text), &made) != nil || !strings.HasPrefix(made.Token, "jtn_") || made.ExpiresAt == nil || len(made.Limits) != 5 || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatal(a.StatusCode, a.Text, a.Header)
	}
	// It is in the list before anybody used it, with from where.
	nodes, err := s.Tokens.Nodes(t.Context(), ada.ID, tok.ID)
	if err != nil || len(nodes) != 1 || nodes[0].Node != made.Node || !nodes[0].Minted || nodes[0].Address != "127.0.0.1" || nodes[0].Note != "the build" {
		t.Fatalf("%+v, %v", nodes, err)
	}
	for path, status := range map[string]int{"/repos/ada/engine": 200, "/repos/ada/other": 404, "/user/emails": 403, "/user/repos": 200} {
		if a := s.Do(t, "GET", "/api/v3"+path, "", bearer(made.Token)); a.StatusCode != status {
			t.Errorf("%s: %d, want %d: %s", path, a.StatusCode, status, a.Text)
		}
	}
	ask(made.Token)
	if what.ID != int64(tok.ID) || what.Node == nil || *what.Node != made.Node || len(what.Narrowed) != 1 || what.Narrowed[0].Note != "the build" || len(what.Limits) != 5 {
		t.Errorf("%+v", what)
	}
	if a := s.Do(t, "POST", "/api/v3/user/token/narrow", `{"read":true}`, bearer(made.Token)); a.StatusCode != http.StatusForbidden {
		t.Errorf("a narrowed token minted: %d %s", a.StatusCode, a.Text)
	}
	for body, want := range map[string]string{
		`{}`: "nothing was said", `{"repositories":["x"]}`: "OWNER/NAME", `{"repositories":[]}`: "between one value", `{"networks":["here"]}`: "network", `{"refs":["main"]}`: "refs/heads/main",
		`{"expires_at":"tomorrow"}`: "expires_at is a time", `{"expires_at":"2001-01-01T00:00:00Z"}`: "in the future", `{"expires_in":-1}`: "number of seconds", `{"uses":-1}`: "above zero",
		`{"permissions":{"contents":"all"}}`: "permission", `{"read":true,"note":"` + strings.Repeat("n", 61) + `"}`: "60 bytes", `{"paths":["` + strings.Repeat("docs/", 400) + `"]}`: "", `{"read":"yes"}`: "",
	} {
		if a := s.Do(t, "POST", "/api/v3/user/token/narrow", body, bearer(plain)); a.StatusCode < 400 || a.StatusCode > 422 || !strings.Contains(a.Text, want) {
			t.Errorf("%.60s: %d %s", body, a.StatusCode, a.Text)
		}
	}
	if a := s.Do(t, "DELETE", "/api/v3/user/token/nodes/"+made.Node, "", bearer(plain)); a.StatusCode != http.StatusNoContent {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "GET", "/api/v3/repos/ada/engine", "", bearer(made.Token)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its end: %d", a.StatusCode)
	}
	if a := s.Do(t, "GET", "/api/v3/user/token", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor: %d", a.StatusCode)
	}
	_, fine := s.FineToken(t, ada, token.NewFine{Name: "fine", Owner: ada.ID, Access: token.AllOf}, "contents=read")
	ask(fine)
	if what.Kind != "fine-grained" || what.Permissions["contents"] != "read" || what.Access != "all repositories" {
		t.Errorf("%+v", what)
	}
	if a := s.Do(t, "POST", "/api/v3/user/token/narrow", `{"repositories":["ada/engine"]}`, bearer(fine)); a.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if a := s.Do(t, "POST", "/api/v3/user/token/narrow", `{"repositories":["ada/engine"]}`, bearer(s.OAuthToken(t, ada, right.GitHubCLI, "repo"))); a.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
}
