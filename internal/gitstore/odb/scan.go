package odb

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"jeton/internal/gitstore/object"
)

// scan is the first pass: it reads the pack to its end.
func (x *indexer) scan() error {
	if err := x.header(); err != nil {
		return err
	}
	n := newNaming(x)
	err := x.entries(n)
	if nerr := n.finish(); err == nil {
		err = nerr
	}
	if err != nil {
		return err
	}
	x.end = x.in.offset()
	if x.total > x.maxTotal() {
		return x.tooMuch()
	}
	slices.SortFunc(x.refs, func(a, b refDelta) int {
		if c := bytes.Compare(a.base[:], b.base[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.item, b.item)
	})
	return x.trailer()
}

func (x *indexer) header() error {
	if _, err := x.in.more(packHead); err != nil {
		return err
	}
	w := x.in.window()
	if len(w) < packHead {
		return &PackError{Reason: Truncated, Detail: "it ends within its head"}
	}
	version := binary.BigEndian.Uint32(w[4:])
	if string(w[:4]) != "PACK" || version != 2 && version != 3 {
		return &PackError{Reason: Malformed, Detail: "that is no pack"}
	}
	claimed := int64(binary.BigEndian.Uint32(w[8:]))
	if x.MaxObjects > 0 && claimed > x.MaxObjects || claimed > math.MaxInt32/2 {
		return &PackError{Reason: LimitCount, Limit: x.MaxObjects, Value: claimed, Detail: "it has too many objects"}
	}
	x.count = int(claimed)
	x.in.parsed(packHead)
	x.items = make([]item, 0, min(x.count, 4096))
	x.seen.look(x.count)
	return nil
}

func (x *indexer) trailer() error {
	if _, err := x.in.more(x.idSize + 1); err != nil {
		return err
	}
	w := x.in.window()
	switch {
	case len(w) < x.idSize:
		return &PackError{Reason: Truncated, Detail: "it ends within its checksum"}
	case len(w) > x.idSize:
		return &PackError{Reason: Garbage, Detail: "something follows its end"}
	case !bytes.Equal(w, x.in.sum.Sum(nil)):
		return &PackError{Reason: Checksum, Detail: "its checksum is another"}
	}
	return nil
}

func (x *indexer) tooMuch() error {
	return &PackError{Reason: LimitTotal, Limit: x.maxTotal(), Value: x.total, Detail: "its objects are too large together"}
}

// maxEntryHead is more than the head of any entry takes.
const maxEntryHead = 64

func (x *indexer) entries(n *naming) error {
	for i := range x.count {
		if i%64 == 0 {
			if err := x.ctx.Err(); err != nil {
				return err
			}
		}
		if err := x.entry(n); err != nil {
			return err
		}
	}
	return nil
}

func (x *indexer) entry(n *naming) error {
	offset := x.in.offset()
	e, err := x.entryHead()
	if err != nil {
		return err
	}
	it := item{offset: offset, size: e.size, raw: e.kind, parent: -1}
	switch e.kind {
	case typeOfsDelta:
		at := offset - e.back
		p, ok := slices.BinarySearchFunc(x.items, at, func(it item, at int64) int { return cmp.Compare(it.offset, at) })
		if !ok {
			return &PackError{Reason: Malformed, Offset: offset, Detail: "a delta's base begins where no object does"}
		}
		it.parent = int32(p)
	case typeRefDelta:
		x.refs = append(x.refs, refDelta{e.base, int32(len(x.items))})
	default:
		it.kind = e.kind
		if err := x.limit(&it, e.size); err != nil {
			return err
		}
	}
	if it.delta() {
		x.deltas++
		if x.MaxObject > 0 && e.size > x.MaxObject+x.MaxObject/2+1024 {
			return &PackError{Reason: LimitObject, Limit: x.MaxObject, Value: e.size, Offset: offset, Detail: "a delta is too large"}
		}
	}
	if e.size > StreamedSize {
		err = x.streamed(n, &it, e)
	} else {
		err = x.whole(n, &it, e)
	}
	if errors.Is(err, errShort) {
		return &PackError{Reason: Truncated, Offset: offset, Detail: "it ends within an object"}
	}
	if errors.Is(err, ErrCorrupt) {
		return &PackError{Reason: Malformed, Offset: offset, Detail: "an object is not compressed as it should be"}
	}
	return err
}

// entryHead reads the head of an entry, without moving past it.
func (x *indexer) entryHead() (entry, error) {
	for want := maxEntryHead; ; want = len(x.in.window()) + 1 {
		e, err := parseEntry(x.in.window(), x.idSize)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, errShort) {
			return e, &PackError{Reason: Malformed, Offset: x.in.offset(), Detail: "an object is of an unknown type, or its head is malformed"}
		}
		more, err := x.in.more(want)
		if err != nil {
			return e, err
		}
		if !more {
			return e, &PackError{Reason: Truncated, Offset: x.in.offset(), Detail: "it ends before its last object"}
		}
	}
}

// limit checks the size of an object, and counts it.
func (x *indexer) limit(it *item, size int64) error {
	limit := x.MaxObject
	if it.kind != typeBlob && it.kind != 0 && (limit == 0 || limit > maxStructure) {
		limit = maxStructure
	}
	if limit > 0 && size > limit || size > maxDelta {
		return &PackError{Reason: LimitObject, Limit: limit, Value: size, Offset: it.offset, Detail: "an object is too large"}
	}
	x.total += size
	if x.MaxTotal > 0 && x.total > x.MaxTotal {
		return x.tooMuch()
	}
	return nil
}

// whole inflates an entry that fits into memory, from the window.
func (x *indexer) whole(n *naming, it *item, e entry) error {
	// What deflate makes of incompressible data is hardly larger than it; more
	// can only be empty blocks, which nobody sends.
	most := e.n + int(e.size) + int(e.size)/8 + 1024
	var dst []byte
	if it.delta() {
		n.delta = slices.Grow(n.delta[:0], int(e.size))[:e.size]
		dst = n.delta
	} else {
		dst = n.room(int(e.size))
	}
	tried := 0
	for {
		w := x.in.window()
		took, err := n.z.inflate(dst, w[e.n:min(len(w), most)], true)
		if err == nil {
			it.crc = crc32.ChecksumIEEE(w[:e.n+took])
			x.in.parsed(e.n + took)
			return x.add(n, it, dst)
		}
		if !errors.Is(err, errShort) {
			return err
		}
		if len(w) >= most {
			return errInflate
		}
		// Twice as much each time, so that who sends byte by byte makes no more
		// work than others.
		tried = max(2*tried, len(w)+1)
		more, err := x.in.more(min(tried, most))
		if err != nil {
			return err
		}
		if !more {
			return errShort
		}
	}
}

// add takes an entry that is inflated.
func (x *indexer) add(n *naming, it *item, data []byte) error {
	if it.delta() {
		_, size, _, err := deltaSizes(data)
		if err != nil {
			return &PackError{Reason: Malformed, Offset: it.offset, Detail: "a delta is malformed"}
		}
		if err := x.limit(it, size); err != nil {
			return err
		}
		if int64(len(data)) == it.size {
			it.keep = x.arena.put(data)
		}
	}
	x.items = append(x.items, *it)
	if it.delta() {
		return nil
	}
	return n.add(len(x.items)-1, it.kind, data)
}

// streamed goes through an entry that is too large to hold.
func (x *indexer) streamed(n *naming, it *item, e entry) error {
	s := &entryStream{r: x.in, n: e.n}
	z, err := zlib.NewReader(s)
	if err != nil {
		return s.cause(err)
	}
	var head []byte
	namer := n.namer()
	namer.begin(kindOf(it.kind), e.size)
	buf := make([]byte, 64<<10)
	var size int64
	for {
		m, err := z.Read(buf)
		if size += int64(m); size > e.size {
			return errInflate
		}
		switch {
		case !it.delta():
			_, _ = namer.Write(buf[:m])
		case len(head) < 20:
			head = append(head, buf[:min(m, 20)]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s.cause(err)
		}
		if err := x.ctx.Err(); err != nil {
			return err
		}
	}
	if size != e.size {
		return errInflate
	}
	s.pass()
	it.crc = s.crc
	if it.delta() {
		return x.add(n, it, head)
	}
	if it.id, err = namer.end(); err != nil {
		return &PackError{Reason: Collision, ID: it.id, Offset: it.offset, Detail: err.Error()}
	}
	x.items = append(x.items, *it)
	if it.kind != typeBlob {
		x.items[len(x.items)-1].late = true
		return nil
	}
	if err := x.compare(it.id, object.KindBlob, e.size, nil); err != nil {
		return err
	}
	if x.Check != nil {
		return x.Check(Object{ID: it.id, Kind: object.KindBlob, Size: e.size})
	}
	return nil
}

// cause tells why a stream could not be read.
func (e *entryStream) cause(err error) error {
	switch {
	case e.err != nil:
		return e.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	}
	return errInflate
}
