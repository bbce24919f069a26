package signin

import (
	"crypto/rand"
	"encoding/base64"

	"jeton/internal/secret"
)

const bearerSize = 32

// newBearer draws a bearer value and returns it with the bytes that are
// digested.
func newBearer() (secret.Value, [bearerSize]byte) {
	var raw [bearerSize]byte
	_, _ = rand.Read(raw[:]) // never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(raw[:])), raw
}

// parseBearer reads a bearer value; it has exactly one spelling.
func parseBearer(v secret.Value) (raw [bearerSize]byte, ok bool) {
	s := v.Reveal()
	if len(s) != base64.RawURLEncoding.EncodedLen(bearerSize) {
		return raw, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(s))
	return raw, err == nil && n == bearerSize
}
