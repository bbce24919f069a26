package right_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/id"
	"jeton/internal/right"
)

var made = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// anyPolicy draws rules of which each is there or not.
func anyPolicy(t *rapid.T, name string) *right.Policy {
	p := &right.Policy{
		MustEnd: rapid.Bool().Draw(t, name+" must end"), Approve: rapid.Bool().Draw(t, name+" approve"),
		ScopesOnly: rapid.Bool().Draw(t, name+" scopes only"), FineOnly: rapid.Bool().Draw(t, name+" permissions only"),
		MaxLife: time.Duration(rapid.SampledFrom([]int{0, 7, 90}).Draw(t, name+" days")) * 24 * time.Hour,
		Without: right.KindSet(rapid.Uint16().Draw(t, name+" without")),
		Scopes:  right.ScopeSet(rapid.Uint32Range(0, 1<<len(right.Scopes())-1).Draw(t, name+" scopes")),
		Fine:    anyFine(t, name),
	}
	if rapid.Bool().Draw(t, name+" network") {
		p.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	}
	return p
}

// governed gives a token what policies ask about.
func governed(t *rapid.T, a right.Actor) right.Actor {
	a.Made, a.Permissions = made, right.ParseFine("contents=read,metadata=read")
	a.Ends = rapid.SampledFrom([]time.Time{{}, made.AddDate(0, 0, 5), made.AddDate(0, 0, 60), made.AddDate(1, 0, 0)}).Draw(t, "ends")
	a.From = rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("198.51.100.1"), {}}).Draw(t, "from")
	a.Approved = rapid.Bool().Draw(t, "approved")
	if rapid.Bool().Draw(t, "barred") {
		a.Barred = []id.Account{2}
	}
	return a
}

// TestPolicy_shrinks: a policy only takes away, rule by rule; what it leaves to a
// token that is out of it is what a visitor may.
func TestPolicy_shrinks(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	rapid.Check(t, func(t *rapid.T) {
		free := anyActor(t, "actor")
		if free.IsToken() {
			free = governed(t, free)
		}
		facts, action := anyFacts(t), rapid.SampledFrom(right.Actions()).Draw(t, "action")
		p := anyPolicy(t, "policy")
		held := free
		owner := facts.Owner
		held.Policies = &right.Policies{Of: map[id.Account]*right.Policy{owner: p}}
		if rapid.Bool().Draw(t, "of the site") {
			held.Policies, owner = &right.Policies{Site: p}, 0
		}
		was, is := right.Check(&free, action, facts, now), right.Check(&held, action, facts, now)
		if is.Allow && !was.Allow {
			t.Fatalf("%s: the policy %+v allows what is not allowed without", action, p)
		}
		if was.Tell != is.Tell {
			t.Fatalf("%s: the policy changes what may be told", action)
		}
		about := facts.Owner
		if s := action.Info().Subject; s == right.OfSite || s == right.OfSelf || s == right.OfApp {
			about = 0
		}
		if breach, _ := held.Against(about); breach != right.Within && is.Allow {
			visitor, public := right.Anonymous(), facts
			public.Relation = right.None
			if !right.Check(&visitor, action, public, now).Allow {
				t.Fatalf("%s: allowed to a token that is out of policy (%s), and not to a visitor", action, breach)
			}
		}
		if !held.IsToken() && was != is {
			t.Fatalf("%s: a policy about tokens holds for %s", action, held.Kind)
		}
		stricter := *p
		rapid.SampledFrom([]func(){
			func() { stricter.MustEnd = true },
			func() { stricter.Approve = true },
			func() { stricter.Without |= right.Kinds(free.Kind) },
			func() {
				stricter.ScopesOnly, stricter.Scopes = true, stricter.Scopes.Meet(right.KnownScopes([]string{"repo", "read:org"}))
			},
			func() { stricter.FineOnly, stricter.Fine = true, right.Fine{} },
			func() {
				if stricter.MaxLife == 0 || stricter.MaxLife > 7*24*time.Hour {
					stricter.MaxLife = 7 * 24 * time.Hour
				}
			},
			func() { stricter.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")} },
		}).Draw(t, "tightened")()
		tight := held
		if owner == 0 {
			tight.Policies = &right.Policies{Site: &stricter}
		} else {
			tight.Policies = &right.Policies{Of: map[id.Account]*right.Policy{owner: &stricter}}
		}
		if right.Check(&tight, action, facts, now).Allow && !is.Allow {
			t.Fatalf("%s: a stricter policy allows more", action)
		}
	})
}

// TestPolicy_shutOut: the owners that are shut out are those whom the decision
// refuses.
func TestPolicy_shutOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		actor := anyActor(t, "actor")
		if !actor.IsToken() {
			t.Skip("not a token")
		}
		actor = governed(t, actor)
		actor.Policies = &right.Policies{Of: map[id.Account]*right.Policy{1: anyPolicy(t, "one"), 3: anyPolicy(t, "three")}}
		if rapid.Bool().Draw(t, "site") {
			actor.Policies.Site = anyPolicy(t, "site's")
		}
		owners, all := actor.ShutOut()
		for owner := id.Account(1); owner <= 4; owner++ {
			b, _ := actor.Against(owner)
			if (all || slices.Contains(owners, owner)) != (b != right.Within) {
				t.Fatalf("%d: %s, and the owners that are shut out are %v, all: %t", owner, b, owners, all)
			}
		}
	})
}

// TestPolicy_breaches: each rule is found broken by what breaks it, and by nothing
// else.
func TestPolicy_breaches(t *testing.T) {
	t.Parallel()
	scopes := func(names ...string) right.ScopeSet { return right.KnownScopes(names) }
	classic := right.Issue{Kind: right.ClassicToken, Made: made, Ends: made.AddDate(0, 0, 90), Scopes: scopes("repo")}
	fine := right.Issue{Kind: right.FineToken, Made: made, Ends: made.AddDate(0, 0, 90), Fine: right.ParseFine("contents=write,metadata=read")}
	endless := classic
	endless.Ends = time.Time{}
	lastMoment := classic
	lastMoment.Ends = time.Date(2026, 5, 30, 23, 59, 59, 0, time.UTC)
	dayLater := classic
	dayLater.Ends = lastMoment.Ends.Add(time.Second)
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	for name, c := range map[string]struct {
		p    right.Policy
		t    right.Issue
		want right.Breach
	}{
		"nothing wanted":               {right.Policy{}, endless, right.Within},
		"classic not allowed":          {right.Policy{Without: right.Kinds(right.ClassicToken)}, classic, right.BreachKind},
		"others not allowed":           {right.Policy{Without: right.Kinds(right.OAuthToken, right.FineToken)}, classic, right.Within},
		"must end, and does":           {right.Policy{MustEnd: true}, classic, right.Within},
		"must end":                     {right.Policy{MustEnd: true}, endless, right.BreachEnd},
		"a longest life, and no end":   {right.Policy{MaxLife: days(90)}, endless, right.BreachLife},
		"the last moment":              {right.Policy{MaxLife: days(90)}, lastMoment, right.Within},
		"a moment later":               {right.Policy{MaxLife: days(90)}, dayLater, right.BreachLife},
		"too long":                     {right.Policy{MaxLife: days(89)}, lastMoment, right.BreachLife},
		"the scope itself":             {right.Policy{ScopesOnly: true, Scopes: scopes("repo")}, classic, right.Within},
		"its parent is needed":         {right.Policy{ScopesOnly: true, Scopes: scopes("public_repo", "repo:status")}, classic, right.BreachScopes},
		"no scope at all":              {right.Policy{ScopesOnly: true}, classic, right.BreachScopes},
		"scopes are not for this kind": {right.Policy{ScopesOnly: true}, fine, right.Within},
		"the permission itself":        {right.Policy{FineOnly: true, Fine: fine.Fine}, fine, right.Within},
		"a lower level":                {right.Policy{FineOnly: true, Fine: right.ParseFine("contents=read,metadata=read")}, fine, right.BreachFine},
		"permissions of another kind":  {right.Policy{FineOnly: true}, classic, right.Within},
	} {
		if got := c.p.Refuses(&c.t); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if (*right.Policy)(nil).Refuses(&endless) != right.Within {
		t.Error("no policy is against something")
	}
}

// TestScopes_meet: what two sets both give is under each, and all that is.
func TestScopes_meet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.Map(rapid.Uint32Range(0, 1<<len(right.Scopes())-1), func(n uint32) right.ScopeSet { return right.ScopeSet(n) })
		a, b := set.Draw(t, "a"), set.Draw(t, "b")
		both := a.Meet(b)
		for _, s := range right.Scopes() {
			if both.Contains(s.Name) != (a.Contains(s.Name) && b.Contains(s.Name)) {
				t.Fatalf("%s of %q and %q is in %q: %t", s.Name, a, b, both, both.Contains(s.Name))
			}
		}
		if !both.Under(a) || !both.Under(b) || a.Under(b) != (a.Meet(b) == a.Normal()) {
			t.Fatalf("%q and %q meet in %q", a, b, both)
		}
	})
}

// underPolicies is a token that is asked for everything that a policy can want, by the
// site and by the owner, and has it all.
func underPolicies() (right.Actor, right.Facts) {
	set, _ := right.ParseScopes([]string{"repo"})
	p := right.Policy{Without: right.Kinds(right.FineToken), MustEnd: true, MaxLife: 90 * 24 * time.Hour, Approve: true, ScopesOnly: true, Scopes: set, FineOnly: true}
	for _, n := range []string{"198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "192.0.2.0/24"} {
		p.Networks = append(p.Networks, netip.MustParsePrefix(n))
	}
	site := p
	return right.Actor{Account: 1, Kind: right.ClassicToken, Scopes: set, Grant: set.Grant(), Made: made, Ends: made.AddDate(0, 0, 60), From: netip.MustParseAddr("192.0.2.7"),
			Barred: []id.Account{7, 8}, Policies: &right.Policies{Site: &site, Of: map[id.Account]*right.Policy{2: &p}}},
		right.Facts{Exists: true, Relation: right.Write, Owner: 2}
}

// TestPolicy_allocates: with every policy there is, too, a decision takes no memory,
// whichever it is.
func TestPolicy_allocates(t *testing.T) {
	actor, facts := underPolicies()
	now := time.Now()
	public := facts
	public.Public = true
	for name, from := range map[string]string{"allowed": "192.0.2.7", "refused": "192.0.3.7"} {
		actor.From = netip.MustParseAddr(from)
		if d := right.Check(&actor, right.RepoPush, facts, now); d.Allow != (name == "allowed") {
			t.Fatalf("%s: %v", name, d)
		}
		n := testing.AllocsPerRun(1000, func() {
			right.Check(&actor, right.RepoPush, facts, now)
			right.Check(&actor, right.RepoFetch, public, now)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCheck_policies(b *testing.B) {
	actor, facts := underPolicies()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if !right.Check(&actor, right.RepoPush, facts, now).Allow {
			b.Fatal("denied")
		}
	}
}

// BenchmarkShutOut_many is what a list asks once for a token that comes from another
// network than 5,000 organisations with 64 networks each want.
func BenchmarkShutOut_many(b *testing.B) {
	all := &right.Policies{Of: map[id.Account]*right.Policy{}}
	for n := range 5000 {
		p := &right.Policy{}
		for i := range 64 {
			p.Networks = append(p.Networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), byte(i << 2)}), 30))
		}
		all.Of[id.Account(n+1)] = p
	}
	actor := right.Actor{Account: 7, Kind: right.ClassicToken, Policies: all, From: netip.MustParseAddr("192.0.2.1")}
	b.ReportAllocs()
	for b.Loop() {
		if owners, _ := actor.ShutOut(); len(owners) != 5000 {
			b.Fatal(len(owners))
		}
	}
}
