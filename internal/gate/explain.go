package gate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// Subject is whose possibilities are explained: an actor, and what is wrong with
// its credential as such.
type Subject struct {
	Actor right.Actor
	ended error // *Refusal; nil: the credential is good
	shut  error // *Refusal; nil: the account is not suspended
}

// SubjectToken is the subject that a token makes, good or not.
func (g *Gate) SubjectToken(ctx context.Context, t token.Token) (Subject, error) {
	f, err := g.o.Accounts.Facts(ctx, g.o.DB, t.Account)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Actor: right.Actor{Account: t.Account, Login: f.Login, SiteAdmin: f.SiteAdmin, Kind: t.Kind.Credential(), Token: t.ID, App: t.App,
		Note: t.Note, Ending: t.LastEight, Scopes: t.Scopes, Until: t.ExpiresAt, Grant: t.Grant(), Filtered: true, // as every door is
		Permissions: t.Permissions, Approved: !t.ApprovedAt.IsZero(), Barred: t.Barred}}
	s.Actor.Made, s.Actor.Ends = t.SecretAt(), t.ExpiresAt
	if err := g.confine(ctx, &s.Actor); err != nil {
		return Subject{}, err
	}
	s.Actor.Policies, err = g.policies(ctx)
	switch {
	case err != nil:
		s.ended = err
	case !t.RevokedAt.IsZero():
		s.ended = g.refuse(RevokedToken, Presented{}, t)
	case t.Expired(g.o.Now()):
		s.ended = g.refuse(ExpiredToken, Presented{}, t)
	}
	if f.Suspended {
		s.shut = g.suspended(f.Login)
	}
	return s, nil
}

// SubjectTokenByID is SubjectToken for the machine's administrator, who names a
// token by its number, whoever's it is. It fails with problem.NotFound.
func (g *Gate) SubjectTokenByID(ctx context.Context, tid id.Token) (Subject, error) {
	found, err := g.o.Tokens.ByIDs(ctx, g.o.DB, []id.Token{tid})
	if err != nil {
		return Subject{}, err
	}
	t, ok := found[tid]
	if !ok {
		return Subject{}, problem.Newf(problem.NotFound, "There is no token %d.", tid)
	}
	return g.SubjectToken(ctx, t)
}

// Question is what Explain explains.
type Question struct {
	Action      right.Action
	Owner, Name string     // of the repository; Owner alone of an organisation; both empty for what is of neither
	Ref         string     // with a push or a fetch: the full name of a branch or tag; empty: none is meant
	From        netip.Addr // from where; zero: that is not said
}

// Line is one part of an explanation.
type Line struct {
	Part    string // its name, for programs
	Outcome right.Outcome
	Says    string
	Remedy  string // what would have to change, where it failed
	Decides bool   // it is the first that failed: what a door answers
}

// Explanation is what a door would answer, and why.
type Explanation struct {
	Allowed bool
	Kind    problem.Kind // of the refusal; nothing if it is allowed
	Lines   []Line       // in the order in which they are asked
	Notes   []string     // what may stop it nevertheless, and was not asked
}

// Explain says what the doors would answer if the subject asked for an action, and
// each part of it, with what would have to change. It runs what they run. asker is
// the operator, or of the subject's own account: signed in, or by the token that
// is the subject. What the asker may not know of is explained as what does not
// exist. Nothing is written into a log.
func (g *Gate) Explain(ctx context.Context, asker *right.Actor, s Subject, q Question) (Explanation, error) {
	operator := asker.Kind == right.OperatorCommand
	if !operator && (asker.Account == 0 || asker.Account != s.Actor.Account) {
		return Explanation{}, problem.New(problem.NotFound, "Not Found", "")
	}
	s.Actor.From = q.From
	x := &explaining{gate: g, subject: &s, question: q, person: !asker.IsToken()}
	if err := x.credential(ctx); err != nil {
		return Explanation{}, err
	}
	facts, r, err := x.facts(ctx)
	if err != nil {
		return Explanation{}, err
	}
	decision, parts := right.Explain(&s.Actor, x.question.Action, facts, g.o.Now(), x.person)
	for _, p := range parts {
		x.part(p, &facts)
	}
	if operator && decision.Reason == right.Hidden && r.ID != 0 && len(parts) == 1 {
		x.notes = append(x.notes, fmt.Sprintf("The repository exists, and %s has no access to it.", s.Actor.Login))
	}
	if decision.Allow {
		if err := x.refs(ctx, r); err != nil {
			return Explanation{}, err
		}
	}
	return x.done(), nil
}

// explaining is one explanation on its way.
type explaining struct {
	gate     *Gate
	subject  *Subject
	question Question
	person   bool // the asker knows what the account knows, and not what its token knows alone
	lines    []Line
	notes    []string
	kind     problem.Kind
}

func (x *explaining) done() Explanation {
	out := Explanation{Allowed: true, Lines: x.lines, Notes: x.notes}
	if i := slices.IndexFunc(x.lines, func(l Line) bool { return l.Outcome == right.Failed }); i >= 0 {
		x.lines[i].Decides = true
		out.Allowed, out.Kind = false, x.kind
	}
	return out
}

func (x *explaining) held(part, says string) {
	x.lines = append(x.lines, Line{Part: part, Outcome: right.Held, Says: says})
}

func (x *explaining) notAsked(part, says string) {
	x.lines = append(x.lines, Line{Part: part, Outcome: right.NotAsked, Says: says})
}

// failed adds what the doors say of a part that failed.
func (x *explaining) failed(part string, err error) {
	e := problem.Of(err)
	if !slices.ContainsFunc(x.lines, func(l Line) bool { return l.Outcome == right.Failed }) {
		x.kind = e.Kind
	}
	x.lines = append(x.lines, Line{Part: part, Outcome: right.Failed, Says: e.Public, Remedy: e.Remedy})
}

// credential is what Identify looks at, in its order.
func (x *explaining) credential(ctx context.Context) error {
	a := &x.subject.Actor
	switch {
	case x.subject.ended != nil:
		x.failed("credential", x.subject.ended)
	case a.Until.IsZero():
		x.held("credential", fmt.Sprintf("The token %q is good and has no end.", a.Note))
	default:
		x.held("credential", fmt.Sprintf("The token %q is good until %s.", a.Note, a.Until.UTC().Format("Monday, 2 January 2006, 15:04 MST")))
	}
	if x.subject.shut != nil {
		x.failed("suspension", x.subject.shut)
	} else {
		x.held("suspension", fmt.Sprintf("The account %s is not suspended.", a.Login))
	}
	from := x.question.From
	switch {
	case !a.Grant.Limits.LimitNetworks():
		x.notAsked("network", "The token may come from every network.")
	case !from.IsValid():
		x.notAsked("network", "The token is limited to some networks, and from which address it comes was not said.")
	case a.Grant.Limits.Admit(from):
		x.held("network", fmt.Sprintf("The token may come from %s.", from.Unmap()))
	default:
		x.failed("network", x.gate.otherNetwork(a, from))
	}
	if !a.Grant.Limits.Counted() {
		return nil
	}
	err := x.gate.o.Tokens.Unspent(ctx, a.Token, a.Grant.Limits.Budgets)
	spent, ok := errors.AsType[*token.Spent](err)
	switch {
	case ok:
		x.failed("budget", x.gate.usedUp(a, spent))
	case err != nil:
		return err
	default:
		x.held("budget", "The token's budgets are not used up.")
	}
	return nil
}

// facts loads what the decision is about.
func (x *explaining) facts(ctx context.Context) (right.Facts, Repo, error) {
	g, q, a := x.gate, &x.question, &x.subject.Actor
	// What is made for an organisation is another action than what is made for
	// oneself.
	if q.Owner != "" && !strings.EqualFold(q.Owner, a.Login) {
		switch q.Action {
		case right.RepoCreate:
			q.Action = right.OrgCreateRepo
		case right.RepoCreatePrivate:
			q.Action = right.OrgCreateRepoPrivate
		}
	}
	switch q.Action.Info().Subject {
	case right.OfRepo:
		r, cached, err := g.find(ctx, a, q.Owner, q.Name, repo.OldTimes)
		if err != nil {
			return right.Facts{}, Repo{}, err
		}
		f := g.Facts(&r)
		if r.ID != 0 && !right.Check(a, q.Action, f, g.o.Now()).Tell {
			g.o.Repos.Miss(ctx, g.o.DB, q.Owner, q.Name, a.Account, cached)
		}
		return f, r, nil
	case right.OfOrg:
		found, err := g.o.Orgs.Find(ctx, g.o.DB, q.Owner, a.Account)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return right.Facts{}, Repo{}, err
		}
		return g.orgFacts(q.Action, &Org{found}), Repo{}, nil
	case right.OfTeam:
		return right.Facts{}, Repo{}, problem.Field("action", "Actions of teams can't be explained.")
	}
	return right.Facts{Closed: g.o.Closed}, Repo{}, nil
}

// part adds a part of right's decision.
func (x *explaining) part(p right.Part, f *right.Facts) {
	switch p.Outcome {
	case right.NotAsked:
		if says := x.saysNotAsked(p.Kind); says != "" {
			x.notAsked(p.Kind.String(), says)
		}
	case right.Held:
		if p.Kind == right.PartSignIn {
			return // which a token does not have to be told
		}
		x.held(p.Kind.String(), x.saysHeld(p, f))
	default:
		a, action := &x.subject.Actor, x.question.Action
		if b, _ := a.Against(f.Owner); p.Kind == right.PartPolicy && b == right.BreachNetwork && !a.From.IsValid() {
			x.notAsked(p.Kind.String(), "Tokens are taken from some networks alone, and from which address this one comes was not said.")
			return
		}
		e := x.gate.words(a, action, reasonOf(p.Kind, a, action), p.Kind, f)
		if p.Kind == right.PartExists && x.person && action.Info().Subject == right.OfRepo {
			e = x.gate.noAccess(a)
		} else if p.Kind == right.PartSight && x.person {
			// What hides it is a part of its own.
			e = problem.New(e.Kind, e.Public+" The account may know of it, and the token may not: it is answered as if it did not exist.", "")
		}
		x.failed(p.Kind.String(), e)
	}
}

// reasonOf is the reason that check gives when a part fails.
func reasonOf(k right.PartKind, a *right.Actor, action right.Action) right.Reason {
	switch k {
	case right.PartApp:
		if action.Info().Subject != right.OfApp {
			return right.NotForApps
		}
		return right.AppsOnly
	case right.PartExists, right.PartSight:
		if !a.IsAnonymous() {
			return right.Hidden
		}
		return right.SignIn
	case right.PartSignIn:
		return right.SignIn
	case right.PartRight:
		return right.NoRight
	case right.PartPolicy:
		return right.OutOfPolicy
	case right.PartState:
		return right.ArchivedState
	case right.PartPeople:
		return right.PeopleOnly
	case right.PartRecent:
		return right.NotRecent
	}
	return right.GrantMissing
}

// refs adds what a push asks about its ref, once the push itself is allowed, and
// what limits say of refs.
func (x *explaining) refs(ctx context.Context, r Repo) error {
	q, a := &x.question, &x.subject.Actor
	if q.Action == right.RepoPush {
		x.pushNotes(&r)
	}
	if q.Ref == "" || q.Action != right.RepoPush && q.Action != right.RepoFetch {
		return nil
	}
	l, name := a.Grant.Limits, printable.Line(q.Ref, 200)
	switch {
	case !l.HideRefs() && !l.LimitMoves():
		x.notAsked("ref", "No limit of the token is about branches and tags.")
	case !l.SeeRef(q.Ref), q.Action == right.RepoPush && RefLimit(l, q.Ref) != "":
		x.failed("ref", x.gate.Limited(a, RefLimit(l, q.Ref)))
	default:
		x.held("ref", fmt.Sprintf("The token's limits leave it %s.", name))
	}
	if q.Action != right.RepoPush {
		return nil
	}
	rules, err := x.gate.o.Repos.Rules(ctx, x.gate.o.DB, &r.Repo)
	if err != nil {
		return err
	}
	rule := rules.For(q.Ref)
	switch {
	case rule == nil:
		x.notAsked("rule", fmt.Sprintf("No rule of the repository speaks of %s.", name))
		return nil
	case rule.MayPush(a.Account, r.Relation):
		x.held("rule", fmt.Sprintf("The rule %q lets %s push to it.", rule.Pattern, a.Login))
	default:
		x.failed("rule", problem.New(problem.Forbidden, NotAuthorized(rule, false), x.gate.RuleRemedy(rule)+" "+x.gate.RulesURL(&r)))
	}
	x.ruleNotes(rule)
	return nil
}
