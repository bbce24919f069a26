package odb

import (
	"errors"
	"fmt"

	"jeton/internal/gitstore/object"
)

const packHead = 12

// The kinds of entries in a pack, as gitformat-pack numbers them.
const (
	typeCommit   = 1
	typeTree     = 2
	typeBlob     = 3
	typeTag      = 4
	typeOfsDelta = 6
	typeRefDelta = 7
)

func kindOf(t uint8) object.Kind {
	switch t {
	case typeCommit:
		return object.KindCommit
	case typeTree:
		return object.KindTree
	case typeBlob:
		return object.KindBlob
	case typeTag:
		return object.KindTag
	}
	return ""
}

// entry is the head of one entry of a pack.
type entry struct {
	kind uint8
	size int64 // inflated; of the delta, if it is one
	back int64 // how far before it its base begins, for typeOfsDelta
	base Hash  // for typeRefDelta
	n    int   // how many bytes the head takes
}

var (
	errShort = errors.New("more data is needed")
	errEntry = fmt.Errorf("%w: an entry of a pack is malformed", ErrCorrupt)
)

// parseEntry reads the head that data begins with. It fails with errShort when
// data ends before it.
func parseEntry(data []byte, idSize int) (e entry, err error) {
	if len(data) == 0 {
		return e, errShort
	}
	c := data[0]
	e.kind, e.size, e.n = c>>4&7, int64(c&15), 1
	for shift := uint(4); c&0x80 != 0; shift += 7 {
		if e.n == len(data) {
			return e, errShort
		}
		if shift > 53 {
			return e, errEntry
		}
		c = data[e.n]
		e.size |= int64(c&0x7f) << shift
		e.n++
	}
	switch e.kind {
	case typeCommit, typeTree, typeBlob, typeTag:
	case typeOfsDelta:
		for i := 0; ; i++ {
			if e.n == len(data) {
				return e, errShort
			}
			c = data[e.n]
			e.n++
			e.back = e.back<<7 | int64(c&0x7f)
			if c&0x80 == 0 {
				break
			}
			if i == 8 {
				return e, errEntry
			}
			e.back++
		}
		if e.back == 0 {
			return e, errEntry
		}
	case typeRefDelta:
		if len(data)-e.n < idSize {
			return e, errShort
		}
		copy(e.base[:], data[e.n:e.n+idSize])
		e.n += idSize
	default:
		return e, errEntry
	}
	return e, nil
}

// maxChain is the longest chain of deltas that is followed; git makes none
// longer than 4,095.
const maxChain = 10_000

// at returns the head of the entry at an offset, and what follows it. Of a delta
// it finds the base, which must be in the same pack.
func (p *Pack) at(data []byte, offset int64) (e entry, rest []byte, base int64, err error) {
	if offset < packHead || offset >= int64(len(data)) {
		return e, nil, 0, errEntry
	}
	e, err = parseEntry(data[offset:], p.format.Size())
	if err != nil {
		return e, nil, 0, errEntry
	}
	switch e.kind {
	case typeOfsDelta:
		base = offset - e.back
	case typeRefDelta:
		i, ok := p.idx.find(&e.base)
		if !ok {
			return e, nil, 0, fmt.Errorf("%w: the base of a delta is not in its pack", ErrCorrupt)
		}
		base = p.idx.offset(i)
	}
	return e, data[offset+int64(e.n):], base, nil
}

// info tells kind and size of the object at an offset. The caller has acquired
// the pack.
func (p *Pack) info(offset int64) (Info, error) {
	data, err := p.bytes()
	if err != nil {
		return Info{}, err
	}
	in := Info{Size: -1}
	for range maxChain {
		e, rest, base, err := p.at(data, offset)
		if err != nil {
			return Info{}, err
		}
		if base == 0 {
			if in.Size < 0 {
				in.Size = e.size
			}
			in.Kind = kindOf(e.kind)
			return in, nil
		}
		if in.Size < 0 {
			if in.Size, err = p.resultSize(rest, e.size); err != nil {
				return Info{}, err
			}
		}
		if kind, _, ok := p.pool.cache.get(cacheKey{p.key, base}); ok {
			in.Kind = kind
			return in, nil
		}
		offset = base
	}
	return Info{}, errEntry
}

// resultSize reads the size that a compressed delta of so many bytes makes.
func (p *Pack) resultSize(src []byte, size int64) (int64, error) {
	var head [20]byte
	n, err := p.pool.inflaters.head(head[:min(size, int64(len(head)))], src)
	if err != nil {
		return 0, err
	}
	_, result, _, err := deltaSizes(head[:n])
	return result, err
}

// read builds the object at an offset. The caller has acquired the pack.
func (p *Pack) read(offset, limit int64) (object.Kind, []byte, error) {
	data, err := p.bytes()
	if err != nil {
		return "", nil, err
	}
	type link struct {
		rest   []byte // the compressed delta
		size   int64
		offset int64
	}
	var few [50]link
	chain := few[:0]
	var kind object.Kind
	var out []byte
	for {
		if k, d, ok := p.pool.cache.get(cacheKey{p.key, offset}); ok {
			kind, out = k, d
			break
		}
		e, rest, base, err := p.at(data, offset)
		if err != nil {
			return "", nil, err
		}
		size := e.size
		if base != 0 && len(chain) == 0 {
			if size, err = p.resultSize(rest, e.size); err != nil {
				return "", nil, err
			}
		}
		if len(chain) == 0 && size > limit || size > maxObject || e.size > maxObject {
			return "", nil, ErrTooLarge
		}
		if base == 0 {
			kind, out = kindOf(e.kind), make([]byte, e.size)
			if err := p.pool.inflaters.inflate(out, rest); err != nil {
				return "", nil, err
			}
			if len(chain) > 0 {
				p.pool.cache.add(cacheKey{p.key, offset}, kind, out)
			}
			break
		}
		if len(chain) == maxChain {
			return "", nil, errEntry
		}
		chain = append(chain, link{rest, e.size, offset})
		offset = base
	}
	if len(chain) == 0 && int64(len(out)) > limit {
		return "", nil, ErrTooLarge
	}
	for i := len(chain) - 1; i >= 0; i-- {
		l := chain[i]
		delta := make([]byte, l.size)
		if err := p.pool.inflaters.inflate(delta, l.rest); err != nil {
			return "", nil, err
		}
		if _, size, _, err := deltaSizes(delta); err != nil || size > maxObject {
			return "", nil, errDelta
		}
		if out, err = applyDelta(out, delta, nil); err != nil {
			return "", nil, err
		}
		if i > 0 {
			p.pool.cache.add(cacheKey{p.key, l.offset}, kind, out)
		}
	}
	return kind, out, nil
}
