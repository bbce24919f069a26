package keys

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// key is one live key in memory.
type key struct {
	id        int64
	secret    []byte
	digestKey []byte
	macs      sync.Pool // of *mac; measured cheaper than two plain SHA-256 over padded keys

	mu    sync.RWMutex
	aeads map[string]cipher.AEAD // by purpose
}

// mac is a keyed hash and the buffer that its input goes through: an argument
// that is passed on to a hash would be moved to the heap by the caller.
type mac struct {
	h   hash.Hash
	buf [256]byte
}

func newKey(id int64, secret []byte) (*key, error) {
	sub, err := hkdf.Key(sha256.New, secret, nil, "jeton digest", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive digest key: %w", err)
	}
	k := &key{id: id, secret: secret, digestKey: sub, aeads: make(map[string]cipher.AEAD)}
	k.macs.New = func() any { return &mac{h: hmac.New(sha256.New, sub)} }
	return k, nil
}

// digest returns HMAC-SHA-256 of the label, after its length in four bytes, and
// the value: no two pairs of them give the same input.
func (k *key) digest(label string, value []byte) (sum [32]byte) {
	m := k.macs.Get().(*mac)
	m.h.Reset()
	binary.BigEndian.PutUint32(m.buf[:], uint32(len(label)))
	n := 4
	for len(label) > 0 {
		c := copy(m.buf[n:], label)
		label, n = label[c:], n+c
		n = m.flush(n)
	}
	for len(value) > 0 {
		c := copy(m.buf[n:], value)
		value, n = value[c:], n+c
		n = m.flush(n)
	}
	m.h.Write(m.buf[:n])
	m.h.Sum(m.buf[:0])
	copy(sum[:], m.buf[:])
	clear(m.buf[:])
	k.macs.Put(m)
	return sum
}

// flush hashes the first n bytes of the buffer if it is full, and returns how
// many are in it then.
func (m *mac) flush(n int) int {
	if n < len(m.buf) {
		return n
	}
	m.h.Write(m.buf[:])
	return 0
}

// Digest returns the digest of value under the current key, and that key's id.
// The label says what the digest is for; digests of different labels have
// nothing to do with each other. It does not allocate.
func (r *Ring) Digest(label string, value []byte) (key int64, sum [32]byte) {
	k := (*r.live.Load())[0]
	return k.id, k.digest(label, value)
}

// Digests returns the digest of value under each live key, the current first.
func (r *Ring) Digests(label string, value []byte) []Sum {
	live := *r.live.Load()
	out := make([]Sum, len(live))
	for i, k := range live {
		out[i] = Sum{Key: k.id, Sum: k.digest(label, value)}
	}
	return out
}

// DigestUnder returns the digest of value under the live key of that id; ok is
// false if there is none. It is for digests that are compared with stored ones
// and never moved to a newer key.
func (r *Ring) DigestUnder(key int64, label string, value []byte) (sum [32]byte, ok bool) {
	for _, k := range *r.live.Load() {
		if k.id == key {
			return k.digest(label, value), true
		}
	}
	return sum, false
}
