package odb

import "fmt"

var errDelta = fmt.Errorf("%w: a delta is malformed", ErrCorrupt)

// deltaSizes reads the head of a delta: the sizes of its base and its result,
// and how many bytes it takes.
func deltaSizes(delta []byte) (base, result int64, n int, err error) {
	base, n = deltaSize(delta)
	if n == 0 {
		return 0, 0, 0, errDelta
	}
	result, m := deltaSize(delta[n:])
	if m == 0 {
		return 0, 0, 0, errDelta
	}
	return base, result, n + m, nil
}

func deltaSize(b []byte) (size int64, n int) {
	var shift uint
	for n < len(b) && shift < 62 {
		c := b[n]
		n++
		size |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			return size, n
		}
		shift += 7
	}
	return 0, 0
}

// applyDelta builds an object from its base. into is used when it is large
// enough, and must not overlap the base.
func applyDelta(base, delta, into []byte) ([]byte, error) {
	from, to, n, err := deltaSizes(delta)
	if err != nil || from != int64(len(base)) || to > maxDelta {
		return nil, errDelta
	}
	if int64(cap(into)) < to {
		into = make([]byte, to)
	}
	out, at := into[:to], 0
	for n < len(delta) {
		op := delta[n]
		n++
		if op&0x80 == 0 {
			size := int(op)
			if size == 0 || size > len(delta)-n || size > len(out)-at {
				return nil, errDelta
			}
			copy(out[at:], delta[n:n+size])
			n, at = n+size, at+size
			continue
		}
		var off, size uint32
		for bit := range 7 {
			if op&(1<<bit) == 0 {
				continue
			}
			if n == len(delta) {
				return nil, errDelta
			}
			if bit < 4 {
				off |= uint32(delta[n]) << (8 * bit)
			} else {
				size |= uint32(delta[n]) << (8 * (bit - 4))
			}
			n++
		}
		if size == 0 {
			size = 0x10000
		}
		if uint64(off)+uint64(size) > uint64(len(base)) || int(size) > len(out)-at {
			return nil, errDelta
		}
		copy(out[at:], base[off:off+size])
		at += int(size)
	}
	if at != len(out) {
		return nil, errDelta
	}
	return out, nil
}

// maxDelta is the largest result of a delta that is ever made.
const maxDelta = 4 << 30
