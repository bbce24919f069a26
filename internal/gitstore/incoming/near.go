package incoming

import (
	"context"
	"errors"

	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/wire"
)

// nearTrees is how many trees a search reads beside and around the new ones before it
// leaves the rest to reach.Finder.
const nearTrees = 100_000

// Near tells what the push wants of the refs: what it builds on is most likely
// where they are now. It is a hint alone.
func (in *Push) Near(updates []wire.Update) { in.near = updates }

// search takes from left what a visible ref reaches, and is of the kind that it
// must be. It looks first where what a push builds on nearly always is: at the
// tips, at commits not far behind them, and in the trees of those commits.
type search struct {
	in   *Push
	refs *ref.Snapshot
	db   *odb.DB // of the push and the repository
	left map[odb.Hash]object.Kind
	// blind is a search that does not look into what the push brings.
	blind bool

	base  *odb.DB    // of the repository alone
	tips  []odb.Hash // commits at tips, the likeliest first
	known []odb.Hash // commits that were found in reach
}

func (s *search) run(ctx context.Context) (err error) {
	if len(s.left) == 0 {
		return nil
	}
	if s.base, err = s.in.repo.Objects(); err != nil {
		return err
	}
	s.lookAtTips()
	if err := s.commits(ctx); err != nil {
		return err
	}
	if err := s.trees(ctx); err != nil {
		return err
	}
	others := make(map[odb.Hash]bool, len(s.left))
	for id, kind := range s.left {
		if kind != object.KindCommit { // those were asked about
			others[id] = true
		}
	}
	return s.rest(ctx, others)
}

// lookAtTips finds what is a tip itself, and the tips where the push is likely
// to build on.
func (s *search) lookAtTips() {
	for _, u := range s.in.near[:min(len(s.in.near), reach.NearTips)] {
		if ref, ok := s.refs.Get(u.Name); ok {
			s.tip(ref)
		}
	}
	if ref, ok := s.refs.Default(); ok {
		s.tip(ref)
	}
	wanted := map[object.ID]bool{}
	for id, kind := range s.left {
		if kind == object.KindCommit || kind == object.KindTag {
			wanted[id.ID(s.db.Format())] = true
		}
	}
	if len(wanted) > 0 {
		for _, ref := range s.refs.All() {
			if wanted[ref.ID] || ref.Peeled != "" && wanted[ref.Peeled] {
				s.tip(ref)
			}
		}
	}
}

// moreTips adds some of the others, once those at hand were not enough.
func (s *search) moreTips() []odb.Hash {
	for _, ref := range s.refs.Branches() {
		if len(s.tips) >= reach.NearTips {
			break
		}
		s.tip(ref)
	}
	return s.tips[:min(len(s.tips), reach.NearTips)]
}

func (s *search) tip(ref ref.Ref) {
	for _, id := range [...]object.ID{ref.ID, ref.Peeled} {
		h, ok := odb.ParseHash(id)
		if !ok {
			continue
		}
		if id == ref.Commit() {
			s.tips = append(s.tips, h)
		}
		if kind, asked := s.left[h]; asked {
			if info, err := s.base.InfoHash(h); err == nil && info.Kind == kind {
				s.found(h, kind)
			}
		}
	}
}

func (s *search) found(h odb.Hash, kind object.Kind) {
	delete(s.left, h)
	if kind == object.KindCommit {
		s.known = append(s.known, h)
	}
}

// commits looks for commits behind the tips.
func (s *search) commits(ctx context.Context) error {
	wanted := map[odb.Hash]bool{}
	for id, kind := range s.left {
		if kind == object.KindCommit {
			wanted[id] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	left := make(map[odb.Hash]bool, len(wanted))
	for id := range wanted {
		left[id] = true
	}
	if _, err := graph.Ancestors(ctx, s.base, s.moreTips(), left, reach.NearCommits); err != nil {
		return err
	}
	for id := range wanted {
		if !left[id] {
			s.found(id, object.KindCommit)
		}
	}
	return s.rest(ctx, left)
}

// trees looks for trees and files beside the new ones: in the commits that the
// push builds on, and in those that it replaces.
func (s *search) trees(ctx context.Context) error {
	if s.blind || s.in.table == nil || s.onlyCommits() {
		return nil
	}
	heads, err := s.heads()
	if err != nil {
		return err
	}
	look := graph.Search{DB: s.db, Left: s.left, Limit: nearTrees, New: func(h odb.Hash) bool { return s.in.table.Kind(h) == object.KindTree }}
	var old []odb.Hash // trees in reach
	for _, list := range []func() []odb.Hash{func() []odb.Hash { return s.known }, func() []odb.Hash { return s.tips }, s.moreTips} {
		for _, c := range list() {
			head, err := graph.Commit(s.base, c)
			if errors.Is(err, odb.ErrNotFound) {
				continue // a tag of something else
			}
			if err != nil {
				return err
			}
			old = append(old, head.Tree)
			for _, new := range heads {
				if err := look.Beside(ctx, new.Tree, head.Tree); err != nil || len(s.left) == 0 {
					return err
				}
			}
		}
	}
	for _, tree := range old {
		if err := look.Whole(ctx, tree); err != nil || len(s.left) == 0 {
			return err
		}
	}
	return nil
}

// onlyCommits reports whether nothing is left that could be in a tree.
func (s *search) onlyCommits() bool {
	for _, kind := range s.left {
		if kind != object.KindCommit {
			return false
		}
	}
	return true
}

// heads are those of the new commits, of the first of very many.
func (s *search) heads() ([]object.Head, error) {
	var out []object.Head
	for _, c := range s.in.table.Of(object.KindCommit) {
		head, err := graph.Commit(s.db, c)
		if err != nil {
			return nil, err
		}
		if out = append(out, head); len(out) == reach.NearCommits {
			break
		}
	}
	return out, nil
}

// rest asks about some that were not found near.
func (s *search) rest(ctx context.Context, ids map[odb.Hash]bool) error {
	if len(ids) == 0 {
		return nil
	}
	far, err := s.unreachable(ctx, ids)
	if err != nil {
		return err
	}
	for id := range ids {
		if far[id] {
			continue
		}
		info, err := s.base.InfoHash(id)
		if err != nil {
			return err
		}
		if info.Kind == s.left[id] {
			s.found(id, info.Kind)
		}
	}
	return nil
}

func (s *search) unreachable(ctx context.Context, ids map[odb.Hash]bool) (map[odb.Hash]bool, error) {
	list := make([]object.ID, 0, len(ids))
	for id := range ids {
		list = append(list, id.ID(s.db.Format()))
	}
	far, err := s.in.finder.Unreachable(ctx, s.refs, list)
	if err != nil {
		return nil, err
	}
	out := make(map[odb.Hash]bool, len(far))
	for _, id := range far {
		h, _ := odb.ParseHash(id)
		out[h] = true
	}
	return out, nil
}
