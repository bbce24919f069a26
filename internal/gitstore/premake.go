package gitstore

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"jeton/internal/gitstore/keep"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
)

// How much premaker remembers, and when it makes something.
const (
	popularAtMost = 1000           // repositories
	shapesAtMost  = 8              // ways to ask, of each
	namesAtMost   = 4              // branches that one asks for by name
	oftenEnough   = 2              // times asked for, less those made in vain
	askedAtMost   = 8              // more is not counted
	lately        = 24 * time.Hour // since when it was asked for
	longestQuiet  = 20             // times the quiet time: then it is made while refs still move
)

// premaker makes the answers that will be asked for, before they are: after a
// push to a repository that is often cloned, in the ways in which it is. It
// makes one at a time, at the lowest priority.
type premaker struct {
	s     *Store
	quiet time.Duration
	due   chan *Repo
	ended chan struct{}
	made  func(*Repo) // for tests: a repository was gone through

	mu    sync.Mutex
	repos map[id.Repo]*popular // guarded by mu
}

// popular is a repository that was asked for lately.
type popular struct {
	shapes map[string]*shape
	asked  time.Time
	timer  *time.Timer // until it is due; nil when no ref moved
	moved  time.Time   // the first of the movements that the timer waits for
}

// shape is one way of asking, whatever the refs name.
type shape struct {
	version wire.Version
	want    *wire.Fetch // its wants are those of the first time
	names   []string    // the refs that were asked for; see the constants
	count   int
	asked   time.Time
	vain    bool // made, and not asked for since
}

const (
	everything = "*" // all branches and tags
	headAlone  = "HEAD"
)

func newPremaker(s *Store, quiet time.Duration) *premaker {
	if quiet == 0 {
		quiet = time.Second
	}
	p := &premaker{s: s, quiet: quiet, due: make(chan *Repo, popularAtMost), ended: make(chan struct{}), repos: map[id.Repo]*popular{}}
	go p.run()
	return p
}

// close waits for the end of what runs. The store's context has ended.
func (p *premaker) close() { <-p.ended }

func (p *premaker) run() {
	defer close(p.ended)
	for {
		select {
		case <-p.s.ctx.Done():
			return
		case r := <-p.due:
			p.make(p.s.ctx, r)
			if p.made != nil {
				p.made(r)
			}
		}
	}
}

// asked notes how a repository was asked for.
func (p *premaker) asked(r *Repo, f *Fetch) {
	if p == nil || f.Want.Haves > 0 || len(f.Want.Shallow) > 0 || len(f.Want.Wants) == 0 {
		return
	}
	names := r.nameWants(f.Refs, f.Want)
	if names == nil {
		return
	}
	other := *f.Want
	other.Wants = nil
	digest := other.Digest()
	key := string(digest[:]) + string(rune(f.Version)) + strings.Join(names, "\n")
	now := p.s.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	pop := p.repos[r.bare.ID]
	if pop == nil {
		if len(p.repos) >= popularAtMost {
			p.dropOldest()
		}
		pop = &popular{shapes: map[string]*shape{}}
		p.repos[r.bare.ID] = pop
	}
	pop.asked = now
	sh := pop.shapes[key]
	if sh == nil {
		if len(pop.shapes) >= shapesAtMost {
			pop.dropRarest()
		}
		sh = &shape{version: f.Version, want: &other, names: names}
		pop.shapes[key] = sh
	}
	sh.count, sh.asked, sh.vain = min(sh.count+1, askedAtMost), now, false
}

// dropOldest makes room for another repository. The caller holds mu.
func (p *premaker) dropOldest() {
	oldest := slices.MinFunc(slices.Collect(maps.Keys(p.repos)), func(a, b id.Repo) int { return p.repos[a].asked.Compare(p.repos[b].asked) })
	delete(p.repos, oldest)
}

// dropRarest makes room for another shape.
func (p *popular) dropRarest() {
	rarest := slices.MinFunc(slices.Collect(maps.Keys(p.shapes)), func(a, b string) int {
		return 2*(p.shapes[a].count-p.shapes[b].count) + p.shapes[a].asked.Compare(p.shapes[b].asked)
	})
	delete(p.shapes, rarest)
}

func (p *premaker) forget(repo id.Repo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pop := p.repos[repo]; pop != nil && pop.timer != nil {
		pop.timer.Stop()
	}
	delete(p.repos, repo)
}

// moved has a repository that is often cloned gone through once no ref has
// moved for a while.
func (p *premaker) moved(r *Repo) {
	now := p.s.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	pop := p.repos[r.bare.ID]
	if pop == nil || len(pop.wanted(now)) == 0 {
		return
	}
	switch {
	case pop.timer == nil:
		pop.moved = now
		pop.timer = time.AfterFunc(p.quiet, func() { p.quieted(r) })
	case now.Sub(pop.moved) < longestQuiet*p.quiet:
		pop.timer.Reset(p.quiet)
	}
}

func (p *premaker) quieted(r *Repo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pop := p.repos[r.bare.ID]; pop != nil && pop.timer != nil {
		pop.timer = nil
		select {
		case p.due <- r:
		default: // so much is due that it would be late anyway
		}
	}
}

// wanted returns the shapes that were asked for often and lately.
func (p *popular) wanted(now time.Time) []*shape {
	var out []*shape
	for _, sh := range p.shapes {
		if sh.count >= oftenEnough && now.Sub(sh.asked) < lately {
			out = append(out, sh)
		}
	}
	return out
}

// make makes what will be asked for of a repository.
func (p *premaker) make(ctx context.Context, r *Repo) {
	p.mu.Lock()
	var shapes []shape
	if pop := p.repos[r.bare.ID]; pop != nil {
		for _, sh := range pop.wanted(p.s.now()) {
			if sh.vain {
				sh.count-- // made for nobody the last time
			}
			sh.vain = true
			shapes = append(shapes, *sh)
		}
	}
	p.mu.Unlock()
	// The cheap ones first: CI waits for those.
	slices.SortFunc(shapes, func(a, b shape) int { return len(b.want.Filter) - len(a.want.Filter) })
	slices.SortStableFunc(shapes, func(a, b shape) int { return order(b.want.Deepens) - order(a.want.Deepens) })
	for i := range shapes {
		if err := r.premake(ctx, &shapes[i]); err != nil && ctx.Err() == nil {
			p.s.log.DebugContext(ctx, "a fetch was not made before it is asked for", "repository", int64(r.bare.ID), "err", err)
		}
	}
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// premake makes one answer, if it is not there.
func (r *Repo) premake(ctx context.Context, sh *shape) error {
	refs, err := r.Refs(ctx)
	if err != nil {
		return err
	}
	wants := r.wantsOf(refs, sh.names)
	if len(wants) == 0 {
		return nil
	}
	want := *sh.want
	want.Wants, want.Done = wants, true
	request := want.Like(sh.version, refs.Format, wants)
	f := &Fetch{Refs: refs, Version: sh.version, Want: &want}
	sum, err := r.keySum(f)
	if err != nil {
		return err
	}
	key := keep.Key{Repo: r.bare.ID, Sum: sum}
	return r.store.kept.Prepare(ctx, key, keep.Source{
		Begin: func(context.Context) (func(), error) { return func() {}, nil },
		Make: func(ctx context.Context, w io.Writer) error {
			return r.UploadPack(ctx, Upload{Version: sh.version, Want: &want, Request: bytes.NewReader(request), Out: w, Idle: true})
		},
		Holds: func() bool { return r.holds(f, key) },
	})
}

// nameWants says which refs a request asks for, or nil if it asks for anything
// else.
func (r *Repo) nameWants(refs *Refs, f *wire.Fetch) []string {
	wants := map[object.ID]bool{}
	for _, id := range f.Wants {
		wants[id] = true
	}
	if head, ok := refs.Default(); ok && len(wants) == 1 && wants[head.ID] {
		return []string{headAlone}
	}
	if all := r.wantsOf(refs, []string{everything}); len(all) == len(wants) && !slices.ContainsFunc(all, func(id object.ID) bool { return !wants[id] }) {
		return []string{everything}
	}
	if len(wants) > namesAtMost {
		return nil
	}
	var names []string
	for _, ref := range refs.Branches() {
		if wants[ref.ID] {
			names = append(names, ref.Name)
			delete(wants, ref.ID)
		}
	}
	if len(wants) > 0 {
		return nil
	}
	return names
}

// wantsOf returns what such a request wants now, each once.
func (r *Repo) wantsOf(refs *Refs, names []string) []object.ID {
	var out []object.ID
	switch {
	case slices.Contains(names, headAlone):
		if head, ok := refs.Default(); ok {
			out = append(out, head.ID)
		}
	case slices.Contains(names, everything):
		return r.reach.Of(refs).Everything()
	default:
		for _, name := range names {
			if ref, ok := refs.Get(name); ok {
				out = append(out, ref.ID)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
