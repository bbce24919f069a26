package odb

import (
	"fmt"

	"jeton/internal/gitstore/object"
)

// IndexOptions says how an incoming pack is read. Dir and Format are required.
type IndexOptions struct {
	Dir    string // the folder that gets pack-NAME.pack and pack-NAME.idx, made when missing
	Format object.Format
	Pool   *Pool // of the pack that is returned; nil takes DB's
	// DB is where the bases of thin packs are, and objects that must not differ
	// from what the pack brings. Nil: there is none.
	DB *DB

	// The limits; zero is none, except for MaxTotal.
	MaxBytes   int64 // of the pack as it comes
	MaxObject  int64 // of one object, inflated
	MaxObjects int64
	// MaxTotal bounds the sizes of all objects together, which is what their
	// checks cost: deltas of a few bytes may claim results of any size. Zero is
	// 4 GiB and a thousand times what the pack has.
	MaxTotal int64

	// Check is given every object that the pack brings, once, but not the bases
	// that were added. It is called by several goroutines at a time, in no
	// particular order, and its error ends everything.
	Check func(Object) error
	// Received is called once the whole pack has come, before the larger part of
	// the work. Its error ends everything.
	Received func() error
	// Progress is told now and then how many deltas are resolved, by one
	// goroutine at a time.
	Progress func(done, total int)
	// Workers is how many goroutines resolve deltas; zero is GOMAXPROCS.
	Workers int
}

// Object is one object of an incoming pack.
type Object struct {
	ID   Hash
	Kind object.Kind
	Size int64
	// Data is the content, for the time of the call only. It is nil for a blob
	// over StreamedSize, which is never whole in memory unless a delta needs it.
	Data []byte
}

// StreamedSize is the size above which a blob is hashed as it comes.
const StreamedSize = 4 << 20

// Incoming is a pack that has come and been indexed. Nothing of it is synced.
type Incoming struct {
	Pack    *Pack  // open; nil when the pack had no objects. Close it.
	Path    string // of the files, without ".pack" and ".idx"
	Objects int    // that came
	Bases   []Hash // those that were added to complete a thin pack
	Bytes   int64  // of the pack file
}

// Reason is what is wrong with an incoming pack.
type Reason uint8

// The reasons.
const (
	Malformed   Reason = iota // it breaks the format; Detail says how
	Truncated                 // it ends too early
	Garbage                   // something follows its end
	Checksum                  // its checksum is another
	MissingBase               // a delta's base is neither in the pack nor here, or deltas go in a circle
	Duplicate                 // it has an object twice
	Differs                   // an object differs from the one of that name here
	Collision                 // an object is part of a SHA-1 collision attack
	LimitBytes                // it has more than MaxBytes
	LimitObject               // an object has more than MaxObject
	LimitCount                // it has more than MaxObjects
	LimitTotal                // the objects together have more than MaxTotal
)

// PackError says why an incoming pack is refused.
type PackError struct {
	Reason Reason
	Limit  int64  // that was passed, for the reasons that are limits
	Value  int64  // what was claimed, where it is known
	ID     Hash   // of the object or the base, where it is known
	Offset int64  // of the entry in the pack, where it is known
	Detail string // in plain words; nothing in it comes from the pack
}

// Error tells the detail.
func (e *PackError) Error() string {
	if e.Offset > 0 {
		return fmt.Sprintf("incoming pack at %d: %s", e.Offset, e.Detail)
	}
	return "incoming pack: " + e.Detail
}
