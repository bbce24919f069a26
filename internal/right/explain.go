package right

import "time"

// PartKind is one of the questions of which a decision is made.
type PartKind uint8

// The kinds, mostly in the order in which they are asked.
const (
	PartApp         PartKind = iota // an application asks, and for itself
	PartExists                      // it exists, and the account may know
	PartSight                       // the credential may know, too
	PartSignIn                      // somebody is signed in
	PartRight                       // the account's level there
	PartGrant                       // what the credential's scopes or permissions give
	PartReach                       // where the credential's permissions hold
	PartLimitRepos                  // limits of the token: the repositories
	PartLimitRead                   // only reading
	PartLimitLevels                 // not more than some permissions
	PartLimitRefs                   // some refs, where a door can't keep the token to them
	PartPolicy                      // the owner's policy, and the site's
	PartState                       // the repository is not archived
	PartPeople                      // a person asks, and no token
	PartRecent                      // who signed in not long ago
)

var partNames = [...]string{"application", "exists", "sight", "signed_in", "account", "grant", "reach", "limit_repositories", "limit_read_only", "limit_permissions", "limit_refs", "policy", "state", "person", "recent"}

// String names the kind, for programs.
func (k PartKind) String() string { return partNames[k] }

// Outcome is what became of a part.
type Outcome uint8

// The outcomes.
const (
	NotAsked Outcome = iota // it does not matter here, or may not be told
	Held
	Failed
)

var outcomeNames = [...]string{"not asked", "held", "failed"}

// String names the outcome.
func (o Outcome) String() string { return outcomeNames[o] }

// Part is one part of a decision.
type Part struct {
	Kind    PartKind
	Outcome Outcome
	Given   Level // of what has levels
	Needed  Level
	Decides bool // the decision is that of this part: it is the first that failed
}

// Explain returns the decision of Check and its parts, in the order in which they
// are asked. They are the same rules: a decision denies if a part failed, and the
// first that did decides. Beyond what the actor's account may not know of nothing
// is asked; nor, unless person is set, beyond what its credential may not: person
// says that the answer goes to whoever signed in to the account.
func Explain(actor *Actor, a Action, f Facts, now time.Time, person bool) (Decision, []Part) {
	t := &trace{parts: make([]Part, 0, len(partNames)), person: person}
	check(actor, a, &f, now, t)
	for i := range t.parts {
		if t.parts[i].Outcome == Failed {
			t.parts[i].Decides = true
			break
		}
	}
	return Check(actor, a, f, now), t.parts
}

// trace collects the parts of a decision. Nil collects nothing, and its methods
// say whether the decision ends here; otherwise it goes on where that is allowed.
type trace struct {
	parts  []Part
	person bool
}

// fails asks a part: whether it matters here, and whether what it wants is missing.
func (t *trace) fails(k PartKind, asked, missing bool) bool {
	if t == nil {
		return asked && missing
	}
	return t.add(Part{Kind: k}, asked, missing)
}

// below asks a part that wants a level, or is missing anyway.
func (t *trace) below(k PartKind, given, needed Level, missing bool) bool {
	if t == nil {
		return given < needed || missing
	}
	return t.addLevel(k, given, needed, missing)
}

// addLevel stands apart so that below is small enough to be inlined into Check.
//
//go:noinline
func (t *trace) addLevel(k PartKind, given, needed Level, missing bool) bool {
	return t.add(Part{Kind: k, Given: given, Needed: needed}, needed > None || missing, given < needed || missing)
}

// add notes a part, and reports whether nothing more may be asked.
func (t *trace) add(p Part, asked, missing bool) bool {
	switch {
	case asked && missing:
		p.Outcome = Failed
	case asked:
		p.Outcome = Held
	}
	if p.Kind == PartSight && p.Outcome == Failed && !t.person {
		// As if it did not exist.
		t.parts[len(t.parts)-1].Outcome = Failed
		return true
	}
	t.parts = append(t.parts, p)
	return p.Kind == PartExists && p.Outcome == Failed
}

// lacks asks whether the grant, of which granted is the whole, gives what e needs,
// and notes each thing that it is made of.
func (t *trace) lacks(actor *Actor, e *ActionInfo, f *Facts, granted Level) bool {
	if t == nil {
		return granted < e.Level
	}
	return t.addGrant(actor, e, f)
}

func (t *trace) addGrant(actor *Actor, e *ActionInfo, f *Facts) bool {
	g, public := &actor.Grant, e.public(f)
	needed := e.Level
	t.below(PartGrant, g.whole(e.Permission, public), needed, false)
	t.fails(PartReach, needed > None && g.Reach != nil, !g.Reach.holds(actor, e, f) && g.Reach.beyond(e, e.Permission, f) < needed)
	l := g.Limits
	t.fails(PartLimitRepos, needed > None && l != nil && len(l.repos) > 0, !l.cover(e, f))
	t.fails(PartLimitRead, needed > None && l != nil && l.ReadOnly, needed > Read)
	t.fails(PartLimitLevels, needed > None && l != nil && len(l.levels) > 0, l != nil && l.permitted(e.Permission, needed) < needed)
	return false
}

// Lacking returns which part of the actor's grant is the first that leaves the
// action out, for words about a decision that is GrantMissing.
func Lacking(actor *Actor, a Action, f Facts) PartKind {
	t := &trace{person: true}
	e := a.entry()
	t.addGrant(actor, e, &f)
	for _, p := range t.parts {
		if p.Outcome == Failed {
			return p.Kind
		}
	}
	if actor.barred(e) {
		return PartLimitRefs
	}
	return PartGrant
}
