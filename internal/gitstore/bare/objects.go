package bare

import (
	"context"
	"errors"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// The most bytes of one object that a reading for people holds in memory.
const (
	MaxTree   = 64 << 20
	MaxCommit = 1 << 20
	MaxTag    = 1 << 20
)

// MaxWords bounds commits and tags, which are read whole again and again.
const MaxWords = 16 << 20

// Objects returns the repository's objects, for reading in this process.
func (r *Repo) Objects() (*odb.DB, error) {
	format, err := r.Format()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		r.db = r.Pool.Open(r.Dir+"/objects", format)
	}
	return r.db, nil
}

// Close lets go of the files of a repository that is removed.
func (r *Repo) Close() {
	r.mu.Lock()
	db := r.db
	r.db = nil
	r.mu.Unlock()
	if db != nil {
		db.Close()
	}
}

// Infos tells of those of ids that are there, in order.
func (r *Repo) Infos(ctx context.Context, ids []object.ID, f func(object.ID, odb.Info)) error {
	db, err := r.Objects()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return run.Worded(err)
		}
		in, err := db.Info(id)
		if errors.Is(err, odb.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f(id, in)
	}
	return nil
}

// Read returns the content of an object of at most limit bytes, which must
// not be changed. An object that is not there, or of another kind, is
// problem.NotFound.
func (r *Repo) Read(ctx context.Context, id object.ID, kind object.Kind, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, run.Worded(err)
	}
	db, err := r.Objects()
	if err != nil {
		return nil, err
	}
	k, data, err := db.Read(id, limit)
	switch {
	case errors.Is(err, odb.ErrNotFound), err == nil && k != kind:
		return nil, problem.Newf(problem.NotFound, "there is no such %s in this repository", kind)
	case errors.Is(err, odb.ErrTooLarge):
		// Of another kind it is none of what was asked for, large or not.
		if in, ierr := db.Info(id); ierr == nil && in.Kind != kind {
			return nil, problem.Newf(problem.NotFound, "there is no such %s in this repository", kind)
		}
		return nil, run.TooLarge("the " + string(kind))
	}
	return data, err
}

// maxAbbreviated is how many objects may share the digits of an abbreviated id.
const maxAbbreviated = 100

// Abbreviated finds the one commit that some first digits of an id name: those
// of the commit itself or of a tag on it. It returns false when there is none,
// or more than one.
func (r *Repo) Abbreviated(digits string) (object.ID, bool, error) {
	db, err := r.Objects()
	if err != nil {
		return "", false, err
	}
	var ids []object.ID
	if id, ok := db.Format().ParseID(digits); ok {
		ids = []object.ID{id}
	} else if ids, err = db.Abbreviated(digits, maxAbbreviated); err != nil {
		return "", false, err
	}
	var out object.ID
	for _, id := range ids {
		id, kind, err := db.Peel(id)
		if errors.Is(err, odb.ErrNotFound) || err == nil && kind != object.KindCommit {
			continue
		}
		if err != nil {
			return "", false, err
		}
		if out != "" {
			return "", false, nil
		}
		out = id
	}
	return out, out != "" && len(ids) < maxAbbreviated, nil
}

// Peel finds what each tag finally names; "" for what is no annotated tag, or
// one that leads nowhere.
func (r *Repo) Peel(_ context.Context, ask []object.ID, into map[object.ID]object.ID) error {
	if len(ask) == 0 {
		return nil
	}
	db, err := r.Objects()
	if err != nil {
		return err
	}
	for _, id := range ask {
		to, _, err := db.Peel(id)
		switch {
		case errors.Is(err, odb.ErrNotFound), errors.Is(err, odb.ErrCorrupt), errors.Is(err, odb.ErrTooLarge), to == id:
			to = ""
		case err != nil:
			return err
		}
		into[id] = to
	}
	return nil
}
