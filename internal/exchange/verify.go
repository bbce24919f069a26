package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// What identity tokens may be.
const (
	maxIdentity = 16 << 10       // bytes
	leeway      = time.Minute    // by which an issuer's clock may be ahead
	longest     = 24 * time.Hour // from when it was issued, or is looked at, to its end
)

// algorithms are those by which an identity token may be signed: only whoever has
// the private key can.
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}
}

// identity is what an identity token says. Nothing of it is true before its signature
// was verified.
type identity struct {
	raw    string
	claims map[string]json.RawMessage
	algorithm,
	issuer, subject, jti string
	audience         []string
	expires          time.Time
	issued, notEarly time.Time // zero: it does not say
	digest           [32]byte
}

// errMalformed is for what is no identity token at all.
var errMalformed = errors.New("no signed JSON Web Token with iss, sub, aud and exp")

// readIdentity reads an identity token without verifying anything.
func readIdentity(raw string) (*identity, error) {
	parts := strings.Split(raw, ".")
	if len(raw) > maxIdentity || len(parts) != 3 {
		return nil, errMalformed
	}
	head, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil {
		return nil, errMalformed
	}
	body, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, errMalformed
	}
	id := &identity{raw: raw}
	var header map[string]json.RawMessage
	if json.Unmarshal(head, &header) != nil || json.Unmarshal(header["alg"], &id.algorithm) != nil || json.Unmarshal(body, &id.claims) != nil {
		return nil, errMalformed
	}
	if id.text("iss", &id.issuer) != nil || id.text("sub", &id.subject) != nil || id.issuer == "" || id.subject == "" || !id.readAudience() {
		return nil, errMalformed
	}
	var ok [3]bool
	id.expires, ok[0] = id.moment("exp")
	id.issued, ok[1] = id.moment("iat")
	id.notEarly, ok[2] = id.moment("nbf")
	if ok != [3]bool{true, true, true} || id.expires.IsZero() {
		return nil, errMalformed
	}
	// A signature can be written in more than one way, a payload can't be changed
	// without the key: so it is the payload that is known again, or its number.
	if _, has := id.claims["jti"]; has && id.text("jti", &id.jti) != nil {
		return nil, errMalformed
	}
	id.digest = sha256.Sum256(append([]byte("payload "), body...))
	if id.jti != "" {
		id.digest = sha256.Sum256([]byte("jti " + id.issuer + " " + id.jti))
	}
	return id, nil
}

func (id *identity) text(name string, to *string) error { return json.Unmarshal(id.claims[name], to) }

// readAudience reads one audience or a list of them.
func (id *identity) readAudience() bool {
	var one string
	if id.text("aud", &one) == nil {
		id.audience = []string{one}
		return one != ""
	}
	return json.Unmarshal(id.claims["aud"], &id.audience) == nil && len(id.audience) > 0
}

// moment reads a time in seconds; the zero time where there is none.
func (id *identity) moment(name string) (time.Time, bool) {
	raw, has := id.claims[name]
	if !has {
		return time.Time{}, true
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || seconds < 1 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// claim is the text of a further claim: what is a number, or true or false, as it is
// written.
func (id *identity) claim(name string) (string, bool) {
	raw, has := id.claims[name]
	if !has || len(raw) == 0 {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && raw[0] == '"' {
		return s, true
	}
	if raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
		return "", false
	}
	return string(raw), true
}

// timely says what is wrong with the times of an identity token at now; empty:
// nothing.
func (id *identity) timely(now time.Time) string {
	begun := now
	if !id.issued.IsZero() && id.issued.Before(now) {
		begun = id.issued
	}
	switch {
	case !now.Before(id.expires):
		return whyExpired
	case now.Add(leeway).Before(id.notEarly), now.Add(leeway).Before(id.issued):
		return whyEarly
	case id.expires.Sub(begun) > longest:
		return whyLong
	}
	return ""
}

// fixedKeys are keys for one verification. It is an oidc.KeySet.
type fixedKeys struct {
	keys []jose.JSONWebKey
	err  error // of the last verification: the library tells its text alone
}

// errUnknownKey is the cause when no key could have made a signature.
var errUnknownKey = errors.New("signed by a key that the issuer does not have")

// VerifySignature returns the payload if one of the keys made the signature: the one
// that the token names, or any where it names none.
func (k *fixedKeys) VerifySignature(_ context.Context, jwt string) ([]byte, error) {
	var payload []byte
	payload, k.err = k.verify(jwt)
	return payload, k.err
}

func (k *fixedKeys) verify(jwt string) ([]byte, error) {
	known := make([]jose.SignatureAlgorithm, 0, 10)
	for _, a := range algorithms() {
		known = append(known, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSignedCompact(jwt, known)
	if err != nil {
		return nil, err
	}
	head := signed.Signatures[0].Header
	err = errUnknownKey
	for i := range k.keys {
		one := &k.keys[i]
		if head.KeyID != "" && one.KeyID != head.KeyID || one.Algorithm != "" && one.Algorithm != head.Algorithm {
			continue
		}
		payload, wrong := signed.Verify(one)
		if wrong == nil {
			return payload, nil
		}
		err = errBadSignature
	}
	return nil, err
}

// errBadSignature is the cause when a signature is not what it should be.
var errBadSignature = errors.New("the signature is not correct")

// verify checks the signature of an identity token by the keys of its issuer, and
// once more, by the library's hand, what was read from it.
func (id *identity) verify(ctx context.Context, keys []jose.JSONWebKey, now func() time.Time) error {
	set := &fixedKeys{keys: keys}
	v := oidc.NewVerifier(id.issuer, set, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms(), Now: now})
	said, err := v.Verify(ctx, id.raw)
	switch {
	case set.err != nil:
		return set.err
	case err != nil:
		return err
	}
	if said.Issuer != id.issuer || said.Subject != id.subject || !slices.Equal(said.Audience, id.audience) {
		return errors.New("two readers of the token don't agree")
	}
	return nil
}
