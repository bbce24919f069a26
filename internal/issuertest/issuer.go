// Package issuertest is an issuer of identity tokens for tests: a real OpenID provider
// (zitadel/oidc) on loopback, over HTTPS, that gives machines their tokens by the grant
// of client credentials. Only tests import it.
package issuertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"jeton/internal/config"
)

// Issuer is a running issuer.
type Issuer struct {
	URL    string
	CAFile string // what its certificate is checked against
	Asked  atomic.Int64
	Down   atomic.Bool                         // it answers with 503
	Before atomic.Pointer[func(*http.Request)] // called before each answer, if set

	server *httptest.Server
	store  *store
}

// Job is for what a machine asks a token.
type Job struct {
	Subject  string
	Audience []string
	Claims   map[string]any
	Expires  time.Time // zero: in five minutes
}

// Start starts an issuer and stops it when the test ends.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{store: &store{jobs: map[string]Job{}}}
	i.Rotate(t)
	var provider http.Handler
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.Asked.Add(1)
		if before := i.Before.Load(); before != nil {
			(*before)(r)
		}
		if i.Down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		provider.ServeHTTP(w, r)
	}))
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		t.Fatal(err)
	}
	p, err := op.NewProvider(&op.Config{CryptoKey: key, CryptoKeyId: "test", AuthMethodPost: true}, i.store, op.StaticIssuer(i.URL))
	if err != nil {
		t.Fatal(err)
	}
	provider = p
	i.CAFile = filepath.Join(t.TempDir(), "issuer.pem")
	if err := os.WriteFile(i.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// Allow lets a server reach the issuer.
func (i *Issuer) Allow(c *config.Config) {
	c.WebhookCA, c.WebhookAllow = i.CAFile, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// Rotate gives the issuer another key, and takes the old one away.
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.store.key = signingKey{id: rand.Text(), key: key}
}

// Token asks the issuer for a token.
func (i *Issuer) Token(t testing.TB, j Job) string {
	t.Helper()
	if j.Expires.IsZero() {
		j.Expires = time.Now().Add(5 * time.Minute)
	}
	name := rand.Text()
	i.store.mu.Lock()
	i.store.jobs[name] = j
	i.store.mu.Unlock()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {name}, "client_secret": {name}, "scope": {"openid"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := i.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Token == "" {
		t.Fatalf("the issuer gives no token: %d %v %s", resp.StatusCode, err, out.Error)
	}
	return out.Token
}

// Key is the private key of this moment and its name, for tests that sign by
// themselves what the issuer would not.
func (i *Issuer) Key() (*ecdsa.PrivateKey, string) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	return i.store.key.key, i.store.key.id
}

// store is what the provider keeps: one key, and what was asked. What it does not
// implement is not used by the grant.
type store struct {
	op.Storage

	mu   sync.Mutex
	key  signingKey     // guarded by mu
	jobs map[string]Job // guarded by mu
}

type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// SignatureAlgorithm is by what the key signs.
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key is the private key.
func (k signingKey) Key() any { return k.key }

// ID is the key's name.
func (k signingKey) ID() string { return k.id }

type publicKey struct{ signingKey }

// Algorithm is by what the key signs.
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Use is for signatures.
func (k publicKey) Use() string { return "sig" }

// Key is the public key.
func (k publicKey) Key() any { return &k.key.PublicKey }

// SigningKey is the key of this moment.
func (s *store) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key, nil
}

// KeySet is what the issuer publishes.
func (s *store) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []op.Key{publicKey{s.key}}, nil
}

// SignatureAlgorithms are those that the issuer uses.
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// Health is good.
func (s *store) Health(context.Context) error { return nil }

func (s *store) job(name string) (Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, ok := s.jobs[name]
	if !ok {
		return Job{}, errors.New("no such machine")
	}
	return j, nil
}

// ClientCredentials finds the machine that asks.
func (s *store) ClientCredentials(_ context.Context, name, secret string) (op.Client, error) {
	if _, err := s.job(name); err != nil || secret != name {
		return nil, errors.New("no such machine")
	}
	return client{name: name}, nil
}

// ClientCredentialsTokenRequest is what it asks for.
func (s *store) ClientCredentialsTokenRequest(_ context.Context, name string, _ []string) (op.TokenRequest, error) {
	j, err := s.job(name)
	return request{j}, err
}

// CreateAccessToken draws the number of a token.
func (s *store) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), r.(request).Expires, nil
}

// GetPrivateClaimsFromScopes are the further claims.
func (s *store) GetPrivateClaimsFromScopes(_ context.Context, _, name string, _ []string) (map[string]any, error) {
	j, err := s.job(name)
	return maps.Clone(j.Claims), err
}

type request struct{ Job }

// GetSubject is whom the token is about.
func (r request) GetSubject() string { return r.Subject }

// GetAudience is for whom it is.
func (r request) GetAudience() []string { return r.Audience }

// GetScopes are none.
func (r request) GetScopes() []string { return nil }

// client is a machine that asks. What it does not implement is not used by the grant.
type client struct {
	op.Client
	name string
}

// GetID is its name.
func (c client) GetID() string { return c.name }

// AccessTokenType has the token signed.
func (c client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// ClockSkew is none.
func (c client) ClockSkew() time.Duration { return 0 }

// GrantTypes is the one.
func (c client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

// RestrictAdditionalAccessTokenScopes restricts nothing.
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
