// Package reach finds out which objects the refs of a repository reach, and remembers
// it for as long as they stand. Who is shown an object, or refers to one, asks here
// first: what is out of reach and what is not there are told apart nowhere.
package reach

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/wire"
)

// Time is the most that a search takes.
const Time = 2 * time.Minute

const maxReachKnown = 50_000 // objects

// How far a search goes in process before it leaves the rest to Unreachable, which
// knows all of the history.
const (
	NearCommits = 4096 // read on the way back from the tips
	NearTips    = 32   // that the way back begins at
)

// Finder finds out what refs of one repository reach, and remembers it. It is safe
// for concurrent use.
type Finder struct {
	bare *bare.Repo

	mu    sync.Mutex // guards what follows, and of it what says so
	cache *Known
}

// New makes the finder of a repository.
func New(b *bare.Repo) *Finder { return &Finder{bare: b} }

// Known remembers, for one state of the refs, which objects they reach.
type Known struct {
	refs   *ref.Snapshot
	tips   map[object.ID]bool // what the refs name; never changed
	known  map[object.ID]bool // guarded by Finder.mu
	before *Known             // of the state before this one, until it was looked at; guarded by Finder.mu

	once sync.Once
	all  []object.ID // what all branches and tags name, made when asked for
}

// Of returns what is remembered for a state of the refs.
func (r *Finder) Of(refs *ref.Snapshot) *Known {
	r.mu.Lock()
	old := r.cache
	r.mu.Unlock()
	if old != nil && old.refs.Version == refs.Version {
		return old
	}
	c := &Known{refs: refs, known: map[object.ID]bool{}, tips: make(map[object.ID]bool, 2*len(refs.All()))}
	for _, ref := range refs.All() {
		c.tips[ref.ID] = true
		if ref.Peeled != "" {
			c.tips[ref.Peeled] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.cache; now != nil && now.refs.Version == refs.Version {
		return now
	}
	if old != nil {
		c.before = old
		if len(old.known) == 0 {
			c.before = old.before
		}
		old.before = nil
	}
	r.cache = c
	return c
}

// Ask tells what is remembered of an object.
func (r *Finder) Ask(c *Known, id object.ID) (reachable, known bool) {
	if c.tips[id] {
		return true, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	reachable, known = c.known[id]
	return reachable, known
}

// Answered reports whether a fetch can be checked without starting git.
func (r *Finder) Answered(refs *ref.Snapshot, f *wire.Fetch) bool {
	c := r.Of(refs)
	lists := [][]object.ID{f.Wants}
	if f.Unshallow {
		lists = append(lists, f.Shallow)
	}
	for _, ids := range lists {
		for _, id := range ids {
			if _, known := r.Ask(c, id); !known {
				return false
			}
		}
	}
	return true
}

// Remember notes of all that was asked about whether it is in reach, found by who
// searched by other means.
func (r *Finder) Remember(c *Known, asked []object.ID, unreachable map[object.ID]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(asked) > maxReachKnown {
		return
	}
	if len(c.known)+len(asked) > maxReachKnown {
		c.known = map[object.ID]bool{}
	}
	for _, id := range asked {
		c.known[id] = !unreachable[id]
	}
}

// inherit takes over what was reachable before the refs moved, if everything
// that they named then is still in reach: mostly they move forward. That is
// asked about the few refs that moved, once, and only when the answer would
// help.
func (r *Finder) inherit(ctx context.Context, c *Known, ask []object.ID) error {
	r.mu.Lock()
	before := c.before
	helps := before != nil && slices.ContainsFunc(ask, func(id object.ID) bool { return before.tips[id] || before.known[id] })
	r.mu.Unlock()
	if !helps {
		return nil
	}
	kept, err := r.kept(ctx, c, before)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.before = nil
	if !kept {
		return nil
	}
	for id, reachable := range before.known {
		if reachable {
			c.known[id] = true
		}
	}
	for id := range before.tips {
		if len(c.known) < maxReachKnown {
			c.known[id] = true
		}
	}
	return nil
}

// maxLeft is how many refs may have moved for the answers before to be asked
// about: with more, something else than work went on.
const maxLeft = 1000

// kept reports whether everything that the refs named before is in reach of c.
func (r *Finder) kept(ctx context.Context, c, before *Known) (bool, error) {
	tips := make([]object.ID, 0, len(before.tips))
	for id := range before.tips {
		tips = append(tips, id)
	}
	return r.All(ctx, c.refs, tips)
}

// All reports whether refs name or reach every one of tips. No history is
// searched for what is no commit: then the answer is no.
func (r *Finder) All(ctx context.Context, refs *ref.Snapshot, tips []object.ID) (bool, error) {
	c := r.Of(refs)
	missing := map[object.ID]bool{}
	for _, id := range tips {
		if reachable, _ := r.Ask(c, id); !reachable {
			missing[id] = true
		}
	}
	if len(missing) == 0 {
		return true, nil
	}
	if len(missing) > maxLeft {
		return false, nil
	}
	left := slices.Collect(maps.Keys(missing))
	commits, _, err := r.sortOut(ctx, left)
	if err != nil || len(commits) < len(left) {
		return false, err
	}
	err = r.searchCommits(ctx, refs, commits, missing)
	return err == nil && len(missing) == 0, err
}

// Commit reports whether a visible ref reaches a commit.
func (r *Finder) Commit(ctx context.Context, refs *ref.Snapshot, id object.ID) (bool, error) {
	bad, err := r.Unreachable(ctx, refs, []object.ID{id})
	return err == nil && len(bad) == 0, err
}

// Unreachable returns those of ids that no ref of refs reaches, because they
// do not exist or exist out of reach; the two are told apart nowhere. The
// answers are remembered for as long as the refs stand, and what is reachable
// also when they only move forward.
func (r *Finder) Unreachable(ctx context.Context, refs *ref.Snapshot, ids []object.ID) ([]object.ID, error) {
	c := r.Of(refs)
	bad, left := map[object.ID]bool{}, map[object.ID]bool{}
	look := func(ids []object.ID) (ask []object.ID) {
		for _, id := range ids {
			if left[id] {
				continue
			}
			switch reachable, known := r.Ask(c, id); {
			case known && !reachable:
				bad[id] = true
			case !known:
				left[id] = true
				ask = append(ask, id)
			}
		}
		return ask
	}
	if ask := look(ids); len(ask) > 0 {
		ctx, cancel := context.WithTimeout(ctx, Time)
		defer cancel()
		if err := r.inherit(ctx, c, ask); err != nil {
			return nil, err
		}
		clear(left)
		if ask = look(ask); len(ask) > 0 {
			if err := r.search(ctx, refs, ask, left); err != nil {
				return nil, err
			}
			r.Remember(c, ask, left)
		}
	}
	var out []object.ID
	for _, id := range ids {
		if bad[id] || left[id] {
			out = append(out, id)
			bad[id], left[id] = false, false // each once
		}
	}
	return out, nil
}

// search removes from left what the refs reach. Commits are cheap to find;
// trees and blobs are looked for in the tips first, where they mostly are, and
// then in the whole history.
func (r *Finder) search(ctx context.Context, refs *ref.Snapshot, ask []object.ID, left map[object.ID]bool) error {
	if refs.Empty() {
		return nil
	}
	commits, others, err := r.sortOut(ctx, ask)
	if err != nil {
		return err
	}
	if len(commits) > 0 {
		if err := r.searchCommits(ctx, refs, commits, left); err != nil {
			return err
		}
	}
	searches := []func() error{
		func() error { return r.searchBitmap(ctx, refs, others) },
		func() error { return r.searchObjects(ctx, refs, "--no-walk=unsorted", others) },
		func() error { return r.searchObjects(ctx, refs, "--do-walk", others) },
	}
	for _, search := range searches {
		if len(others) == 0 {
			return nil
		}
		if err := search(); err != nil {
			return err
		}
		for id, missing := range others {
			if !missing {
				delete(left, id)
				delete(others, id)
			}
		}
	}
	return nil
}

// sortOut tells commits from other objects. What does not exist is in neither.
func (r *Finder) sortOut(ctx context.Context, ask []object.ID) (commits, others map[object.ID]bool, err error) {
	commits, others = map[object.ID]bool{}, map[object.ID]bool{}
	err = r.bare.Infos(ctx, ask, func(id object.ID, in odb.Info) {
		if in.Kind == object.KindCommit {
			commits[id] = true
		} else {
			others[id] = true
		}
	})
	return commits, others, err
}

// searchCommits removes from left those commits that the refs reach: what
// rev-list does not print of "these, without what the refs reach".
func (r *Finder) searchCommits(ctx context.Context, refs *ref.Snapshot, commits, left map[object.ID]bool) error {
	list := make([]object.ID, 0, len(commits))
	for id := range commits {
		list = append(list, id)
	}
	out := map[object.ID]bool{}
	err := r.lines(ctx, run.Command{Name: "rev-list", Flags: []run.Flag{"--stdin"}, Stdin: Revisions(list, refs)}, func(id object.ID) bool {
		if commits[id] {
			out[id] = true
		}
		return len(out) < len(commits)
	})
	if err != nil {
		return err
	}
	for id := range commits {
		if !out[id] {
			delete(left, id)
		}
	}
	return nil
}

// searchBitmap sets to false those of wanted that are in reach by the
// repository's bitmaps, if it has any: objects that git would not send of
// "these, without what the refs reach". The others may be in reach, or not.
func (r *Finder) searchBitmap(ctx context.Context, refs *ref.Snapshot, wanted map[object.ID]bool) error {
	found, err := filepath.Glob(filepath.Join(r.bare.Dir, "objects", "pack", "*.bitmap"))
	if err != nil || len(found) == 0 {
		return err
	}
	list := make([]object.ID, 0, len(wanted))
	for id := range wanted {
		list = append(list, id)
	}
	out := map[object.ID]bool{}
	c := run.Command{Name: "rev-list", Flags: []run.Flag{"--use-bitmap-index", "--objects", "--no-object-names", "--ignore-missing", "--stdin"}, Stdin: io.MultiReader(Revisions(list, refs), older(refs))}
	err = r.lines(ctx, c, func(id object.ID) bool {
		if wanted[id] {
			out[id] = true
		}
		return len(out) < len(wanted)
	})
	if err != nil {
		return err
	}
	for id := range wanted {
		wanted[id] = out[id]
	}
	return nil
}

// older names some commits behind the default branch: git uses a bitmap only if
// one of the commits that it is asked to leave out is in the bitmap's pack, and
// what was pushed since is not. Those that do not exist are ignored.
func older(refs *ref.Snapshot) io.Reader {
	head, ok := refs.Default()
	if !ok {
		return strings.NewReader("")
	}
	var b strings.Builder
	for n := 1; n <= 4096; n *= 4 {
		b.WriteString("^" + string(head.ID) + "~" + strconv.Itoa(n) + "\n")
	}
	return strings.NewReader(b.String())
}

// searchObjects sets to false those of wanted that it meets on a walk over the
// objects of the refs.
func (r *Finder) searchObjects(ctx context.Context, refs *ref.Snapshot, walk run.Flag, wanted map[object.ID]bool) error {
	var tips strings.Builder
	for _, ref := range refs.All() {
		tips.WriteString(string(ref.ID) + "\n")
	}
	missing := len(wanted)
	c := run.Command{Name: "rev-list", Flags: []run.Flag{"--objects", "--no-object-names", walk, "--stdin"}, Stdin: strings.NewReader(tips.String())}
	return r.lines(ctx, c, func(id object.ID) bool {
		if wanted[id] {
			wanted[id] = false
			missing--
		}
		return missing > 0
	})
}

// lines calls f for each id that a command prints on a line of its own, until
// f returns false.
func (r *Finder) lines(ctx context.Context, c run.Command, f func(object.ID) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := r.bare.Start(ctx, c)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(p.Stdout, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return p.Wait()
		}
		if err != nil {
			p.Stop()
			return err
		}
		if !f(object.ID(line[:len(line)-1])) {
			p.Stop()
			return nil
		}
	}
}

// Everything returns what all branches and tags name, each once: what a clone
// wants. It must not be changed.
func (c *Known) Everything() []object.ID {
	c.once.Do(func() {
		for _, list := range [][]ref.Ref{c.refs.Branches(), c.refs.Tags()} {
			for _, ref := range list {
				c.all = append(c.all, ref.ID)
			}
		}
		slices.Sort(c.all)
		c.all = slices.Compact(c.all)
	})
	return c.all
}

// Tip reports whether a ref names an object, by itself or by a tag on it.
func (c *Known) Tip(id object.ID) bool { return c.tips[id] }

// Revisions is the standard input for "the tips, without what refs reach".
func Revisions(tips []object.ID, refs *ref.Snapshot) io.Reader {
	var b strings.Builder
	for _, id := range tips {
		b.WriteString(string(id) + "\n")
	}
	last := object.ID("")
	for _, ref := range refs.All() {
		if ref.ID != last {
			b.WriteString("^" + string(ref.ID) + "\n")
		}
		last = ref.ID
	}
	return strings.NewReader(b.String())
}
