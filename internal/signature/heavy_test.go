package signature_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"jeton/internal/problem"
	"jeton/internal/signature"
)

// TestParsePGPKey_heavy: a key of as many parts as may be is read in a moment, and
// one of more is refused before anything in it is checked.
func TestParsePGPKey_heavy(t *testing.T) {
	t.Parallel()
	c := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", c)
	if err != nil {
		t.Fatal(err)
	}
	text := func() string {
		var b strings.Builder
		w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
		if err == nil {
			err = errors.Join(e.Serialize(w), w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for len(e.Subkeys) < 50 {
		if err := e.AddSigningSubkey(c); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if k, err := signature.ParsePGPKey(text()); err != nil || len(k.Subkeys) != 50 {
		t.Errorf("fifty subkeys: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if err := e.AddSigningSubkey(c); err != nil {
		t.Fatal(err)
	}
	if _, err := signature.ParsePGPKey(text()); !problem.Is(err, problem.Invalid) || !strings.Contains(problem.Of(err).Public, "more than 50 subkeys") {
		t.Errorf("one more: %v", err)
	}
}
