package push

import (
	"context"
	"io"
	"strings"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Write is a push by a door that speaks no protocol of git's: it has the objects
// in a draft.
type Write struct {
	Draft   *gitstore.Draft // what the refs need and the repository has not; nil: what the account has made before
	Pack    io.ReadCloser   // in place of Draft; it is closed
	Updates []wire.Update   // all or none
	Forward bool            // no branch or tag may lose commits, whatever the rules say
	// Again goes through what let the request in; see Receive.
	Again func(context.Context) error
}

// Why tells the reasons apart for which a ref does not move.
type Why uint8

// The reasons.
const (
	Failed       Why = iota // of the words that are left, which are git's
	Denied                  // the gate's, as the error within says
	Outdated                // somebody else moved the ref
	Taken                   // a ref of that name, or one in its way, exists
	Gone                    // there is no such ref
	BadName                 // no client may move a ref of that name
	Unfit                   // the object is missing, out of reach, or none for that ref
	Unauthorized            // a rule: not this account
	Undeletable             // a rule: not to be deleted
	Unforceable             // a rule: not to be forced
	Backwards               // Write.Forward
	Workflow                // a workflow file, without the right to it
	Secret                  // a live token
	TooLarge                // a file past the limit
)

// Refused is the error of a ref that does not move. What it wraps is for people.
type Refused struct {
	Why Why
	Err error
}

// Error returns the text for the log.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the problem.
func (r *Refused) Unwrap() error { return r.Err }

// Write moves refs exactly as Receive does, through the same questions, checks,
// lanes and journal. Its error is a *Refused when they must not move.
func (f *Flow) Write(ctx context.Context, actor *right.Actor, r gate.Repo, w Write) error {
	if w.Pack != nil {
		defer w.Pack.Close()
	}
	if err := f.o.Gate.CheckRepo(actor, right.RepoPush, &r); err != nil {
		return err
	}
	p := &pushing{flow: f, actor: actor, repo: r, again: w.Again, store: f.o.Git.Repo(r.ID), answer: newAnswer(io.Discard), forward: w.Forward}
	var notes []string
	p.answer.notes = &notes
	defer p.answer.close()
	p.cmds = wire.Push{Updates: w.Updates, Caps: wire.Caps{"atomic"}}
	var pack io.ReadCloser = io.NopCloser(strings.NewReader(""))
	if p.cmds.NeedsPack() {
		var err error
		if pack, err = w.pack(ctx, p); err != nil {
			return err
		}
	}
	defer pack.Close()
	p.in = &ending{r: pack}
	unpack := p.run(ctx)
	if unpack == "" && p.moved() {
		if w.Draft != nil {
			w.Draft.Published()
		}
		return nil
	}
	if p.refusal != nil {
		return p.refusal
	}
	return p.refusedFor(unpack, notes)
}

func (w *Write) pack(ctx context.Context, p *pushing) (io.ReadCloser, error) {
	var tips []object.ID
	for _, u := range w.Updates {
		if !u.Deletes() {
			tips = append(tips, u.New)
		}
	}
	if w.Pack != nil {
		return w.Pack, nil
	}
	d := w.Draft
	if d == nil {
		var err error
		if d, err = p.store.Sight(p.actor.Grant.Limits.Sight()).Draft(ctx, p.actor.Account); err != nil {
			return nil, err
		}
		d.Close()
		w.Draft = d
	}
	return d.Pack(tips)
}

func (p *pushing) moved() bool {
	for _, r := range p.results {
		if r.Reason != "" {
			return false
		}
	}
	return true
}

// because keeps why something is refused.
func (p *pushing) because(why Why, err error) {
	if p.refusal == nil {
		p.refusal = &Refused{Why: why, Err: err}
	}
}

// refusedBy keeps what a rule is against.
func (p *pushing) refusedBy(v verdict) {
	if v.blocked {
		p.because(Unforceable, problem.New(problem.Forbidden, "Cannot force-push to this branch", ""))
		return
	}
	for _, reason := range v.reasons {
		why := Unauthorized
		switch {
		case strings.HasPrefix(reason, "Cannot delete"):
			why = Undeletable
		case strings.HasPrefix(reason, "Cannot force-push"):
			why = Unforceable
		}
		p.because(why, problem.New(problem.Forbidden, reason, ""))
	}
}

// onlyForward refuses what Write.Forward asks to be refused.
func (p *pushing) onlyForward(ctx context.Context, in *gitstore.Incoming) error {
	if !p.forward {
		return nil
	}
	return p.eachForced(ctx, in, func(i int, _ wire.Update) {
		p.results[i].Reason = "non-fast-forward"
		p.because(Backwards, problem.New(problem.Invalid, "Update is not a fast forward", ""))
	})
}

// eachForced hands over each open command that takes commits away from its ref.
func (p *pushing) eachForced(ctx context.Context, in *gitstore.Incoming, refuse func(int, wire.Update)) error {
	for i, u := range p.cmds.Updates {
		if p.results[i].Reason != "" || !moves(u) {
			continue
		}
		descends, err := in.Descends(ctx, u.Old, u.New)
		if err != nil {
			return err
		}
		if !descends {
			refuse(i, u)
		}
	}
	return nil
}

// refusedFor words what has git's words alone. The objects came from here, so that
// an error of the whole is one about their content or about us.
func (p *pushing) refusedFor(unpack string, notes []string) error {
	if unpack != "" {
		if p.failure != nil {
			return p.failure
		}
		return problem.New(problem.Invalid, printable.Line(unpack, 300), "")
	}
	why, text := Failed, ""
	for _, r := range p.results {
		if r.Reason != "" && r.Reason != "atomic push failure" {
			text = r.Reason
			break
		}
	}
	switch {
	case strings.HasSuffix(text, "reference already exists"), strings.Contains(text, "exists; cannot create"):
		why = Taken
	case strings.Contains(text, "unable to resolve reference"):
		why = Gone
	case strings.Contains(text, "but expected"), text == "failed to update ref":
		why = Outdated
	case text == funnyName, text == hiddenUpdate, text == hiddenDelete, text == declined:
		why = BadName
	case text == "missing necessary objects", strings.HasPrefix(text, "cannot update ref"):
		why = Unfit
	case strings.HasPrefix(text, "deletion of the current branch"):
		why = Undeletable
	}
	if _, after, ok := strings.Cut(text, "': "); ok && why == Outdated {
		text = after
	}
	if text == declined && len(notes) > 0 {
		text = strings.TrimPrefix(notes[0], "error: ")
	}
	return &Refused{Why: why, Err: problem.New(problem.Conflict, printable.Line(text, 300), "")}
}

// workflowDenied has GitHub's sentence, and the gate's word about scopes.
func (p *pushing) workflowDenied(denied error, path string) error {
	return &WorkflowDenied{gate: denied, problem: problem.New(problem.Forbidden, workflowReason(p.actor, path), problem.Of(denied).Remedy)}
}

// WorkflowDenied is the gate's refusal of a workflow file, in GitHub's words.
type WorkflowDenied struct {
	gate    error
	problem *problem.Error
}

// Error returns the text for the log.
func (e *WorkflowDenied) Error() string { return e.problem.Error() }

// Unwrap returns the words, and then the gate's refusal.
func (e *WorkflowDenied) Unwrap() []error { return []error{e.problem, e.gate} }

func secretDetected() error {
	return problem.New(problem.Conflict, "Repository rule violations found\n\nSecret detected in content",
		"It holds a live token of this host. Remove it, or delete the token first: it is named in your security log.")
}

// Make keeps what a draft has for its account's next ones, without any ref. Root,
// if not empty, is a tree of the draft that stands for a whole repository.
func (f *Flow) Make(ctx context.Context, actor *right.Actor, r gate.Repo, d *gitstore.Draft, root object.ID) error {
	if err := f.o.Gate.CheckRepo(actor, right.RepoPush, &r); err != nil {
		return err
	}
	p := &pushing{flow: f, actor: actor, repo: r}
	space, err := p.roomLeft(ctx)
	if err != nil {
		return err
	}
	size := d.Kept()
	for _, o := range d.Fresh() {
		size += int64(len(o.Data))
		if o.Kind != object.KindTree {
			p.secrets.Look(string(o.Kind), string(o.ID), o.Data)
		}
	}
	if err := space.Refuse(size); err != nil {
		return err
	}
	if err := p.unmade(ctx); err != nil {
		return err
	}
	if err := p.newWorkflows(d, root); err != nil {
		return err
	}
	return d.Keep()
}

// unmade refuses live tokens in what no ref names yet, and tells their owners.
func (p *pushing) unmade(ctx context.Context) error {
	found, err := p.flow.o.Leaks.Live(ctx, &p.secrets)
	if err != nil || len(found) == 0 {
		return err
	}
	s := &spilled{found: found, paths: map[object.ID]string{}}
	for _, f := range found {
		for _, at := range f.Places {
			s.paths[object.ID(at.Object)] = ""
		}
	}
	if err := p.recordLeaks(ctx, s); err != nil {
		return err
	}
	return &Refused{Why: Secret, Err: secretDetected()}
}

// newWorkflows refuses a tree with a workflow file that is on no branch, when the
// credential may not add any. It is asked again when a ref comes to it.
func (p *pushing) newWorkflows(d *gitstore.Draft, root object.ID) error {
	denied := p.flow.o.Gate.CheckRepo(p.actor, right.RepoWorkflow, &p.repo)
	if denied == nil || root == "" {
		return nil
	}
	files, err := d.Below(root, workflowFolder)
	if err != nil || len(files) == 0 {
		return err
	}
	known := map[fileKey]bool{}
	for _, ref := range d.Refs.Branches() {
		c, err := d.Commit(ref.Commit())
		if err != nil {
			return err
		}
		on, err := d.Below(c.Tree, workflowFolder)
		if err != nil {
			return err
		}
		for _, f := range on {
			known[keyOf(f)] = true
		}
	}
	for _, f := range files {
		if !known[keyOf(f)] {
			return &Refused{Why: Workflow, Err: p.workflowDenied(denied, f.Path)}
		}
	}
	return nil
}
