package signature

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func parsePGP(text string) (*Signature, error) {
	// Whoever reads on behind the first block could find another signature.
	if strings.Count(text, "-----BEGIN") != 1 || !strings.HasSuffix(text, pgpEnd) {
		return nil, ErrMalformed
	}
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil || block.Type != openpgp.SignatureType {
		return nil, ErrMalformed
	}
	raw, err := io.ReadAll(io.LimitReader(block.Body, MaxSize))
	if err != nil {
		return nil, ErrMalformed
	}
	packets := packet.NewReader(bytes.NewReader(raw))
	p, err := packets.Next()
	if err != nil {
		return nil, ErrMalformed
	}
	sig, ok := p.(*packet.Signature)
	if !ok || sig.IssuerKeyId == nil {
		return nil, ErrMalformed
	}
	// Two signatures in one could be by two keys, and people would be told of one.
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, ErrMalformed
	}
	return &Signature{Kind: OpenPGP, KeyID: keyID(*sig.IssuerKeyId), pgp: sig}, nil
}

func keyID(n uint64) string { return fmt.Sprintf("%016X", n) }

// weak are hashes for which somebody can make two texts with one signature.
var weak = map[crypto.Hash]bool{crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true}

// CheckPGP checks the signature, which Parse read, by the key or that subkey of
// it which the signature names. Whether the key has ended by now is for
// Outcome.At.
func (s *Signature) CheckPGP(payload []byte, k *PGPKey) (out Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = Outcome{Reason: VerifyError}
		}
	}()
	if s.pgp == nil {
		return Outcome{Reason: Invalid}
	}
	for i, part := range append([]PGPPart{k.PGPPart}, k.Subkeys...) {
		if part.KeyID != s.KeyID {
			continue
		}
		if out = s.checkPart(payload, k, part); out.Reason != Invalid || i == len(k.Subkeys) {
			return out
		}
	}
	return Outcome{Reason: Invalid}
}

func (s *Signature) checkPart(payload []byte, k *PGPKey, part PGPPart) Outcome {
	sig := s.pgp
	if weak[sig.Hash] || sig.SigType != packet.SigTypeBinary || sig.SigExpired(sig.CreationTime) {
		return Outcome{Reason: Invalid}
	}
	for _, n := range sig.Notations {
		if n.IsCritical {
			return Outcome{Reason: Invalid} // its maker says: do not accept this without understanding it
		}
	}
	h, err := sig.PrepareVerify()
	if err != nil {
		return Outcome{Reason: Invalid}
	}
	h.Write(payload)
	if part.pub.VerifySignature(h, sig) != nil {
		return Outcome{Reason: Invalid}
	}
	until := earlier(earlier(k.Expires, part.Expires), sigEnd(sig))
	switch {
	case k.Revoked || part.Revoked:
		return Outcome{Reason: RevokedKey}
	case !part.CanSign:
		return Outcome{Reason: NotSigningKey}
	case sig.CreationTime.Before(part.Created), !until.IsZero() && sig.CreationTime.After(until):
		return Outcome{Reason: ExpiredKey}
	}
	return Outcome{Reason: Valid, Until: until}
}

// earlier is the earlier of two ends, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func sigEnd(sig *packet.Signature) time.Time {
	if sig.SigLifetimeSecs == nil || *sig.SigLifetimeSecs == 0 {
		return time.Time{}
	}
	return sig.CreationTime.Add(time.Duration(*sig.SigLifetimeSecs) * time.Second)
}

// sized reports whether a key's numbers are such that nobody can break it in
// a while and computing with it takes none.
func sized(pub *packet.PublicKey) bool {
	bits, err := pub.BitLength()
	if err != nil {
		return false
	}
	switch pub.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoElGamal:
		return bits >= minRSABits && bits <= maxRSABits
	case packet.PubKeyAlgoDSA:
		return false // of old, and whoever makes one chooses how long each check takes
	}
	return true
}
