package gitstore

import (
	"context"
	"errors"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// objects returns the repository's objects, for reading in this process.
func (r *Repo) objects() (*odb.DB, error) {
	format, err := r.Format()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		r.db = r.store.objects.Open(r.dir+"/objects", format)
	}
	return r.db, nil
}

// closeObjects lets go of the files of a repository that is removed.
func (r *Repo) closeObjects() {
	r.mu.Lock()
	db := r.db
	r.db = nil
	r.mu.Unlock()
	if db != nil {
		db.Close()
	}
}

// infos tells of those of ids that are there, in order.
func (r *Repo) infos(ctx context.Context, ids []object.ID, f func(object.ID, odb.Info)) error {
	db, err := r.objects()
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

// readObject returns the content of an object of at most limit bytes, which must
// not be changed. An object that is not there, or of another kind, is
// problem.NotFound.
func (r *Repo) readObject(ctx context.Context, id object.ID, kind object.Kind, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, run.Worded(err)
	}
	db, err := r.objects()
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

// abbreviated finds the one commit that some first digits of an id name: those
// of the commit itself or of a tag on it. It returns false when there is none,
// or more than one.
func (r *Repo) abbreviated(digits string) (object.ID, bool, error) {
	db, err := r.objects()
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
