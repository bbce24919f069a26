// Package gate is the one place where a request becomes an actor and where an
// action is allowed or refused. Doors present a credential, ask for an action,
// and get the loaded resource or a refusal with its remedy; they decide nothing
// themselves. The decision is right.Check; this package loads the facts for it
// and words the answer.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/ledger"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/signin"
	"jeton/internal/token"
)

// Options are what the gate needs. All but Closed, Log and Now are required.
type Options struct {
	DB       *db.DB
	Change   *change.Bus
	Accounts *account.Room
	Signin   *signin.Room
	Tokens   *token.Room
	Repos    *repo.Room
	Apps     *application.Room
	Orgs     *org.Room
	Policies *policy.Room
	Audit    *audit.Log
	URL      string // the public URL without a slash at its end, for remedies
	Closed   bool   // nothing is shown to visitors
	Ledger   *ledger.Room
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
}

// Gate identifies and decides.
type Gate struct {
	o        Options
	newToken string // the URL of the form for a new token
	watches  watches
	refusals refusals
	nags     nags
}

// New makes the gate.
func New(o Options) *Gate {
	if o.DB == nil || o.Change == nil || o.Accounts == nil || o.Signin == nil || o.Tokens == nil || o.Repos == nil || o.Orgs == nil || o.Policies == nil || o.Apps == nil || o.Audit == nil || o.Ledger == nil || o.URL == "" {
		panic("gate: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	g := &Gate{o: o, newToken: o.URL + "/settings/tokens/new?scopes=repo&description=git", watches: watches{all: map[*watch]struct{}{}}, refusals: newRefusals(o.Now), nags: newNags(o.Now)}
	o.Change.Subscribe(g.changed)
	return g
}

// URL returns the public URL of path, which begins with a slash.
func (g *Gate) URL(path string) string { return g.o.URL + path }

// Closed reports whether visitors see nothing here.
func (g *Gate) Closed() bool { return g.o.Closed }

// Repo is a repository with what the decision about it was based on.
type Repo struct {
	repo.Repo
	Relation right.Level // what the actor's account may do there
	Renamed  bool        // it was asked for by an old name; Repo holds the new one
}

// Facts returns what right.Check needs to know of r.
func (g *Gate) Facts(r *Repo) right.Facts {
	return right.Facts{Exists: r.ID != 0, Public: !r.Private, Archived: r.Archived, Relation: r.Relation, Closed: g.o.Closed, Owner: r.Owner, Repo: r.ID, OwnerLogin: r.OwnerLogin, Name: r.Name}
}

// Repo loads owner/name for actor and decides about action, in one read at most. The
// error is *Denied when the gate refuses; a repository that does not exist and
// one that the actor may not know of give the same.
func (g *Gate) Repo(ctx context.Context, actor *right.Actor, action right.Action, owner, name string) (Repo, error) {
	return g.load(ctx, actor, action, owner, name, repo.Exact)
}

// RepoForGit is Repo for those who don't ask when it was pushed to: that may be
// older.
func (g *Gate) RepoForGit(ctx context.Context, actor *right.Actor, action right.Action, owner, name string) (Repo, error) {
	return g.load(ctx, actor, action, owner, name, repo.OldTimes)
}

func (g *Gate) load(ctx context.Context, actor *right.Actor, action right.Action, owner, name string, how repo.Exactness) (Repo, error) {
	r, cached, err := g.find(ctx, actor, owner, name, how)
	if err != nil {
		return Repo{}, err
	}
	if err := g.CheckRepo(actor, action, &r); err != nil {
		if denied, ok := errors.AsType[*Denied](err); ok {
			g.noticeDenial(ctx, actor, denied, &r, owner+"/"+name)
		}
		if r.ID != 0 && isHidden(err) {
			// A missing one is searched for in the database; without that here,
			// time would tell the two apart.
			g.o.Repos.Miss(ctx, g.o.DB, owner, name, actor.Account, cached)
		}
		return Repo{}, err
	}
	return r, nil
}

// find loads a repository without deciding anything: the zero Repo is none. cached
// is what Miss wants to know.
func (g *Gate) find(ctx context.Context, actor *right.Actor, owner, name string, how repo.Exactness) (r Repo, cached bool, err error) {
	found, cached, err := g.o.Repos.FindCached(ctx, g.o.DB, owner, name, actor.Account, how)
	switch {
	case problem.Is(err, problem.NotFound):
		return Repo{}, cached, nil
	case err != nil:
		return Repo{}, cached, fmt.Errorf("load repository: %w", err)
	}
	return Repo{Repo: found.Repo, Relation: found.Relation, Renamed: found.Renamed}, cached, nil
}

// RepoByID is Repo by the repository's number.
func (g *Gate) RepoByID(ctx context.Context, actor *right.Actor, action right.Action, n id.Repo) (Repo, error) {
	found, err := g.o.Repos.FindByID(ctx, g.o.DB, n, actor.Account)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return Repo{}, fmt.Errorf("load repository: %w", err)
	}
	r := Repo{Repo: found.Repo, Relation: found.Relation}
	if err := g.CheckRepo(actor, action, &r); err != nil {
		return Repo{}, err
	}
	return r, nil
}

func isHidden(err error) bool {
	d, ok := errors.AsType[*Denied](err)
	return ok && !d.Tell
}

// CheckRepo decides about a further action on a repository that Repo returned.
func (g *Gate) CheckRepo(actor *right.Actor, action right.Action, r *Repo) error {
	return g.decide(actor, action, g.Facts(r))
}

func (g *Gate) decide(actor *right.Actor, action right.Action, f right.Facts) error {
	d := right.Check(actor, action, f, g.o.Now())
	if d.Allow {
		g.let(actor, action, f.Public && action.Info().Subject == right.OfRepo)
		return nil
	}
	return g.denied(actor, action, d, &f)
}

// Allows is CheckRepo for those who only want to know, to show a link or not.
func (g *Gate) Allows(actor *right.Actor, action right.Action, r *Repo) bool {
	allow := right.Check(actor, action, g.Facts(r), g.o.Now()).Allow
	if allow {
		g.let(actor, action, !r.Private)
	}
	return allow
}

// Check decides about an action of the site or of the actor's own account.
func (g *Gate) Check(actor *right.Actor, action right.Action) error {
	if s := action.Info().Subject; s != right.OfSite && s != right.OfSelf && s != right.OfApp {
		panic("gate: Check of a repository's or an organisation's action without it")
	}
	return g.decide(actor, action, right.Facts{Closed: g.o.Closed})
}

// answeredFor refuses a machine for which nobody who may act answers. Whoever
// presents its token is not told who that is.
func (g *Gate) answeredFor(ctx context.Context, f *account.Facts) error {
	refusal := g.suspended(f.Login)
	manager, err := g.o.Accounts.Facts(ctx, g.o.DB, f.Manager)
	switch {
	case problem.Is(err, problem.NotFound):
		return refusal
	case err != nil:
		return fmt.Errorf("read who manages the account: %w", err)
	case manager.Suspended:
		refusal.manager = manager.Login
		return refusal
	}
	return nil
}

// CheckWith is Check for an action of the actor's own account that concerns owner,
// whose login is given: a membership, or an invitation to what is owner's.
func (g *Gate) CheckWith(actor *right.Actor, action right.Action, owner id.Account, login string) error {
	return g.decide(actor, action, right.Facts{Closed: g.o.Closed, Owner: owner, OwnerLogin: login})
}

// actorOf is the account behind a credential, with its state of this moment.
func (g *Gate) actorOf(ctx context.Context, aid id.Account) (right.Actor, error) {
	f, err := g.o.Accounts.Facts(ctx, g.o.DB, aid)
	if problem.Is(err, problem.NotFound) {
		return right.Actor{}, &Refusal{Why: UnknownCredential, problem: problem.New(problem.Unauthenticated, "Bad credentials", "")}
	}
	if err != nil {
		return right.Actor{}, fmt.Errorf("read account: %w", err)
	}
	if f.Org {
		// No credential of one is ever made; were there one, it would open nothing.
		return right.Actor{}, &Refusal{Why: UnknownCredential, problem: problem.New(problem.Unauthenticated, "Bad credentials", "")}
	}
	if f.Suspended {
		return right.Actor{}, g.suspended(f.Login)
	}
	if f.Machine {
		if err := g.answeredFor(ctx, &f); err != nil {
			return right.Actor{}, err
		}
	}
	return right.Actor{Account: aid, Login: f.Login, SiteAdmin: f.SiteAdmin}, nil
}
