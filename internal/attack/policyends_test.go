package attack

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// beside is another process on the same data, as an administrator's command is.
func (s *scene) beside(t *testing.T) *app.Core {
	t.Helper()
	k, err := app.OpenCore(t.Context(), s.Config, app.Options{Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(t.Context()) })
	return k
}

// TestB3_AKindTurnedOffEndsAtOnce: a policy that leaves a kind of token out ends what
// tokens of that kind do that there are, by git as by the API, and git says why.
func TestB3_AKindTurnedOffEndsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	kinds := map[string]right.CredentialKind{"classic": right.ClassicToken, "oauth": right.OAuthToken, "fine-grained": right.FineToken, "deploy": right.DeployToken, "exchanged": right.ExchangedToken}
	for _, c := range g.creds {
		at := "/works/plans.git"
		if c.name == "fine-grained of another owner" || c.name == "fine-grained of another owner, narrowed" {
			at = "/eve/own.git"
		}
		git := g.Git(t, "eve", c.plain)
		git.Run(t, "clone", "-q", g.URL()+at, "work")
		work := git.In("work")
		work.Commit(t, "new.txt", c.name, "More")
		for _, of := range []id.Account{policy.Site, g.works.ID} {
			if of != policy.Site && at != "/works/plans.git" {
				continue
			}
			g.set(t, of, right.Policy{Without: right.Kinds(kinds[c.kind])})
			for _, args := range [][]string{{"fetch"}, {"push", "origin", "HEAD:main"}} {
				if c.reads && args[0] == "push" {
					continue
				}
				out, code := work.Try(t, args...)
				if code == 0 || !strings.Contains(out, "forbids access") || !strings.Contains(out, "remote: ") || strings.Contains(out, "Authentication failed") {
					t.Errorf("%s, git %s: %d %s", c.name, args[0], code, out)
				}
			}
			want(t, c.name+", the API", g.Do(t, "GET", "/api/v3/repos"+strings.TrimSuffix(at, ".git"), "", bearer(c.plain)), 403)
			g.set(t, of, right.Policy{})
		}
		work.Run(t, "fetch", "-q")
		if !c.reads {
			work.Run(t, "push", "-q", "origin", "HEAD:main")
		}
	}
}

// TestS2_ATighterPolicyIsHeardElsewhere: what another process sets holds within a
// second for tokens that the server knows well.
func TestS2_ATighterPolicyIsHeardElsewhere(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	for _, c := range g.creds {
		if c.name == "classic" || c.ofMachine() && !c.narrow {
			t.Run(c.name, func(t *testing.T) { g.heardElsewhere(t, c) })
		}
	}
}

func (g *governed) heardElsewhere(t *testing.T, c *credential) {
	other := g.beside(t)
	kinds := map[string]right.CredentialKind{"classic": right.ClassicToken, "fine-grained": right.FineToken, "deploy": right.DeployToken, "exchanged": right.ExchangedToken}
	doors := []string{"git fetch", "git push", "repository", "archive", "LFS transfer", "teams"}
	if c.ofMachine() {
		doors = []string{"git fetch", "repository", "archive", "LFS transfer"}
	}
	ask := func(name string) int {
		t.Helper()
		i := slices.IndexFunc(policyDoors, func(d policyDoor) bool { return d.name == name })
		return policyDoors[i].ask(g, t, c).StatusCode
	}
	set := func(of id.Account, p right.Policy) func() error {
		return func() error { return other.Policies.Set(t.Context(), right.Operator(), of, p) }
	}
	kind := right.Policy{Without: right.Kinds(kinds[c.kind])}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for name, f := range map[string][2]func() error{
		"the site's":         {set(policy.Site, kind), set(policy.Site, right.Policy{})},
		"the organization's": {set(g.works.ID, kind), set(g.works.ID, right.Policy{})},
		"barred": {
			func() error { return barBy(t, other, c.tid, g.works.ID, true) },
			func() error { return barBy(t, other, c.tid, g.works.ID, false) },
		},
	} {
		for i, f := range f {
			for _, d := range doors {
				ask(d) // warm
			}
			if err := f(); err != nil {
				t.Fatal(err)
			}
			end := time.Now().Add(time.Second)
			for _, d := range doors {
				for refused := ask(d) == 403; refused != (i == 0); refused = ask(d) == 403 {
					if time.Now().After(end) {
						t.Fatalf("%s, %s: a second later the server has not heard of it", name, d)
					}
					<-tick.C
				}
			}
		}
	}
}

// TestS3_LooseningWidensNothing: what was given under a policy is no more when it is
// lifted, and who was shut out stays so.
func TestS3_LooseningWidensNothing(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	const day = 24 * time.Hour
	g.set(t, policy.Site, right.Policy{ScopesOnly: true, Scopes: scopesOf("read:org"), MaxLife: 7 * day})
	plain := g.OAuthToken(t, g.eve, application.GitHubCLI, "repo", "read:org")
	held := func(when string) {
		t.Helper()
		a := g.Do(t, "GET", "/api/v3/user", "", bearer(plain))
		want(t, when, a, 200)
		end, err := time.Parse("2006-01-02 15:04:05 UTC", a.Header.Get("GitHub-Authentication-Token-Expiration"))
		if err != nil || end.After(g.Now().Add(8*day)) || a.Header.Get("X-OAuth-Scopes") != "read:org" {
			t.Errorf("%s: until %v, scopes %q", when, end, a.Header.Get("X-OAuth-Scopes"))
		}
		want(t, when+", a private repository", g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(plain)), 404)
	}
	held("under it")
	g.set(t, policy.Site, right.Policy{})
	held("without it")

	c := g.creds[0]
	g.bar(t, c.tid, g.works.ID, true)
	g.set(t, g.works.ID, right.Policy{MustEnd: true, Approve: true})
	g.set(t, g.works.ID, right.Policy{})
	want(t, "barred", g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(c.plain)), 403)
}

// TestS4_ApprovalIsForWhatWasAsked: owners who want to be asked are asked again when a
// token comes to do more, and what they deny stays denied.
func TestS4_ApprovalIsForWhatWasAsked(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	limited := []right.Limit{{Name: right.LimitNetworks, Values: []string{"127.0.0.0/8"}}}
	n := token.NewFine{Name: "asked", Owner: g.works.ID, OwnerIsOrg: true, Access: token.Selected, Repos: []id.Repo{g.plans.ID}, Limits: limited, Permissions: right.ParseFine("contents=read")}
	g.set(t, g.works.ID, right.Policy{Approve: true})
	tok, plain := g.FineToken(t, g.eve, n, "contents=read")
	child, _ := narrower(t, plain, "read")
	get := func(what string, code int) {
		t.Helper()
		for name, plain := range map[string]string{what: plain, what + ", narrowed": child} {
			want(t, name, g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(plain)), code)
			want(t, name+", by git", g.Do(t, "GET", "/works/plans.git"+refs, "", bearer(plain)), code)
			want(t, name+", what is public", g.Do(t, "GET", "/api/v3/repos/works/site", "", bearer(plain)), 200)
		}
	}
	decide := func(approve bool) {
		t.Helper()
		waiting, total, err := g.Tokens.Requests(t.Context(), g.works.ID, token.OwnerQuery{PerPage: 100})
		i := slices.IndexFunc(waiting, func(q token.Request) bool { return q.Token.ID == tok.ID })
		if err != nil || i < 0 {
			t.Fatalf("nobody is asked about it: %d, %v", total, err)
		}
		if err := g.Tokens.Decide(t.Context(), right.Operator(), g.works.ID, waiting[i].ID, approve, ""); err != nil {
			t.Fatal(err)
		}
	}
	change := func(f func(*token.NewFine)) {
		t.Helper()
		f(&n)
		if _, err := g.Tokens.UpdateFine(t.Context(), right.Operator(), g.eve.ID, tok.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	annex, err := g.Repos.Find(t.Context(), g.DB, "works", "annex", g.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	get("waiting", 403)
	decide(true)
	get("approved", 200)
	for what, f := range map[string]func(*token.NewFine){
		"a permission":     func(n *token.NewFine) { n.Permissions = right.ParseFine("contents=write") },
		"a repository":     func(n *token.NewFine) { n.Repos = append(slices.Clone(n.Repos), annex.ID) },
		"every repository": func(n *token.NewFine) { n.Access, n.Repos = token.AllOf, nil },
	} {
		was := n
		change(f)
		get("with "+what, 403)
		decide(true)
		get("with "+what+", approved", 200)
		change(func(n *token.NewFine) { *n = was })
		get("without "+what, 200)
	}
	// Through the limits, which are changed elsewhere.
	if _, err := g.Tokens.SetLimits(t.Context(), right.Operator(), g.eve.ID, tok.ID, nil); err != nil {
		t.Fatal(err)
	}
	get("without its limits", 403)
	decide(true)
	get("without its limits, approved", 200)
	// A new secret asks for nothing more.
	_, again, err := g.Tokens.Regenerate(t.Context(), right.Operator(), g.eve.ID, tok.ID, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	plain = again.Reveal()
	child, _ = narrower(t, plain, "read")
	get("with a new secret", 200)

	change(func(n *token.NewFine) { n.Permissions = right.ParseFine("contents=write") })
	decide(false)
	get("denied", 403)
	g.set(t, g.works.ID, right.Policy{})
	get("denied, and nobody is asked any more", 403)
	change(func(n *token.NewFine) { n.Permissions = right.ParseFine("contents=read") })
	get("denied, and narrower", 403)
	g.set(t, g.works.ID, right.Policy{Approve: true})
	get("denied, and asked again", 403)
}

// TestS5_NoneIsMadeAgainstAPolicy: by no way is a token made or changed that a policy
// is against, and the form says what is.
func TestS5_NoneIsMadeAgainstAPolicy(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	const day = 24 * time.Hour
	classic, fine := g.creds[0], g.creds[2]
	person := g.Person(t, g.eve)
	post := func(path string, fields ...string) apptest.Answer {
		t.Helper()
		v := url.Values{}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Add(fields[i], fields[i+1])
		}
		return person.Post(t, "/settings/tokens"+path, v)
	}
	says := func(what string, a apptest.Answer, code int, text string) {
		t.Helper()
		if a.StatusCode != code || !strings.Contains(a.Text, text) {
			t.Errorf("%s: %d, want %d with %q", what, a.StatusCode, code, text)
		}
	}
	at := fmt.Sprintf("/%d", classic.tid)
	g.set(t, policy.Site, right.Policy{MaxLife: 30 * day, ScopesOnly: true, Scopes: scopesOf("repo"), FineOnly: true, Fine: right.ParseFine("contents=read")})
	says("too long", post("", "note", "a", "expires", "90", "scopes", "repo"), 422, "lives for 30 days at most")
	says("without an end", post("", "note", "a", "expires", "none", "scopes", "repo"), 422, "lives for 30 days at most")
	says("another scope", post("", "note", "a", "expires", "7", "scopes", "user"), 422, "no other scopes than repo")
	says("more scopes later", post(at, "note", "classic", "scopes", "workflow"), 422, "no other scopes than repo")
	says("a later end", post(at+"/regenerate", "expires", "90"), 422, "lives for 30 days at most")
	says("a later end by rotation", post(at+"/rotate", "expires", "90", "window", "1d"), 422, "lives for 30 days at most")
	if a := post("", "note", "good", "expires", "30", "scopes", "repo"); a.StatusCode != 303 {
		t.Errorf("what the policy wants: %d", a.StatusCode)
	}
	refused := func(what string, err error, field string) {
		t.Helper()
		if p := problem.Of(err); p.Kind != problem.Invalid || p.Field != field {
			t.Errorf("%s: %v", what, err)
		}
	}
	n := token.NewFine{Name: "n", Owner: g.works.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine("contents=read")}
	make := func(n token.NewFine) error {
		_, _, err := g.Tokens.CreateFine(t.Context(), right.Operator(), g.eve.ID, n)
		return err
	}
	refused("fine-grained, without an end", make(n), "expires_at")
	n.ExpiresAt, n.Permissions = g.Now().Add(day), right.ParseFine("contents=write")
	refused("fine-grained, a permission", make(n), "permissions")
	_, err := g.Tokens.UpdateFine(t.Context(), right.Operator(), g.eve.ID, fine.tid, n)
	refused("fine-grained, more later", err, "permissions")
	_, _, err = g.Tokens.Regenerate(t.Context(), right.Operator(), g.eve.ID, fine.tid, g.Now().Add(60*day))
	refused("fine-grained, a later end", err, "expires_at")
	n.Permissions = right.ParseFine("contents=read")
	if err := make(n); err != nil {
		t.Error(err)
	}
	// The organization's, for tokens that reach it alone.
	g.set(t, policy.Site, right.Policy{})
	g.set(t, g.works.ID, right.Policy{Without: right.Kinds(right.FineToken, right.ClassicToken)})
	n.Name = "m"
	if err := make(n); !problem.Is(err, problem.Forbidden) {
		t.Errorf("of a kind that the organization leaves out: %v", err)
	}
	n.Owner, n.OwnerIsOrg = g.eve.ID, false
	if err := make(n); err != nil {
		t.Errorf("of one's own: %v", err)
	}
	g.set(t, policy.Site, right.Policy{Without: right.Kinds(right.ClassicToken)})
	says("of a kind that the site leaves out", post("", "note", "b", "expires", "7", "scopes", "repo"), 403, "allows no")
}

// TestS7_NoWayAround: what is an organisation's is not given to a token that it has
// shut out by another way than its own: by an invitation, a transfer, by what was
// forked from it, nor by an address that a proxy did not vouch for.
func TestS7_NoWayAround(t *testing.T) {
	t.Parallel()
	g := newGoverned(t, false)
	c := g.creds[0]
	auth := bearer(c.plain)
	want(t, "let it be forked", g.Do(t, "PATCH", "/api/v3/repos/works/plans", `{"allow_forking":true}`, auth), 200)
	fork := g.Do(t, "POST", "/api/v3/repos/works/plans/forks", `{"name":"mine"}`, auth)
	want(t, "a fork, before", fork, 202)
	g.bar(t, c.tid, g.works.ID, true)
	ask := func(request, body string, codes ...int) apptest.Answer {
		t.Helper()
		method, path, _ := strings.Cut(request, " ")
		a := g.Do(t, method, "/api/v3"+path, body, auth)
		want(t, request, a, codes...)
		return a
	}
	ask(fmt.Sprintf("PATCH /user/repository_invitations/%d", g.invited), "", 403)
	ask(fmt.Sprintf("DELETE /user/repository_invitations/%d", g.invited), "", 403)
	ask("POST /repos/eve/own/transfer", `{"new_owner":"works","new_name":"given"}`, 403)
	ask("POST /repos/eve/pub/forks", `{"organization":"works"}`, 403)
	if a := ask("GET /repos/eve/mine", "", 200); strings.Contains(a.Text, "works/plans") {
		t.Error("the fork tells of its parent")
	}
	ask("GET /repos/eve/mine/compare/main...works:main", "", 404)
	ask("GET /repos/eve/mine/compare/main...works:plans:main", "", 404)
	ask("POST /repos/eve/mine/merge-upstream", `{"branch":"main"}`, 422)
	if a := ask("GET /repos/eve/mine/forks", "", 200); strings.Contains(a.Text, "works") {
		t.Error("forks")
	}
	ask(fmt.Sprintf("GET /repositories/%d", g.plans.ID), "", 403)
	if a := g.query(t, `{repository(owner:"eve",name:"mine"){name parent{nameWithOwner}}}`, auth); strings.Contains(a.Text, "works") || !strings.Contains(a.Text, `"mine"`) {
		t.Errorf("by GraphQL: %s", a.Text)
	}
	if a := g.query(t, `mutation{createRepository(input:{name:"new",visibility:PRIVATE,ownerId:"`+node("Organization", int64(g.works.ID))+`"}){repository{name}}}`, auth); !strings.Contains(a.Text, "FORBIDDEN") {
		t.Errorf("create by GraphQL: %s", a.Text)
	}
	g.bar(t, c.tid, g.works.ID, false)
	ask(fmt.Sprintf("PATCH /user/repository_invitations/%d", g.invited), "", 204)

	g.set(t, g.works.ID, right.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for _, header := range []string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "X-Real-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1"} {
		want(t, header, g.Do(t, "GET", "/api/v3/repos/works/plans", "", auth, header), 403)
	}
}

var policyCauses = map[string]cause{
	"the site leaves the token's kind out": {"/ada/shut", func(t *testing.T, s *scene, plain string) error {
		err := s.beside(t).Policies.Set(t.Context(), right.Operator(), policy.Site, right.Policy{Without: right.Kinds(right.ClassicToken)})
		s.hears(t, plain)
		return err
	}, 403, nil},
	"an organization's policy can't be read": {"/ada/shut", func(t *testing.T, s *scene, _ string) error {
		return s.spoil(t, 4711, "{") // one that has nothing to do with the repository
	}, 503, nil},
	"the organization gets a policy": {"/works/shut", func(t *testing.T, s *scene, _ string) error {
		works, err := s.Accounts.ByLogin(t.Context(), s.DB, "works")
		return errors.Join(err, s.Policies.Set(t.Context(), right.Operator(), works.ID, right.Policy{MustEnd: true}))
	}, 403, inWorks},
	"the organization shuts a narrowed token out": {"/works/shut", func(t *testing.T, s *scene, _ string) error {
		works, err := s.Accounts.ByLogin(t.Context(), s.DB, "works")
		(&governed{scene: s}).bar(t, s.tokenOf(t, s.eve), works.ID, true)
		return err
	}, 403, func(t *testing.T, s *scene, plain string) string {
		child, _ := narrower(t, inWorks(t, s, plain), "uses\n1000000")
		return child
	}},
}

// hears waits until the server has heard of what another process took from a token,
// for which it has a second.
func (s *scene) hears(t *testing.T, plain string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(bound); s.Do(t, "GET", "/api/v3/user", "", bearer(plain)).StatusCode != 403; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the server has not heard of it")
		}
	}
}

// inWorks gives ada's private repository to an organisation that eve belongs to.
func inWorks(t *testing.T, s *scene, plain string) string {
	o := s.Org(t, s.ada, "works")
	s.Join(t, o, org.Member, s.eve)
	if _, _, err := s.Lifecycle.TransferRepo(t.Context(), right.Actor{Account: s.ada.ID, Login: "ada", Kind: right.SessionCredential, Grant: right.Everything()}, s.shut.ID, "works", ""); err != nil {
		t.Fatal(err)
	}
	return plain
}
