package odb

import "math/bits"

// A Huffman table maps the next bits of a stream to an entry: first by
// litBits or distBits of them, and where a code is longer by a second table that
// the entry leads to. An entry is
//
//	bits 0-7    how many bits the code takes (of this table)
//	bits 8-15   extra bits of a length or distance, or the size of a second table
//	bits 16-30  a literal, the base of a length or distance, or a second table
//
// with flags as below. The zero entry is no code, or one without a meaning.
const (
	litBits  = 10
	distBits = 8

	// More than codes of 286 and 30 symbols of at most 15 bits can need (zlib's
	// examples/enough.c: 1334 and 402).
	litTable  = 1400
	distTable = 450

	flagLiteral = 1 << 31
	flagEnd     = 1 << 15
	flagSecond  = 1 << 14
)

var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	codeOrder   = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

	litMeaning, distMeaning, codeMeaning = litEntries(), distEntries(), codeEntries()
)

// litEntries, distEntries and codeEntries are what symbols mean, without the
// lengths of their codes.
func litEntries() (out [288]uint32) {
	for sym := range 256 {
		out[sym] = flagLiteral | uint32(sym)<<16
	}
	out[256] = flagEnd
	for i := range lengthBase {
		out[257+i] = uint32(lengthBase[i])<<16 | uint32(lengthExtra[i])<<8
	}
	return out
}

func distEntries() (out [32]uint32) {
	for i := range distBase {
		out[i] = uint32(distBase[i])<<16 | uint32(distExtra[i])<<8
	}
	return out
}

func codeEntries() (out [19]uint32) {
	for sym := range out {
		out[sym] = flagLiteral | uint32(sym)<<16
	}
	return out
}

// buildTable makes a table from the lengths of the codes. As zlib does, it takes
// an incomplete set only if whole is false and the set is a single code of one
// bit or empty.
func buildTable(table []uint32, root uint, lens []uint8, whole bool, entries []uint32) bool {
	var count [16]uint16
	for _, n := range lens {
		count[n]++
	}
	longest := uint(15)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	if longest == 0 {
		clear(table[:1<<root])
		return !whole
	}
	left := 1
	for n := 1; n <= 15; n++ {
		if left = left<<1 - int(count[n]); left < 0 {
			return false
		}
	}
	if left > 0 && (whole || longest != 1) {
		return false
	}
	if left > 0 {
		clear(table[:1<<root])
	}
	var start [17]uint16
	for n := 1; n <= 15; n++ {
		start[n+1] = start[n] + count[n]
	}
	var sorted [288]uint16
	for sym, n := range lens {
		if n != 0 {
			sorted[start[n]] = uint16(sym)
			start[n]++
		}
	}
	fill(table, root, longest, &count, &sorted, entries)
	return true
}

// fill lays the codes into the table, in the order of their lengths. Up to the
// root's length the table doubles with each bit, which copies what shorter codes
// have in it; a code has one place then.
func fill(table []uint32, root, longest uint, count *[16]uint16, sorted *[288]uint16, entries []uint32) {
	n := uint(1)
	for count[n] == 0 {
		n++
	}
	code, at := uint(0), 0 // code is in reversed bits
	for ; n <= root; n++ {
		for range count[n] {
			if e := entries[sorted[at]]; e != 0 {
				table[code] = e | uint32(n)
			} else {
				table[code] = 0
			}
			at++
			code = nextCode(code, n)
		}
		if n < root {
			copy(table[1<<n:2<<n], table[:1<<n])
		}
	}
	next, low := uint(1)<<root, ^uint(0)
	var sub, bits uint
	for ; n <= longest; n++ {
		for ; count[n] > 0; count[n]-- {
			if code&(1<<root-1) != low {
				// The first code with these first bits: a table for all of them.
				low, sub, bits = code&(1<<root-1), next, n-root
				space := 1 << bits
				for bits+root < longest {
					if space -= int(count[bits+root]); space <= 0 {
						break
					}
					bits++
					space <<= 1
				}
				next += 1 << bits
				table[low] = uint32(sub)<<16 | flagSecond | uint32(bits)<<8 | uint32(root)
			}
			e := entries[sorted[at]]
			if e != 0 {
				e |= uint32(n - root)
			}
			for i := code >> root; i < 1<<bits; i += 1 << (n - root) {
				table[sub+i] = e
			}
			at++
			code = nextCode(code, n)
		}
	}
}

// nextCode adds one to the reversed bits of a code; after the last it is 0.
func nextCode(code, n uint) uint {
	top := uint(bits.Len(code ^ (1<<n - 1)))
	if top == 0 {
		return 0
	}
	bit := uint(1) << (top - 1)
	return code&(bit-1) | bit
}
