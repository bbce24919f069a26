package rest_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/right"
)

// TestInvitations_suspended (B12): what a suspended account asked others to is worth
// nothing while it is suspended.
func TestInvitations_suspended(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, eve, mal := s.User(t, "ada"), s.User(t, "eve"), s.User(t, "mal")
	o := s.Org(t, ada, "acme")
	s.Join(t, o, org.Owner, eve)
	shut := s.Repo(t, ada, "shut", true)
	s.Share(t, shut, eve, right.Admin)
	_, eves := s.Token(t, eve, "eve", "repo", "admin:org")
	_, mals := s.Token(t, mal, "mal", "repo", "admin:org")
	ask := func(plain, method, path, body string, want int) string {
		t.Helper()
		a := s.Do(t, method, "/api/v3"+path, body, bearer(plain))
		if a.StatusCode != want {
			t.Errorf("%s %s: %d, want %d: %.300s", method, path, a.StatusCode, want, a.Text)
		}
		return a.Text
	}
	invited := ask(eves, "PUT", "/repos/ada/shut/collaborators/mal", `{"permission":"admin"}`, 201)
	ask(eves, "PUT", "/orgs/acme/memberships/mal", `{"role":"admin"}`, 200)
	_, number, _ := strings.Cut(invited, "/user/repository_invitations/")
	number, _, _ = strings.Cut(number, `"`)
	if err := s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), eve.ID); err != nil {
		t.Fatal(err)
	}
	ask(mals, "PATCH", "/user/repository_invitations/"+number, "", 404)
	ask(mals, "PATCH", "/user/memberships/orgs/acme", `{"state":"active"}`, 404)
	ask(mals, "GET", "/repos/ada/shut", "", 404)
	if err := s.Accounts.Unsuspend(t.Context(), right.Operator(), eve.ID); err != nil {
		t.Fatal(err)
	}
	ask(mals, "PATCH", "/user/repository_invitations/"+number, "", 204)
	ask(mals, "PATCH", "/user/memberships/orgs/acme", `{"state":"active"}`, 200)
}
