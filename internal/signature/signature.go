// Package signature reads and checks what git signs commits and tags with: SSH
// signatures (sshsig) and OpenPGP ones, and the public keys of both. Everything
// in it comes from strangers, so sizes, counts and algorithms are bounded before
// anything is computed. It must never know whose a key is: it says whether a key
// made a signature, and no more.
package signature

import (
	"errors"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// MaxSize is how many bytes the text of a signature may have.
const MaxSize = 64 << 10

// Kind is a kind of signature and of key.
type Kind string

// The kinds.
const (
	SSH     Kind = "ssh"
	OpenPGP Kind = "gpg"
)

// Errors of Parse.
var (
	ErrUnknownType = errors.New("signature: neither SSH nor OpenPGP")
	ErrMalformed   = errors.New("signature: malformed")
)

// Reason says why a signature counts or does not. They are GitHub's words, as
// the API has them, but for RevokedKey.
type Reason string

// The reasons.
const (
	Valid             Reason = "valid"
	Unsigned          Reason = "unsigned"
	UnknownType       Reason = "unknown_signature_type"
	Malformed         Reason = "malformed_signature"
	NoUser            Reason = "no_user"
	UnverifiedEmail   Reason = "unverified_email"
	BadEmail          Reason = "bad_email"
	UnknownKey        Reason = "unknown_key"
	NotSigningKey     Reason = "not_signing_key"
	ExpiredKey        Reason = "expired_key"
	RevokedKey        Reason = "revoked_key" // ours: GitHub has no word for it
	Invalid           Reason = "invalid"
	VerifyError       Reason = "gpgverify_error"
	VerifyUnavailable Reason = "gpgverify_unavailable"
)

// Outcome is what came of checking one signature by one key.
type Outcome struct {
	Reason Reason
	// Until is when the key ends; zero for never. Past it, what was Valid is
	// ExpiredKey.
	Until time.Time
}

// At is the outcome's reason at a moment.
func (o Outcome) At(now time.Time) Reason {
	if o.Reason == Valid && !o.Until.IsZero() && now.After(o.Until) {
		return ExpiredKey
	}
	return o.Reason
}

// Signature is one signature that was read, and not checked yet.
type Signature struct {
	Kind Kind
	// KeyID finds the key that says to have made it: an SSH key's fingerprint
	// ("SHA256:…"), or an OpenPGP key's id in 16 upper-case hexadecimal digits.
	KeyID string

	ssh *sshSignature
	pgp *packet.Signature
}

// The lines that signatures begin with.
const (
	sshBegin = "-----BEGIN SSH SIGNATURE-----"
	sshEnd   = "-----END SSH SIGNATURE-----"
	pgpBegin = "-----BEGIN PGP SIGNATURE-----"
	pgpEnd   = "-----END PGP SIGNATURE-----"
)

// Parse reads the text of a signature. It fails with ErrUnknownType or
// ErrMalformed.
func Parse(text string) (_ *Signature, err error) {
	defer recovered(&err)
	text = strings.TrimSpace(text)
	switch {
	case len(text) > MaxSize:
		return nil, ErrMalformed
	case strings.HasPrefix(text, sshBegin):
		return parseSSH(text)
	case strings.HasPrefix(text, pgpBegin):
		return parsePGP(text)
	}
	return nil, ErrUnknownType
}

// recovered turns a panic of a library over what a stranger wrote into an error:
// one odd signature must not make a whole list of commits unreadable.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = ErrMalformed
	}
}
