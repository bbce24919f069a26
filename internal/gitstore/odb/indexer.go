package odb

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"jeton/internal/gitstore/object"
)

const (
	// smallPack is up to what size a pack is read whole before anything is
	// written, and stays in memory when it is indexed.
	smallPack = 1 << 20
	// maxDepth is the longest chain of deltas that is taken: the longest that
	// git makes.
	maxDepth = 4095
	// maxStructure bounds commits, trees and tags, which must be checked whole.
	maxStructure = 128 << 20
)

// item is one object of an incoming pack.
type item struct {
	id     Hash
	offset int64  // of its entry
	size   int64  // of what the entry inflates to
	crc    uint32 // of the entry
	keep   uint32 // where its delta is kept in memory, plus one
	parent int32  // the item that it is a delta of, when that is known; -1
	claim  uint32 // set by the worker that resolves it
	raw    uint8  // the type that the entry has
	kind   uint8  // the type of the object; 0 while it is not resolved
	late   bool   // it is to be checked in the second pass
}

func (it *item) delta() bool { return it.raw >= typeOfsDelta }

// refDelta is a delta whose base is given by name.
type refDelta struct {
	base Hash
	item int32
}

// indexer is one run of Index.
type indexer struct {
	IndexOptions
	ctx    context.Context
	pool   *Pool
	idSize int
	in     *reader

	items  []item
	refs   []refDelta // sorted by base after the first pass
	count  int        // of the objects that the pack claims
	deltas int
	total  int64 // the sizes of all objects
	end    int64 // where the entries end that came
	arena  arena
	seen   probe

	// For the second pass.
	src                []byte  // the pack as it came, in memory or mapped
	first, next, heavy []int32 // the deltas of each item; -1
	resolved           atomic.Int64
	spent              atomic.Int64 // bytes built again
	bases              []Hash
	telling            sync.Mutex
	told               int // to Progress; guarded by telling
}

// Index reads a pack to its end, checks it, and writes it and its index into
// o.Dir. What is wrong with the pack is a *PackError; an error of Check, of
// Received or of the reader is returned as it is. Nothing is synced, and after
// an error the caller removes the folder.
//
// The pack is gone through twice. While it comes, every entry is inflated and
// what is no delta is named and checked. When all is there, the deltas are
// resolved by several goroutines, each down a tree of deltas at a time. A small
// pack is done in memory by the calling goroutine.
func Index(ctx context.Context, r io.Reader, o IndexOptions) (in *Incoming, err error) {
	x := &indexer{IndexOptions: o, ctx: ctx, pool: o.Pool, idSize: o.Format.Size()}
	if x.pool == nil && o.DB != nil {
		x.pool = o.DB.pool
	}
	if x.pool == nil {
		x.pool = NewPool(Options{})
	}
	if x.Workers <= 0 {
		x.Workers = runtime.GOMAXPROCS(0)
	}
	x.arena.pool = x.pool
	defer x.arena.free()
	x.seen.db = o.DB
	if o.Format == object.SHA256 {
		x.seen.db = nil // nobody can make two objects of one name
	}
	x.in = &reader{r: r, dir: o.Dir, max: o.MaxBytes, sum: newSum(o.Format)}
	defer func() { err = errors.Join(err, x.in.close()) }()
	if err := x.scan(); err != nil {
		return nil, err
	}
	if x.Received != nil {
		if err := x.Received(); err != nil {
			return nil, err
		}
	}
	if x.count == 0 {
		return &Incoming{}, nil
	}
	if err := x.resolve(); err != nil {
		return nil, err
	}
	return x.finish()
}

// newSum is the checksum of a pack. It guards against accidents only, so that
// SHA-1 needs no detection of collisions here.
func newSum(format object.Format) hash.Hash {
	if format == object.SHA256 {
		return sha256.New()
	}
	return sha1.New()
}

// maxTotal is the limit of all objects' sizes together.
func (x *indexer) maxTotal() int64 {
	if x.MaxTotal > 0 {
		return x.MaxTotal
	}
	return 4<<30 + 1000*x.in.at()
}

// resolve is the second pass.
func (x *indexer) resolve() error {
	late := false
	for i := range x.items {
		late = late || x.items[i].late
	}
	if x.deltas == 0 && !late {
		return nil
	}
	var err error
	if x.src, err = x.in.content(x.end); err != nil {
		return err
	}
	x.link()
	if err := x.resolveAll(); err != nil {
		return err
	}
	if int(x.resolved.Load()) < x.deltas {
		if err := x.complete(); err != nil {
			return err
		}
	}
	if x.Progress != nil && x.deltas > 0 {
		x.Progress(x.deltas, x.deltas)
	}
	return nil
}

// finish writes the files.
func (x *indexer) finish() (*Incoming, error) {
	order, err := x.sort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(x.Dir, 0o700); err != nil {
		return nil, err
	}
	sum, err := x.in.seal(len(x.bases) > 0, len(x.items), newSum(x.Format))
	if err != nil {
		return nil, err
	}
	idx := x.encode(order, sum)
	path := filepath.Join(x.Dir, "pack-"+fmt.Sprintf("%x", sum))
	if err := x.in.save(path + ".pack"); err != nil {
		return nil, err
	}
	if err := writeFile(path+".idx", idx); err != nil {
		return nil, err
	}
	out := &Incoming{Path: path, Objects: x.count, Bases: x.bases, Bytes: x.in.size()}
	if x.in.file != nil {
		out.Pack, err = x.pool.OpenPack(path, x.Format)
		return out, err
	}
	out.Pack = x.pool.newPack(path, x.Format)
	out.Pack.memory, out.Pack.data = true, x.in.buf
	out.Pack.idx, err = newIndex(idx, x.idSize)
	return out, err
}

func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
