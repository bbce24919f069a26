// Package odb reads git's object database in process and indexes the packs that
// pushes bring, without starting git. It knows pack files of version 2 and 3
// with indexes of version 2, loose objects and alternates, in both formats of
// names. It never deletes or changes what is in a database, and it judges
// nothing: what an object may hold is for others to say.
//
// A database may change under a reader: upkeep writes new packs and removes old
// ones. What is not found is looked for once more after a fresh look at the
// folder, and a pack that is open is read to the end though its file be gone.
package odb

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"jeton/internal/gitstore/object"
)

// What reading may answer. They are wrapped, so that errors.Is must be asked.
var (
	ErrNotFound = errors.New("object not found")
	ErrTooLarge = errors.New("object is too large")
	ErrCorrupt  = errors.New("object database is damaged")
)

// maxObject bounds what a delta chain may hold in memory on the way to a small
// object, in bytes. git makes no deltas of blobs over 512 MiB by itself.
const maxObject = 1 << 30

// Info is what an object is, without its content.
type Info struct {
	Kind object.Kind
	Size int64 // in bytes
}

// DB is the object database of one repository. It opens nothing before it is
// asked, and is safe for concurrent use.
type DB struct {
	pool   *Pool
	dir    string // the objects folder
	format object.Format
	depth  int // of alternates of alternates

	scan    sync.Mutex // one look at the folder at a time
	changes atomic.Uint64
	state   atomic.Pointer[state]
	hit     atomic.Pointer[Pack] // the pack that had the last object

	// A layer has these and nothing of the above but pool and format.
	front *Pack
	under *DB
}

// Open returns the database in an objects folder, without looking at it.
func (p *Pool) Open(objectsDir string, format object.Format) *DB {
	return &DB{pool: p, dir: filepath.Clean(objectsDir), format: format}
}

// Layer returns a view of the database with one more pack in front of it, such
// as one in quarantine. It lives as long as the pack.
func (db *DB) Layer(p *Pack) *DB {
	return &DB{pool: db.pool, format: db.format, front: p, under: db}
}

// Format returns the hash that names the objects.
func (db *DB) Format() object.Format { return db.format }

// Has reports whether an object is there, without reading it.
func (db *DB) Has(id object.ID) (bool, error) {
	h, ok := ParseHash(id)
	if !ok {
		return false, nil
	}
	return db.HasHash(h)
}

// HasHash is Has for a binary id.
func (db *DB) HasHash(h Hash) (ok bool, err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	f, err := db.find(h, true)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	f.release()
	return err == nil, err
}

// Seen is HasHash as far as the last look at the folder goes: it may say no to
// what somebody has added since.
func (db *DB) Seen(h Hash) (ok bool, err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	f, err := db.findQuick(h, true)
	f.release()
	return err == nil && f != found{}, err
}

// Info tells what an object is. It fails with ErrNotFound.
func (db *DB) Info(id object.ID) (Info, error) {
	h, ok := ParseHash(id)
	if !ok {
		return Info{}, ErrNotFound
	}
	return db.InfoHash(h)
}

// InfoHash is Info for a binary id.
func (db *DB) InfoHash(h Hash) (in Info, err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	err = whileWent(func() (err error) {
		in, err = db.infoOnce(h)
		return err
	})
	return in, err
}

func (db *DB) infoOnce(h Hash) (Info, error) {
	f, err := db.find(h, true)
	if err != nil {
		return Info{}, err
	}
	defer f.release()
	return f.info()
}

// Read returns an object of at most limit bytes. The content must not be
// changed: others may hold the same. It fails with ErrNotFound and ErrTooLarge.
func (db *DB) Read(id object.ID, limit int64) (object.Kind, []byte, error) {
	h, ok := ParseHash(id)
	if !ok {
		return "", nil, ErrNotFound
	}
	return db.ReadHash(h, limit)
}

// ReadHash is Read for a binary id.
func (db *DB) ReadHash(h Hash, limit int64) (kind object.Kind, data []byte, err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	err = whileWent(func() (err error) {
		kind, data, err = db.readOnce(h, limit)
		return err
	})
	return kind, data, err
}

func (db *DB) readOnce(h Hash, limit int64) (object.Kind, []byte, error) {
	f, err := db.find(h, true)
	if err != nil {
		return "", nil, err
	}
	defer f.release()
	return f.read(limit)
}

// Peel follows annotated tags to what they finally name, at most maxPeel of
// them. What is no tag is its own answer.
func (db *DB) Peel(id object.ID) (object.ID, object.Kind, error) {
	for range maxPeel {
		in, err := db.Info(id)
		if err != nil || in.Kind != object.KindTag {
			return id, in.Kind, err
		}
		_, data, err := db.Read(id, maxTag)
		if err != nil {
			return "", "", err
		}
		tag, err := object.ParseTag(id, data)
		if err != nil {
			return "", "", fmt.Errorf("%w: tag %s", ErrCorrupt, id)
		}
		id = tag.Target
	}
	return "", "", fmt.Errorf("%w: tags of tags without end", ErrTooLarge)
}

const (
	maxPeel = 100
	maxTag  = 16 << 20
)

// guard makes an error of a fault in mapped memory: a disk that cannot be read,
// or a file that somebody cut short, must not end the program. It is deferred
// with what debug.SetPanicOnFault(true) returned.
func guard(before bool, err *error) {
	debug.SetPanicOnFault(before)
	r := recover()
	if r == nil {
		return
	}
	if fault, ok := r.(interface {
		error
		Addr() uintptr
	}); ok {
		*err = fmt.Errorf("%w: a pack cannot be read: %v", ErrCorrupt, fault)
		return
	}
	panic(r)
}
