package keys

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed value: one byte of version, the key's id in eight, the nonce, the
// ciphertext with its tag. XChaCha20-Poly1305's nonce is long enough to be
// drawn at random without counting how often.
const (
	sealVersion = 1
	headSize    = 1 + 8
	overhead    = headSize + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

var errSealed = errors.New("the sealed value is damaged or was not made for this")

// Seal encrypts plain under the current key. It opens only for the same
// purpose and with the same aad, which say what the value is and where it
// belongs (a row's id, for one), so that sealed values can't be swapped.
func (r *Ring) Seal(purpose string, plain, aad []byte) ([]byte, error) {
	k := (*r.live.Load())[0]
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headSize+chacha20poly1305.NonceSizeX, overhead+len(plain))
	out[0] = sealVersion
	binary.BigEndian.PutUint64(out[1:], uint64(k.id))
	rand.Read(out[headSize:])
	return aead.Seal(out, out[headSize:], plain, bound(out[:headSize], aad)), nil
}

// Open decrypts what Seal made under any live key.
func (r *Ring) Open(purpose string, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != sealVersion {
		return nil, errSealed
	}
	id := int64(binary.BigEndian.Uint64(sealed[1:]))
	for _, k := range *r.live.Load() {
		if k.id != id {
			continue
		}
		aead, err := k.aead(purpose)
		if err != nil {
			return nil, err
		}
		nonce := sealed[headSize : headSize+chacha20poly1305.NonceSizeX]
		plain, err := aead.Open(nil, nonce, sealed[headSize+len(nonce):], bound(sealed[:headSize], aad))
		if err != nil {
			return nil, errSealed
		}
		return plain, nil
	}
	return nil, fmt.Errorf("the value was sealed under key %d, which is not live", id)
}

// SealedWith returns the id of the key that sealed was made with, 0 if it is
// no sealed value: one of an older key can be sealed anew when it is used.
func SealedWith(sealed []byte) int64 {
	if len(sealed) < overhead || sealed[0] != sealVersion {
		return 0
	}
	return int64(binary.BigEndian.Uint64(sealed[1:]))
}

func bound(head, aad []byte) []byte {
	return append(append(make([]byte, 0, len(head)+len(aad)), head...), aad...)
}

// aead returns the cipher of a purpose. Purposes are words in the program, so
// there are few.
func (k *key) aead(purpose string) (cipher.AEAD, error) {
	k.mu.RLock()
	a := k.aeads[purpose]
	k.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	sub, err := hkdf.Key(sha256.New, k.secret, nil, "jeton seal "+purpose, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive sealing key: %w", err)
	}
	if a, err = chacha20poly1305.NewX(sub); err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.aeads[purpose] = a
	return a, nil
}
