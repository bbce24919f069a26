package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"jeton/internal/change"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TestWatch_changeBefore: a change that is heard after a request was let in and
// before it is watched still makes it be asked about again.
func TestWatch_changeBefore(t *testing.T) {
	t.Parallel()
	g := &Gate{o: Options{Now: time.Now}, watches: watches{all: map[*watch]struct{}{}}}
	gone := errors.New("revoked")
	recheck := func(context.Context) error {
		return &Refusal{Why: RevokedToken, problem: problem.Wrap(gone, problem.Unauthenticated, "Gone.", "")}
	}
	actor := right.Actor{Kind: right.ClassicToken, Token: 7}

	heard := g.Heard()
	g.changed(change.Change{Kind: change.TokenChanged, Subject: 7})
	ctx, stop := g.Watch(t.Context(), &actor, &Repo{}, heard, recheck)
	defer stop()
	select {
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), gone) {
			t.Errorf("it ended for %v", context.Cause(ctx))
		}
	case <-time.After(5 * time.Second):
		t.Error("the request was not asked about again")
	}

	quiet, stop := g.Watch(t.Context(), &actor, &Repo{}, g.Heard(), recheck)
	defer stop()
	select {
	case <-quiet.Done():
		t.Error("it was asked about again without a change")
	case <-time.After(50 * time.Millisecond):
	}
}

// TestWatch_patience: what can't be asked about is asked again, and ends when it could
// not be for too long; a check that hangs is no way around, and does not end what the next
// one lets go on.
func TestWatch_patience(t *testing.T) {
	t.Parallel()
	down := problem.New(problem.Unavailable, "The server cannot check credentials at the moment.", "")
	for name, c := range map[string]struct {
		recheck func(ctx context.Context, since time.Duration) error
		ends    time.Duration // zero: it goes on
	}{
		"back soon": {func(_ context.Context, since time.Duration) error {
			if since < 20*time.Second {
				return down
			}
			return nil
		}, 0},
		"down": {func(context.Context, time.Duration) error { return down }, patience},
		"one read hangs": {func(ctx context.Context, since time.Duration) error {
			if since == 0 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, 0},
		"hangs": {func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			return ctx.Err()
		}, patience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &Gate{o: Options{Now: time.Now}, watches: watches{all: map[*watch]struct{}{}}}
				began := time.Now()
				actor := right.Actor{Kind: right.ClassicToken, Token: 7}
				ctx, stop := g.Watch(t.Context(), &actor, &Repo{}, g.Heard(), func(ctx context.Context) error { return c.recheck(ctx, time.Since(began)) })
				defer stop()
				g.changed(change.Change{Kind: change.All})
				select {
				case <-ctx.Done():
					if took := time.Since(began); c.ends == 0 || took > c.ends+retryAfterFailure {
						t.Errorf("it ended after %v for %v", took, context.Cause(ctx))
					}
					if cause := context.Cause(ctx); !problem.Is(cause, problem.Unavailable) || problem.Of(cause).Public == "" {
						t.Errorf("it ended for %v, which says nothing", cause)
					}
				case <-time.After(10 * patience):
					if c.ends != 0 {
						t.Error("it goes on")
					}
				}
			})
		})
	}
}
