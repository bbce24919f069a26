package attack

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/right"
)

// policyRule is one thing that a policy can want, with whom it is against: written
// here by hand, and never asked of the program.
type policyRule struct {
	name    string
	policy  right.Policy
	bars    bool // the owners shut the tokens out, by no policy
	orgOnly bool
	against func(c *credential) bool
	says    string // what every refusal has
}

func leftOut(kind right.CredentialKind, name, says string) policyRule {
	return policyRule{name: "no " + name, policy: right.Policy{Without: right.Kinds(kind)}, says: says,
		against: func(c *credential) bool { return c.kind == name }}
}

func scopesOf(names ...string) right.ScopeSet { return right.KnownScopes(names) }

func always(*credential) bool { return true }
func never(*credential) bool  { return false }

func policyRules(now time.Time) []policyRule {
	const day = 24 * time.Hour
	networks := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	without := right.ParseFine(strings.ReplaceAll(everything, "contents=write", "contents=read"))
	return []policyRule{
		leftOut(right.ClassicToken, "classic", "forbids access via a personal access token (classic)"),
		leftOut(right.FineToken, "fine-grained", "forbids access via a fine-grained personal access token"),
		leftOut(right.OAuthToken, "oauth", "forbids access by applications"),
		leftOut(right.DeployToken, "deploy", "forbids access via a deploy token"),
		leftOut(right.ExchangedToken, "exchanged", "forbids access via an exchanged token"),
		{name: "must end", policy: right.Policy{MustEnd: true}, says: "without an end", against: func(c *credential) bool { return c.ends.IsZero() }},
		{name: "30 days", policy: right.Policy{MaxLife: 30 * day}, says: "live longer than 30 days",
			against: func(c *credential) bool { return c.ends.IsZero() || c.ends.After(now.Add(31*day)) }},
		{name: "a year", policy: right.Policy{MaxLife: 366 * day}, says: "live longer than 366 days", against: func(c *credential) bool { return c.ends.IsZero() }},
		{name: "few scopes", policy: right.Policy{ScopesOnly: true, Scopes: scopesOf("repo", "read:org")}, says: "other scopes than",
			against: func(c *credential) bool { return c.scopes != "" }},
		{name: "no scopes", policy: right.Policy{ScopesOnly: true}, says: "other scopes than none", against: func(c *credential) bool { return !c.fine }},
		{name: "all scopes", policy: right.Policy{ScopesOnly: true, Scopes: scopesOf("repo", "admin:org", "user")}, against: never},
		{name: "few permissions", policy: right.Policy{FineOnly: true, Fine: without}, says: "other permissions than",
			against: func(c *credential) bool { return c.fine && !c.reads }},
		{name: "all permissions", policy: right.Policy{FineOnly: true, Fine: right.AllFine()}, against: never},
		{name: "another network", policy: right.Policy{Networks: networks("192.0.2.0/24")}, says: "from other networks than its own", against: always},
		{name: "this network", policy: right.Policy{Networks: append(networks("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8"))}, against: never},
		{name: "approval", policy: right.Policy{Approve: true}, orgOnly: true, says: "has not approved", against: func(c *credential) bool { return c.asked }},
		{name: "barred", bars: true, orgOnly: true, says: "has shut out your token", against: always},
		{name: "nothing", against: never},
	}
}

// closedTo reports whether an answer is that of a door which the credential does not
// open, whatever the policies.
func closedTo(a apptest.Answer) bool { return a.StatusCode == 404 || a.StatusCode == 403 }

// expectation is what a door answers under a rule that is against the credential.
type expectation struct {
	same   bool // as before
	status int
	hides  bool // without the marker
}

// expect computes what must come, from what came before there was a policy.
func (d *policyDoor) expect(before apptest.Answer, site, closed bool) expectation {
	same := expectation{same: true}
	if closedTo(before) {
		return same // a policy opens nothing, and tells of nothing
	}
	refused := expectation{status: 403}
	hidden := expectation{status: 200, hides: true}
	list := d.marker != ""
	switch d.of {
	case ofWorks:
		switch {
		case d.public && !closed && list:
			return hidden
		case d.public && !closed:
			return same
		}
		return refused
	case ofEve:
		if !site || d.public && !closed {
			return same
		}
		return refused
	case ofSelf:
		switch {
		case site:
			return refused
		case list:
			return hidden
		}
		return same
	}
	if site && closed {
		return refused
	}
	return hidden
}

// walk asks every door with every credential.
func (g *governed) walk(t *testing.T, f func(d *policyDoor, c *credential, a apptest.Answer)) {
	t.Helper()
	for i := range policyDoors {
		d := &policyDoors[i]
		for j, c := range g.creds {
			few := c.narrow || c.ofMachine() && closedTo(g.before[doorKey{d, c}])
			if few && !long() && (i+j)%3 != 0 {
				continue
			}
			f(d, c, d.ask(g, t, c))
		}
	}
}

type doorKey struct {
	d *policyDoor
	c *credential
}

// TestS1_EveryPolicyIsAskedOnEveryDoor: each thing that a policy can want, of the site
// and of an organisation, is tried against every kind of token on every door.
func TestS1_EveryPolicyIsAskedOnEveryDoor(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"open": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGoverned(t, closed)
			session := g.session(t, g.eve)
			before := map[doorKey]apptest.Answer{}
			g.walk(t, func(d *policyDoor, c *credential, a apptest.Answer) {
				before[doorKey{d, c}] = a
				if a.StatusCode >= 500 || c.name == "classic" && (a.StatusCode == 404 && d.name != "fork" || a.StatusCode == 403 || a.StatusCode == 401 || d.marker != "" && !strings.Contains(a.Text, d.marker)) {
					t.Fatalf("%s, %s, before: %d %.300s", d.name, c.name, a.StatusCode, a.Text)
				}
				if slices.Contains(machineDoors, d.name) && c.ofMachine() && a.StatusCode >= 300 && !(c.reads && d.name == "git push") {
					t.Errorf("%s, %s, before: %d %.300s", d.name, c.name, a.StatusCode, a.Text)
				}
			})
			g.before = before
			for i, rule := range policyRules(g.Now()) {
				for _, of := range []id.Account{policy.Site, g.works.ID} {
					if of == policy.Site && rule.orgOnly || closed && !long() && i%2 == 1 {
						continue
					}
					g.tried(t, &rule, of, closed)
					g.untouched(t, session, rule.name)
				}
			}
		})
	}
}

// tried holds the doors to one rule of the site or of works.
func (g *governed) tried(t *testing.T, rule *policyRule, of id.Account, closed bool) {
	t.Helper()
	site, whose := of == policy.Site, "The organization works"
	if site {
		whose = "This site"
	}
	bars := func(out bool) {
		for _, c := range g.creds {
			if rule.bars && !c.narrow {
				g.bar(t, c.tid, of, out)
			}
		}
	}
	bars(true)
	g.set(t, of, rule.policy)
	g.walk(t, func(d *policyDoor, c *credential, a apptest.Answer) {
		was := g.before[doorKey{d, c}]
		want := expectation{same: true}
		if rule.against(c) {
			want = d.expect(was, site, closed)
		}
		if err := want.met(d, rule, whose, was, a); err != nil {
			t.Errorf("%s of %s, %s, %s: %v: %.300s", rule.name, whose, d.name, c.name, err, a.Text)
		}
	})
	g.set(t, of, right.Policy{})
	bars(false)
}

func (e expectation) met(d *policyDoor, rule *policyRule, whose string, was, a apptest.Answer) error {
	tells := d.marker != "" && strings.Contains(a.Text, d.marker)
	text := strings.Join(strings.Fields(a.Text), " ") // for git it is broken into lines
	told := d.marker != "" && strings.Contains(was.Text, d.marker)
	switch {
	case e.same && (a.StatusCode != was.StatusCode || tells != told):
		return fmt.Errorf("%d, told %v, and it was %d, %v", a.StatusCode, tells, was.StatusCode, told)
	case e.same:
		return nil
	case a.StatusCode != e.status:
		return fmt.Errorf("%d, want %d", a.StatusCode, e.status)
	case tells:
		return fmt.Errorf("it tells %s", d.marker)
	case e.status == 403 && (!strings.Contains(text, whose) || !strings.Contains(text, rule.says)):
		return fmt.Errorf("it does not say whose policy and what: %q, %q", whose, rule.says)
	}
	return nil
}
