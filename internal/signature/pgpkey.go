package signature

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"jeton/internal/problem"
)

// The bounds of OpenPGP keys.
const (
	maxPGPKey   = 128 << 10 // bytes of its text
	maxPackets  = 500       // each may cost a check of a signature
	maxSubkeys  = 50
	maxIdentity = 50
)

// PGPPart is a key or a subkey.
type PGPPart struct {
	KeyID       string // 16 upper-case hexadecimal digits
	Fingerprint string // upper-case hexadecimal digits
	Packet      string // the public key alone, in base64
	Created     time.Time
	Expires     time.Time // zero: never
	Revoked     bool

	CanSign, CanCertify, CanEncryptComms, CanEncryptStorage bool

	pub *packet.PublicKey
}

// PGPKey is a public OpenPGP key with its subkeys.
type PGPKey struct {
	PGPPart
	Subkeys []PGPPart
	Emails  []string // of its identities that were not revoked
	Raw     string   // the whole key, in armour
}

func badPGPKey() error {
	return problem.Field("armored_public_key", "We got an error doing that. The key is invalid: send what \"gpg --armor --export\" prints")
}

// ParsePGPKey reads one public key in armour. It fails with problem.Invalid on
// the field armored_public_key.
func ParsePGPKey(text string) (_ *PGPKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = badPGPKey()
		}
	}()
	text = strings.TrimSpace(text)
	if len(text) > maxPGPKey {
		return nil, problem.Field("armored_public_key", "The key is larger than 128 KiB. Export it without the signatures of others: gpg --armor --export-options export-minimal --export")
	}
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, badPGPKey()
	}
	if block.Type == openpgp.PrivateKeyType {
		return nil, privateKey()
	}
	if block.Type != openpgp.PublicKeyType {
		return nil, badPGPKey()
	}
	raw, err := io.ReadAll(io.LimitReader(block.Body, maxPGPKey))
	if err != nil {
		return nil, badPGPKey()
	}
	if err := survey(raw); err != nil {
		return nil, err
	}
	entity, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, badPGPKey()
	}
	return newPGPKey(entity, raw)
}

func privateKey() error {
	return problem.Field("armored_public_key", "This is a private key. Never give it to anybody: send what \"gpg --armor --export\" prints")
}

// survey looks at what a key consists of before any signature in it is checked.
func survey(raw []byte) error {
	packets := packet.NewReader(bytes.NewReader(raw))
	var n, keys, subkeys, ids int
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badPGPKey()
		}
		switch p := p.(type) {
		case *packet.PublicKey:
			if !sized(p) {
				return problem.Field("armored_public_key", "The key is too short or too long, or of a kind that is not known here. RSA keys have 2048 to 16384 bits")
			}
			if p.IsSubkey {
				subkeys++
			} else {
				keys++
			}
		case *packet.PrivateKey:
			return privateKey()
		case *packet.UserId:
			ids++
		case *packet.Signature, *packet.UserAttribute:
		default:
			return badPGPKey()
		}
		if n++; n > maxPackets || subkeys > maxSubkeys || ids > maxIdentity {
			return problem.Field("armored_public_key", fmt.Sprintf("The key has more than %d subkeys, %d identities or %d parts", maxSubkeys, maxIdentity, maxPackets))
		}
	}
	if keys != 1 {
		return problem.Field("armored_public_key", "Send one key at a time")
	}
	return nil
}

func newPGPKey(e *openpgp.Entity, raw []byte) (*PGPKey, error) {
	self, _ := e.PrimarySelfSignature()
	if self == nil {
		return nil, badPGPKey()
	}
	var b strings.Builder
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	_, err = w.Write(raw)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	k := &PGPKey{PGPPart: newPart(e.PrimaryKey, self), Raw: b.String()}
	k.Revoked = len(e.Revocations) > 0
	if !self.FlagsValid { // of old: everything that its algorithm can
		k.CanSign, k.CanCertify = e.PrimaryKey.PubKeyAlgo.CanSign(), e.PrimaryKey.PubKeyAlgo.CanSign()
	}
	for i := range e.Subkeys {
		s := &e.Subkeys[i]
		part := newPart(s.PublicKey, s.Sig)
		part.Revoked = len(s.Revocations) > 0
		k.Subkeys = append(k.Subkeys, part)
	}
	for _, id := range e.Identities {
		if id.UserId == nil || id.SelfSignature == nil || len(id.Revocations) > 0 {
			continue
		}
		if m := strings.TrimSpace(id.UserId.Email); m != "" && len(m) <= 254 && !strings.ContainsAny(m, " \t\r\n") {
			k.Emails = append(k.Emails, m)
		}
	}
	slices.Sort(k.Emails)
	k.Emails = slices.Compact(k.Emails)
	return k, nil
}

// newPart reads a key and what the signature that binds it says of it.
func newPart(pub *packet.PublicKey, by *packet.Signature) PGPPart {
	var b bytes.Buffer
	_ = pub.Serialize(&b) // a buffer takes everything
	p := PGPPart{KeyID: keyID(pub.KeyId), Fingerprint: fmt.Sprintf("%X", pub.Fingerprint), Packet: base64.StdEncoding.EncodeToString(b.Bytes()),
		Created: pub.CreationTime.UTC(), pub: pub}
	if by.KeyLifetimeSecs != nil && *by.KeyLifetimeSecs != 0 {
		p.Expires = p.Created.Add(time.Duration(*by.KeyLifetimeSecs) * time.Second)
	}
	p.Expires = earlier(p.Expires, sigEnd(by))
	if by.FlagsValid {
		can := pub.PubKeyAlgo.CanSign()
		p.CanSign, p.CanCertify = by.FlagSign && can, by.FlagCertify && can
		p.CanEncryptComms, p.CanEncryptStorage = by.FlagEncryptCommunications, by.FlagEncryptStorage
	}
	return p
}
