// Package draft is what an account composes one object at a time, by the API rather
// than by a pack of its own: checked as those of a pack are, kept for a day, and given
// to a push as a pack when a ref comes to need it.
package draft

import (
	"context"
	"errors"
	"slices"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// Object is one object with its content.
type Object struct {
	ID   object.ID
	Kind object.Kind
	Data []byte
}

// Draft is what an account composes without a pack of its own: new objects, on
// top of what the refs reach and of what it made before (see Keep). Nothing of it
// is in the repository until a push takes its Pack. It is for one goroutine, and
// holds a slot and a deadline until Close, which comes before the push.
type Draft struct {
	Refs *ref.Snapshot

	repo   *bare.Repo
	reach  *reach.Finder
	most   int64 // bytes of an object
	ctx    context.Context
	done   func()
	made   made
	names  map[object.ID]bool // of what was made before
	kept   int64              // its bytes on the disk
	fresh  map[object.ID]Object
	order  []object.ID // of fresh
	roots  map[object.ID]bool
	packed []object.ID // what the pack had of what was made before
}

// Source is what a draft is made in.
type Source struct {
	Repo  *bare.Repo
	Reach *reach.Finder
	Most  int64 // bytes of an object
}

// Begin begins one for an account, on top of what refs reach. ctx bounds it, and
// Close calls done, also when it could not begin.
func Begin(ctx context.Context, of Source, refs *ref.Snapshot, who id.Account, done func()) (*Draft, error) {
	d := &Draft{Refs: refs, repo: of.Repo, reach: of.Reach, most: of.Most, ctx: ctx, done: done, made: madeOf(of.Repo, who, refs.Format), fresh: map[object.ID]Object{}}
	var err error
	if d.names, d.kept, err = d.made.names(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close gives back what the draft holds. Its objects stay, and it may be called
// more than once.
func (d *Draft) Close() {
	if d.done != nil {
		d.done()
		d.done = nil
	}
}

// Format is the repository's.
func (d *Draft) Format() object.Format { return d.Refs.Format }

// Add takes a new object. What git's strict rules refuse is problem.Invalid.
func (d *Draft) Add(kind object.Kind, data []byte) (object.ID, error) {
	if int64(len(data)) > d.most {
		return "", problem.Newf(problem.TooLarge, "The %s is larger than %s, which is this server's limit.", kind, bare.SizeText(d.most))
	}
	var err error
	switch kind {
	case object.KindCommit:
		err = object.CheckCommit(d.Format(), data, nil)
	case object.KindTag:
		err = object.CheckTag(d.Format(), data, nil)
	case object.KindTree:
		err = object.CheckTree(d.Format(), data, nil)
	}
	if err == nil && (kind == object.KindCommit || kind == object.KindTag) && len(data) > bare.MaxWords {
		err = &object.Violation{ID: "tooLarge", Text: "a commit or tag of more than " + bare.SizeText(bare.MaxWords)}
	}
	if err != nil {
		return "", problem.Wrap(err, problem.Invalid, printable.Line(err.Error(), 260), "")
	}
	one, err := odb.Name(d.Format(), kind, data)
	if errors.Is(err, odb.ErrCollision) {
		return "", problem.Wrap(err, problem.Invalid, "the object is part of a SHA-1 collision attack", "")
	}
	if err != nil {
		return "", err
	}
	if _, is := d.fresh[one]; !is {
		d.fresh[one] = Object{ID: one, Kind: kind, Data: data}
		d.order = append(d.order, one)
	}
	return one, nil
}

// Fresh lists what was added, in order.
func (d *Draft) Fresh() []Object {
	out := make([]Object, len(d.order))
	for i, one := range d.order {
		out[i] = d.fresh[one]
	}
	return out
}

// Keep lets the account's next drafts have what was added. It fails with
// problem.TooMany when it has made too much that nothing reaches.
func (d *Draft) Keep() error { return d.made.put(d.Fresh()) }

// Kept is how many bytes on the disk the account has kept in the repository.
func (d *Draft) Kept() int64 { return d.kept }

// Object reads any object that the draft may refer to, with at most limit bytes of
// content. It is problem.NotFound for one that is missing and for one out of
// reach, which are told apart nowhere.
func (d *Draft) Object(one object.ID, limit int64) (Object, error) {
	if o, ok := d.fresh[one]; ok {
		return o, nil
	}
	if d.names[one] {
		return d.made.read(one)
	}
	kind, err := d.Kind(one)
	if err != nil {
		return Object{}, err
	}
	if kind == "" {
		return Object{}, problem.New(problem.NotFound, "there is no such object in this repository", "")
	}
	data, err := d.repo.Read(d.ctx, one, kind, limit)
	return Object{ID: one, Kind: kind, Data: data}, err
}

// Kind tells what an object is that the draft may refer to; empty for none.
func (d *Draft) Kind(one object.ID) (object.Kind, error) {
	kinds, err := d.Kinds([]object.ID{one})
	return kinds[one], err
}

// Kinds is Kind for many at once. Those that may not be referred to are missing
// from its answer.
func (d *Draft) Kinds(ids []object.ID) (map[object.ID]object.Kind, error) {
	out := make(map[object.ID]object.Kind, len(ids))
	var ask []object.ID
	asked := map[object.ID]bool{}
	for _, one := range ids {
		if _, known := d.Format().ParseID(string(one)); !known || out[one] != "" || asked[one] {
			continue
		}
		if o, ok := d.fresh[one]; ok {
			out[one] = o.Kind
		} else if d.names[one] {
			if kind, err := d.made.kind(one); err == nil { // one that lapsed in this moment is missing
				out[one] = kind
			}
		} else {
			asked[one] = true
			ask = append(ask, one)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	bad, err := d.reach.Unreachable(d.ctx, d.Refs, slices.DeleteFunc(slices.Clone(ask), d.isRoot))
	if err != nil {
		return nil, run.Worded(err)
	}
	lost := make(map[object.ID]bool, len(bad))
	for _, one := range bad {
		lost[one] = true
	}
	err = d.repo.Infos(d.ctx, ask, func(one object.ID, in odb.Info) {
		if !lost[one] {
			out[one] = in.Kind
		}
	})
	return out, err
}

// rootTips is of how many branches the topmost folder is known at once.
const rootTips = 100

// isRoot reports whether an object is the topmost folder at the tip of a branch:
// what most drafts begin with. It is no search.
func (d *Draft) isRoot(one object.ID) bool {
	if d.roots == nil {
		d.roots = map[object.ID]bool{}
		for _, ref := range d.Refs.Branches()[:min(rootTips, len(d.Refs.Branches()))] {
			if data, err := d.repo.Read(d.ctx, ref.Commit(), object.KindCommit, bare.MaxCommit); err == nil {
				if c, err := object.ParseCommit(ref.ID, data); err == nil {
					d.roots[c.Tree] = true
				}
			}
		}
	}
	return d.roots[one]
}

// inside reads an object that is known to be part of something in reach.
func (d *Draft) inside(one object.ID, kind object.Kind, limit int64) ([]byte, error) {
	if o, ok := d.fresh[one]; ok && o.Kind == kind {
		return o.Data, nil
	}
	if d.names[one] {
		o, err := d.made.read(one)
		if err == nil && o.Kind != kind {
			err = problem.Newf(problem.NotFound, "there is no such %s in this repository", kind)
		}
		return o.Data, err
	}
	return d.repo.Read(d.ctx, one, kind, limit)
}

// Commit reads a commit.
func (d *Draft) Commit(one object.ID) (object.Commit, error) {
	o, err := d.Object(one, bare.MaxCommit)
	if err == nil && o.Kind != object.KindCommit {
		err = problem.New(problem.NotFound, "there is no such commit in this repository", "")
	}
	if err != nil {
		return object.Commit{}, err
	}
	return object.ParseCommit(one, o.Data)
}

// KindsBeside is Kinds for objects that may stand in the tree base already, which
// is in reach with everything in it: those of its topmost folder are not searched.
func (d *Draft) KindsBeside(base object.ID, ids []object.ID) (map[object.ID]object.Kind, error) {
	known := map[object.ID]object.Kind{}
	entries, err := d.entries(base)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case e.Mode.IsDir():
			known[e.ID] = object.KindTree
		case e.Mode.IsFile(), e.Mode.IsSymlink():
			known[e.ID] = object.KindBlob
		}
	}
	var ask []object.ID
	for _, one := range ids {
		if known[one] == "" {
			ask = append(ask, one)
		}
	}
	found, err := d.Kinds(ask)
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if known[one] != "" {
			found[one] = known[one]
		}
	}
	return found, nil
}

// SizeOf tells how large a blob is that stands in a tree of the draft; 0 when it is
// not here.
func (d *Draft) SizeOf(one object.ID) int64 {
	if o, ok := d.fresh[one]; ok {
		return int64(len(o.Data))
	}
	if d.names[one] {
		o, err := d.made.read(one)
		if err != nil {
			return 0
		}
		return int64(len(o.Data))
	}
	db, err := d.repo.Objects()
	if err != nil {
		return 0
	}
	in, err := db.Info(one)
	if err != nil {
		return 0
	}
	return in.Size
}
