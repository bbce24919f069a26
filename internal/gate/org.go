package gate

import (
	"context"
	"fmt"

	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Org is an organisation with what the decision about it was based on.
type Org struct{ org.Found }

// Team is a team with what the decision about it was based on.
type Team struct {
	org.FoundTeam
	Of Org
}

// Org loads the organisation of that login for actor and decides about action,
// which is of an organisation. The error is *Denied when the gate refuses.
func (g *Gate) Org(ctx context.Context, actor *right.Actor, action right.Action, login string) (Org, error) {
	found, err := g.o.Orgs.Find(ctx, g.o.DB, login, actor.Account)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Org{}, fmt.Errorf("load organization: %w", err)
	}
	o := Org{found}
	if err := g.CheckOrg(actor, action, &o); err != nil {
		return Org{}, err
	}
	return o, nil
}

func (g *Gate) orgFacts(action right.Action, o *Org) right.Facts {
	creates := o.MayCreate(!action.Info().OfPublic)
	if action == right.OrgCreateSome {
		creates = o.MayCreate(true) || o.MayCreate(false)
	}
	return right.Facts{Exists: o.ID != 0, Public: true, Relation: o.Level(), Closed: g.o.Closed, Creates: creates, Owner: o.ID, OwnerLogin: o.Login}
}

// CheckOrg decides about a further action on an organisation that Org returned.
func (g *Gate) CheckOrg(actor *right.Actor, action right.Action, o *Org) error {
	return g.decide(actor, action, g.orgFacts(action, o))
}

// AllowsOrg is CheckOrg for those who only want to know.
func (g *Gate) AllowsOrg(actor *right.Actor, action right.Action, o *Org) bool {
	allow := right.Check(actor, action, g.orgFacts(action, o), g.o.Now()).Allow
	if allow {
		g.let(actor, action, false)
	}
	return allow
}

// Team loads a team of the organisation of that login and decides about action,
// which is of a team. One that the actor may not know of and one that does not
// exist give the same.
func (g *Gate) Team(ctx context.Context, actor *right.Actor, action right.Action, login, slug string) (Team, error) {
	var t Team
	of, err := g.o.Orgs.Find(ctx, g.o.DB, login, actor.Account)
	if err == nil {
		t.Of = Org{of}
		t.FoundTeam, err = g.o.Orgs.FindTeam(ctx, g.o.DB, of.ID, slug, actor.Account)
	}
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Team{}, fmt.Errorf("load team: %w", err)
	}
	if err := g.CheckTeam(actor, action, &t); err != nil {
		return Team{}, err
	}
	return t, nil
}

func (g *Gate) teamFacts(t *Team) right.Facts {
	return right.Facts{Exists: t.ID != 0, Relation: t.Level, Closed: g.o.Closed, Owner: t.Of.ID, OwnerLogin: t.Of.Login}
}

// CheckTeam decides about a further action on a team that Team returned.
func (g *Gate) CheckTeam(actor *right.Actor, action right.Action, t *Team) error {
	return g.decide(actor, action, g.teamFacts(t))
}

// AllowsTeam is CheckTeam for those who only want to know.
func (g *Gate) AllowsTeam(actor *right.Actor, action right.Action, t *Team) bool {
	allow := right.Check(actor, action, g.teamFacts(t), g.o.Now()).Allow
	if allow {
		g.let(actor, action, false)
	}
	return allow
}

// noRightInOrg words what somebody's place in an organisation or team is not
// enough for.
func noRightInOrg(action right.Action) *problem.Error {
	info := action.Info()
	switch {
	case info.Creates:
		return problem.New(problem.Forbidden, "You don't have permission to create repositories in this organization.", "Ask one of its owners.")
	case info.Subject == right.OfTeam:
		return problem.New(problem.Forbidden, "You must be a maintainer of the team, or an owner of the organization.", "Ask one of them.")
	case info.Right == right.Read:
		return problem.New(problem.Forbidden, "You must be a member of the organization.", "Ask one of its owners to invite you.")
	}
	return problem.New(problem.Forbidden, "You must be an admin of the organization: one of its owners.", "Ask one of them.")
}
