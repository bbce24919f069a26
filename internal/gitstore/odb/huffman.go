package odb

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
)

// litEntry and distEntry are what a symbol means, without the code's length.
func litEntry(sym uint16) uint32 {
	switch {
	case sym < 256:
		return flagLiteral | uint32(sym)<<16
	case sym == 256:
		return flagEnd
	case int(sym-257) < len(lengthBase):
		return uint32(lengthBase[sym-257])<<16 | uint32(lengthExtra[sym-257])<<8
	}
	return 0
}

func distEntry(sym uint16) uint32 {
	if int(sym) < len(distBase) {
		return uint32(distBase[sym])<<16 | uint32(distExtra[sym])<<8
	}
	return 0
}

func symbolEntry(sym uint16) uint32 { return flagLiteral | uint32(sym)<<16 }

// buildTable makes a table from the lengths of the codes. As zlib does, it takes
// an incomplete set only if whole is false and the set is a single code of one
// bit or empty.
func buildTable(table []uint32, root uint, lens []uint8, whole bool, entry func(uint16) uint32) bool {
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
	fill(table, root, longest, &count, &sorted, entry)
	return true
}

// fill lays the codes into the table, in the order of their lengths.
func fill(table []uint32, root, longest uint, count *[16]uint16, sorted *[288]uint16, entry func(uint16) uint32) {
	n := uint(1)
	for count[n] == 0 {
		n++
	}
	code, at, next := uint(0), 0, uint(1)<<root // code is in reversed bits
	sub, drop, bits := uint(0), uint(0), root
	low := ^uint(0)
	for {
		if n > root && code&(1<<root-1) != low {
			// The first code with these first bits: a table for all of them.
			drop, sub = root, next
			bits = n - root
			space := 1 << bits
			for bits+root < longest {
				if space -= int(count[bits+root]); space <= 0 {
					break
				}
				bits++
				space <<= 1
			}
			next += 1 << bits
			low = code & (1<<root - 1)
			table[low] = uint32(sub)<<16 | flagSecond | uint32(bits)<<8 | uint32(root)
		}
		e := entry(sorted[at])
		if e != 0 {
			e |= uint32(n - drop)
		}
		for i := code >> drop; i < 1<<bits; i += 1 << (n - drop) {
			table[sub+i] = e
		}
		at++
		// The next code: add one to the reversed bits.
		bit := uint(1) << (n - 1)
		for code&bit != 0 {
			bit >>= 1
		}
		if bit != 0 {
			code = code&(bit-1) + bit
		} else {
			code = 0
		}
		if count[n]--; count[n] == 0 {
			if n == longest {
				return
			}
			for n++; count[n] == 0; n++ {
			}
		}
	}
}
