package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jeton/internal/gitstore/incoming"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// Publication is what a push wants of the refs.
type Publication struct {
	Updates []wire.Update // those that every rule allowed, in the client's order
	Atomic  bool          // all or none
	Event   []byte        // kept in the journal until Record has it
	// Still says, right before the refs move, whether they still may. Its error
	// ends the publication, and is ErrNoLonger too. Nil: they may.
	Still func(context.Context) error
	// Record runs once the refs have moved and are on the disk, and before the
	// journal forgets the push. After a crash the store's recorder gets the
	// same. An error is logged, and leaves the journal.
	Record func(context.Context, Moved) error
}

// ErrNoLonger means that Publication.Still refused.
var ErrNoLonger = errors.New("the push is no longer allowed")

// Moved is what a publication changed.
type Moved struct {
	Updates []wire.Update // Old is what the ref was before
	Head    string        // the ref that HEAD names now, if that was changed
	Event   []byte
}

// Incoming is a push on its way, until Publish gives it to the repository.
type Incoming struct {
	*incoming.Push
	repo *Repo
}

// Incoming begins a push. It waits a moment for a slot, and fails with
// problem.Unavailable or problem.TooMany when there is none.
func (r *Repo) Incoming(ctx context.Context, who Who) (*Incoming, error) {
	if err := r.recover(ctx); err != nil {
		return nil, err
	}
	in, err := incoming.Begin(ctx, incoming.Source{Repo: r.bare, Reach: r.reach, Shared: &r.store.incoming}, who)
	if err != nil {
		return nil, err
	}
	return &Incoming{in, r}, nil
}

// Publish gives the objects to the repository and moves the refs. Each update
// has its result, in the same order; an update that changes nothing is done.
func (in *Incoming) Publish(ctx context.Context, p Publication) ([]wire.Result, error) {
	// What is refused anyway leaves no objects behind.
	refs, err := in.repo.Refs(ctx)
	if err != nil {
		return nil, err
	}
	if plan := newPlan(refs, p.Updates); plan.refused() && (p.Atomic || len(plan.todo) == 0) {
		if p.Atomic {
			plan.refuseAll("atomic push failure")
		}
		return plan.results, nil
	}
	if err := in.Give(); err != nil {
		return nil, err
	}
	return in.repo.move(ctx, p)
}

// move decides each update against the refs of this moment and moves those that
// can be.
func (r *Repo) move(ctx context.Context, p Publication) ([]wire.Result, error) {
	l, err := r.enter(ctx, laneOf(p.Updates))
	if err != nil {
		return nil, err
	}
	journals, results, err := r.moveIn(ctx, l, p)
	r.lanes.leave(l)
	if errors.Is(err, errNotAlone) {
		if l, err = r.enter(ctx, wholeLane()); err != nil {
			return nil, err
		}
		journals, results, err = r.moveIn(ctx, l, p)
		r.lanes.leave(l)
	}
	for _, j := range journals {
		j.finish(ctx, p.Record)
	}
	if len(journals) > 0 {
		r.store.tellMoved(r)
	}
	return results, err
}

// enter waits for a lane of a repository in which nothing is left to be
// completed.
func (r *Repo) enter(ctx context.Context, l *lane) (*lane, error) {
	for {
		if err := r.recover(ctx); err != nil {
			return nil, err
		}
		if err := r.lanes.enter(ctx, l); err != nil {
			return nil, err
		}
		if r.recovered.Load() {
			return l, nil
		}
		// Who was in the way left something.
		r.lanes.leave(l)
		l = &lane{names: l.names, all: l.all, left: make(chan struct{})}
	}
}

// errNotAlone means that a set moves HEAD, too, which nobody else may at the time.
var errNotAlone = errors.New("needs all of the refs")

func (r *Repo) moveIn(ctx context.Context, l *lane, p Publication) ([]*journal, []wire.Result, error) {
	refs, err := r.stillRefs(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan := newPlan(refs, p.Updates)
	head := firstBranch(refs, plan.todo)
	if head != "" && !l.all {
		return nil, nil, errNotAlone
	}
	if p.Still != nil {
		if err := p.Still(ctx); err != nil {
			return nil, nil, errors.Join(ErrNoLonger, err)
		}
	}
	if p.Atomic && plan.refused() {
		plan.refuseAll("atomic push failure")
		return nil, plan.results, nil
	}
	if p.Atomic && plan.split {
		plan.refuseAll("atomic push failure: one name takes the place of another's folder")
		return nil, plan.results, nil
	}
	var all []*journal
	for _, todo := range plan.parts() {
		h := ""
		if slices.ContainsFunc(todo, func(u wire.Update) bool { return u.Name == head }) {
			h = head
		}
		journals, err := r.movePart(ctx, plan, todo, h, p)
		all = append(all, journals...)
		if err != nil {
			return all, plan.results, err
		}
	}
	return all, plan.results, nil
}

// parts are the updates as they can be made at once. Where one name takes the
// place of another's folder, what is deleted goes first: nothing else depends on
// the order.
func (p *plan) parts() [][]wire.Update {
	if !p.split {
		return [][]wire.Update{p.todo}
	}
	var gone, others []wire.Update
	for _, u := range p.todo {
		if u.Deletes() {
			gone = append(gone, u)
		} else {
			others = append(others, u)
		}
	}
	return [][]wire.Update{gone, others}
}

// movePart moves refs at once, or one after another where somebody else's lock
// keeps some of them from it.
func (r *Repo) movePart(ctx context.Context, plan *plan, todo []wire.Update, head string, p Publication) ([]*journal, error) {
	j, err := r.transact(ctx, todo, head, p.Event)
	if err == nil {
		return compact(j), nil
	}
	reason, ok := refReason(err)
	if !ok {
		return compact(j), err
	}
	if p.Atomic || len(todo) == 1 {
		plan.refuse(todo, reason)
		return compact(j), nil
	}
	return r.moveEach(ctx, plan, todo, head, p.Event)
}

func compact(j *journal) []*journal {
	if j == nil {
		return nil
	}
	return []*journal{j}
}

// moveEach moves one ref after another, when a transaction of all of them failed
// because of one.
func (r *Repo) moveEach(ctx context.Context, plan *plan, todo []wire.Update, head string, event []byte) ([]*journal, error) {
	var journals []*journal
	for i := range todo {
		one := todo[i : i+1]
		h := ""
		if head == one[0].Name {
			h = head
		}
		j, err := r.transact(ctx, one, h, event)
		if j != nil {
			journals = append(journals, j)
		}
		if err == nil {
			continue
		}
		reason, ok := refReason(err)
		if !ok {
			return journals, err
		}
		plan.refuse(one, reason)
	}
	return journals, nil
}

// refReason is what a client may hear of a failed transaction. Errors of the
// machine are not for it.
func refReason(err error) (string, bool) {
	refused, ok := errors.AsType[*ref.Refused](err)
	if !ok {
		return "", false
	}
	if refused.Locked {
		return "failed to update ref", true
	}
	return printable.Line(refused.Reason, 300), true
}

// plan says which updates can be done on a given state of the refs.
type plan struct {
	refs    *Refs
	now     map[string]object.ID // what differs from refs; "" for gone
	below   map[string]string    // by folder, a ref that is made in it
	todo    []wire.Update
	results []wire.Result
	split   bool // the order of the updates matters
}

func newPlan(refs *Refs, updates []wire.Update) *plan {
	p := &plan{refs: refs, now: make(map[string]object.ID, len(updates)), below: map[string]string{}}
	for _, u := range updates {
		reason, noop := p.judge(u)
		p.results = append(p.results, wire.Result{Name: u.Name, Reason: reason})
		if reason != "" || noop {
			continue
		}
		p.todo = append(p.todo, u)
		p.now[u.Name] = u.New
		if u.Deletes() {
			p.now[u.Name] = ""
			continue
		}
		for i := range len(u.Name) {
			if u.Name[i] == '/' {
				p.below[u.Name[:i]] = u.Name
			}
		}
	}
	return p
}

func (p *plan) at(name string) object.ID {
	if id, ok := p.now[name]; ok {
		return id
	}
	ref, _ := p.refs.Get(name)
	return ref.ID
}

// judge words its refusals as git does.
func (p *plan) judge(u wire.Update) (reason string, noop bool) {
	current := p.at(u.Name)
	switch {
	case u.Deletes() && current == "":
		return "", true
	case u.Deletes() && u.Name == p.refs.Head:
		return "deletion of the current branch prohibited", false
	case u.Old.IsZero() && current != "":
		return fmt.Sprintf("cannot lock ref '%s': reference already exists", u.Name), false
	case !u.Old.IsZero() && current == "":
		return fmt.Sprintf("cannot lock ref '%s': unable to resolve reference '%s'", u.Name, u.Name), false
	case current != "" && current != u.Old:
		return fmt.Sprintf("cannot lock ref '%s': is at %s but expected %s", u.Name, current, u.Old), false
	case current != "" && current == u.New:
		return "", true
	case current == "":
		if other := p.inTheWay(u.Name); other != "" {
			return fmt.Sprintf("cannot lock ref '%s': '%s' exists; cannot create '%s'", u.Name, other, u.Name), false
		}
	}
	return "", false
}

// inTheWay finds a ref whose name is a folder of name, or the other way round.
func (p *plan) inTheWay(name string) string {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		if p.at(name[:i]) != "" {
			return name[:i]
		}
		if _, deleted := p.now[name[:i]]; deleted {
			p.split = true
		}
	}
	for _, ref := range p.refs.Prefix(name + "/") {
		if p.at(ref.Name) != "" {
			return ref.Name
		}
		p.split = true // it is deleted by an update before this one
	}
	return p.below[name]
}

func (p *plan) refused() bool {
	return slices.ContainsFunc(p.results, func(r wire.Result) bool { return r.Reason != "" })
}

func (p *plan) refuseAll(reason string) {
	for i := range p.results {
		if p.results[i].Reason == "" {
			p.results[i].Reason = reason
		}
	}
}

func (p *plan) refuse(updates []wire.Update, reason string) {
	names := make(map[string]bool, len(updates))
	for _, u := range updates {
		names[u.Name] = true
	}
	for i := range p.results {
		if names[p.results[i].Name] {
			p.results[i].Reason = reason
		}
	}
}

// firstBranch is the branch that HEAD shall name from now on: the first one
// that is pushed while there is none, unless the one that HEAD names is among
// them. Empty means that HEAD stays.
func firstBranch(refs *Refs, updates []wire.Update) string {
	if len(refs.Branches()) > 0 {
		return ""
	}
	first := ""
	for _, u := range updates {
		if u.Deletes() || !strings.HasPrefix(u.Name, "refs/heads/") {
			continue
		}
		if u.Name == refs.Head {
			return ""
		}
		if first == "" {
			first = u.Name
		}
	}
	return first
}

// SetDefaultBranch makes HEAD name a branch. It must exist, unless there is no
// branch at all.
func (r *Repo) SetDefaultBranch(ctx context.Context, branch string) error {
	if !object.CheckBranchName(branch) {
		return problem.Field("default_branch", "that is not a name that a branch can have")
	}
	l, err := r.enter(ctx, wholeLane())
	if err != nil {
		return err
	}
	defer r.lanes.leave(l)
	r.moving.Lock()
	defer r.moving.Unlock()
	refs, err := r.readRefs(ctx)
	if err != nil {
		return err
	}
	if _, ok := refs.Get("refs/heads/" + branch); !ok && len(refs.Branches()) > 0 {
		return problem.Field("default_branch", "there is no branch of that name")
	}
	return r.writeHead(ctx, "refs/heads/"+branch)
}

// writeHead replaces HEAD.
func (r *Repo) writeHead(ctx context.Context, name string) error {
	tx, err := r.prepare(ctx, nil, name, "")
	if refused, ok := errors.AsType[*ref.Refused](err); ok && refused.Locked {
		return problem.Wrap(err, problem.Conflict, "the default branch is being changed by somebody else", "Try again.")
	}
	if err != nil {
		return err
	}
	if err := tx.Sync(); err != nil {
		return errors.Join(err, tx.Abort())
	}
	return tx.Commit()
}
