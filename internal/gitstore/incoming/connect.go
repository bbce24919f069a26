package incoming

import (
	"context"
	"errors"
	"slices"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/ref"
	"jeton/internal/problem"
)

// maxOutside bounds how many objects a push may refer to that are not in its
// pack.
const maxOutside = 1 << 18

var errOutside = problem.New(problem.TooLarge, "this push refers to too many objects that it does not bring", "")

// errUnconnected means that something a push needs is missing, or is there but
// out of the client's reach, which must look the same.
var errUnconnected = problem.New(problem.Invalid, "missing necessary objects", "")

// CheckBases fails with problem.Invalid when the pack holds deltas against
// objects that no visible ref reaches: by such a delta a client could have the
// content of an object whose name is all that it knows. It fails too when git's
// rules refuse an object. It is the first of the checks, and waits for the slot
// that they take.
func (in *Push) CheckBases(ctx context.Context, refs *ref.Snapshot) error {
	if err := in.enter(ctx); err != nil {
		return err
	}
	if in.pack == nil {
		return nil
	}
	r, err := in.reaching(ctx, refs)
	if err != nil {
		return err
	}
	for _, base := range in.pack.Bases {
		if r.lost[base] {
			return errUnconnected
		}
	}
	if err := in.verdict(); err != nil {
		return err
	}
	return in.checkSpecials(ctx, r.lost)
}

// Connected checks that everything that the push brings, and the tips, refer
// only to what is in the pack or reachable from a visible ref. It returns the
// tips for which that does not hold. Paths, if not nil, has ids as its keys and
// is filled in with where the push has them.
func (in *Push) Connected(ctx context.Context, refs *ref.Snapshot, tips []object.ID, paths map[object.ID]string) (bad []object.ID, err error) {
	if len(paths) > 0 {
		if err := in.locate(ctx, tips, paths); err != nil {
			return nil, err
		}
	}
	lost, err := in.lostTips(ctx, refs, tips)
	if err != nil {
		return nil, err
	}
	broken := map[object.ID]bool{}
	if in.pack != nil {
		r, err := in.reaching(ctx, refs)
		if err != nil {
			return nil, err
		}
		if broken, err = in.blame(ctx, r, tips); err != nil {
			return nil, err
		}
	}
	for _, tip := range tips {
		if lost[tip] || broken[tip] {
			bad = append(bad, tip)
		}
	}
	return bad, nil
}

// lostTips returns those tips that are neither in the pack nor in reach.
func (in *Push) lostTips(ctx context.Context, refs *ref.Snapshot, tips []object.ID) (map[object.ID]bool, error) {
	db, err := in.repo.Objects()
	if err != nil {
		return nil, err
	}
	left := map[odb.Hash]object.Kind{}
	lost := map[object.ID]bool{}
	for _, tip := range tips {
		h, ok := odb.ParseHash(tip)
		if ok && in.brings(h) {
			continue
		}
		info, err := db.InfoHash(h)
		switch {
		case !ok, errors.Is(err, odb.ErrNotFound):
			lost[tip] = true
		case err != nil:
			return nil, err
		default:
			left[h] = info.Kind
		}
	}
	if len(left) == 0 {
		return lost, nil
	}
	if db, err = in.db(); err != nil { // the new commits tell where to look
		return nil, err
	}
	s := search{in: in, refs: refs, db: db, left: left}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	for h := range left {
		lost[h.ID(in.format)] = true
	}
	return lost, nil
}

// brings reports whether the pack holds an object, apart from the bases that
// complete it.
func (in *Push) brings(h odb.Hash) bool { return in.table != nil && in.table.Kind(h) != "" }

// reached says what the pack refers to, or is made of, that is out of reach.
type reached struct {
	version string // of the refs
	lost    map[odb.Hash]bool
	confuse bool // something in the pack is referred to as what it is not
}

// reaching finds it out, once for a state of the refs.
func (in *Push) reaching(ctx context.Context, refs *ref.Snapshot) (*reached, error) {
	if in.reach != nil && in.reach.version == refs.Version {
		return in.reach, nil
	}
	r := &reached{version: refs.Version, lost: map[odb.Hash]bool{}}
	outside, ok := in.table.Outside()
	if len(outside) > maxOutside {
		return nil, errOutside
	}
	r.confuse = !ok
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	left := make(map[odb.Hash]object.Kind, len(outside)+len(in.pack.Bases))
	for _, base := range in.pack.Bases {
		info, err := db.InfoHash(base) // it stands at the end of the pack
		if err != nil {
			return nil, err
		}
		left[base] = info.Kind
	}
	for _, o := range outside {
		if kind, is := left[o.ID]; is && kind != o.Kind {
			r.confuse = true
			continue
		}
		left[o.ID] = o.Kind
	}
	// Objects that git's rules refuse can't all be read: the push is refused, and
	// all that matters is whether it may be told why.
	s := search{in: in, refs: refs, db: db, left: left, blind: in.verdict() != nil}
	if s.blind {
		for id := range left {
			if !slices.Contains(in.pack.Bases, id) {
				delete(left, id)
			}
		}
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	for id := range left {
		r.lost[id] = true
	}
	in.reach = r
	return r, nil
}

// blame returns the tips that reach something which is out of reach. Objects
// that belong to no tip make all of them bad, as git would have it.
func (in *Push) blame(ctx context.Context, r *reached, tips []object.ID) (map[object.ID]bool, error) {
	bad := map[object.ID]bool{}
	if len(r.lost) == 0 && !r.confuse {
		return bad, nil
	}
	if !r.confuse && len(tips) > 1 && len(tips) <= 64 {
		for _, tip := range tips {
			touches, err := in.touches(ctx, tip, r.lost)
			if err != nil {
				return nil, err
			}
			if touches {
				bad[tip] = true
			}
		}
	}
	if len(bad) == 0 {
		for _, tip := range tips {
			bad[tip] = true
		}
	}
	return bad, nil
}

// Kinds tells what kind of object each id is, "" for one that is neither here
// nor in the push. It tells of what is out of reach too: ask Connected first.
func (in *Push) Kinds(ctx context.Context, ids []object.ID) (map[object.ID]object.Kind, error) {
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	out := make(map[object.ID]object.Kind, len(ids))
	for _, id := range ids {
		info, err := db.Info(id)
		if err == nil && info.Kind == object.KindTag {
			_, _, err = db.Peel(id)
		}
		switch {
		case errors.Is(err, odb.ErrTooLarge):
			return nil, problem.Wrap(err, problem.Invalid, "a tag leads to too many others, one behind the other", "Tag the commit itself.")
		case err != nil && !errors.Is(err, odb.ErrNotFound):
			return nil, err
		}
		out[id] = info.Kind
	}
	return out, ctx.Err()
}
