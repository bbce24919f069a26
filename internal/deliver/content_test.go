package deliver_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/alert"
	"jeton/internal/app/apptest"
)

// What is committed through the API is told like a push.
func TestContents(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "api", "repo")
	r := s.Repo(t, ada, "engine", true)
	hookUp(t, s, r, to.URL, "", "push", "create")
	body := fmt.Sprintf(`{"message":"Add a","content":%q}`, base64.StdEncoding.EncodeToString([]byte("a\n")))
	a := s.Do(t, http.MethodPut, "/api/v3/repos/ada/engine/contents/a.txt", body, "Authorization: Bearer "+plain)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	if p := to.next(t, "push").payload(t); texts(p["head_commit"].(map[string]any)["added"]) != "a.txt" || p["pusher"].(map[string]any)["name"] != "ada" {
		t.Errorf("%v", p)
	}
}

// An alert is told with what is known of it, and without the token.
func TestAlert(t *testing.T) {
	t.Parallel()
	to := plainReceiver(t, nil)
	s := apptest.Start(t, loopback)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", true)
	hookUp(t, s, r, to.URL, "", "secret_scanning_alert")
	tok, plain := s.Token(t, ada, "found")
	at := alert.Place{Repo: r.ID, Owner: ada.ID, Name: r.FullName(), Private: true}
	if err := s.Alerts.Add(t.Context(), at, alert.Found{Token: tok.ID, Owner: ada.ID, Note: "found", LastEight: plain[32:], Live: true}); err != nil {
		t.Fatal(err)
	}
	came := to.next(t, "secret_scanning_alert")
	p := came.payload(t)
	if a := p["alert"].(map[string]any); p["action"] != "created" || a["number"] != float64(1) || a["validity"] != "active" || a["secret_type"] != "jeton_personal_access_token" || a["resolution"] != nil {
		t.Errorf("%v", p)
	}
	if strings.Contains(string(came.body), plain[32:]) {
		t.Error("the payload holds a part of the token")
	}
	if _, err := s.Alerts.Decide(t.Context(), owner(r), at, 1, alert.Patch{Resolution: "revoked"}); err != nil {
		t.Fatal(err)
	}
	p = to.next(t, "secret_scanning_alert").payload(t)
	if a := p["alert"].(map[string]any); p["action"] != "resolved" || a["resolution"] != "revoked" || a["resolved_by"].(map[string]any)["login"] != "ada" || p["sender"].(map[string]any)["login"] != "ada" {
		t.Errorf("%v", p)
	}
	if _, err := s.Alerts.Decide(t.Context(), owner(r), at, 1, alert.Patch{}); err != nil {
		t.Fatal(err)
	}
	if p = to.next(t, "secret_scanning_alert").payload(t); p["action"] != "reopened" {
		t.Errorf("%v", p)
	}
}
