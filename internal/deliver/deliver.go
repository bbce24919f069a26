// Package deliver is the flow that tells webhooks what happened: it takes what
// waits in package hook's queue, looks whether the hook may still be told, makes
// the payload as GitHub does, signs it, sends it through package outbound, and
// notes what came of it. It works in the background, beside every request and
// after every commit: at least once, in order for each hook, with bounds on how
// much runs at once for a hook, an owner and in all. It must never send anything
// that the one who saved the hook may not see any more.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/db"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/outbound"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

// Options are what the flow needs. All but Log and Now are required.
type Options struct {
	DB       *db.DB
	Hooks    *hook.Room
	Repos    *repo.Room
	Accounts *account.Room
	Orgs     *org.Room
	Gate     *gate.Gate
	Git      *gitstore.Store
	Alerts   *alert.Room
	Outbound *outbound.Client
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
}

// The bounds of what runs at once and of what one delivery may take. Of one hook
// one runs, so that what happened first is told first.
const (
	inAll     = 32
	perOwner  = 8
	within    = 10 * time.Second // GitHub's
	trimEvery = time.Hour
	lookSoon  = 500 * time.Millisecond // while something waits
	lookLater = 5 * time.Second        // for what another process queued
	gather    = 10 * time.Millisecond
)

// Flow does the work. Run may run once at a time.
type Flow struct {
	o Options

	mu     sync.Mutex
	busy   map[id.Hook]bool      // guarded by mu
	owners map[id.Account]int    // guarded by mu
	later  map[id.Hook]time.Time // until when a hook rests whose payload could not be made; guarded by mu
	free   chan struct{}
	work   sync.WaitGroup
}

// New returns the flow. It panics when a required part is missing.
func New(o Options) *Flow {
	if o.DB == nil || o.Hooks == nil || o.Repos == nil || o.Accounts == nil || o.Orgs == nil || o.Gate == nil || o.Git == nil || o.Alerts == nil || o.Outbound == nil {
		panic("deliver: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Flow{o: o, busy: map[id.Hook]bool{}, owners: map[id.Account]int{}, later: map[id.Hook]time.Time{}, free: make(chan struct{}, 1)}
}

// Close ends idle connections. Run must have ended.
func (f *Flow) Close() { f.o.Outbound.Close() }

// Run delivers until ctx ends, and returns when nothing runs any more. What was
// under way then is sent again by the next Run: whoever is told may be told twice.
func (f *Flow) Run(ctx context.Context) error {
	defer f.work.Wait()
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	for {
		wait := lookLater
		waiting, err := f.start(ctx)
		if err != nil && ctx.Err() == nil {
			f.o.Log.WarnContext(ctx, "webhooks are not looked at", "err", err)
		}
		if waiting {
			wait = lookSoon
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-f.o.Hooks.Due():
		case <-f.free:
		case <-timer.C:
		case <-trim.C:
			if err := f.o.Hooks.Trim(ctx); err != nil && ctx.Err() == nil {
				f.o.Log.WarnContext(ctx, "old deliveries were not removed", "err", err)
			}
		}
		timer.Stop()
		if waiting { // many end at once: one look does for them
			select {
			case <-ctx.Done():
			case <-time.After(gather):
			}
		}
	}
}

// start begins what is due and has a place, and reports whether anything waits.
func (f *Flow) start(ctx context.Context) (bool, error) {
	f.mu.Lock()
	running := len(f.busy)
	f.mu.Unlock()
	if running >= inAll {
		return true, nil // whoever ends looks again
	}
	due, waiting, err := f.o.Hooks.Queue(ctx, f.o.DB, 10*inAll, perOwner)
	if err != nil {
		return true, err
	}
	for _, n := range due {
		if !f.enter(n.Hook, n.Owner) {
			continue
		}
		f.work.Go(func() {
			defer f.leave(n.Hook, n.Owner)
			if err := f.deliver(ctx, n.Delivery); err != nil && ctx.Err() == nil {
				f.rest(n.Hook)
				f.o.Log.WarnContext(ctx, "a webhook was not told", "hook", int64(n.Hook), "delivery", int64(n.Delivery), "err", err)
			}
		})
	}
	return waiting, nil
}

func (f *Flow) enter(hook id.Hook, owner id.Account) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[hook] || len(f.busy) >= inAll || f.owners[owner] >= perOwner || f.o.Now().Before(f.later[hook]) {
		return false
	}
	delete(f.later, hook)
	f.busy[hook] = true
	f.owners[owner]++
	return true
}

func (f *Flow) leave(hook id.Hook, owner id.Account) {
	f.mu.Lock()
	delete(f.busy, hook)
	if f.owners[owner]--; f.owners[owner] == 0 {
		delete(f.owners, owner)
	}
	f.mu.Unlock()
	select {
	case f.free <- struct{}{}:
	default: // somebody is about to look anyway
	}
}

// rest leaves a hook alone for a while, when something of ours failed.
func (f *Flow) rest(hook id.Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.later[hook] = f.o.Now().Add(lookLater)
}

// deliver makes one attempt. An error means that nothing was sent, or that it is
// not known what came of it: then it is sent again.
func (f *Flow) deliver(ctx context.Context, delivery id.Delivery) error {
	j, err := f.o.Hooks.Job(ctx, f.o.DB, delivery)
	if problem.Is(err, problem.NotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	res := hook.Result{At: f.o.Now()}
	why, err := f.stopped(ctx, &j)
	if err != nil {
		return err
	}
	if why != "" {
		res.Status = why
		return f.o.Hooks.Finish(ctx, &j, res)
	}
	if j.Event.Payload == nil {
		if j.Event.Payload, err = f.payload(ctx, &j); err != nil {
			return err
		}
		if len(j.Event.Payload) > maxPayload {
			res.Status = "the payload is larger than 25 MiB"
			return f.o.Hooks.Finish(ctx, &j, res)
		}
		if err := f.o.Hooks.KeepPayload(ctx, j.Event.ID, j.Event.Payload); err != nil {
			return err
		}
	}
	return f.send(ctx, &j, res)
}

var errStopping = errors.New("the server is stopping")
