package app_test

import (
	"net/http"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// TestTokenInURL_otherHost: a token in a URL reaches no log either when the
// request is refused for its host.
func TestTokenInURL_otherHost(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	_, plain := s.Token(t, s.User(t, "ada"), "x", "repo")
	if a := s.Do(t, "GET", "/"+plain, "", "Host: git.example.org"); a.StatusCode < http.StatusBadRequest || strings.Contains(a.Text, plain) {
		t.Errorf("answered %d %s", a.StatusCode, a.Text)
	}
	if strings.Contains(s.Log.String(), plain) {
		t.Error("the token is in the log")
	}
}
