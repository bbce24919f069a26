package gitstore

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/id"
)

// Repo is one repository. It is safe for concurrent use.
type Repo struct {
	store *Store
	bare  *bare.Repo
	reach *reach.Finder

	// lanes are entered by whoever moves refs, from before what they are is looked
	// at until they are on the disk. moving is held for writing only while they
	// move, so that no reader in this process sees the middle of it.
	lanes     lanes
	moving    sync.RWMutex
	recovered atomic.Bool // what a crash left was looked for by this process
	swept     bool        // quarantines too; for who is alone in the lanes

	refs   atomic.Pointer[ref.DB] // nil until they are first read
	weight atomic.Int64           // of what is kept of them, in bytes
	place  *list.Element          // on the shelf; guarded by the set's mu
	shelf  *shelf                 // nil: nobody used it lately; guarded by the set's mu

	scatteredAt atomic.Int64 // when its refs were last found to lie in many folders

	mu     sync.Mutex // guards what follows
	born   string     // tells the folder from others of its number
	tags   struct{ version, digest string }
	spares []string // paths of files for journals
}

// ID returns the repository's number.
func (r *Repo) ID() id.Repo { return r.bare.ID }

// Format returns the hash that the repository uses.
func (r *Repo) Format() (object.Format, error) { return r.bare.Format() }

// Size returns how many bytes the repository takes on disk: counted, or
// remembered and brought up to date by each push.
func (r *Repo) Size() (int64, error) { return r.bare.Size() }

// Unreachable returns those of ids that no ref of refs reaches, because they
// do not exist or exist out of reach; the two are told apart nowhere.
func (r *Repo) Unreachable(ctx context.Context, refs *Refs, ids []object.ID) ([]object.ID, error) {
	return r.reach.Unreachable(ctx, refs, ids)
}

type slotKey struct{}

// begin takes a slot for reading and sets the deadline. Calls inside one that
// has begun share its slot.
func (r *Repo) begin(ctx context.Context) (context.Context, func(), error) {
	if ctx.Value(slotKey{}) != nil {
		return ctx, func() {}, nil
	}
	release, err := r.store.readers.Take(ctx, 2*time.Second)
	if err != nil {
		return nil, nil, err
	}
	if err := r.recover(ctx); err != nil {
		release()
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, slotKey{}, true), r.store.limits.ReadTime)
	return ctx, func() { cancel(); release() }, nil
}

// Verify runs git fsck --strict over everything, and returns what it has to
// say as the error. It takes no slot and no deadline of its own. Maintenance may
// run beside it.
func (r *Repo) Verify(ctx context.Context) error {
	if err := r.recover(ctx); err != nil {
		return err
	}
	fsck := run.Command{Name: "fsck", Flags: []run.Flag{"--strict", "--full", "--no-dangling", "--no-progress"}}
	_, err := r.bare.Output(ctx, fsck, 1<<20)
	if _, bad := errors.AsType[*run.Error](err); bad {
		// A pack that a repack renames or removes under it is no damage. What is
		// damaged is so the second time, too.
		_, err = r.bare.Output(ctx, fsck, 1<<20)
	}
	return err
}
