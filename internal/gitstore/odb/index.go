package odb

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// index is the content of a version 2 .idx file (gitformat-pack): a fan-out
// table, the sorted ids, their checksums, and where in the pack each begins.
type index struct {
	data []byte
	size int // of an id
	n    int
}

const (
	idxMagic  = "\xfftOc\x00\x00\x00\x02"
	idxHead   = 8
	idxFanout = 256 * 4
)

// newIndex checks what reading relies upon: the length and the fan-out.
func newIndex(data []byte, size int) (*index, error) {
	if len(data) < idxHead+idxFanout || string(data[:idxHead]) != idxMagic {
		return nil, fmt.Errorf("%w: pack index of an unknown form", ErrCorrupt)
	}
	x := &index{data: data, size: size}
	last := 0
	for i := range 256 {
		n := x.fanout(i)
		if n < last {
			return nil, fmt.Errorf("%w: pack index with a wrong fan-out", ErrCorrupt)
		}
		last = n
	}
	x.n = last
	if len(data) < idxHead+idxFanout+x.n*(size+8)+2*size {
		return nil, fmt.Errorf("%w: pack index is cut short", ErrCorrupt)
	}
	return x, nil
}

func (x *index) fanout(i int) int {
	return int(binary.BigEndian.Uint32(x.data[idxHead+4*i:]))
}

func (x *index) raw(i int) []byte {
	at := idxHead + idxFanout + i*x.size
	return x.data[at : at+x.size]
}

func (x *index) hash(i int) (h Hash) {
	copy(h[:], x.raw(i))
	return h
}

// find returns the place of an id in the index.
func (x *index) find(h *Hash) (int, bool) {
	lo, hi := 0, x.fanout(int(h[0]))
	if h[0] > 0 {
		lo = x.fanout(int(h[0]) - 1)
	}
	want := h[:x.size]
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(x.raw(mid), want); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// offset returns where in the pack the i-th object begins, or -1 when the index
// is damaged.
func (x *index) offset(i int) int64 {
	table := idxHead + idxFanout + x.n*(x.size+4)
	off := binary.BigEndian.Uint32(x.data[table+4*i:])
	if off&(1<<31) == 0 {
		return int64(off)
	}
	at := table + 4*x.n + 8*int(off&^(1<<31))
	if at+8 > len(x.data)-2*x.size {
		return -1
	}
	return int64(binary.BigEndian.Uint64(x.data[at:]) &^ (1 << 63))
}
