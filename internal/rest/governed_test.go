package rest_test

import (
	"fmt"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/id"
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
		owner.want(204, fmt.Sprintf(`POST %s/%v {"action":%q}`, path, all[0]["id"], action))
	}
	decide("deny")
	ci.want(403, "GET /repos/works/plans", "has shut out")
	if err := s.Tokens.Unbar(t.Context(), session(ada), o.ID, made.ID); err != nil {
		t.Fatal(err)
	}
	ci.want(403, "GET /repos/works/plans", "has not approved", "Its owners were asked.")
	decide("approve")
	ci.want(200, "GET /repos/works/plans")
}
