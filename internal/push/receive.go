package push

import (
	"context"
	"errors"
	"io"
	"slices"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/leak"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// pushing is one push on its way through the pipeline.
type pushing struct {
	flow   *Flow
	actor  *right.Actor
	repo   gate.Repo
	again  func(context.Context) error
	store  *gitstore.Repo
	in     *ending
	answer *answer
	meter  *gate.Meter // nil for the API, which counts its requests itself

	cmds    wire.Push
	results []wire.Result // one for each command
	brought int64         // bytes that the pack takes on the disk
	secrets leak.Collector
	forward bool     // no branch or tag may lose commits, whatever the rules say
	refusal *Refused // the first one, for those who are no client of git
	failure error    // of the push as a whole
}

// maxDrain bounds how much of a refused pack is read: a client reads its
// answer only when it has sent everything.
const maxDrain = 1 << 30

func (p *pushing) drain() { _, _ = io.CopyN(io.Discard, p.in, maxDrain) }

// malformed answers a request that is none of git's.
func (p *pushing) malformed(err error) error {
	e := problem.Of(err)
	if e.Public == "" {
		return err
	}
	p.drain()
	text := e.Public
	if e.Remedy != "" {
		text += "\n" + e.Remedy
	}
	return p.answer.fatal(text)
}

// run does the work and returns what went wrong with the pack as a whole, in
// the words of the report; empty when nothing did.
func (p *pushing) run(ctx context.Context) (unpack string) {
	p.results = make([]wire.Result, len(p.cmds.Updates))
	for i, u := range p.cmds.Updates {
		p.results[i] = wire.Result{Name: u.Name, Reason: p.checkName(u)}
		if p.results[i].Reason == "" {
			p.ask(i)
		}
		if p.results[i].Reason == "" {
			p.limit(i)
		}
	}
	p.allOrNone()
	if len(p.open()) == 0 {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, p.flow.o.Git.Limits().PushTime)
	defer cancel()
	// A push that comes so far is a use, whatever becomes of it.
	err := p.meter.Use(ctx)
	if err == nil {
		err = p.work(ctx)
	}
	if err == nil {
		return ""
	}
	return p.failed(ctx, err)
}

// ask asks the gate about one command. Each ref is judged alone.
func (p *pushing) ask(i int) {
	err := p.flow.o.Gate.CheckRepo(p.actor, right.RepoPush, &p.repo)
	if err == nil {
		return
	}
	e := problem.Of(err)
	p.results[i].Reason = "permission denied"
	p.because(Denied, err)
	p.answer.tell(e.Public, e.Remedy)
}

// open returns the commands that nothing was said against so far.
func (p *pushing) open() []wire.Update {
	var out []wire.Update
	for i, r := range p.results {
		if r.Reason == "" {
			out = append(out, p.cmds.Updates[i])
		}
	}
	return out
}

// refuse gives a reason to every command that has none yet and for which pick
// is true; pick nil means all.
func (p *pushing) refuse(reason string, pick func(wire.Update) bool) {
	for i := range p.results {
		if p.results[i].Reason == "" && (pick == nil || pick(p.cmds.Updates[i])) {
			p.results[i].Reason = reason
		}
	}
}

// allOrNone refuses everything when an atomic push lost one of its refs.
func (p *pushing) allOrNone() {
	if p.cmds.Caps.Has("atomic") && len(p.open()) < len(p.results) {
		p.refuse("atomic push failure", nil)
	}
}

// failed words an error that ends the whole push.
func (p *pushing) failed(ctx context.Context, err error) string {
	e := p.cause(ctx, err)
	p.failure = e
	p.answer.tell(e.Remedy)
	p.refuse("unpacker error", nil)
	return e.Public
}

// cause finds what a client may hear of an error. What fails while the
// repository is deleted fails for that, wherever it was: also where the words at
// hand are that its data is missing.
func (p *pushing) cause(ctx context.Context, err error) *problem.Error {
	e := problem.Of(err)
	worded := e.Public != "" && e.Kind != problem.Internal
	if worded && e.Kind != problem.NotFound {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem.New(problem.Unavailable, "the push took too long", "Push the history in parts, the oldest commits first.")
	}
	if now := p.still(context.WithoutCancel(ctx)); now != nil {
		if now := problem.Of(now); now.Kind != problem.Internal && now.Public != "" {
			return now
		}
	}
	if worded {
		return e
	}
	p.flow.o.Log.ErrorContext(ctx, "push failed", "repository", int64(p.repo.ID), "err", err)
	return problem.New(problem.Internal, "internal server error", "")
}

// work is the pipeline from the pack to the refs.
func (p *pushing) work(ctx context.Context) error {
	in, err := p.store.Incoming(ctx, gitstore.Who{Account: p.actor.Account})
	if err != nil {
		return err
	}
	defer func() {
		if err := in.Close(); err != nil {
			p.flow.o.Log.WarnContext(ctx, "a quarantine was not removed", "repository", int64(p.repo.ID), "err", err)
		}
	}()
	// Rules can be many and refs, too: they are judged in the account's share.
	if err := p.protect(ctx); err != nil {
		return err
	}
	p.allOrNone()
	if len(p.open()) == 0 {
		return nil
	}
	if p.cmds.NeedsPack() {
		pack := &metered{r: p.meter.Reader(ctx, p.in)}
		if pack.space, err = p.roomLeft(ctx); err != nil {
			return err
		}
		in.Inspect(func(kind object.Kind, id object.ID, data []byte) { p.secrets.Look(string(kind), string(id), data) })
		in.Watch(workflowTop)
		if err := in.Index(ctx, pack, p.answer); err != nil {
			return p.shallowly(err)
		}
		p.brought = in.Bytes()
	}
	p.drain()
	if err := p.inspect(ctx, in); err != nil {
		return err
	}
	p.allOrNone()
	if len(p.open()) == 0 {
		return nil
	}
	return p.publish(ctx, in)
}

const notShallow = "shallow update not allowed"

// shallowly explains why a push from a shallow clone found no connection: what
// lies behind the clone's border is not here.
func (p *pushing) shallowly(err error) error {
	if len(p.cmds.Shallow) == 0 || !problem.Is(err, problem.Invalid) {
		return err
	}
	p.refuse(notShallow, nil)
	p.tellShallow()
	return nil
}

func (p *pushing) tellShallow() {
	p.answer.tell("Your clone is shallow, and what lies behind its border is not on this server. Run git fetch --unshallow from where you cloned it, then push again.")
}

// inspect looks at what the push brings. What it finds against a command is in
// the results; an error is against all of them.
func (p *pushing) inspect(ctx context.Context, in *gitstore.Incoming) error {
	refs, err := p.refs(ctx)
	if err != nil {
		return err
	}
	in.Near(p.open())
	if err := in.CheckBases(ctx, refs); err != nil {
		return err
	}
	// Of an object out of reach nothing is told, not even what it is.
	if err := p.connect(ctx, in, refs); err != nil {
		return err
	}
	if err := p.kinds(ctx, in); err != nil {
		return err
	}
	if err := p.onlyForward(ctx, in); err != nil {
		return err
	}
	if err := p.limitForward(ctx, in); err != nil {
		return err
	}
	if err := p.protectHistory(ctx, in); err != nil {
		return err
	}
	if err := p.workflows(ctx, in, refs); err != nil {
		return err
	}
	if err := p.limitPaths(ctx, in, refs); err != nil {
		return err
	}
	return p.leaks(ctx, in, refs)
}

// tips returns what the commands that are still open want refs to name.
func (p *pushing) tips() []object.ID {
	var out []object.ID
	seen := map[object.ID]bool{}
	for _, u := range p.open() {
		if !u.Deletes() && !seen[u.New] {
			seen[u.New] = true
			out = append(out, u.New)
		}
	}
	return out
}

// connect checks sizes and that everything pushed refers to what is there.
func (p *pushing) connect(ctx context.Context, in *gitstore.Incoming, refs *gitstore.Refs) error {
	tips := p.tips()
	if len(tips) == 0 {
		return nil
	}
	sizes, err := p.sizes(ctx, in)
	if err != nil {
		return err
	}
	bad, err := in.Connected(ctx, refs, tips, sizes.paths)
	if err != nil {
		return err
	}
	p.warnLarge(&sizes)
	if len(sizes.over) > 0 {
		p.refuseLarge(&sizes)
		p.refuse(declined, func(u wire.Update) bool { return !u.Deletes() })
		return nil
	}
	if len(bad) == 0 {
		return nil
	}
	reason := "missing necessary objects"
	if len(p.cmds.Shallow) > 0 {
		reason = notShallow
		p.tellShallow()
	}
	missing := map[object.ID]bool{}
	for _, id := range bad {
		missing[id] = true
	}
	p.refuse(reason, func(u wire.Update) bool { return missing[u.New] })
	return nil
}

// publish asks once more, moves the refs and has it recorded.
func (p *pushing) publish(ctx context.Context, in *gitstore.Incoming) error {
	refused := func(err error) error {
		e := problem.Of(err)
		if e.Public == "" || e.Kind == problem.Internal {
			return err
		}
		p.answer.tell(e.Public, e.Remedy)
		p.refuse("permission denied", nil)
		p.because(Denied, err)
		return nil
	}
	before := p.repo
	if err := p.still(ctx); err != nil {
		return refused(err)
	}
	if err := p.protectAgain(ctx, before, in); err != nil {
		return err
	}
	if len(p.open()) == 0 {
		return nil
	}
	release, err := p.claim(ctx, p.brought)
	if err != nil {
		return err
	}
	defer release()
	event, err := p.event(ctx)
	if err != nil {
		return err
	}
	results, err := in.Publish(ctx, gitstore.Publication{
		Updates: p.open(),
		Atomic:  p.cmds.Caps.Has("atomic"),
		Event:   event,
		Still:   p.again,
		Record:  func(ctx context.Context, m gitstore.Moved) error { return p.flow.record(ctx, p.repo.ID, m, false) },
	})
	if errors.Is(err, gitstore.ErrNoLonger) {
		return refused(err)
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(results, func(r wire.Result) bool { return r.Reason == "" }) {
		if err := p.still(ctx); err != nil {
			return err // which says more than what became of the files of its refs
		}
	}
	p.adopt(results)
	return nil
}

// adopt takes over the results of the commands that were still open.
func (p *pushing) adopt(results []wire.Result) {
	for i := range p.results {
		if p.results[i].Reason != "" || len(results) == 0 {
			continue
		}
		p.results[i].Reason = results[0].Reason
		results = results[1:]
	}
}

// still asks again who may what: a push can take long, and a right that was
// taken away meanwhile must not move a ref. The credential is asked about later,
// when the refs are about to move.
func (p *pushing) still(ctx context.Context) error {
	o := p.flow.o
	if !p.actor.Until.IsZero() && !o.Now().Before(p.actor.Until) {
		return problem.New(problem.Unauthenticated, "Your token expired during the push.", "Regenerate it, then push again.")
	}
	again, err := o.Gate.RepoForGit(ctx, p.actor, right.RepoPush, p.repo.OwnerLogin, p.repo.Name)
	if err == nil && again.ID != p.repo.ID {
		err = problem.New(problem.NotFound, "Repository not found.", "It was renamed or deleted during the push.")
	}
	if err == nil {
		p.repo = again
	}
	return err
}
