package matrix

import (
	"context"
	"crypto/ed25519"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/pubkey"
	"jeton/internal/right"
)

// keyRules are about public keys, by the API and on pages. GitHub says 404 to a
// token that lacks the scope for these.
var keyRules = []rule{
	about(`rest GET /api/v3/user/keys`, signedIn, "", false),
	missingFor(about(`rest GET /api/v3/user/ssh_signing_keys(/.*)?`, signedIn, "read:ssh_signing_key", false)),
	missingFor(about(`rest POST /api/v3/user/ssh_signing_keys`, signedIn, "write:ssh_signing_key", false)),
	missingFor(about(`rest DELETE /api/v3/user/ssh_signing_keys/.*`, signedIn, "admin:ssh_signing_key", false)),
	missingFor(about(`rest GET /api/v3/user/gpg_keys(/.*)?`, signedIn, "read:gpg_key", false)),
	missingFor(about(`rest POST /api/v3/user/gpg_keys`, signedIn, "write:gpg_key", false)),
	missingFor(about(`rest DELETE /api/v3/user/gpg_keys/.*`, signedIn, "admin:gpg_key", false)),

	about(`web GET /settings/(ssh|gpg)/new`, signedIn, "", true),
}

// keyRoutes act upon a key that is made for each request alone.
var keyRoutes = regexp.MustCompile(`_key_id\}|/settings/(ssh|gpg)/\{key\}`)

// key gives the person a key for the request and returns its number.
func (m *matrix) key(t testing.TB, c kase) id.PublicKey {
	t.Helper()
	w, p := m.world(c), m.person(c)
	ctx := context.WithoutCancel(t.Context())
	var k pubkey.Key
	var err error
	if strings.Contains(c.path, "gpg") {
		k, err = w.s.PublicKeys.AddPGP(ctx, right.Operator(), p.ID, "matrix", newGPGKey(t, p.Login))
	} else {
		k, err = w.s.PublicKeys.AddSSH(ctx, right.Operator(), p.ID, "matrix", newSSHKey(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	m.keys.Store(c.String(), k)
	return k.ID
}

// dropKey removes the key of a request that is over.
func (m *matrix) dropKey(t testing.TB, c kase) {
	t.Helper()
	k, ok := m.keys.LoadAndDelete(c.String())
	if !ok {
		return
	}
	key := k.(pubkey.Key)
	_, err := m.world(c).s.PublicKeys.Delete(context.WithoutCancel(t.Context()), right.Operator(), m.person(c).ID, key.Kind, key.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
}

func newSSHKey(t testing.TB) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(k))
}

func newGPGKey(t testing.TB, login string) string {
	t.Helper()
	e, err := openpgp.NewEntity(login, "", login+"@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
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
