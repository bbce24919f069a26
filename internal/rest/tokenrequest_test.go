package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestTokenRequests: where an organization's owners want to be asked, a
// fine-grained token reads what is public until they approve it, and again once
// more is asked of them.
func TestTokenRequests(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Member, bob)
	owner := as(t, s, ada, "admin:org", "repo")
	owner.want(201, `POST /orgs/works/repos {"name":"plans","private":true}`)
	owner.want(201, `POST /orgs/works/repos {"name":"open","private":false}`)
	plans, err := s.Repos.Find(t.Context(), s.DB, "works", "plans", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	mine := token.NewFine{Name: "ci", Owner: o.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{plans.ID}, ExpiresAt: s.Now().Add(time.Hour)}
	before, plain := s.FineToken(t, bob, mine, "contents=read")
	ci := client{t, s, bearer(plain)}
	ci.want(200, "GET /repos/works/plans")

	set := func(p right.Policy) {
		t.Helper()
		if err := s.Policies.Set(t.Context(), session(ada), o.ID, p); err != nil {
			t.Fatal(err)
		}
	}
	set(right.Policy{Approve: true})
	ci.want(403, "GET /repos/works/plans", "works approves fine-grained tokens, and has not approved your token")
	ci.want(200, "GET /repos/works/open")

	const list, granted = "GET /orgs/works/personal-access-token-requests", "GET /orgs/works/personal-access-tokens"
	waiting := func() map[string]any {
		t.Helper()
		all := array(t, owner.want(200, list))
		if len(all) != 1 {
			t.Fatalf("%d requests wait, want one: %v", len(all), all)
		}
		return all[0]
	}
	q := waiting()
	if q["token_name"] != "ci" || q["reason"] != nil || q["repository_selection"] != "subset" || q["token_id"] != float64(before.ID) {
		t.Errorf("got %v", q)
	}
	if all := array(t, owner.want(200, granted)); len(all) != 0 {
		t.Errorf("a token that waits is listed as granted: %v", all)
	}
	one := fmt.Sprintf("/orgs/works/personal-access-token-requests/%v", q["id"])
	if repos := array(t, owner.want(200, "GET "+one+"/repositories")); len(repos) != 1 || repos[0]["name"] != "plans" {
		t.Errorf("got %v", repos)
	}
	as(t, s, bob, "admin:org").want(403, list)
	as(t, s, bob, "admin:org", "user").want(403, "POST "+one+` {"action":"approve"}`)
	as(t, s, ada, "read:org").want(403, list)
	owner.want(422, "POST "+one+` {"action":"bless"}`)
	owner.want(404, "POST /orgs/works/personal-access-token-requests/999 {\"action\":\"approve\"}")
	owner.want(204, "POST "+one+` {"action":"approve","reason":"for the site"}`)
	owner.want(404, "POST "+one+` {"action":"deny"}`)
	ci.want(200, "GET /repos/works/plans")
	if all := array(t, owner.want(200, granted)); len(all) != 1 {
		t.Errorf("an approved token is not listed: %v", all)
	}

	// More is asked: nothing until it is answered.
	mine.Permissions, mine.Reason = right.ParseFine("contents=write"), "to push"
	if _, err := s.Tokens.UpdateFine(t.Context(), session(bob), bob.ID, before.ID, mine); err != nil {
		t.Fatal(err)
	}
	ci.want(403, "GET /repos/works/plans", "has not approved")
	if q = waiting(); q["reason"] != "to push" {
		t.Errorf("got %v", q)
	}
	one = fmt.Sprintf("/orgs/works/personal-access-token-requests/%v", q["id"])

	// It is changed while an owner looks: what they saw can't be approved any more.
	mine.Permissions = right.ParseFine("contents=write,administration=write")
	if _, err := s.Tokens.UpdateFine(t.Context(), session(bob), bob.ID, before.ID, mine); err != nil {
		t.Fatal(err)
	}
	owner.want(404, "POST "+one+` {"action":"approve"}`)
	ci.want(403, "GET /repos/works/plans", "has not approved")

	// Denied, it stays shut out whatever becomes of the policy.
	owner.want(202, fmt.Sprintf(`POST /orgs/works/personal-access-token-requests {"pat_request_ids":[%v,77],"action":"deny","reason":"no"}`, waiting()["id"]))
	ci.want(403, "GET /repos/works/plans", `has shut out your token \"ci\"`)
	set(right.Policy{})
	ci.want(403, "GET /repos/works/plans", "has shut out")
	ci.want(200, "GET /repos/works/open")
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: o.ID, Action: "personal_access_token.request_denied", Limit: 10})
	if err != nil || len(lines) != 1 || lines[0].Target != "ci" {
		t.Errorf("the organization's log has %v, %v", lines, err)
	}
}

// TestPolicy_creation: what would be out of policy is not made.
func TestPolicy_creation(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	p := right.Policy{MaxLife: 7 * 24 * time.Hour, ScopesOnly: true, Scopes: right.KnownScopes([]string{"repo", "read:org"}), Without: right.Kinds(right.FineToken)}
	if err := s.Policies.Set(t.Context(), session(ada), policy.Site, p); err != nil {
		t.Fatal(err)
	}
	make := func(n token.NewToken) error {
		n.Note = fmt.Sprint(time.Now().UnixNano())
		_, _, err := s.Tokens.Create(t.Context(), session(ada), ada.ID, n)
		return err
	}
	soon := s.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no end":          {make(token.NewToken{}), "lives for 7 days at most"},
		"too late an end": {make(token.NewToken{ExpiresAt: s.Now().AddDate(0, 0, 9)}), "choose an end until"},
		"another scope":   {make(token.NewToken{ExpiresAt: soon, Scopes: right.KnownScopes([]string{"delete_repo"})}), "no other scopes than read:org, repo"},
		"within":          {make(token.NewToken{ExpiresAt: soon, Scopes: right.KnownScopes([]string{"public_repo"})}), ""},
	} {
		if (c.err == nil) != (c.want == "") || c.err != nil && !strings.Contains(fmt.Sprint(c.err), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
	_, _, err := s.Tokens.CreateFine(t.Context(), session(ada), ada.ID, token.NewFine{Name: "x", Owner: ada.ID, Access: token.AllOf, ExpiresAt: soon})
	if err == nil || !strings.Contains(err.Error(), "no fine-grained tokens") {
		t.Errorf("a fine-grained token was made: %v", err)
	}
}

func session(a account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}
