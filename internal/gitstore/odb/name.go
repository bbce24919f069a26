package odb

import (
	"crypto/sha256"
	"errors"
	"hash"
	"strconv"

	"github.com/pjbgf/sha1cd"

	"jeton/internal/gitstore/object"
)

// ErrCollision means that content was made to have the SHA-1 of something else.
var ErrCollision = errors.New("object is part of a SHA-1 collision attack")

// namer computes ids. It is for one goroutine.
type namer struct {
	h    hash.Hash
	sha1 sha1cd.CollisionResistantHash // h, unless it is SHA-256
	head []byte
	sum  []byte
}

func newNamer(format object.Format) *namer {
	n := &namer{}
	if format == object.SHA256 {
		n.h = sha256.New()
	} else {
		n.sha1 = sha1cd.New().(sha1cd.CollisionResistantHash)
		n.h = n.sha1
	}
	return n
}

// begin starts with an object of so many bytes, which go to Write.
func (n *namer) begin(kind object.Kind, size int64) {
	n.h.Reset()
	n.head = append(append(n.head[:0], kind...), ' ')
	n.head = append(strconv.AppendInt(n.head, size, 10), 0)
	_, _ = n.h.Write(n.head)
}

func (n *namer) Write(p []byte) (int, error) { return n.h.Write(p) }

// end returns the name of what was written since begin, or ErrCollision.
func (n *namer) end() (h Hash, err error) {
	if n.sha1 == nil {
		n.sum = n.h.Sum(n.sum[:0])
	} else {
		var collision bool
		if n.sum, collision = n.sha1.CollisionResistantSum(n.sum[:0]); collision {
			err = ErrCollision
		}
	}
	copy(h[:], n.sum)
	return h, err
}

func (n *namer) name(kind object.Kind, data []byte) (Hash, error) {
	n.begin(kind, int64(len(data)))
	_, _ = n.h.Write(data)
	return n.end()
}

// Name returns the id of an object of that content, or ErrCollision.
func Name(format object.Format, kind object.Kind, data []byte) (object.ID, error) {
	h, err := newNamer(format).name(kind, data)
	if err != nil {
		return "", err
	}
	return h.ID(format), nil
}
