package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"jeton/internal/change"
	"jeton/internal/id"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// watches are the long requests that are under way. Each is asked about again
// when something changes that its permission may rest on.
type watches struct {
	mu    sync.Mutex
	all   map[*watch]struct{} // guarded by mu
	heard uint64              // how many changes were heard; guarded by mu
}

type watch struct {
	actor right.Actor
	repo  id.Repo
	owner id.Account    // of the repository, when the request was let in
	moved bool          // the repository has changed since, perhaps its owner; guarded by watches.mu
	again chan struct{} // holds one word: look again
	left  func() time.Duration
}

// retryAfterFailure is how long a check that found nothing out waits for its
// next try, oneTry how long one may take, since what hangs need not hang the next time,
// and patience for how long it is tried: a database may start anew while a clone runs,
// but what can't be judged is refused.
const retryAfterFailure, oneTry, patience = time.Second, 8 * time.Second, 30 * time.Second

// Heard is how many changes the gate has heard of. Whoever will Watch a request
// asks before the request is identified.
func (g *Gate) Heard() uint64 {
	g.watches.mu.Lock()
	defer g.watches.mu.Unlock()
	return g.watches.heard
}

// Watch returns a context that ends as soon as recheck says that the request is
// no longer allowed, or the credential's time is over: a clone that takes an
// hour must not outlive the token that it began with. recheck runs after each
// change of the actor's token, session or account, of the repository of the
// organisation that owns it or of a policy, and at once when anything changed since
// heard was asked for; its refusal is the context's cause, and so is its failure when
// it has failed for as long as patience lasts. The returned function ends the watch.
func (g *Gate) Watch(ctx context.Context, actor *right.Actor, r *Repo, heard uint64, recheck func(context.Context) error) (context.Context, func()) {
	w := &watch{actor: *actor, repo: r.ID, owner: r.Owner, again: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancelCause(ctx)
	w.left = func() time.Duration { return actor.Until.Sub(g.o.Now()) }
	g.watches.mu.Lock()
	g.watches.all[w] = struct{}{}
	if g.watches.heard != heard {
		w.look() // what was heard in between was told to nobody
	}
	g.watches.mu.Unlock()
	var done sync.WaitGroup
	done.Go(func() { w.run(ctx, cancel, recheck) })
	return ctx, func() {
		g.watches.mu.Lock()
		delete(g.watches.all, w)
		g.watches.mu.Unlock()
		cancel(context.Canceled)
		done.Wait()
	}
}

func (w *watch) look() {
	select {
	case w.again <- struct{}{}:
	default: // it will look anyway
	}
}

func (w *watch) run(ctx context.Context, cancel context.CancelCauseFunc, recheck func(context.Context) error) {
	for {
		end, stop := w.end()
		select {
		case <-ctx.Done():
			stop()
			return
		case <-w.again:
		case <-end:
		}
		stop()
		if err := judge(ctx, recheck); err != nil {
			cancel(err)
			return
		}
	}
}

// judge asks until there is an answer, or patience is over.
func judge(ctx context.Context, recheck func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	err := try(ctx, recheck)
	for err != nil && undecided(err) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(retryAfterFailure):
			err = try(ctx, recheck)
		}
	}
	if err != nil && undecided(err) && !problem.Is(err, problem.Unavailable) {
		return unasked(err)
	}
	return err
}

func try(ctx context.Context, recheck func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, oneTry)
	defer stop()
	return recheck(ctx)
}

// end delivers when the credential's time is over. A clock that was set back
// makes that too early once, so it is asked for again after each look.
func (w *watch) end() (<-chan time.Time, func()) {
	if w.actor.Until.IsZero() {
		return nil, func() {}
	}
	t := time.NewTimer(max(w.left(), 100*time.Millisecond))
	return t.C, func() { t.Stop() }
}

// undecided reports whether err says nothing about what is allowed. That a policy
// can't be read does: no token is let through until somebody saves it anew.
func undecided(err error) bool {
	if policy.Unreadable(err) {
		return false
	}
	k := problem.KindOf(err)
	return k == problem.Internal || k == problem.Unavailable
}

// changed makes those watches look again that c may concern.
func (g *Gate) changed(c change.Change) {
	if c.Kind == change.RepoPushed {
		return
	}
	g.watches.mu.Lock()
	defer g.watches.mu.Unlock()
	g.watches.heard++
	for w := range g.watches.all {
		mine := c.Kind == change.RepoChanged && id.Repo(c.Subject) == w.repo
		w.moved = w.moved || mine
		if c.Kind == change.All || c.Kind == change.TokenChanged && id.Token(c.Subject) == w.actor.Token ||
			c.Kind == change.AccountChanged && id.Account(c.Subject) == w.actor.Account ||
			c.Kind == change.SessionChanged && w.actor.Sess != 0 && id.Account(c.Subject) == w.actor.Account ||
			c.Kind == change.PolicyChanged && w.actor.IsToken() || // whose ever: one that can't be read shuts every token out
			c.Kind == change.OrgChanged && (w.moved || id.Account(c.Subject) == w.owner) || mine {
			w.look()
		}
	}
}

// Same fails with problem.NotFound unless now is the repository that a request was
// let in for: its name may have become another one's since, on which the actor may
// do the same.
func Same(was, now *Repo) error {
	if was.ID == now.ID {
		return nil
	}
	return problem.New(problem.NotFound, "Repository not found.", "It was renamed or deleted meanwhile.")
}

// SameLimits fails unless the actor's token is limited now as it was when a request
// was let in: what runs was judged by the limits of then.
func (g *Gate) SameLimits(was, now *right.Actor) error {
	if was.Grant.Limits.Same(now.Grant.Limits) {
		return nil
	}
	return problem.New(problem.Forbidden, fmt.Sprintf("The limits of your token %q were changed meanwhile.", was.Note), "Run the command again.")
}
