package gitstore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"jeton/internal/gitstore/object"
)

const (
	maxReachKnown = 50_000
	reachTime     = 2 * time.Minute
)

// reachCache remembers, for one state of the refs, which objects they reach.
type reachCache struct {
	version string
	known   map[object.ID]bool
}

func (r *Repo) remembered(refs *Refs, id object.ID) (reachable, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reach == nil || r.reach.version != refs.Version {
		return false, false
	}
	reachable, known = r.reach.known[id]
	return reachable, known
}

func (r *Repo) remember(refs *Refs, asked []object.ID, unreachable map[object.ID]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reach == nil || r.reach.version != refs.Version || len(r.reach.known)+len(asked) > maxReachKnown {
		r.reach = &reachCache{version: refs.Version, known: map[object.ID]bool{}}
	}
	if len(asked) > maxReachKnown {
		return
	}
	for _, id := range asked {
		r.reach.known[id] = !unreachable[id]
	}
}

// commitReachable reports whether a visible ref reaches a commit.
func (r *Repo) commitReachable(ctx context.Context, refs *Refs, id object.ID) (bool, error) {
	bad, err := r.Unreachable(ctx, refs, []object.ID{id})
	return err == nil && len(bad) == 0, err
}

// Unreachable returns those of ids that no ref of refs reaches, because they
// do not exist or exist out of reach; the two are told apart nowhere. The
// answers are remembered for as long as the refs stand.
func (r *Repo) Unreachable(ctx context.Context, refs *Refs, ids []object.ID) ([]object.ID, error) {
	tips := make(map[object.ID]bool, 2*len(refs.All()))
	for _, ref := range refs.All() {
		tips[ref.ID] = true
		if ref.Peeled != "" {
			tips[ref.Peeled] = true
		}
	}
	bad := map[object.ID]bool{}
	left := map[object.ID]bool{}
	var ask []object.ID
	for _, id := range ids {
		if tips[id] || left[id] {
			continue
		}
		reachable, known := r.remembered(refs, id)
		switch {
		case known && !reachable:
			bad[id] = true
		case !known:
			left[id] = true
			ask = append(ask, id)
		}
	}
	if len(ask) > 0 {
		ctx, cancel := context.WithTimeout(ctx, reachTime)
		defer cancel()
		if err := r.search(ctx, refs, ask, left); err != nil {
			return nil, err
		}
		r.remember(refs, ask, left)
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
func (r *Repo) search(ctx context.Context, refs *Refs, ask []object.ID, left map[object.ID]bool) error {
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
	for _, walk := range []flag{"--no-walk=unsorted", "--do-walk"} {
		if len(others) == 0 {
			return nil
		}
		if err := r.searchObjects(ctx, refs, walk, others); err != nil {
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
func (r *Repo) sortOut(ctx context.Context, ask []object.ID) (commits, others map[object.ID]bool, err error) {
	cat, err := r.catFile(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	defer cat.close()
	commits, others = map[object.ID]bool{}, map[object.ID]bool{}
	err = cat.batch(slices.Values(ask), "", func(id object.ID, in objectInfo) {
		switch {
		case in.Missing:
		case in.Kind == object.KindCommit:
			commits[id] = true
		default:
			others[id] = true
		}
	})
	return commits, others, err
}

// searchCommits removes from left those commits that the refs reach: what
// rev-list does not print of "these, without what the refs reach".
func (r *Repo) searchCommits(ctx context.Context, refs *Refs, commits, left map[object.ID]bool) error {
	list := make([]object.ID, 0, len(commits))
	for id := range commits {
		list = append(list, id)
	}
	out := map[object.ID]bool{}
	err := r.lines(ctx, command{name: "rev-list", flags: []flag{"--stdin"}, stdin: revisions(list, refs)}, func(id object.ID) bool {
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

// searchObjects sets to false those of wanted that it meets on a walk over the
// objects of the refs.
func (r *Repo) searchObjects(ctx context.Context, refs *Refs, walk flag, wanted map[object.ID]bool) error {
	var tips strings.Builder
	for _, ref := range refs.All() {
		tips.WriteString(string(ref.ID) + "\n")
	}
	missing := len(wanted)
	c := command{name: "rev-list", flags: []flag{"--objects", "--no-object-names", walk, "--stdin"}, stdin: strings.NewReader(tips.String())}
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
func (r *Repo) lines(ctx context.Context, c command, f func(object.ID) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := r.store.start(ctx, r.dir, c)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(p.stdout, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return p.wait()
		}
		if err != nil {
			p.stop()
			return err
		}
		if !f(object.ID(line[:len(line)-1])) {
			p.stop()
			return nil
		}
	}
}
