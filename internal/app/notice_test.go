package app_test

import (
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/right"
)

// TestRefusals_inLog: what was tried with a token stands in its owner's security
// log, once an hour and not more often.
func TestRefusals_inLog(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, ben := s.User(t, "ada"), s.User(t, "ben")
	s.Repo(t, ada, "private", true)
	s.Repo(t, ada, "public", false)
	tok, gone := s.Token(t, ben, "gone", "repo")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ben.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	_, short := s.TokenUntil(t, ben, "short", s.Now().Add(time.Minute))
	_, plain := s.Token(t, ben, "narrow")
	s.Advance(2 * time.Minute)
	try := func() {
		s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+gone)
		s.Do(t, "GET", "/api/v3/user", "", "Authorization: Bearer "+short)
		s.Do(t, "GET", "/api/v3/repos/ada/private", "", "Authorization: Bearer "+plain)
		s.Do(t, "DELETE", "/api/v3/repos/ada/public", "", "Authorization: Bearer "+plain)
	}
	try()
	try()
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: ben.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		if strings.HasSuffix(l.Action, "refused") || strings.HasSuffix(l.Action, "denied") {
			got = append(got, l.Action+" "+l.Target+" "+l.Detail["why"])
			if l.Address != "127.0.0.1" || l.Client == "" {
				t.Errorf("%s: from %q by %q", l.Action, l.Address, l.Client)
			}
		}
	}
	want := []string{"oauth_access.denied ada/public no right", "oauth_access.denied ada/private hidden", "oauth_access.refused short expired", "oauth_access.refused gone revoked"}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("the log has %q, want %q", got, want)
	}
	s.Advance(2 * time.Hour)
	try()
	if again, err := s.Audit.List(t.Context(), audit.Query{Account: ben.ID, Action: "oauth_access.refused", Limit: 100}); err != nil || len(again) != 4 {
		t.Errorf("two hours later the log has %d refusals, %v; want 4", len(again), err)
	}
}
