package attack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/issuertest"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// machineDoors are open to every token of a machine of works before there is a policy.
var machineDoors = []string{"git fetch", "git push", "repository", "commits", "raw file", "archive", "LFS batch", "LFS transfer", "who am I"}

// ofMachine reports whether it is no person's token.
func (c *credential) ofMachine() bool {
	return c.kind == "deploy" || c.kind == "exchanged" || c.account != ""
}

// employ gives tokens to machines: a deploy token of works/plans that never ends, one
// that was exchanged there and reads alone, and that of a service account of works,
// which an owner made.
func (g *governed) employ(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	deploy, plain, err := g.Lifecycle.CreateDeployToken(ctx, asPerson(g.ada), g.plans.ID, token.NewDeploy{Note: "deploy", Permissions: right.ParseFine("contents=write,statuses=write")})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "deploy", kind: "deploy", tid: deploy.ID, plain: plain.Reveal(), fine: true})

	trusted, err := g.Trusts.Create(ctx, asPerson(g.ada), trust.Place{Repo: g.plans.ID, Owner: g.works.ID, Name: "works/plans"},
		trust.Statement{Name: "CI", Issuer: "https://issuer.example.com", Audience: "jeton", Subject: "job", Permissions: right.ParseFine("contents=read,statuses=write"), Minutes: 60})
	if err != nil {
		t.Fatal(err)
	}
	var exchanged token.Token
	err = g.DB.Write(ctx, func(tx *db.Tx) error {
		m, err := g.Repos.MachineTx(ctx, tx, right.Anonymous(), g.plans.ID)
		if err != nil {
			return err
		}
		exchanged, plain, err = g.Tokens.ExchangeTx(ctx, tx, m, token.NewExchanged{Trust: trusted.ID, Note: "exchanged", Owner: g.works.ID, Access: token.Selected, Repos: []id.Repo{g.plans.ID},
			Permissions: trusted.Permissions, ExpiresAt: g.Now().Add(5 * time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "exchanged", kind: "exchanged", tid: exchanged.ID, plain: plain.Reveal(), ends: exchanged.ExpiresAt, fine: true, reads: true})

	bot := g.machine(t, g.ada, g.works.ID, "works-bot")
	crew, err := g.Orgs.FindTeam(ctx, g.DB, g.works.ID, "crew", 0)
	if err == nil {
		_, err = g.Orgs.SetMate(ctx, right.Operator(), crew.Team, bot.ID, org.TeamMember)
	}
	if err != nil {
		t.Fatal(err)
	}
	ends := g.Now().Add(300 * 24 * time.Hour)
	service, plain, err := g.Tokens.CreateFine(ctx, asPerson(g.ada), bot.ID, token.NewFine{Name: "service", Owner: g.works.ID, OwnerIsOrg: true, Access: token.AllOf, Permissions: right.ParseFine(everything), ExpiresAt: ends, Approved: true})
	if err != nil {
		t.Fatal(err)
	}
	g.creds = append(g.creds, &credential{name: "service account's", kind: "fine-grained", account: bot.Login, tid: service.ID, plain: plain.Reveal(), ends: ends, fine: true})
}

// given is what the endpoint of tokens answers to a machine.
type given struct {
	Access string `json:"access_token"`
	Scope  string
	Error  string
	Why    string `json:"error_description"`
}

// exchange has a job of an issuer exchange what that says of it.
func (g *governed) exchange(t *testing.T, by *issuertest.Issuer, at string) (given, int) {
	t.Helper()
	v := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "resource": {g.URL() + at},
		"subject_token": {by.Token(t, issuertest.Job{Subject: "job", Audience: []string{"jeton"}, Expires: g.Now().Add(5 * time.Minute)})}}
	a := g.Do(t, "POST", "/login/oauth/access_token", v.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: application/json")
	var out given
	if err := json.Unmarshal([]byte(a.Text), &out); err != nil {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	return out, a.StatusCode
}

// trusting makes works/plans and works itself, as its service account, trust the jobs
// of an issuer.
func (g *governed) trusting(t *testing.T, by *issuertest.Issuer) {
	t.Helper()
	s := trust.Statement{Name: "Jobs", Issuer: by.URL, Audience: "jeton", Subject: "job", Permissions: right.ParseFine("contents=write,statuses=write"), Minutes: 60}
	_, err := g.Trusts.Create(t.Context(), asPerson(g.ada), trust.Place{Repo: g.plans.ID, Owner: g.works.ID, Name: "works/plans"}, s)
	if err == nil {
		bot, _ := g.Accounts.ByLogin(t.Context(), g.DB, "works-bot")
		s.Machine, s.Access = bot.ID, token.AllOf
		_, err = g.Trusts.Create(t.Context(), asPerson(g.ada), trust.Place{Owner: g.works.ID, Name: "works"}, s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestS3_LooseningWidensNoMachine: what a machine got in exchange under a policy is no
// more when it is lifted, and no more than the policy of another wants.
func TestS3_LooseningWidensNoMachine(t *testing.T) {
	t.Parallel()
	by := issuertest.Start(t)
	g := newGoverned(t, false, by.Allow)
	g.trusting(t, by)
	for _, of := range []id.Account{policy.Site, g.works.ID} {
		for _, at := range []string{"/works/plans", "/works"} {
			g.set(t, of, right.Policy{FineOnly: true, Fine: right.ParseFine("contents=read,administration=write")})
			x, status := g.exchange(t, by, at)
			if status != 200 || x.Scope != "contents=read" && x.Scope != "contents=read metadata=read" {
				t.Fatalf("%s: %d %+v", at, status, x)
			}
			for _, when := range []string{"under it", "without it"} {
				want(t, at+", "+when, g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(x.Access)), 200)
				want(t, at+", a push "+when, g.Do(t, "GET", "/works/plans.git"+packs, "", bearer(x.Access)), 403)
				want(t, at+", a status "+when, g.Do(t, "POST", "/api/v3/repos/works/plans/statuses/main", `{"state":"success"}`, bearer(x.Access)), 403)
				g.set(t, of, right.Policy{})
			}
			if x, status = g.exchange(t, by, at); status != 200 {
				t.Fatalf("%s: %d %+v", at, status, x)
			}
			want(t, at+", another one pushes", g.Do(t, "GET", "/works/plans.git"+packs, "", bearer(x.Access)), 200)
		}
	}
	// Who was shut out stays so.
	for _, c := range g.creds {
		if c.ofMachine() && !c.narrow {
			g.bar(t, c.tid, g.works.ID, true)
			g.set(t, g.works.ID, right.Policy{MustEnd: true, Approve: true})
			g.set(t, g.works.ID, right.Policy{})
			want(t, c.name+", barred", g.Do(t, "GET", "/api/v3/repos/works/plans", "", bearer(c.plain)), 403)
		}
	}
}

// TestS5_NoMachinesTokenIsMadeAgainstAPolicy: the pages of deploy tokens and of service
// accounts refuse what a policy is against, and say what; and an exchange gives less,
// or nothing.
func TestS5_NoMachinesTokenIsMadeAgainstAPolicy(t *testing.T) {
	t.Parallel()
	by := issuertest.Start(t)
	g := newGoverned(t, false, by.Allow)
	g.trusting(t, by)
	const deploys, bots = "/works/plans/settings/deploy-tokens", "/organizations/works/settings/service-accounts/works-bot/tokens"
	const day = 24 * time.Hour
	owner, notes := g.Person(t, g.ada), 0
	post := func(path string, fields ...string) apptest.Answer {
		t.Helper()
		notes++
		v := url.Values{"note": {fmt.Sprint("n", notes)}, "name": {fmt.Sprint("n", notes)}, "target_name": {"works"}, "access": {"all"}}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		return owner.Post(t, path, v)
	}
	says := func(what string, a apptest.Answer, code int, text string) {
		t.Helper()
		if a.StatusCode != code || !strings.Contains(a.Text, text) {
			t.Errorf("%s: %d, want %d with %q: %.2000s", what, a.StatusCode, code, text, a.Text)
		}
	}
	for whose, of := range map[string]id.Account{"this site": policy.Site, "the organization": g.works.ID} {
		g.set(t, of, right.Policy{MaxLife: 30 * day, FineOnly: true, Fine: right.ParseFine("contents=read,metadata=read,statuses=write")})
		for path, level := range map[string]string{deploys: "level", bots: "contents"} {
			what := whose + ", " + path
			says(what+", too long", post(path, level, "read", "expires", "90"), 422, "By the policy of "+whose+" a token lives for 30 days at most")
			says(what+", without an end", post(path, level, "read", "expires", "none"), 422, "By the policy of "+whose+" a token lives for 30 days at most")
			says(what+", a permission", post(path, level, "write", "expires", "7"), 422, "By the policy of "+whose+" a token has no other permissions than")
			says(what+", as it is wanted", post(path, level, "read", "expires", "7"), 303, "")
		}
		g.set(t, of, right.Policy{MustEnd: true})
		says(whose+", a deploy token without an end", post(deploys, "level", "read", "expires", "none"), 422, "By the policy of "+whose+" a token must have an end")
		g.set(t, of, right.Policy{Without: right.Kinds(right.DeployToken, right.ExchangedToken)})
		says(whose+", no deploy tokens", post(deploys, "level", "read", "expires", "7"), 403, "allows no deploy tokens")
		says(whose+", a service account's", post(bots, "contents", "read", "expires", "7"), 303, "")
		for _, at := range []string{"/works/plans", "/works"} {
			x, status := g.exchange(t, by, at)
			if status != 400 || x.Access != "" || x.Error != "access_denied" || !strings.Contains(x.Why, "allows no exchanged tokens") {
				t.Errorf("%s, an exchange at %s: %d %+v", whose, at, status, x)
			}
			lines, err := g.Audit.List(t.Context(), audit.Query{Account: g.works.ID, Action: "trust.refused", Limit: 1})
			if err != nil || len(lines) != 1 || lines[0].Detail["why"] != "token policy" || lines[0].Target != at[1:] {
				t.Errorf("%s, the owner's log of %s: %+v, %v", whose, at, lines, err)
			}
		}
		g.Advance(time.Hour + time.Minute) // a reason is told once an hour
		owner = g.Person(t, g.ada)
		g.set(t, of, right.Policy{Without: right.Kinds(right.FineToken)})
		says(whose+", no fine-grained tokens", post(bots, "contents", "read", "expires", "7"), 403, "allows no fine-grained tokens")
		g.set(t, of, right.Policy{})
	}
	// An owner of the organization who makes one has approved it.
	g.set(t, g.works.ID, right.Policy{Approve: true})
	says("one to approve", post(bots, "contents", "read", "expires", "7"), 303, "")
	all, total, err := g.Tokens.Requests(t.Context(), g.works.ID, token.OwnerQuery{PerPage: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if q.Token.Account != g.eve.ID {
			t.Errorf("of %d, %d asks about a machine's token %q", total, q.ID, q.Token.Note)
		}
	}
}
