package rest_test

import (
	"fmt"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestPolicy_into: a token that an organization's policy is against brings nothing
// into the organization either.
func TestPolicy_into(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	o := s.Org(t, ada, "works")
	out := as(t, s, ada, "admin:org", "repo", "delete_repo")
	out.want(201, `POST /user/repos {"name":"mine"}`)
	out.want(201, `POST /user/repos {"name":"other"}`)
	if err := s.Policies.Set(t.Context(), session(ada), o.ID, right.Policy{Without: right.Kinds(right.ClassicToken)}); err != nil {
		t.Fatal(err)
	}
	const says = "forbids access via a personal access token (classic)"
	out.want(403, `POST /orgs/works/repos {"name":"new"}`, says)
	out.want(403, `POST /repos/ada/mine/transfer {"new_owner":"works"}`, says)
	out.want(403, `POST /repos/ada/other/forks {"organization":"works"}`, says)
	out.want(403, `POST /repos/ada/mine/generate {"owner":"works","name":"x"}`)
}

// TestTokenRequests_letIn: a token that was denied and is let in again waits for an
// answer, as those do that nobody said anything about.
func TestTokenRequests_letIn(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Member, bob)
	owner := as(t, s, ada, "admin:org", "repo")
	owner.want(201, `POST /orgs/works/repos {"name":"plans","private":true}`)
	plans, err := s.Repos.Find(t.Context(), s.DB, "works", "plans", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Policies.Set(t.Context(), session(ada), o.ID, right.Policy{Approve: true}); err != nil {
		t.Fatal(err)
	}
	made, plain := s.FineToken(t, bob, token.NewFine{Name: "ci", Owner: o.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{plans.ID}, ExpiresAt: s.Now().Add(time.Hour)}, "contents=read")
	ci := client{t, s, bearer(plain)}
	const path = "/orgs/works/personal-access-token-requests"
	decide := func(action string) {
		t.Helper()
		all := array(t, owner.want(200, "GET "+path))
		if len(all) != 1 {
			t.Fatalf("%d requests wait, want one", len(all))
		}
		owner.want(422, fmt.Sprintf(`POST %s/%v {"action":%q,"reason":"so\u0000so"}`, path, all[0]["id"], action), "reason")
		owner.want(204, fmt.Sprintf(`POST %s/%v {"action":%q,"reason":"so so"}`, path, all[0]["id"], action))
	}
	decide("deny")
	ci.want(403, "GET /repos/works/plans", "has shut out")
	if _, err := s.Inventory.LetIn(t.Context(), session(ada), inventory.View{Org: o.ID}, []id.Token{made.ID}, ""); err != nil {
		t.Fatal(err)
	}
	ci.want(403, "GET /repos/works/plans", "has not approved", "Its owners were asked.")
	decide("approve")
	ci.want(200, "GET /repos/works/plans")
}

// TestPolicy_oldSecret: a secret that has lived too long for an organization gets in
// by no rotation: the new one does, and the old one, while it still works elsewhere,
// does not.
func TestPolicy_oldSecret(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	o := s.Org(t, ada, "works")
	_, plain := s.Token(t, ada, "ci", "repo")
	old := client{t, s, bearer(plain)}
	old.want(201, `POST /orgs/works/repos {"name":"plans","private":true}`)
	s.Advance(60 * 24 * time.Hour)
	if err := s.Policies.Set(t.Context(), session(ada), o.ID, right.Policy{MaxLife: 30 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	old.want(403, "GET /repos/works/plans", "live longer than 30 days")
	a := old.want(200, rotation(`,"window":3600,"expires_at":"`+s.Now().AddDate(0, 0, 7).UTC().Format(time.RFC3339)+`"`))
	fresh := client{t, s, bearer(object(t, a)["token"].(string))}
	fresh.want(200, "GET /repos/works/plans")
	old.want(200, "GET /user")
	old.want(403, "GET /repos/works/plans", "live longer than 30 days")

	// Within the policy both work, as long as the window is.
	s.Advance(24 * time.Hour)
	b := fresh.want(200, rotation(`,"window":3600`))
	client{t, s, bearer(object(t, b)["token"].(string))}.want(200, "GET /repos/works/plans")
	fresh.want(200, "GET /repos/works/plans")
}

// TestTokenRequests_deleted: with an account goes what it wrote to owners.
func TestTokenRequests_deleted(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Member, bob)
	if err := s.Policies.Set(t.Context(), session(ada), o.ID, right.Policy{Approve: true}); err != nil {
		t.Fatal(err)
	}
	s.FineToken(t, bob, token.NewFine{Name: "ci", Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf, ExpiresAt: s.Now().Add(time.Hour), Reason: "my private reason"}, "contents=read")
	if err := s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), bob.ID, 0); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM token_requests`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d requests are left, %v", left, err)
	}
}
