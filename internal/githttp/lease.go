package githttp

import (
	"context"
	"net/http"
	"time"

	"jeton/internal/gate"
	"jeton/internal/httpkit"
	"jeton/internal/right"
)

// lease is for how long a request may go on. One that is answered at once is
// asked about again only if something has changed since it was let in; one that
// takes longer is watched.
type lease struct {
	door   *Door
	r      *http.Request
	w      http.ResponseWriter
	actor  *right.Actor
	repo   *gate.Repo
	target target
	heard  uint64 // of the gate, from before the request was let in

	ctx context.Context // of the long one; nil before
	end []func()        // what Long began, in the order of beginning
}

// Still asks again what let the request in, if anything has changed since.
func (l *lease) Still() error {
	if l.door.o.Gate.Heard() == l.heard {
		return nil
	}
	return l.again(l.r.Context())
}

// Long returns a context that ends as soon as the request is no longer allowed,
// or has taken too long; then reading and writing end too.
func (l *lease) Long() context.Context {
	if l.ctx != nil {
		return l.ctx
	}
	ctx, cancel := context.WithTimeout(l.r.Context(), l.limit())
	ctx, stop := l.door.o.Gate.Watch(ctx, l.actor, l.repo, l.heard, l.again)
	l.ctx, l.end = ctx, []func(){cancel, stop, httpkit.CutShort(ctx, l.w)}
	return ctx
}

func (l *lease) limit() time.Duration {
	if l.target.service.action == right.RepoPush {
		return l.door.o.PushTimeout
	}
	return l.door.o.FetchTimeout
}

// context is the one that holds now.
func (l *lease) context() context.Context {
	if l.ctx != nil {
		return l.ctx
	}
	return l.r.Context()
}

// again goes through what let the request in.
func (l *lease) again(ctx context.Context) error {
	actor, err := l.door.o.Gate.Identify(ctx, gate.ParseAuthorization(l.r.Header.Values("Authorization")))
	if err != nil {
		return err
	}
	actor.Filtered = true
	if err := l.door.o.Gate.SameLimits(l.actor, &actor); err != nil {
		return err
	}
	now, err := l.door.load(l.r.WithContext(ctx), &actor, l.target)
	if err != nil {
		return err
	}
	return gate.Same(l.repo, &now)
}

// over ends what Long began. It must be called before the handler returns.
func (l *lease) over() {
	for i := len(l.end) - 1; i >= 0; i-- {
		l.end[i]()
	}
}
