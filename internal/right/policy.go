package right

import (
	"net/netip"
	"slices"
	"time"

	"jeton/internal/id"
)

// Policy is what those who answer for a site or an organisation want of every
// token that touches what is theirs. The zero value wants nothing.
type Policy struct {
	Without    KindSet        // kinds of token that may not be used
	MustEnd    bool           // tokens without an end may not
	MaxLife    time.Duration  // whole days from a secret's making to its end, counted in UTC; zero: any
	Approve    bool           // fine-grained tokens that reach an organisation need its approval
	ScopesOnly bool           // no other scopes than Scopes
	Scopes     ScopeSet       //
	FineOnly   bool           // no other permissions than Fine, nor at higher levels
	Fine       Fine           //
	Networks   []netip.Prefix // from no other networks; empty: from any
}

// IsZero reports whether the policy wants nothing.
func (p *Policy) IsZero() bool {
	return p.Without == 0 && !p.MustEnd && p.MaxLife == 0 && !p.Approve && !p.ScopesOnly && !p.FineOnly && len(p.Networks) == 0
}

// KindSet is a set of kinds of credential.
type KindSet uint16

// Kinds returns the set of some kinds.
func Kinds(kinds ...CredentialKind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether the set holds k.
func (s KindSet) Has(k CredentialKind) bool { return s&(1<<k) != 0 }

// Breach is in what way a token is out of policy.
type Breach uint8

// The breaches. Within is the zero value: it is not.
const (
	Within           Breach = iota
	BreachBarred            // the owners shut this token out
	BreachKind              // tokens of its kind may not be used
	BreachEnd               // it has no end
	BreachLife              // it lives too long
	BreachScopes            // it has a scope that may not be given
	BreachFine              // it has a permission that may not be given
	BreachUnapproved        // the owners have not approved it
	BreachNetwork           // it comes from elsewhere
)

var breachNames = [...]string{"within", "shut out", "kind", "no end", "life too long", "scopes", "permissions", "not approved", "network"}

// String names the breach, for logs and programs.
func (b Breach) String() string { return breachNames[b] }

// Policies are those that hold at one moment.
type Policies struct {
	Site *Policy                // nil: none
	Of   map[id.Account]*Policy // by organisation
}

// Issue is what a policy asks of a token as such, wherever it is used.
type Issue struct {
	Kind   CredentialKind
	Made   time.Time // when its secret was made
	Ends   time.Time // zero: never
	Scopes ScopeSet
	Fine   Fine
}

// Refuses reports in what way the policy is against a token as such. A nil policy
// is against nothing.
func (p *Policy) Refuses(t *Issue) Breach {
	if p == nil {
		return Within
	}
	if p.Without.Has(t.Kind) {
		return BreachKind
	}
	if b := p.RefusesEnd(t); b != Within {
		return b
	}
	return p.RefusesGiven(t)
}

// RefusesEnd is Refuses for when the token ends alone.
func (p *Policy) RefusesEnd(t *Issue) Breach {
	switch {
	case p == nil:
		return Within
	case p.MaxLife > 0 && (t.Ends.IsZero() || t.Ends.After(p.Latest(t.Made))):
		return BreachLife
	case p.MustEnd && t.Ends.IsZero():
		return BreachEnd
	}
	return Within
}

// RefusesGiven is Refuses for what the token may do alone.
func (p *Policy) RefusesGiven(t *Issue) Breach {
	switch {
	case p == nil:
		return Within
	case p.ScopesOnly && !t.Kind.Fine() && !t.Scopes.Under(p.Scopes):
		return BreachScopes
	case p.FineOnly && t.Kind.Fine() && !t.Fine.Within(p.Fine):
		return BreachFine
	}
	return Within
}

// Latest is the last moment at which a token may end whose secret was made at made:
// as tokens do that end by date, with the day in UTC. It is zero without a longest
// life.
func (p *Policy) Latest(made time.Time) time.Time {
	if p == nil || p.MaxLife == 0 {
		return time.Time{}
	}
	return made.UTC().Truncate(day).Add(p.MaxLife + day - time.Second)
}

const day = 24 * time.Hour

// admits reports whether a token may come from an address.
func (p *Policy) admits(from netip.Addr) bool {
	if len(p.Networks) == 0 {
		return true
	}
	from = from.Unmap()
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(from) })
}

// Against reports in what way the policies are against what the actor does with
// what is owner's, and whose policy that is: zero for the site's. Only tokens have
// to follow them.
func (a *Actor) Against(owner id.Account) (Breach, id.Account) {
	if !a.IsToken() || a.Policies == nil && len(a.Barred) == 0 {
		return Within, 0
	}
	if a.Policies != nil {
		if b := a.out(a.Policies.Site, 0); b != Within {
			return b, 0
		}
	}
	if owner == 0 {
		return Within, 0
	}
	if slices.Contains(a.Barred, owner) {
		return BreachBarred, owner
	}
	if a.Policies == nil {
		return Within, 0
	}
	return a.out(a.Policies.Of[owner], owner), owner
}

func (a *Actor) out(p *Policy, owner id.Account) Breach {
	if p == nil {
		return Within
	}
	if b := p.Refuses(&Issue{Kind: a.Kind, Made: a.Made, Ends: a.Ends, Scopes: a.Scopes, Fine: a.Permissions}); b != Within {
		return b
	}
	switch {
	case p.Approve && a.Kind == FineToken && !a.Approved && a.Grant.Reach != nil && a.Grant.Reach.Owner == owner:
		return BreachUnapproved
	case !p.admits(a.From):
		return BreachNetwork
	}
	return Within
}

// ShutOutOf reports whether policies keep from the actor what owner lets its account
// see, so that it is left out of lists.
func (a *Actor) ShutOutOf(owner id.Account) bool {
	b, _ := a.Against(owner)
	return b != Within
}

// ShutOut are the owners whose private things the policies keep from the actor;
// all says that it is everybody's.
func (a *Actor) ShutOut() (owners []id.Account, all bool) {
	if b, _ := a.Against(0); b != Within {
		return nil, true
	}
	if !a.IsToken() {
		return nil, false
	}
	owners = slices.Clone(a.Barred)
	if a.Policies != nil {
		for owner, p := range a.Policies.Of { // the site's was asked above
			if a.out(p, owner) != Within {
				owners = append(owners, owner)
			}
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners), false
}

// policy asks whether a policy is against the action. What a visitor may do,
// everybody may.
func (t *trace) policy(actor *Actor, a Action, f *Facts, owner id.Account, now time.Time) bool {
	if actor.Policies == nil && len(actor.Barred) == 0 {
		return t.fails(PartPolicy, false, false)
	}
	b, _ := actor.Against(owner)
	return t.fails(PartPolicy, actor.IsToken(), b != Within && !visitorMay(a, f, now))
}

func visitorMay(a Action, f *Facts, now time.Time) bool {
	visitor := Anonymous()
	seen := *f
	seen.Relation = None
	return check(&visitor, a, &seen, now, nil).Allow
}
