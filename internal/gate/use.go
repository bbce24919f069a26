package gate

import (
	"context"
	"errors"

	"jeton/internal/event"
	"jeton/internal/ledger"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Use is one use of a token: from when it was identified until the answer is
// given. A nil Use, of who came without a token, is told of to nobody.
type Use struct {
	running *ledger.Running
	event   *event.Event
}

// Begin tells the ledger that a token is used. Whoever begins a use Ends it.
func (g *Gate) Begin(ctx context.Context, actor *right.Actor) *Use {
	if !actor.IsToken() {
		return nil
	}
	ev := event.From(ctx)
	return &Use{event: ev, running: g.o.Ledger.Begin(ledger.Use{Token: actor.Token, Node: actor.Node, Old: actor.OldEnding(), Account: actor.Account, Address: ev.Address, Client: ev.Client})}
}

// About says what for the token is used: an action, on the repository that was
// found, or on what was asked for under that name. r may be nil.
func (u *Use) About(action right.Action, r *Repo, owner, name string) {
	if u == nil {
		return
	}
	if r != nil && r.ID != 0 {
		u.running.About(action, r.ID, r.OwnerLogin, r.Name)
		return
	}
	u.running.About(action, 0, owner, name)
}

// End tells with which result. Ending it again changes nothing.
func (u *Use) End(err error) {
	if u == nil || u.running == nil {
		return
	}
	u.running.End(result(err), u.event.Received.Load(), u.event.Sent.Load())
	u.running = nil
}

// errBroken ends a use whose answer nobody waited for, or could be given.
var errBroken = errors.New("broken off")

// Broken ends a use that has not ended otherwise: its answer was cut off.
func (u *Use) Broken() { u.End(errBroken) }

// result says in a few words how err is shown in the ledger.
func result(err error) string {
	if err == nil {
		return ledger.Done
	}
	if errors.Is(err, errBroken) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ledger.Broken
	}
	if d, ok := errors.AsType[*Denied](err); ok {
		return "refused: " + d.Reason.String()
	}
	return "failed: " + problem.KindOf(err).String()
}

// let notes what a token was let do: from that it is known what it does not need.
func (g *Gate) let(actor *right.Actor, action right.Action, public bool) {
	if actor.IsToken() {
		g.o.Ledger.Let(actor.Token, action, public)
	}
}

// Listed notes that an answer held what the actor's token gives it to see: no
// single thing was asked for.
func (g *Gate) Listed(actor *right.Actor) { g.let(actor, right.SiteBrowse, false) }
