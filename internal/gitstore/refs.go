package gitstore

import (
	"context"
	"errors"
	"io/fs"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/ref"
)

// Ref is one ref. Peeled is the object that an annotated tag finally names,
// and empty for everything else.
type Ref = ref.Ref

// Refs is the state of a repository's refs at one instant: those that clients
// may see. It never changes; two equal states have the same Version.
type Refs = ref.Snapshot

// Refs reads the refs. What another program changed in the folder is seen.
func (r *Repo) Refs(ctx context.Context) (*Refs, error) {
	if err := r.recover(ctx); err != nil {
		return nil, err
	}
	return r.stillRefs(ctx)
}

// stillRefs reads the refs while none moves.
func (r *Repo) stillRefs(ctx context.Context) (*Refs, error) {
	r.moving.RLock()
	defer r.moving.RUnlock()
	return r.readRefs(ctx)
}

// readRefs is Refs for callers that hold moving.
func (r *Repo) readRefs(ctx context.Context) (*Refs, error) {
	db, err := r.refDB()
	if err != nil {
		return nil, err
	}
	refs, err := db.Snapshot(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bare.Gone(err)
	}
	if err == nil {
		r.store.repos.weigh(r, refs)
		if db.Folders() > scatterFolders {
			r.store.upkeep.scattered(r)
		}
	}
	return refs, err
}

// refDB returns the repository's refs as files.
func (r *Repo) refDB() (*ref.DB, error) {
	if db := r.refs.Load(); db != nil {
		return db, nil
	}
	format, err := r.Format()
	if err != nil {
		return nil, err
	}
	r.refs.CompareAndSwap(nil, ref.Open(r.bare.Dir, format, r.bare.Peel, r.store.watch))
	return r.refs.Load(), nil
}
