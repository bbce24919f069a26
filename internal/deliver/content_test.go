package deliver_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

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
