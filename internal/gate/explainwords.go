package gate

import (
	"fmt"
	"net/netip"
	"strings"

	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// noAccess is what a person is told of a repository that their account may not
// know of, or that does not exist.
func (g *Gate) noAccess(a *right.Actor) *problem.Error {
	return problem.New(problem.NotFound, "Repository not found.", fmt.Sprintf("Either it does not exist, or the account %s has no access to it.", a.Login))
}

// saysHeld says what was asked of a part that held.
func (x *explaining) saysHeld(p right.Part, f *right.Facts) string {
	a, info := &x.subject.Actor, x.question.Action.Info()
	switch p.Kind {
	case right.PartExists:
		if info.Subject == right.OfRepo {
			return fmt.Sprintf("%s exists, and %s may know of it.", f.OwnerLogin+"/"+f.Name, a.Login)
		}
		return "It exists."
	case right.PartSight:
		return "So may the token."
	case right.PartRight:
		return fmt.Sprintf("The account %s has the level %s there, and %s is needed.", a.Login, p.Given, p.Needed)
	case right.PartGrant:
		return fmt.Sprintf("%s the level %s for %s, and %s is needed.", x.given(), p.Given, info.Permission, p.Needed)
	case right.PartReach:
		return "The token reaches it."
	case right.PartLimitRepos:
		return "It is one of the repositories that the token is limited to."
	case right.PartLimitRead:
		return "The token is limited to reading, and this only reads."
	case right.PartLimitLevels:
		return "The permissions that the token is limited to give it."
	case right.PartLimitRefs:
		return "The token is limited in which branches and tags it sees or moves, and can be kept to them here."
	case right.PartPolicy:
		return "No policy is against the token: neither the site's nor that of whom it is about."
	case right.PartState:
		return "The repository is not archived."
	case right.PartRecent:
		return "The sign-in is recent."
	}
	return "It is for those who ask."
}

// given is the beginning of a sentence about what the credential gives.
func (x *explaining) given() string {
	a := &x.subject.Actor
	switch {
	case a.Kind.Fine():
		return "Its permissions give"
	case a.Scopes == 0:
		return "Without a scope it has"
	}
	return "Its scopes (" + a.Scopes.String() + ") give"
}

// saysNotAsked says why a part was not asked; nothing for what nobody misses.
func (x *explaining) saysNotAsked(k right.PartKind) string {
	switch k {
	case right.PartRight:
		return "No right of the account is needed."
	case right.PartGrant:
		return "No scope or permission is needed."
	case right.PartReach:
		if x.subject.Actor.Grant.Reach == nil {
			return "The token reaches whatever its account does."
		}
	case right.PartPolicy:
		return "Nobody has a policy about tokens here."
	case right.PartState:
		return "Whether the repository is archived does not matter."
	}
	return ""
}

// pushNotes say what else a push may meet.
func (x *explaining) pushNotes(r *Repo) {
	a := &x.subject.Actor
	f := x.gate.Facts(r)
	if d := right.Check(a, right.RepoWorkflow, f, x.gate.o.Now()); !d.Allow {
		e := x.gate.denied(a, right.RepoWorkflow, d, &f).problem
		x.notes = append(x.notes, "It may not add or change files under .github/workflows. "+e.Public+" "+e.Remedy)
	}
	switch l := a.Grant.Limits; {
	case l == nil:
	case l.Create:
		x.notes = append(x.notes, "The token is limited to making branches and tags: it moves and deletes none.")
	case l.Forward:
		x.notes = append(x.notes, "The token is limited to moving branches forward: no forced push, no deletion.")
	}
	if a.Grant.Limits.LimitPaths() {
		x.notes = append(x.notes, "The token is limited to changing some files.")
	}
	switch r.BlockForce {
	case repo.BlockAll:
		x.notes = append(x.notes, "The repository takes no forced push.")
	case repo.BlockDefault:
		x.notes = append(x.notes, fmt.Sprintf("The repository takes no forced push to %s.", r.DefaultBranch))
	}
}

func (x *explaining) ruleNotes(rule *repo.Rule) {
	if !rule.AllowForce {
		x.notes = append(x.notes, fmt.Sprintf("The rule %q takes no forced push.", rule.Pattern))
	}
	if !rule.AllowDelete {
		x.notes = append(x.notes, fmt.Sprintf("The rule %q takes no deletion.", rule.Pattern))
	}
}

// RefLimit says which limit is against moving a ref at all, as the end of Limited's
// sentence; empty: none.
func RefLimit(l *right.Limits, ref string) string {
	switch name := printable.Line(ref, 200); {
	case !l.SeeRef(ref):
		return "it does not see " + name
	case !l.MoveRef(ref):
		return "it is not for moving " + name
	}
	return ""
}

// NotAuthorized is GitHub's sentence for a push that a rule is against. makes says
// that the push would make the branch or tag.
func NotAuthorized(rule *repo.Rule, makes bool) string {
	if rule.Kind == repo.TagRef && makes {
		return "You're not authorized to create a tag"
	}
	return fmt.Sprintf("You're not authorized to push to this %s.", rule.Kind)
}

// RuleRemedy says what to do about a push that a rule is against. RulesURL belongs
// behind it.
func (g *Gate) RuleRemedy(rule *repo.Rule) string {
	return fmt.Sprintf("The rule is %q. Push to another %s, or ask an administrator of the repository to change the rule:", rule.Pattern, rule.Kind)
}

// RulesURL is the page of the repository's rules.
func (g *Gate) RulesURL(r *Repo) string { return g.URL("/" + r.FullName() + "/settings/branches") }

// Word is a word that people have for an action.
type Word struct {
	Word   string
	Action right.Action
	Says   string
}

// Words are those that Explain's questions may be asked with.
func Words() []Word {
	return []Word{
		{"fetch", right.RepoFetch, "Clone or fetch"},
		{"push", right.RepoPush, "Push"},
		{"read", right.RepoRead, "Read what it is"},
		{"admin", right.RepoEdit, "Change its settings"},
		{"delete", right.RepoDelete, "Delete it"},
		{"create", right.RepoCreatePrivate, "Make it, private"},
		{"create-public", right.RepoCreate, "Make it, public"},
	}
}

func actionOf(word string) (right.Action, bool) {
	for _, w := range Words() {
		if w.Word == word {
			return w.Action, true
		}
	}
	for _, a := range right.Actions() {
		if a.String() == word {
			return a, true
		}
	}
	return 0, false
}

// ParseQuestion reads what somebody asks to have explained: an action by its word
// or its name, OWNER/REPO, a ref or a branch, an address. It fails with
// problem.Invalid for the field action, repository, ref or from.
func ParseQuestion(action, repository, ref, from string) (Question, error) {
	a, ok := actionOf(action)
	if !ok {
		return Question{}, problem.Field("action", "The action is one of read, fetch, push, admin, delete, create, create-public, or a name as hook.edit.")
	}
	q := Question{Action: a, Ref: ref}
	q.Owner, q.Name, _ = strings.Cut(repository, "/")
	switch s := a.Info().Subject; {
	case s == right.OfTeam || s == right.OfApp:
		return Question{}, problem.Field("action", "Actions of teams and applications can't be explained.")
	case s == right.OfRepo && (q.Owner == "" || q.Name == "" || strings.Contains(q.Name, "/")):
		return Question{}, problem.Field("repository", "The repository is OWNER/REPO.")
	case s == right.OfOrg && q.Owner == "":
		return Question{}, problem.Field("repository", "This is about an organization: give its name.")
	}
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		q.Ref = "refs/heads/" + ref
	}
	if from != "" {
		at, err := netip.ParseAddr(from)
		if err != nil {
			return Question{}, problem.Field("from", "The address is one as 192.0.2.7 or 2001:db8::7.")
		}
		q.From = at
	}
	return q, nil
}
