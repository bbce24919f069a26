package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/application"
)

// TestNotice: every answer to a token that ends within a week says so, in ASCII.
func TestNotice(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	for note, want := range map[string]string{
		"ci":                `token "ci" ends in 3 days; `,
		"Käse\r\nX-Evil: 1": `token "K\u{00E4}se\\u{000D}\\u{000A}X-Evil: 1" ends in 3 days; `,
	} {
		tok, plain := s.TokenUntil(t, ada, note, s.Now().Add(3*24*time.Hour), "repo")
		for _, path := range []string{"/api/v3/user", "/api/v3/repos/ada/missing", "/api/v3/nothing"} {
			got := s.Do(t, "GET", path, "", "Authorization: token "+plain)
			full := want + s.URL() + "/settings/tokens/" + fmt.Sprint(tok.ID)
			if h := got.Header.Get("Jeton-Notice"); h != full {
				t.Errorf("%s: %q, want %q", path, h, full)
			}
			if got.Header.Get("X-Evil") != "" {
				t.Error("a header was injected")
			}
		}
		got := s.Do(t, "POST", "/api/graphql", `{"query":"{viewer{login}}"}`, "Authorization: bearer "+plain)
		if !strings.Contains(got.Header.Get("Jeton-Notice"), "ends in 3 days") {
			t.Errorf("GraphQL says %q", got.Header.Get("Jeton-Notice"))
		}
	}
	_, far := s.TokenUntil(t, ada, "far", s.Now().Add(8*24*time.Hour), "repo")
	app := s.OAuthToken(t, ada, application.GitHubCLI, "repo")
	for _, plain := range []string{far, app} {
		if h := s.Do(t, "GET", "/api/v3/user", "", "Authorization: token "+plain).Header.Get("Jeton-Notice"); h != "" {
			t.Errorf("a token that does not end soon: %q", h)
		}
	}
}
