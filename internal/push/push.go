// Package push is the flow of every movement of a ref, from whatever door: read
// the commands, ask the gate for each, take the objects into quarantine, look
// at what is new, publish, record. It speaks git's receive-pack protocol
// itself; a ref moves here or nowhere. The gate decides who may; the rules
// about what may be pushed stand here.
package push

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"jeton/internal/alert"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/wire"
	"jeton/internal/hook"
	"jeton/internal/leak"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// Options are what the flow needs. All but Hooks, WarnFile, RulesTime, Log and Now
// are required.
type Options struct {
	Gate  *gate.Gate
	Git   *gitstore.Store
	DB    *db.DB
	Repos *repo.Room
	Audit *audit.Log
	Leaks *leak.Room
	Hooks *hook.Room // is told of pushes; nil: nobody is

	Alerts *alert.Room // knows which tokens may be pushed nevertheless
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	WarnFile  int64         // bytes past which a file is warned of; 0: none is
	RulesTime time.Duration // how long the repository's rules may take for the refs of a push; 0: 20 s
}

// Flow does the work.
type Flow struct {
	o      Options
	claims claims
}

// New makes the flow and has the store hand it what a crash left unrecorded.
func New(o Options) *Flow {
	if o.Gate == nil || o.Git == nil || o.DB == nil || o.Repos == nil || o.Audit == nil || o.Leaks == nil || o.Alerts == nil {
		panic("push: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RulesTime == 0 {
		o.RulesTime = 20 * time.Second
	}
	f := &Flow{o: o}
	o.Git.OnRecovered(f.recovered)
	return f
}

// Advertise writes the answer to info/refs for git-receive-pack. protocol is
// the value of the Git-Protocol header. Nothing is written before an error.
func (f *Flow) Advertise(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, w io.Writer) error {
	if err := f.o.Gate.CheckRepo(actor, right.RepoPush, &r); err != nil {
		return err
	}
	if err := f.o.Gate.Meter(actor).Check(ctx); err != nil {
		return err
	}
	refs, err := seen(ctx, f.o.Git.Repo(r.ID), actor)
	if err != nil {
		return err
	}
	return wire.WriteBody(w, refs.Receive(wire.ParseVersion(protocol)))
}

// Receive answers the POST of git-receive-pack. What is refused is told inside
// the protocol, for each ref; an error before the first byte is a failure that
// has no client that could be told so. again goes through what let the request
// in; it is asked right before refs move, since a push may take an hour.
func (f *Flow) Receive(ctx context.Context, actor *right.Actor, r gate.Repo, again func(context.Context) error, in io.Reader, w io.Writer) error {
	if err := f.o.Gate.CheckRepo(actor, right.RepoPush, &r); err != nil {
		return err
	}
	store := f.o.Git.Repo(r.ID)
	format, err := store.Format()
	if err != nil {
		return err
	}
	p := &pushing{flow: f, actor: actor, repo: r, again: again, store: store, answer: newAnswer(w), meter: f.o.Gate.Meter(actor)}
	defer p.meter.Close(ctx)
	p.in = &ending{r: in, end: p.answer.open}
	defer p.answer.close()
	p.cmds, err = wire.ReadPush(p.in, format, f.o.Git.Limits().Commands)
	p.answer.begin(p.cmds.Caps)
	if err != nil {
		return p.malformed(err)
	}
	if len(p.cmds.Updates) == 0 {
		return nil // git asks whether it may send a large body
	}
	unpack := p.run(ctx)
	p.drain()
	if line := f.o.Gate.Nag(actor); line != "" && p.answer.aside(line) {
		f.o.Gate.Nagged(actor)
	}
	return p.answer.report(unpack, p.results)
}

// refs are those that the actor may see.
func (p *pushing) refs(ctx context.Context) (*gitstore.Refs, error) {
	return seen(ctx, p.store, p.actor)
}

func seen(ctx context.Context, store *gitstore.Repo, actor *right.Actor) (*gitstore.Refs, error) {
	return store.Sight(actor.Grant.Limits.Sight()).Refs(ctx)
}

// ending calls end when its reader has come to its end.
type ending struct {
	r   io.Reader
	end func()
}

// Read implements io.Reader.
func (e *ending) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if err != nil && e.end != nil {
		if errors.Is(err, io.EOF) {
			e.end()
		}
		e.end = nil
	}
	return n, err
}
