package web_test

import (
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/rest"
)

// TestRoutes_reserved: no login may stand where the site itself does.
func TestRoutes_reserved(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	paths := []string{rest.Prefix, "/healthz", "/readyz", "/metrics", "/assets/"}
	for _, r := range s.Web.Routes() {
		paths = append(paths, r.Path)
	}
	for _, r := range s.Rest.Routes() {
		paths = append(paths, r.Path)
	}
	checked := 0
	for _, path := range paths {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if first == "{owner}" || first == "{$}" {
			continue // a login's own place, and the start page
		}
		checked++
		if !account.Reserved(first) {
			t.Errorf("somebody may take the login %q, which %s needs", first, path)
		}
	}
	if checked < 40 {
		t.Errorf("only %d paths were looked at", checked)
	}
}
