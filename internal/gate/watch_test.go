package gate

import (
	"context"
	"errors"
	"testing"
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
