// Package blob keeps bytes by key, outside of the database and of the
// repositories: large files, for one. What is under a key never changes, it only
// comes and goes. It must never know what the bytes are or who may read them.
package blob

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// ErrMissing is the error for a key under which there is nothing.
var ErrMissing = errors.New("blob: no such key")

// Store keeps bytes by key. It is safe for concurrent use. A key is at least
// five lower-case letters or digits; for any other, every method fails.
//
// This is the contract; blobtest.Run holds each implementation to it.
type Store interface {
	// Put keeps what r gives under key once r has ended with io.EOF after
	// exactly size bytes; a size below zero leaves the number open. Any other
	// end of r, and the end of ctx, leaves everything as it was, and Put returns
	// r's own error. When Put returns nil, the bytes survive a crash. They take
	// the place of what was under key, whole and at once; whoever reads the old
	// ones reads them to their end. It returns how many bytes there were.
	Put(ctx context.Context, key string, size int64, r io.Reader) (int64, error)

	// Open reads what is under key, from any place in it. It fails with
	// ErrMissing.
	Open(ctx context.Context, key string) (Reader, error)

	// Stat says what is under key. It fails with ErrMissing.
	Stat(ctx context.Context, key string) (Info, error)

	// Remove removes what is under key; nothing there is no error. Whoever has
	// it open reads on.
	Remove(ctx context.Context, key string) error

	// All goes through everything, in the order of the keys. What comes or goes
	// meanwhile may be among it or not.
	All(ctx context.Context) iter.Seq2[Info, error]

	// Sweep removes what was left over from a Put that never ended and began
	// before that time, and returns how much there was. With a running Put's
	// beginning in that time, Sweep would end it.
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// Info is what is known of a key.
type Info struct {
	Key  string
	Size int64     // bytes
	At   time.Time // when it was last put
}

// Reader reads one key's bytes. The caller closes it.
type Reader interface {
	io.ReadSeekCloser
	Size() int64
}

// ValidKey reports whether key can be one: it may become a file's name.
func ValidKey(key string) bool {
	if len(key) < 5 || len(key) > 128 {
		return false
	}
	for _, c := range []byte(key) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
