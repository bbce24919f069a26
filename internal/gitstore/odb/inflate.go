package odb

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"sync"
)

// errInflate is of data that is no zlib stream, or has not the size it claims.
var errInflate = fmt.Errorf("%w: compressed data is malformed", ErrCorrupt)

// inflaters keeps the tables of decoders between uses.
type inflaters struct{ pool sync.Pool }

func (p *inflaters) get() *inflater {
	if d, ok := p.pool.Get().(*inflater); ok {
		return d
	}
	return &inflater{}
}

func (p *inflaters) put(d *inflater) {
	d.src = nil
	p.pool.Put(d)
}

// inflate fills dst from the zlib stream that src begins with, which must hold
// exactly as much.
func (p *inflaters) inflate(dst, src []byte) error {
	d := p.get()
	_, err := d.inflate(dst, src, false)
	p.put(d)
	return err
}

// head fills as much of dst as the stream holds, and returns how much.
func (p *inflaters) head(dst, src []byte) (int, error) {
	d := p.get()
	n, err := d.head(dst, src)
	p.put(d)
	return n, err
}

// inflater decodes zlib streams (RFC 1950 and 1951) whose size is known, from
// memory to memory: it needs no window of its own and does not copy what it
// reads, which makes it twice as fast on the small objects of a pack as a
// decoder of unbounded streams. It is for one goroutine.
type inflater struct {
	src  []byte
	pos  int
	bits uint64 // the next bits of src; those above n are not to be relied on
	n    uint   // how many of them are there

	lit       [litTable]uint32
	dist      [distTable]uint32
	fixedLit  [1 << litBits]uint32
	fixedDist [1 << distBits]uint32
	fixed     bool // the two before are made
	lens      [288 + 32]uint8
}

// inflate fills dst and returns how many bytes of src the stream takes. It fails
// with errShort when src ends before the stream does. check has the checksum
// of the content compared.
func (d *inflater) inflate(dst, src []byte, check bool) (int, error) {
	n, ended, err := d.stream(dst, src)
	if err != nil {
		return 0, err
	}
	if n != len(dst) || !ended {
		return 0, errInflate
	}
	d.pos -= int(d.n / 8)
	if len(d.src)-d.pos < 4 {
		return 0, errShort
	}
	if check && adler32.Checksum(dst) != binary.BigEndian.Uint32(d.src[d.pos:]) {
		return 0, errInflate
	}
	return d.pos + 4, nil
}

// head fills what it can of dst, and returns how much it was.
func (d *inflater) head(dst, src []byte) (int, error) {
	n, _, err := d.stream(dst, src)
	return n, err
}

// stream decodes until the end of the stream, or until there is more than dst
// has room for.
func (d *inflater) stream(dst, src []byte) (out int, ended bool, err error) {
	if len(src) < 2 {
		return 0, false, errShort
	}
	if src[0]&15 != 8 || src[0]>>4 > 7 || src[1]&0x20 != 0 || (uint(src[0])<<8|uint(src[1]))%31 != 0 {
		return 0, false, errInflate
	}
	d.src, d.pos, d.bits, d.n = src, 2, 0, 0
	for {
		d.refill()
		if d.n < 3 {
			return out, false, errShort
		}
		last, kind := d.bits&1, d.bits>>1&3
		d.drop(3)
		var full bool
		switch kind {
		case 0:
			out, full, err = d.stored(dst, out)
		case 1:
			d.makeFixed()
			out, full, err = d.block(dst, out, d.fixedLit[:], d.fixedDist[:])
		case 2:
			if err = d.readTables(); err == nil {
				out, full, err = d.block(dst, out, d.lit[:], d.dist[:])
			}
		default:
			err = errInflate
		}
		if err != nil || full {
			return out, false, err
		}
		if last == 1 {
			return out, true, nil
		}
	}
}

// refill has at least 56 bits ready, or all that are left.
func (d *inflater) refill() {
	if d.pos+8 <= len(d.src) {
		d.bits |= binary.LittleEndian.Uint64(d.src[d.pos:]) << d.n
		d.pos += int((63 - d.n) >> 3)
		d.n |= 56
		return
	}
	d.bits &= 1<<d.n - 1
	for d.n <= 56 && d.pos < len(d.src) {
		d.bits |= uint64(d.src[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
}

func (d *inflater) drop(n uint) {
	d.bits >>= n
	d.n -= n
}

func (d *inflater) stored(dst []byte, out int) (int, bool, error) {
	d.drop(d.n & 7)
	d.pos -= int(d.n / 8)
	d.bits, d.n = 0, 0
	if len(d.src)-d.pos < 4 {
		return out, false, errShort
	}
	size := binary.LittleEndian.Uint16(d.src[d.pos:])
	if size != ^binary.LittleEndian.Uint16(d.src[d.pos+2:]) {
		return out, false, errInflate
	}
	d.pos += 4
	have := min(int(size), len(d.src)-d.pos)
	n := copy(dst[out:], d.src[d.pos:d.pos+have])
	d.pos += n
	switch {
	case n == int(size):
		return out + n, false, nil
	case n == have:
		return out + n, false, errShort
	}
	return out + n, true, nil
}

func (d *inflater) makeFixed() {
	if d.fixed {
		return
	}
	lens := d.lens[:288]
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	buildTable(d.fixedLit[:], litBits, lens, true, litMeaning[:])
	lens = d.lens[:32]
	for i := range lens {
		lens[i] = 5
	}
	buildTable(d.fixedDist[:], distBits, lens, true, distMeaning[:])
	d.fixed = true
}

// readTables reads the codes that a block brings along.
func (d *inflater) readTables() error {
	d.refill()
	if d.n < 14 {
		return errShort
	}
	nlit, ndist, ncode := int(d.bits&31)+257, int(d.bits>>5&31)+1, int(d.bits>>10&15)+4
	d.drop(14)
	if nlit > 286 || ndist > 30 {
		return errInflate
	}
	var order [19]uint8
	for i := range ncode {
		if d.n < 3 {
			if d.refill(); d.n < 3 {
				return errShort
			}
		}
		order[codeOrder[i]] = uint8(d.bits & 7)
		d.drop(3)
	}
	var codes [1 << 7]uint32
	if !buildTable(codes[:], 7, order[:], true, codeMeaning[:]) {
		return errInflate
	}
	lens := d.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		if d.n < 14 {
			d.refill()
		}
		e := codes[d.bits&127]
		if uint(e&0xff) > d.n {
			return errShort
		}
		d.drop(uint(e & 0xff))
		sym := e >> 16 & 0x7fff
		if sym < 16 {
			lens[i] = uint8(sym)
			i++
			continue
		}
		var value uint8
		extra, base := uint(2), 3
		switch sym {
		case 16:
			if i == 0 {
				return errInflate
			}
			value = lens[i-1]
		case 17:
			extra = 3
		default:
			extra, base = 7, 11
		}
		if extra > d.n {
			return errShort
		}
		repeat := base + int(d.bits&(1<<extra-1))
		d.drop(extra)
		if repeat > len(lens)-i {
			return errInflate
		}
		for range repeat {
			lens[i] = value
			i++
		}
	}
	if lens[256] == 0 ||
		!buildTable(d.lit[:], litBits, lens[:nlit], false, litMeaning[:]) ||
		!buildTable(d.dist[:], distBits, lens[nlit:], false, distMeaning[:]) {
		return errInflate
	}
	return nil
}

// block decodes one compressed block. full is true when there is more than dst
// has room for.
func (d *inflater) block(dst []byte, out int, lit, dist []uint32) (end int, full bool, err error) {
	out, full, d.pos, d.bits, d.n, err = decode(dst, out, d.src, d.pos, d.bits, d.n, lit, dist)
	return out, full, err
}

// decode is block with everything in registers.
func decode(dst []byte, out int, src []byte, pos int, bits uint64, n uint, lit, dist []uint32) (end int, full bool, at int, left uint64, have uint, err error) {
	lit, dist = lit[:1<<litBits:len(lit)], dist[:1<<distBits:len(dist)]
	for {
		if pos+8 <= len(src) {
			bits |= binary.LittleEndian.Uint64(src[pos:]) << n
			pos += int((63 - n) >> 3)
			n |= 56
		} else {
			bits &= 1<<n - 1
			for n <= 56 && pos < len(src) {
				bits |= uint64(src[pos]) << n
				pos++
				n += 8
			}
		}
		e := lit[bits&(1<<litBits-1)]
		// Two literals more may follow without new bits: they take at most
		// 2 * 10 of 56, and what comes then at most 15.
		for e&flagLiteral != 0 {
			if uint(e&0xff) > n {
				return out, false, pos, bits, n, errShort
			}
			if out == len(dst) {
				return out, true, pos, bits, n, nil
			}
			dst[out] = byte(e >> 16)
			out++
			bits >>= e & 0xff
			n -= uint(e & 0xff)
			if n < 48 {
				e = flagLiteral
				break
			}
			e = lit[bits&(1<<litBits-1)]
		}
		if e == flagLiteral {
			continue
		}
		if e&flagSecond != 0 {
			bits >>= e & 0xff
			if uint(e&0xff) > n {
				return out, false, pos, bits, n, errShort
			}
			n -= uint(e & 0xff)
			e = lit[:cap(lit)][uint64(e>>16)+bits&(1<<(e>>8&15)-1)]
		}
		size := uint(e & 0xff)
		if size > n {
			return out, false, pos, bits, n, errShort
		}
		bits >>= size
		n -= size
		switch {
		case size == 0:
			if n < 15 && pos == len(src) {
				return out, false, pos, bits, n, errShort
			}
			return out, false, pos, bits, n, errInflate
		case e&flagLiteral != 0:
			if out == len(dst) {
				return out, true, pos, bits, n, nil
			}
			dst[out] = byte(e >> 16)
			out++
			continue
		case e&flagEnd != 0:
			return out, false, pos, bits, n, nil
		}
		extra := uint(e >> 8 & 15)
		length := int(e>>16) + int(bits&(1<<extra-1))
		bits >>= extra
		if extra > n {
			return out, false, pos, bits, n, errShort
		}
		n -= extra

		e = dist[bits&(1<<distBits-1)]
		if e&flagSecond != 0 {
			bits >>= e & 0xff
			if uint(e&0xff) > n {
				return out, false, pos, bits, n, errShort
			}
			n -= uint(e & 0xff)
			e = dist[:cap(dist)][uint64(e>>16)+bits&(1<<(e>>8&15)-1)]
		}
		size, extra = uint(e&0xff), uint(e>>8&15)
		bits >>= size
		if size+extra > n || size == 0 {
			if size == 0 && (n >= 15 || pos < len(src)) {
				return out, false, pos, bits, n, errInflate
			}
			return out, false, pos, bits, n, errShort
		}
		back := int(e>>16) + int(bits&(1<<extra-1))
		bits >>= extra
		n -= size + extra
		if back > out {
			return out, false, pos, bits, n, errInflate
		}
		if length > len(dst)-out {
			// Not needed in full, but what is there is right.
			for i := out; i < len(dst); i++ {
				dst[i] = dst[i-back]
			}
			return len(dst), true, pos, bits, n, nil
		}
		from := out - back
		switch {
		case back >= 8 && length <= len(dst)-out-8:
			// Eight bytes at a time; what is written too much is overwritten.
			for i := 0; i < length; i += 8 {
				binary.LittleEndian.PutUint64(dst[out+i:], binary.LittleEndian.Uint64(dst[from+i:]))
			}
		case back >= length:
			copy(dst[out:out+length], dst[from:from+length])
		default:
			for i := range length {
				dst[out+i] = dst[from+i]
			}
		}
		out += length
	}
}
