package gitstore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

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
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() == 0 {
		return nil, errors.New("pack index is empty")
	}
	// Mapped, since many pushes of millions of objects may be under way.
	data, err := syscall.Mmap(int(f.Fd()), 0, int(fi.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map a pack index: %w", err)
	}
	x := &packIndex{data: data, size: format.Size()}
	if err := x.check(); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

// close lets go of the file. Nothing of the index may be used afterwards.
func (x *packIndex) close() error { return syscall.Munmap(x.data) }

func (x *packIndex) check() error {
	data := x.data
	if len(data) < idxHead+idxFanout || !bytes.HasPrefix(data, []byte("\xfftOc\x00\x00\x00\x02")) {
		return errors.New("pack index of an unknown form")
	}
	x.n = int(x.fanout(255))
	if len(data) < idxHead+idxFanout+x.n*(x.size+8)+2*x.size {
		return errors.New("pack index is cut short")
	}
	return nil
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

// ids goes through the id of every object.
func (x *packIndex) ids(yield func(object.ID) bool) {
	for i := range x.n {
		if !yield(x.id(i)) {
			return
		}
	}
}

// last returns the n objects that stand last in the pack.
func (x *packIndex) last(n int) []object.ID {
	if n <= 0 {
		return nil
	}
	order := make([]uint32, x.n)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		oa, ob := x.offset(int(a)), x.offset(int(b))
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
		out = append(out, x.id(int(i)))
	}
	return out
}
