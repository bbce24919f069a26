package app_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// more are the requests for the scopes that guard public keys, statuses and
// deployments.
func (p *prover) more() map[right.Scope]func(plain string) bool {
	const ssh, gpg = "/api/v3/user/ssh_signing_keys", "/api/v3/user/gpg_keys"
	return map[right.Scope]func(string) bool{
		right.ScopeReadSSHSigningKey: func(plain string) bool { return p.do(plain, "GET", ssh, "") == http.StatusOK },
		right.ScopeReadGPGKey:        func(plain string) bool { return p.do(plain, "GET", gpg, "") == http.StatusOK },
		right.ScopeWriteSSHSigningKey: func(plain string) bool {
			return p.do(plain, "POST", ssh, fmt.Sprintf(`{"key":%q}`, p.sshKey())) == http.StatusCreated
		},
		right.ScopeWriteGPGKey: func(plain string) bool {
			return p.do(plain, "POST", gpg, fmt.Sprintf(`{"armored_public_key":%q}`, p.gpgKey())) == http.StatusCreated
		},
		right.ScopeAdminSSHSigningKey: func(plain string) bool {
			k, err := p.s.PublicKeys.AddSSH(p.t.Context(), right.Operator(), p.ada.ID, "", p.sshKey())
			if err != nil {
				p.t.Fatal(err)
			}
			return p.do(plain, "DELETE", fmt.Sprintf("%s/%d", ssh, k.ID), "") == http.StatusNoContent
		},
		right.ScopeAdminGPGKey: func(plain string) bool {
			k, err := p.s.PublicKeys.AddPGP(p.t.Context(), right.Operator(), p.ada.ID, "", p.gpgKey())
			if err != nil {
				p.t.Fatal(err)
			}
			return p.do(plain, "DELETE", fmt.Sprintf("%s/%d", gpg, k.ID), "") == http.StatusNoContent
		},
		right.ScopeRepoStatus: func(plain string) bool {
			return p.do(plain, "POST", "/api/v3/repos/ada/proof/statuses/main", `{"state":"success"}`) == http.StatusCreated
		},
		right.ScopeRepoDeployment: func(plain string) bool {
			return p.do(plain, "POST", "/api/v3/repos/ada/proof/deployments", `{"ref":"main","required_contexts":[]}`) == http.StatusCreated
		},
	}
}

// prover makes what the requests need.
type prover struct {
	t   *testing.T
	s   *apptest.Server
	ada account.Account
}

// newProver makes a private repository with a commit.
func newProver(t *testing.T, s *apptest.Server, ada account.Account) *prover {
	t.Helper()
	s.Repo(t, ada, "proof", true)
	_, plain := s.Token(t, ada, "proof", "repo")
	g := s.Git(t, ada.Login, plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "file", "x", "First")
	g.Run(t, "push", "-q", s.URL()+"/ada/proof.git", "HEAD:refs/heads/main")
	return &prover{t, s, ada}
}

func (p *prover) do(plain, method, path, body string) int {
	return p.s.Do(p.t, method, path, body, "Authorization: Bearer "+plain).StatusCode
}

func (p *prover) sshKey() string {
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

func (p *prover) gpgKey() string {
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		p.t.Fatal(err)
	}
	var b strings.Builder
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err == nil {
		err = errors.Join(e.Serialize(w), w.Close())
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return b.String()
}
