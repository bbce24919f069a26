package right

import (
	"time"

	"jeton/internal/id"
)

// Facts is what is true of the thing that an action is asked of. For an action
// of the site or of the actor's own account only Closed counts.
type Facts struct {
	Exists   bool  // there is such a repository, organisation or team
	Public   bool  // it is public
	Archived bool  // it is read-only
	Relation Level // what the actor's account may do there, the owner's Admin included; in an organisation or team: its place
	Closed   bool  // the site shows nothing to visitors
	Creates  bool  // for OfOrg: the account may create a repository like this one there

	Owner id.Account // the repository's owner, or the organisation itself, or the team's; or whom an action of one's own account concerns
	Repo  id.Repo    // the repository

	OwnerLogin, Name string // of the repository
}

// Reason says why a decision fell as it did.
type Reason uint8

// The reasons. Unknown is the zero value and denies.
const (
	Unknown Reason = iota
	Allowed
	SignIn        // nobody is signed in, and somebody must be
	Hidden        // it does not exist, or this actor may not know that it does
	NoRight       // the account has not the right
	GrantMissing  // the account has the right, the credential's grant has not
	PeopleOnly    // it is for people who signed in, not for tokens
	NotRecent     // the sign-in is too old for this
	ArchivedState // the repository is archived
	AppsOnly      // it is for applications with their id and secret
	NotForApps    // an application's id and secret are not good for it
	NotItself     // it is for a token about itself, if a person made that for themselves
	OutOfPolicy   // the owner's or the site's policy is against the token
)

var reasonNames = [...]string{"unknown", "allowed", "sign-in needed", "hidden", "no right", "grant missing", "people only", "sign-in not recent", "archived", "applications only", "not for applications", "not the token itself", "out of policy"}

// String names the reason, for logs.
func (r Reason) String() string { return reasonNames[r] }

// Decision is the gate's answer.
type Decision struct {
	Allow  bool
	Reason Reason
	Tell   bool // the thing's existence may be told to this actor
}

var allowed = Decision{Allow: true, Reason: Allowed, Tell: true}

func deny(r Reason, tell bool) Decision { return Decision{Reason: r, Tell: tell} }

// Check decides whether actor may do a to the thing that f describes, at now.
// It is pure and allocates nothing.
func Check(actor *Actor, a Action, f Facts, now time.Time) Decision {
	return check(actor, a, &f, now, nil)
}

// check asks one part of the decision after the other. Without a trace the first
// that fails is the answer. With one it goes on, and the trace holds all of them.
func check(actor *Actor, a Action, f *Facts, now time.Time, t *trace) Decision {
	e := a.entry()
	if e.Name == "" {
		return deny(Unknown, false)
	}
	if actor.Kind == AppCredential || e.Subject == OfApp {
		return checkApp(actor, e, t)
	}
	switch e.Subject {
	case OfRepo:
		return checkRepo(actor, a, e, f, now, t)
	case OfOrg, OfTeam:
		return checkOrg(actor, a, e, f, now, t)
	}
	if t.fails(PartSignIn, !e.Visitors || f.Closed && a != SiteVisit, actor.IsAnonymous()) {
		return deny(SignIn, true)
	}
	if t.fails(PartExists, e.Permission == Site, !actor.SiteAdmin) {
		return deny(Hidden, false)
	}
	switch {
	case e.Itself && t.fails(PartPeople, true, !itself(actor)):
		return deny(NotItself, true)
	case !e.Itself && t.fails(PartPeople, e.People, actor.IsToken()):
		return deny(PeopleOnly, true)
	}
	// The only action of an account whose grant depends on visibility is the
	// creation of a repository, which says so.
	if t.lacks(actor, e, f, actor.granted(e, e.Permission, f)) {
		return deny(GrantMissing, true)
	}
	if t.policy(actor, a, f, f.Owner, now) {
		return deny(OutOfPolicy, true)
	}
	return checkPerson(actor, e, now, true, t)
}

// checkApp keeps applications and everybody else apart. What it says depends on
// nothing that could be hidden.
func checkApp(actor *Actor, e *ActionInfo, t *trace) Decision {
	app := actor.Kind == AppCredential
	if t.fails(PartApp, true, e.Subject != OfApp || !app) {
		switch {
		case e.Subject != OfApp:
			return deny(NotForApps, true)
		case actor.IsAnonymous():
			return deny(SignIn, true)
		}
		return deny(AppsOnly, true)
	}
	return allowed
}

// checkRepo first settles whether the actor may know of the repository, so that
// no later answer can differ between a hidden one and a missing one.
func checkRepo(actor *Actor, a Action, e *ActionInfo, f *Facts, now time.Time, t *trace) Decision {
	relation := f.Relation
	if actor.Kind == OperatorCommand {
		relation = Admin
	}
	if f.Public && (!f.Closed || !actor.IsAnonymous()) {
		relation = max(relation, Read)
	}
	granted := actor.granted(e, e.Permission, f)
	if t.fails(PartExists, true, !f.Exists || relation == None) ||
		t.fails(PartSight, true, granted < e.Level && actor.granted(e, Metadata, f) < Read) {
		if actor.IsAnonymous() {
			return deny(SignIn, false)
		}
		return deny(Hidden, false)
	}
	if t.fails(PartSignIn, !e.Visitors, actor.IsAnonymous()) {
		return deny(SignIn, true)
	}
	if e.Related && actor.Kind != OperatorCommand {
		relation = f.Relation
	}
	if t.below(PartRight, relation, e.Right, false) {
		return deny(NoRight, true)
	}
	if t.lacks(actor, e, f, granted) {
		return deny(GrantMissing, true)
	}
	if t.fails(PartLimitRefs, actor.Grant.Limits.LimitMoves(), actor.barred(e)) {
		return deny(GrantMissing, true)
	}
	if t.policy(actor, a, f, f.Owner, now) {
		return deny(OutOfPolicy, true)
	}
	if t.fails(PartState, e.Changes, f.Archived) {
		return deny(ArchivedState, true)
	}
	return checkPerson(actor, e, now, false, t)
}

// checkOrg is for organisations, of which everybody may know, and for teams,
// of which only those may who have a place in it or in its organisation, by a
// credential that reads teams.
func checkOrg(actor *Actor, a Action, e *ActionInfo, f *Facts, now time.Time, t *trace) Decision {
	relation, creates := f.Relation, f.Creates
	if actor.Kind == OperatorCommand {
		relation, creates = Admin, true
	}
	team := e.Subject == OfTeam
	if t.fails(PartExists, true, !f.Exists || team && relation == None) ||
		t.fails(PartSight, team, team && actor.granted(e, Members, f) < Read) {
		// A visitor of a closed site does not learn which names there are: all are
		// answered alike.
		if actor.IsAnonymous() {
			return deny(SignIn, f.Closed)
		}
		return deny(Hidden, false)
	}
	if t.fails(PartSignIn, f.Closed || !e.Visitors, actor.IsAnonymous()) {
		return deny(SignIn, true)
	}
	if t.below(PartRight, relation, e.Right, e.Creates && !creates) {
		return deny(NoRight, true)
	}
	if t.lacks(actor, e, f, actor.granted(e, e.Permission, f)) {
		return deny(GrantMissing, true)
	}
	if t.policy(actor, a, f, f.Owner, now) {
		return deny(OutOfPolicy, true)
	}
	return checkPerson(actor, e, now, false, t)
}

// itself reports whether the actor is a token that a person made for themselves, and
// not one that was narrowed out of it.
func itself(actor *Actor) bool {
	return (actor.Kind == ClassicToken || actor.Kind == FineToken) && actor.Node == ""
}

// checkPerson asks at the end who the actor is. settled says that it is known
// already that a person asks where one must.
func checkPerson(actor *Actor, e *ActionInfo, now time.Time, settled bool, t *trace) Decision {
	switch {
	case settled:
	case e.Itself && t.fails(PartPeople, true, !itself(actor)):
		return deny(NotItself, true)
	case !e.Itself && t.fails(PartPeople, e.People, actor.IsToken() || actor.IsAnonymous()):
		return deny(PeopleOnly, true)
	}
	// A token was made after a recent sign-in and says by its scopes what it
	// may do; the rule about recent sign-ins is for sessions.
	if t.fails(PartRecent, e.Recent && !actor.IsToken(), e.Recent && !actor.Recent(now)) {
		return deny(NotRecent, true)
	}
	return allowed
}
