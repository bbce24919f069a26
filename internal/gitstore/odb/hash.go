package odb

import (
	"encoding/hex"

	"jeton/internal/gitstore/object"
)

// Hash is an object's id in binary. One of SHA-1 fills the first 20 bytes and
// leaves zeros behind them.
type Hash [32]byte

// ParseHash reads a full id of either format.
func ParseHash(id object.ID) (Hash, bool) {
	var h Hash
	if len(id) != 40 && len(id) != 64 {
		return h, false
	}
	for i := range len(id) / 2 {
		a, b := nibble(id[2*i]), nibble(id[2*i+1])
		if a|b > 15 {
			return Hash{}, false
		}
		h[i] = a<<4 | b
	}
	return h, true
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// ID returns the id in hexadecimal.
func (h *Hash) ID(format object.Format) object.ID {
	var buf [64]byte
	n := hex.Encode(buf[:], h[:format.Size()])
	return object.ID(buf[:n])
}
