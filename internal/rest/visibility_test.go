package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// TestVisibility_unknownWord: a word that is neither public nor private, such
// as GitHub's "internal", never makes anything public, and neither do two
// fields that disagree.
func TestVisibility_unknownWord(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "diary", true)
	_, plain := s.Token(t, ada, "x", "repo")
	for _, body := range []string{`{"visibility":"internal"}`, `{"visibility":"Private"}`, `{"visibility":""}`, `{"visibility":"public","private":true}`} {
		a := s.Do(t, "PATCH", "/api/v3/repos/ada/diary", body, bearer(plain))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, `"field":"visibility"`) {
			t.Errorf("PATCH %s: %d %s", body, a.StatusCode, a.Text)
		}
		a = s.Do(t, "POST", "/api/v3/user/repos", `{"name":"other",`+body[1:], bearer(plain))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, `"field":"visibility"`) {
			t.Errorf("POST %s: %d %s", body, a.StatusCode, a.Text)
		}
	}
	if a := s.Do(t, "GET", "/api/v3/repos/ada/diary", "", bearer(plain)); object(t, a)["private"] != true {
		t.Errorf("the repository is public now: %s", a.Text)
	}
	for visibility, private := range map[string]bool{"private": true, "public": false} {
		a := s.Do(t, "POST", "/api/v3/user/repos", `{"name":"`+visibility+`","visibility":"`+visibility+`"}`, bearer(plain))
		if a.StatusCode != http.StatusCreated || object(t, a)["private"] != private {
			t.Errorf("POST %s: %d %s", visibility, a.StatusCode, a.Text)
		}
	}
}
