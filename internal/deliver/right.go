package deliver

import (
	"context"
	"encoding/json"

	"jeton/internal/gate"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Why a hook is not told, as its log has it.
const (
	noRight  = "stopped: whoever saved this webhook may not administer the repository any more"
	archived = "stopped: the repository is archived"
	unseen   = "stopped: whoever saved this webhook may not see what this is about"
	switched = "stopped: the webhook is not active"
	notOwner = "stopped: whoever saved this webhook does not own the organization any more"
	notSelf  = "stopped: the account whose webhook this is may do nothing at the moment"
	left     = "stopped: the repository does not belong to the organization any more"
)

// stopped looks whether a hook may be told, by the right of whoever saved it last:
// the right of this moment, as for everything else that they do. Empty means yes.
func (f *Flow) stopped(ctx context.Context, j *hook.Job) (string, error) {
	person, err := f.person(ctx, j.Account)
	switch {
	case j.Hook.Org != 0 && err == nil:
		return f.stoppedInOrg(ctx, j, person)
	case j.Hook.Person != 0 && err == nil:
		return stoppedForPerson(j, person), nil
	}
	if err != nil || person == nil {
		return noRight, err
	}
	found, err := f.o.Repos.FindByID(ctx, f.o.DB, j.Hook.Repo, j.Account)
	if problem.Is(err, problem.NotFound) {
		return noRight, nil
	}
	if err != nil {
		return "", err
	}
	r := gate.Repo{Repo: found.Repo, Relation: found.Relation}
	switch {
	case !f.o.Gate.Allows(person, right.HookRead, &r):
		return noRight, nil
	case r.Archived && j.Event.Name != "repository":
		return archived, nil
	case !j.Active && j.Event.Name != "ping":
		return switched, nil
	case j.Event.Name == "fork":
		return f.seesFork(ctx, j, person)
	}
	return "", nil
}

// stoppedInOrg is stopped for a hook of an organisation, of which person, if there
// is one, must be an owner. That gives every right on what the organisation owns at
// this moment; what it owned before is others'.
func (f *Flow) stoppedInOrg(ctx context.Context, j *hook.Job, person *right.Actor) (string, error) {
	if person == nil {
		return notOwner, nil
	}
	found, err := f.o.Orgs.ByID(ctx, f.o.DB, j.Hook.Org, j.Account)
	if problem.Is(err, problem.NotFound) {
		return notOwner, nil
	}
	if err != nil {
		return "", err
	}
	switch {
	case !f.o.Gate.AllowsOrg(person, right.OrgHookRead, &gate.Org{Found: found}):
		return notOwner, nil
	case !j.Active && j.Event.Name != "ping":
		return switched, nil
	case j.Event.Repo == 0 || goneBy(j):
		return "", nil
	}
	r, err := f.o.Repos.ByID(ctx, f.o.DB, j.Event.Repo)
	switch {
	case problem.Is(err, problem.NotFound) || err == nil && r.Owner != j.Hook.Org:
		return left, nil
	case err != nil:
		return "", err
	case j.Event.Name == "fork":
		return f.seesFork(ctx, j, person)
	}
	return "", nil
}

// stoppedForPerson is stopped for a hook of somebody's account, which tells of what is
// their own: nobody else has to do with it.
func stoppedForPerson(j *hook.Job, person *right.Actor) string {
	switch {
	case person == nil || j.Account != j.Hook.Person:
		return notSelf
	case !j.Active && j.Event.Name != "ping":
		return switched
	}
	return ""
}

// person is the account as it would be if it came by itself; nil when it can't.
func (f *Flow) person(ctx context.Context, who id.Account) (*right.Actor, error) {
	facts, err := f.o.Accounts.Facts(ctx, f.o.DB, who)
	if problem.Is(err, problem.NotFound) || err == nil && facts.Suspended {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &right.Actor{Account: who, Login: facts.Login, Kind: right.SessionCredential, Grant: right.Everything(), Confirmed: f.o.Now()}, nil
}

// seesFork: a fork may be private, also from the one whose repository was forked.
func (f *Flow) seesFork(ctx context.Context, j *hook.Job, person *right.Actor) (string, error) {
	var body forkBody
	if err := json.Unmarshal(j.Event.Body, &body); err != nil {
		return "", err
	}
	found, err := f.o.Repos.FindByID(ctx, f.o.DB, body.Fork, j.Account)
	if problem.Is(err, problem.NotFound) {
		return unseen, nil
	}
	if err != nil {
		return "", err
	}
	if !f.o.Gate.Allows(person, right.RepoRead, &gate.Repo{Repo: found.Repo, Relation: found.Relation}) {
		return unseen, nil
	}
	return "", nil
}

// Stopped says why the hook is told nothing at this moment; empty when it is told.
func (f *Flow) Stopped(ctx context.Context, h *hook.Hook) (string, error) {
	return f.stopped(ctx, &hook.Job{Hook: *h, Event: hook.Event{Name: "push", Repo: h.Repo, Org: h.Org, Person: h.Person}})
}
