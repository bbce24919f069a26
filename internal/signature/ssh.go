package signature

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"jeton/internal/problem"
)

// The bounds of SSH keys.
const (
	maxSSHKey  = 16 << 10 // bytes of its text
	minRSABits = 2048
	maxRSABits = 16384
)

// namespace is what git signs under; a signature for anything else is none.
const namespace = "git"

var sshTypes = [...]string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
}

// SSHKey is a public SSH key.
type SSHKey struct {
	Text        string // its type and its base64, without a comment
	Comment     string
	Fingerprint string // "SHA256:…"

	pub ssh.PublicKey
}

func badSSHKey() error {
	return problem.Field("key", "key is invalid. You must supply a key in OpenSSH public key format")
}

// ParseSSHKey reads a public key as a line of OpenSSH's .pub files. It fails with
// problem.Invalid on the field key, in GitHub's words where it has some.
func ParseSSHKey(text string) (_ SSHKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = badSSHKey()
		}
	}()
	text = strings.TrimSpace(text)
	if strings.Contains(text, "PRIVATE KEY") {
		return SSHKey{}, problem.Field("key", "key is a private key. Never give it to anybody: send the file that ends in .pub")
	}
	fields := strings.Fields(text)
	if len(text) > maxSSHKey || len(fields) < 2 || strings.ContainsAny(text, "\r\n") {
		return SSHKey{}, badSSHKey()
	}
	if fields[0] == "ssh-dss" {
		return SSHKey{}, problem.Field("key", "key is of the type DSA, which is not safe any more. Use ssh-ed25519")
	}
	if !slices.Contains(sshTypes[:], fields[0]) {
		return SSHKey{}, badSSHKey()
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return SSHKey{}, badSSHKey()
	}
	pub, err := ssh.ParsePublicKey(blob)
	if err != nil || pub.Type() != fields[0] {
		return SSHKey{}, badSSHKey()
	}
	if c, ok := pub.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && (r.N.BitLen() < minRSABits || r.N.BitLen() > maxRSABits) {
			return SSHKey{}, problem.Field("key", "key is too short or too long. RSA keys have 2048 to 16384 bits")
		}
	}
	return SSHKey{Text: fields[0] + " " + base64.StdEncoding.EncodeToString(blob), Comment: strings.Join(fields[2:], " "),
		Fingerprint: fingerprint(blob), pub: pub}, nil
}

func fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// sshSignature is the content of an SSH signature, by OpenSSH's PROTOCOL.sshsig.
type sshSignature struct {
	key       []byte
	namespace string
	reserved  string
	hash      string
	signature []byte
}

const sshMagic = "SSHSIG"

func parseSSH(text string) (*Signature, error) {
	inner, ok := strings.CutPrefix(text, sshBegin)
	inner, end := strings.CutSuffix(inner, sshEnd)
	if !ok || !end {
		return nil, ErrMalformed
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(inner), ""))
	if err != nil || len(blob) < len(sshMagic)+4 || string(blob[:len(sshMagic)]) != sshMagic {
		return nil, ErrMalformed
	}
	blob = blob[len(sshMagic):]
	if binary.BigEndian.Uint32(blob) != 1 {
		return nil, ErrMalformed
	}
	var w struct {
		Version   uint32
		Key       string
		Namespace string
		Reserved  string
		Hash      string
		Signature string
	}
	if err := ssh.Unmarshal(blob, &w); err != nil || w.Key == "" {
		return nil, ErrMalformed
	}
	s := &sshSignature{key: []byte(w.Key), namespace: w.Namespace, reserved: w.Reserved, hash: w.Hash, signature: []byte(w.Signature)}
	return &Signature{Kind: SSH, KeyID: fingerprint(s.key), ssh: s}, nil
}

// CheckSSH checks the signature, which Parse read, by a key.
func (s *Signature) CheckSSH(payload []byte, k SSHKey) (out Outcome) {
	out.Reason = Invalid
	defer func() {
		if r := recover(); r != nil {
			out = Outcome{Reason: VerifyError}
		}
	}()
	if s.ssh == nil || s.KeyID != k.Fingerprint || s.ssh.namespace != namespace {
		return out
	}
	var digest []byte
	switch s.ssh.hash {
	case "sha256":
		sum := sha256.Sum256(payload)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(payload)
		digest = sum[:]
	default:
		return out
	}
	signed := append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.ssh.namespace, s.ssh.reserved, s.ssh.hash, digest})...)
	var sig ssh.Signature
	if err := ssh.Unmarshal(s.ssh.signature, &sig); err != nil {
		return out
	}
	// ssh-rsa is RSA with SHA-1, which PROTOCOL.sshsig excludes.
	if sig.Format == ssh.KeyAlgoRSA || k.pub.Verify(signed, &sig) != nil {
		return out
	}
	return Outcome{Reason: Valid}
}
