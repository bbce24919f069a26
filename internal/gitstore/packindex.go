package gitstore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"

	"jeton/internal/gitstore/object"
)

// packIndex is a version 2 .idx file (gitformat-pack): a fan-out table, the
// sorted ids, their checksums, and where in the pack each object begins.
type packIndex struct {
	data []byte
	size int // of an id
	n    int
}

const (
	idxHead   = 8
	idxFanout = 256 * 4
)

func openPackIndex(path string, format object.Format) (*packIndex, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x := &packIndex{data: data, size: format.Size()}
	if len(data) < idxHead+idxFanout || !bytes.HasPrefix(data, []byte("\xfftOc\x00\x00\x00\x02")) {
		return nil, errors.New("pack index of an unknown form")
	}
	x.n = int(x.fanout(255))
	if len(data) < idxHead+idxFanout+x.n*(x.size+8)+2*x.size {
		return nil, errors.New("pack index is cut short")
	}
	return x, nil
}

func (x *packIndex) fanout(i int) uint32 {
	return binary.BigEndian.Uint32(x.data[idxHead+4*i:])
}

func (x *packIndex) raw(i int) []byte {
	at := idxHead + idxFanout + i*x.size
	return x.data[at : at+x.size]
}

func (x *packIndex) id(i int) object.ID { return object.ID(hex.EncodeToString(x.raw(i))) }

// has reports whether the pack holds an object. A nil index holds none.
func (x *packIndex) has(id object.ID) bool {
	if x == nil || len(id) != 2*x.size {
		return false
	}
	var buf [32]byte
	if _, err := hex.Decode(buf[:], []byte(id)); err != nil {
		return false
	}
	want := buf[:x.size]
	lo, hi := 0, int(x.fanout(int(want[0])))
	if want[0] > 0 {
		lo = int(x.fanout(int(want[0]) - 1))
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(x.raw(mid), want); {
		case c == 0:
			return true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}

func (x *packIndex) offset(i int) uint64 {
	table := idxHead + idxFanout + x.n*(x.size+4)
	off := binary.BigEndian.Uint32(x.data[table+4*i:])
	if off&(1<<31) == 0 {
		return uint64(off)
	}
	at := table + 4*x.n + 8*int(off&^(1<<31))
	if at+8 > len(x.data) {
		return 0
	}
	return binary.BigEndian.Uint64(x.data[at:])
}

// ids returns the id of every object.
func (x *packIndex) ids() []object.ID {
	if x == nil {
		return nil
	}
	out := make([]object.ID, x.n)
	for i := range out {
		out[i] = x.id(i)
	}
	return out
}

// last returns the n objects that stand last in the pack.
func (x *packIndex) last(n int) []object.ID {
	if n <= 0 {
		return nil
	}
	order := make([]int, x.n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		oa, ob := x.offset(a), x.offset(b)
		switch {
		case oa < ob:
			return -1
		case oa > ob:
			return 1
		}
		return 0
	})
	out := make([]object.ID, 0, n)
	for _, i := range order[max(0, x.n-n):] {
		out = append(out, x.id(i))
	}
	return out
}
