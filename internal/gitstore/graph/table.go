// Package graph follows the links between objects in process: what the objects
// of a pack refer to, which commits lead to which, and what stands in two trees
// side by side. It reads through odb alone. It must never decide who may see
// what, nor walk without a bound that its caller set.
package graph

import (
	"hash/maphash"
	"sync"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// Object is an object with its kind.
type Object struct {
	ID   odb.Hash
	Kind object.Kind
}

// Links collects what one object refers to, before it goes into a Table. The
// zero Links is empty.
type Links struct{ rows []byte }

// Add adds a link. id is copied.
func (l *Links) Add(id []byte, kind object.Kind) {
	l.rows = append(append(l.rows, id...), bit(kind))
}

// Reset empties it for the next object.
func (l *Links) Reset() { l.rows = l.rows[:0] }

// Table remembers the objects of a pack and everything that they refer to, each
// once: about 30 bytes for an object. It is safe for concurrent use.
type Table struct {
	size int // of an id
	seed maphash.Seed
	most int // rows

	mu   sync.Mutex // guards what follows
	rows []byte     // open addressing; a row is an id and its marks
	n    int        // rows in use
	max  int        // before it grows
	mask uint64
	over bool // there were more than most
}

// The marks of a row: in the low half the kinds that links ask for, above them
// the kind that the object of the pack has.
const haveShift = 4

// NewTable makes an empty table for objects of a format. It remembers at most so
// many of them, those that are referred to included: a few bytes of a pack can
// name many.
func NewTable(f object.Format, most int) *Table {
	// What a link names need not exist, so a client can choose all of an id: it
	// must not know which fall into one place.
	t := &Table{size: f.Size(), seed: maphash.MakeSeed(), most: most}
	t.resize(1 << 8)
	return t
}

func bit(k object.Kind) byte {
	switch k {
	case object.KindCommit:
		return 1
	case object.KindTree:
		return 2
	case object.KindBlob:
		return 4
	case object.KindTag:
		return 8
	}
	return 0
}

func kindOf(marks byte) object.Kind {
	switch marks {
	case 1:
		return object.KindCommit
	case 2:
		return object.KindTree
	case 4:
		return object.KindBlob
	case 8:
		return object.KindTag
	}
	return ""
}

func (t *Table) resize(rows int) {
	old := t.rows
	t.rows = make([]byte, rows*(t.size+1))
	t.mask, t.max = uint64(rows-1), rows*3/4
	for ; len(old) > 0; old = old[t.size+1:] {
		if marks := old[t.size]; marks != 0 {
			row := t.find(old[:t.size])
			copy(row, old[:t.size])
			row[t.size] = marks
		}
	}
}

// find returns the row of an id, or the one where it belongs.
func (t *Table) find(id []byte) []byte {
	for i := maphash.Bytes(t.seed, id) & t.mask; ; i = (i + 1) & t.mask {
		row := t.rows[int(i)*(t.size+1):][:t.size+1]
		if row[t.size] == 0 || string(row[:t.size]) == string(id) {
			return row
		}
	}
}

func (t *Table) mark(id []byte, marks byte) {
	row := t.find(id)
	if row[t.size] == 0 {
		if t.n >= t.most {
			t.over = true
			return
		}
		if t.n >= t.max {
			t.resize(2 * int(t.mask+1))
			row = t.find(id)
		}
		t.n++
		copy(row, id)
	}
	row[t.size] |= marks
}

// Add puts in an object of the pack with its links. It returns false when there
// are more than the table remembers: what it says of the pack is worth nothing
// then.
func (t *Table) Add(id *odb.Hash, kind object.Kind, links *Links) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mark(id[:t.size], bit(kind)<<haveShift)
	if links != nil {
		for l := links.rows; len(l) > 0 && !t.over; l = l[t.size+1:] {
			t.mark(l[:t.size], l[t.size])
		}
	}
	return !t.over
}

// Most is how many objects the table remembers.
func (t *Table) Most() int { return t.most }

// Kind returns the kind of an object of the pack, "" for what is not in it.
func (t *Table) Kind(id odb.Hash) object.Kind {
	t.mu.Lock()
	defer t.mu.Unlock()
	return kindOf(t.find(id[:t.size])[t.size] >> haveShift)
}

// Outside returns what the pack refers to and does not hold. ok is false when an
// object is referred to as what it is not.
func (t *Table) Outside() (out []Object, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rows := t.rows; len(rows) > 0; rows = rows[t.size+1:] {
		want, have := rows[t.size]&(1<<haveShift-1), rows[t.size]>>haveShift
		switch {
		case want == 0, want == have:
		case have != 0, kindOf(want) == "":
			return nil, false
		default:
			o := Object{Kind: kindOf(want)}
			copy(o.ID[:], rows[:t.size])
			out = append(out, o)
		}
	}
	return out, true
}

// Of returns the objects of the pack of one kind.
func (t *Table) Of(kind object.Kind) []odb.Hash {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []odb.Hash
	for rows := t.rows; len(rows) > 0; rows = rows[t.size+1:] {
		if rows[t.size]>>haveShift == bit(kind) {
			var h odb.Hash
			copy(h[:], rows[:t.size])
			out = append(out, h)
		}
	}
	return out
}
