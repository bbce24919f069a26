package signature_test

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"jeton/internal/signature"
)

const payload = "tree 0\n\nmessage\n"

func entity(t *testing.T, change func(*openpgp.Entity, *packet.Config)) (*openpgp.Entity, *signature.PGPKey) {
	t.Helper()
	c := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", c)
	if err != nil {
		t.Fatal(err)
	}
	change(e, c)
	var b strings.Builder
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err == nil {
		err = errors.Join(e.Serialize(w), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := signature.ParsePGPKey(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return e, k
}

// resign signs the key's statement about itself again after a change.
func resign(t *testing.T, e *openpgp.Entity, c *packet.Config) {
	t.Helper()
	for _, i := range e.Identities {
		if err := i.SelfSignature.SignUserId(i.UserId.Id, e.PrimaryKey, e.PrivateKey, c); err != nil {
			t.Fatal(err)
		}
	}
}

// sign makes a signature by the primary key, whatever the key is meant for.
func sign(t *testing.T, e *openpgp.Entity, change func(*packet.Signature)) *signature.Signature {
	t.Helper()
	sig := &packet.Signature{Version: 4, SigType: packet.SigTypeBinary, PubKeyAlgo: e.PrivateKey.PubKeyAlgo, Hash: crypto.SHA256, CreationTime: e.PrimaryKey.CreationTime, IssuerKeyId: &e.PrimaryKey.KeyId}
	change(sig)
	h, err := sig.PrepareSign(nil)
	if err == nil {
		_, err = io.WriteString(h, payload)
	}
	if err == nil {
		err = sig.Sign(h, e.PrivateKey, nil)
	}
	var raw bytes.Buffer
	if err == nil {
		err = sig.Serialize(&raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w, err := armor.Encode(&b, openpgp.SignatureType, nil)
	if err == nil {
		_, err = w.Write(raw.Bytes())
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := signature.Parse(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheckPGP: what git and gpg do not make by themselves.
func TestCheckPGP(t *testing.T) {
	t.Parallel()
	keep := func(*openpgp.Entity, *packet.Config) {}
	life := func(e *openpgp.Entity, c *packet.Config) {
		for _, i := range e.Identities {
			hour := uint32(3600)
			i.SelfSignature.KeyLifetimeSecs = &hour
		}
		resign(t, e, c)
	}
	for name, c := range map[string]struct {
		key  func(*openpgp.Entity, *packet.Config)
		sig  func(*packet.Signature)
		text string
		want signature.Reason
	}{
		"good":            {keep, func(*packet.Signature) {}, payload, signature.Valid},
		"another text":    {keep, func(*packet.Signature) {}, payload + "x", signature.Invalid},
		"before the key":  {keep, func(s *packet.Signature) { s.CreationTime = s.CreationTime.Add(-time.Hour) }, payload, signature.ExpiredKey},
		"after its end":   {life, func(s *packet.Signature) { s.CreationTime = s.CreationTime.Add(2 * time.Hour) }, payload, signature.ExpiredKey},
		"within its life": {life, func(*packet.Signature) {}, payload, signature.Valid},
		"not for signing": {func(e *openpgp.Entity, c *packet.Config) {
			for _, i := range e.Identities {
				i.SelfSignature.FlagSign = false
			}
			resign(t, e, c)
		}, func(*packet.Signature) {}, payload, signature.NotSigningKey},
	} {
		e, k := entity(t, c.key)
		got := sign(t, e, c.sig).CheckPGP([]byte(c.text), k)
		if got.Reason != c.want {
			t.Errorf("%s: %s, want %s", name, got.Reason, c.want)
		}
		if name == "within its life" && (got.At(time.Now()) != signature.Valid || got.At(time.Now().Add(2*time.Hour)) != signature.ExpiredKey) {
			t.Errorf("%s: %s until %s", name, got.At(time.Now()), got.Until)
		}
	}
	e, _ := entity(t, keep)
	_, other := entity(t, keep)
	if got := sign(t, e, func(*packet.Signature) {}).CheckPGP([]byte(payload), other); got.Reason != signature.Invalid {
		t.Errorf("by another key: %s", got.Reason)
	}
}

// TestCheckSSH: what was signed for something other than git is no signature of
// a commit.
func TestCheckSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ssh-keygen: %v", err)
		}
		return string(out)
	}
	run("", "-q", "-t", "ed25519", "-N", "", "-f", "key")
	public, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := signature.ParseSSHKey(string(public))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		namespace, hash, text string
		want                  signature.Reason
	}{{"git", "sha512", payload, signature.Valid}, {"git", "sha256", payload, signature.Valid}, {"git", "sha512", "x", signature.Invalid}, {"file", "sha512", payload, signature.Invalid}} {
		s, err := signature.Parse(run(payload, "-Y", "sign", "-n", c.namespace, "-O", "hashalg="+c.hash, "-f", "key"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CheckSSH([]byte(c.text), k); got.Reason != c.want || s.KeyID != k.Fingerprint {
			t.Errorf("%s, %s: %s, want %s", c.namespace, c.hash, got.Reason, c.want)
		}
	}
}
