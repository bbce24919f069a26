// Package largefile is the room of large files (Git LFS): which objects each
// repository holds, their bytes, and the locks on files. It writes the tables
// lfs_objects, lfs_loose and lfs_locks, and it alone.
//
// Bytes are kept once for all repositories, by their SHA-256; who may read them
// goes by repository. A repository comes to hold an object in one way: somebody
// who may write to it sends all of its bytes, and they are hashed. To know an
// object's name and size is never enough, wherever else its bytes may be. The
// room must never decide whether somebody may do a thing: the gate does.
package largefile

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"jeton/internal/audit"
	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/limit"
)

// OID is an object's name: the SHA-256 of its bytes, 64 lower-case hexadecimal
// digits. The zero value names nothing.
type OID string

// ParseOID reads an object's name.
func ParseOID(s string) (OID, bool) {
	if len(s) != 64 {
		return "", false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return OID(s), true
}

// Object is an object that a repository holds.
type Object struct {
	OID  OID
	Size int64 // bytes
}

// Options are what the room needs. DB, Audit and Blobs are required.
type Options struct {
	DB      *db.DB
	Audit   *audit.Log
	Blobs   blob.Store
	MaxSize int64 // bytes of the largest object; 0: 5 GiB

	// Quota says whether a repository may come to hold so many bytes more. Its
	// error is shown to whoever wants to upload. It is asked before an upload,
	// while it goes on, and when it has ended: others may have uploaded meanwhile.
	Quota func(ctx context.Context, repo id.Repo, bytes int64) error // nil: as much as anybody likes

	// Held is told, in the transaction, that a repository has come to hold so many
	// bytes more.
	Held func(ctx context.Context, tx *db.Tx, repo id.Repo, bytes int64) error // nil: nobody counts

	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: time.Now
}

// Room holds the rules and queries. It may be used from several goroutines.
type Room struct {
	o      Options
	seed   maphash.Seed
	coming limit.InFlight[id.Repo]
	// keeping is held for an object while its bytes and the row that keeps them
	// come to be, and while bytes that no row keeps are removed. The server is
	// the only process that does either.
	keeping [64]sync.Mutex
}

// defaultMaxSize is GitHub's largest limit.
const defaultMaxSize = 5 << 30

// New returns a room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Audit == nil || o.Blobs == nil {
		panic("largefile: New without a required option")
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o, seed: maphash.MakeSeed()}
}

// MaxSize is how large an object may be, in bytes.
func (m *Room) MaxSize() int64 { return m.o.MaxSize }

func (m *Room) keep(oid OID) (release func()) {
	mu := &m.keeping[maphash.String(m.seed, string(oid))%uint64(len(m.keeping))]
	mu.Lock()
	return mu.Unlock
}
