package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestTokenRequests_demoted: what an owner approved as their own holds while they are
// one. Afterwards their token waits, for git and for the API, at once; what they
// approved of others' does not.
func TestTokenRequests_demoted(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, carol := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "carol")
	o := s.Org(t, ada, "works")
	s.Join(t, o, org.Owner, bob)
	s.Join(t, o, org.Member, carol)
	owner := as(t, s, ada, "admin:org", "repo")
	owner.want(200, `PATCH /orgs/works {"default_repository_permission":"write"}`)
	owner.want(201, `POST /orgs/works/repos {"name":"plans","private":true,"auto_init":true}`)
	owner.want(201, `POST /orgs/works/repos {"name":"open","private":false}`)
	if err := s.Policies.Set(t.Context(), session(ada), o.ID, right.Policy{Approve: true}); err != nil {
		t.Fatal(err)
	}
	const list = "GET /orgs/works/personal-access-token-requests"
	waiting := func(what string, names ...string) []map[string]any {
		t.Helper()
		all := array(t, owner.want(200, list+"?direction=asc"))
		if len(all) != len(names) {
			t.Fatalf("%s: %v wait, want %v", what, all, names)
		}
		for i, name := range names {
			if all[i]["token_name"] != name {
				t.Errorf("%s: %v waits, want %s", what, all[i]["token_name"], name)
			}
		}
		return all
	}
	form := func(who account.Account, name string) (client, string) {
		t.Helper()
		p := s.Person(t, who)
		if got := p.Post(t, "/settings/personal-access-tokens", url.Values{"name": {name}, "target_name": {"works"}, "access": {"all"}, "contents": {"write"}, "expires": {"30"}}); got.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", got.StatusCode, got.Text)
		}
		_, plain, _ := strings.Cut(p.Get(t, "/settings/personal-access-tokens").Text, "jtf_")
		return client{t, s, bearer("jtf_" + plain[:36])}, "jtf_" + plain[:36]
	}
	const plans = "GET /repos/works/plans"
	own, plain := form(bob, "own")
	others, _ := form(carol, "others")
	waiting("an owner's token waits for nobody", "others")
	own.want(200, plans)
	others.want(403, plans, "has not approved")
	bobs := as(t, s, bob, "admin:org")
	bobs.want(204, fmt.Sprintf(`POST /orgs/works/personal-access-token-requests/%v {"action":"approve"}`, waiting("carol's", "others")[0]["id"]))
	others.want(200, plans)

	// His service account, which he let in as an owner.
	bot, err := s.Lifecycle.CreateMachine(t.Context(), session(bob), account.NewMachine{Manager: bob.ID, Login: "bobs-bot"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Repos.Find(t.Context(), s.DB, "works", "plans", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, r.Repo, bot, right.Write)
	_, botPlain, err := s.Tokens.CreateFine(t.Context(), session(bob), bot.ID, token.NewFine{Name: "bots", Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine("contents=read"), Approved: true})
	if err != nil {
		t.Fatal(err)
	}
	bots := client{t, s, bearer(botPlain.Reveal())}
	bots.want(200, plans)

	// Nobody approves by a claim: who is no owner when it is written is asked about.
	if _, _, err := s.Tokens.CreateFine(t.Context(), session(carol), carol.ID, token.NewFine{Name: "claimed", Owner: o.ID, OwnerIsOrg: true, Access: token.AllOf, Approved: true}); err != nil {
		t.Fatal(err)
	}
	waiting("a claim", "claimed")

	g := s.Git(t, "bob", plain)
	g.Run(t, "clone", "-q", s.URL()+"/works/plans.git", "w")
	owner.want(200, `PUT /orgs/works/memberships/bob {"role":"member"}`)
	own.want(403, plans, "works approves fine-grained tokens, and has not approved your token", "Its owners were asked.")
	own.want(200, "GET /repos/works/open")
	if said, code := g.Try(t, "ls-remote", s.URL()+"/works/plans.git"); code == 0 || !strings.Contains(said, "remote: The organization works approves fine-grained tokens, and has not") {
		t.Errorf("git says %s", said)
	}
	w := g.In("w")
	w.Commit(t, "b.txt", "two\n", "Say two")
	if said, code := w.Try(t, "push", "origin", "HEAD:b"); code == 0 || !strings.Contains(said, "remote: The organization works approves fine-grained tokens, and has not") {
		t.Errorf("git says %s", said)
	}
	bots.want(403, plans, "has not approved")
	others.want(200, plans)
	all := waiting("after the ownership", "claimed", "own", "bots")

	// An owner again, he is asked about what waits, as everybody is; approved by
	// another it holds without him being one.
	owner.want(204, fmt.Sprintf(`POST /orgs/works/personal-access-token-requests/%v {"action":"approve"}`, all[1]["id"]))
	own.want(200, plans)
	s.Join(t, o, org.Owner, bob)
	bobs.want(204, fmt.Sprintf(`POST /orgs/works/personal-access-token-requests/%v {"action":"approve"}`, all[2]["id"]))
	bots.want(200, plans)

	// Removed and let in again, as a member: what he let in himself does not come back.
	if err := s.Lifecycle.RemoveMember(t.Context(), session(ada), o.ID, bob.ID, true); err != nil {
		t.Fatal(err)
	}
	own.want(404, plans)
	s.Join(t, o, org.Member, bob)
	own.want(200, plans)
	bots.want(403, plans, "has not approved")
	waiting("removed", "claimed", "bots")
}
