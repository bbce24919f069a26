package exchange_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/trust"
)

// TestKeys_rotation: a new key serves at once, the old one no more.
func TestKeys_rotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.exchange(t, w.issuer.Token(t, w.job())); r.Access == "" {
		t.Fatalf("%+v", r)
	}
	old := w.issuer.Token(t, w.job())
	w.issuer.Rotate(t)
	w.Advance(11 * time.Second) // since the keys were fetched
	if r := w.exchange(t, w.issuer.Token(t, w.job())); r.Access == "" {
		t.Errorf("the new key: %+v", r)
	}
	if r := w.exchange(t, old); r.Access != "" || !w.refused(t, "signature") {
		t.Errorf("the old key: %+v", r)
	}
	// An unknown key has the issuer asked once in ten seconds, whoever makes them up.
	asked := w.issuer.Asked.Load()
	for range 20 {
		w.exchange(t, old)
	}
	if n := w.issuer.Asked.Load() - asked; n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
	w.Advance(11 * time.Second)
	for range 20 {
		w.exchange(t, old)
	}
	if n := w.issuer.Asked.Load() - asked; n != 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// TestKeys_down: the keys that are known serve while the issuer does not answer, for a
// day; without any the machine is told to come again.
func TestKeys_down(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second, third := w.issuer.Token(t, w.job()), w.issuer.Token(t, w.job()), w.issuer.Token(t, w.job())
	long := w.job()
	long.Expires = in(23 * time.Hour)
	fourth := w.issuer.Token(t, long)
	w.issuer.Down.Store(true)
	if r := w.exchange(t, first); r.Status != 503 || r.Error != "temporarily_unavailable" || r.Header == "" || !w.refused(t, "issuer unavailable") {
		t.Errorf("nothing known: %+v", r)
	}
	w.issuer.Down.Store(false)
	w.Advance(11 * time.Second)
	if r := w.exchange(t, second); r.Access == "" {
		t.Fatalf("%+v", r)
	}
	w.issuer.Down.Store(true)
	w.Advance(4 * time.Minute)
	if r := w.exchange(t, third); r.Access == "" {
		t.Errorf("fresh keys: %+v", r)
	}
	w.Advance(22 * time.Hour)
	if r := w.exchange(t, fourth); r.Access == "" {
		t.Errorf("old keys: %+v", r)
	}
}

// TestKeys_hanging: an issuer that does not answer holds nobody for long.
func TestKeys_hanging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	identity := w.issuer.Token(t, w.job())
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	hang := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}
	w.issuer.Before.Store(&hang)
	begun := time.Now()
	if r := w.exchange(t, identity); r.Status != 503 || time.Since(begun) > 20*time.Second {
		t.Errorf("after %s: %+v", time.Since(begun), r)
	}
	begun = time.Now()
	if r := w.exchange(t, identity); r.Status != 503 || time.Since(begun) > 2*time.Second {
		t.Errorf("the next one, after %s: %+v", time.Since(begun), r)
	}
}

// hostile is a server that poses as an issuer, in whatever way a test wants.
type hostile struct {
	*httptest.Server
	asked atomic.Int64
	key   *rsa.PrivateKey
	serve func(w http.ResponseWriter, r *http.Request)
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{key: key}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		h.serve(w, r)
	}))
	t.Cleanup(h.Close)
	h.serve = h.honest
	return h
}

// honest is what a good issuer answers.
func (h *hostile) honest(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/keys" {
		_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, h.jwk())
		return
	}
	_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, h.URL, h.URL+"/keys")
}

func (h *hostile) jwk() string {
	e := big.NewInt(int64(h.key.E)).Bytes()
	return fmt.Sprintf(`{"kty":"RSA","kid":"a","use":"sig","n":%q,"e":%q}`, base64.RawURLEncoding.EncodeToString(h.key.N.Bytes()), base64.RawURLEncoding.EncodeToString(e))
}

// token signs what the test wants; sign gets what is to be signed.
func (h *hostile) token(head, claims map[string]any, sign func(input []byte) []byte) string {
	all := map[string]any{"iss": h.URL, "sub": subject, "aud": audience, "exp": time.Now().Add(5 * time.Minute).Unix(), "environment": "production", "jti": rand.Text()}
	for name, v := range claims {
		if v == nil {
			delete(all, name)
			continue
		}
		all[name] = v
	}
	a, _ := json.Marshal(head)
	b, _ := json.Marshal(all)
	input := base64.RawURLEncoding.EncodeToString(a) + "." + base64.RawURLEncoding.EncodeToString(b)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func (h *hostile) rs256(input []byte) []byte {
	sum := sha256.Sum256(input)
	out, err := rsa.SignPKCS1v15(rand.Reader, h.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return out
}

func (h *hostile) good(claims map[string]any) string {
	return h.token(map[string]any{"alg": "RS256", "kid": "a"}, claims, h.rs256)
}

// trustsHostile has the repository trust a hostile issuer as well.
func trustsHostile(t *testing.T) (*world, *hostile) {
	t.Helper()
	h := newHostile(t)
	w := newWorld(t, func(c *config.Config) { addRoot(t, c, h.Certificate()) })
	s := w.statement()
	s.Name, s.Issuer = "Hostile", h.URL
	w.trusts(t, s)
	return w, h
}

// TestKeys_algorithms: a token that nobody signed, or that anybody can who knows the
// public key, is worth nothing.
func TestKeys_algorithms(t *testing.T) {
	t.Parallel()
	w, h := trustsHostile(t)
	public, err := x509.MarshalPKIXPublicKey(&h.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			m := hmac.New(sha256.New, key)
			m.Write(input)
			return m.Sum(nil)
		}
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func([]byte) []byte { return nil }
	for name, identity := range map[string]string{
		"none":                        h.token(map[string]any{"alg": "none"}, nil, nothing),
		"None":                        h.token(map[string]any{"alg": "NonE", "kid": "a"}, nil, nothing),
		"HS256 by the public key":     h.token(map[string]any{"alg": "HS256", "kid": "a"}, nil, hs256(public)),
		"HS256 by the modulus":        h.token(map[string]any{"alg": "HS256", "kid": "a"}, nil, hs256(h.key.N.Bytes())),
		"RS256 without a signature":   h.token(map[string]any{"alg": "RS256", "kid": "a"}, nil, nothing),
		"ES256 over an RSA signature": h.token(map[string]any{"alg": "ES256", "kid": "a"}, nil, h.rs256),
		"another key of that name":    (&hostile{Server: h.Server, key: other}).good(nil),
		"a key that it brings along": h.token(map[string]any{"alg": "RS256", "jwk": json.RawMessage((&hostile{key: other}).jwk())}, nil,
			(&hostile{key: other}).rs256),
		"a key that it points to": h.token(map[string]any{"alg": "RS256", "kid": "b", "jku": h.URL + "/keys", "x5u": h.URL + "/keys"}, nil,
			(&hostile{key: other}).rs256),
		"a key that is a path":          h.token(map[string]any{"alg": "RS256", "kid": "../keys"}, nil, h.rs256),
		"a payload as it is":            h.token(map[string]any{"alg": "RS256", "kid": "a", "b64": false, "crit": []string{"b64"}}, nil, h.rs256),
		"RS256 in small letters":        h.token(map[string]any{"alg": "rs256", "kid": "a"}, nil, h.rs256),
		"a subject in capitals":         h.good(map[string]any{"sub": nil, "SUB": subject}),
		"a number as a subject":         h.good(map[string]any{"sub": 7}),
		"audiences in a list of a list": h.good(map[string]any{"aud": [][]string{{audience}}}),
		"an end without one":            h.good(map[string]any{"exp": 1e300}),
		"something critical":            h.token(map[string]any{"alg": "RS256", "kid": "a", "crit": []string{"x"}, "x": 1}, nil, h.rs256),
		"no end":                        h.good(map[string]any{"exp": nil}),
		"an end that is text":           h.good(map[string]any{"exp": "9999999999"}),
		"no subject":                    h.good(map[string]any{"sub": nil}),
		"no audience":                   h.good(map[string]any{"aud": nil}),
		"no issuer":                     h.good(map[string]any{"iss": nil}),
		"a claim in a list":             h.good(map[string]any{"environment": []string{"production"}}),
		"issuer with a slash":           h.good(map[string]any{"iss": h.URL + "/"}),
		"issued in the future":          h.good(map[string]any{"iat": time.Now().Add(2 * time.Minute).Unix()}),
		"five parts":                    h.good(nil) + ".a.b",
		"no token":                      "x",
		"too large":                     h.good(map[string]any{"x": strings.Repeat("x", 20<<10)}),
	} {
		if r := w.exchange(t, identity); r.Access != "" || r.Status != 400 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, why := range []string{"algorithm", "signature", "claim environment", "not yet valid", "issuer"} {
		if !w.refused(t, why) {
			t.Errorf("the log does not say %q", why)
		}
	}
	if r := w.exchange(t, h.good(nil)); r.Access == "" {
		t.Errorf("a good one: %+v", r)
	}
	// What was exchanged is known again however it is written.
	again := h.good(map[string]any{"jti": nil})
	if r := w.exchange(t, again); r.Access == "" {
		t.Errorf("%+v", r)
	}
	pss := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		out, err := rsa.SignPSS(rand.Reader, h.key, crypto.SHA256, sum[:], nil)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"PS256","kid":"a"}`))
	input := head + "." + strings.Split(again, ".")[1]
	if r := w.exchange(t, input+"."+base64.RawURLEncoding.EncodeToString(pss([]byte(input)))); !strings.Contains(r.Why, "already") {
		t.Errorf("signed once more: %+v", r)
	}
}

// TestKeys_documents (K1): what an issuer says of itself is believed only if it is
// about it, small, and where it was asked for.
func TestKeys_documents(t *testing.T) {
	t.Parallel()
	w, h := trustsHostile(t)
	large := strings.Repeat(" ", 300<<10)
	var inside atomic.Int64
	hidden := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	t.Cleanup(hidden.Close)
	for name, serve := range map[string]func(w http.ResponseWriter, r *http.Request){
		"about another issuer": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				h.honest(w, r)
				return
			}
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, h.URL+"/", h.URL+"/keys")
		},
		"its name in capitals": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				h.honest(w, r)
				return
			}
			_, _ = fmt.Fprintf(w, `{"ISSUER":%q,"jwks_uri":%q}`, h.URL, h.URL+"/keys")
		},
		"no document": func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `[]`) },
		"a large one": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, large)
			h.honest(w, r)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, hidden.URL, http.StatusFound) },
		"a redirect of the keys": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				http.Redirect(w, r, hidden.URL, http.StatusTemporaryRedirect)
				return
			}
			h.honest(w, r)
		},
		"keys over http": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://192.0.2.1/keys"}`, h.URL)
		},
		"keys in a file": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, h.URL)
		},
		"a shared secret": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				_, _ = fmt.Fprint(w, `{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`)
				return
			}
			h.honest(w, r)
		},
		"very many keys": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				_, _ = fmt.Fprintf(w, `{"keys":[%s%s]}`, strings.Repeat(`{"kty":"x"},`, 200), h.jwk())
				return
			}
			h.honest(w, r)
		},
		"an error": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			h.honest(w, r)
		},
	} {
		h.serve = serve
		w.Advance(11 * time.Second)
		if r := w.exchange(t, h.good(map[string]any{"exp": w.Now().Add(time.Minute).Unix()})); r.Status != 503 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if inside.Load() != 0 {
		t.Error("a redirect was followed")
	}
	h.serve = h.honest
	w.Advance(11 * time.Second)
	if r := w.exchange(t, h.good(map[string]any{"exp": w.Now().Add(time.Minute).Unix()})); r.Access == "" {
		t.Errorf("a good one: %+v", r)
	}
}

// TestKeys_private (K3, K5): an issuer in a private network is not reached unless the
// administrator opened it, whatever its address, and by the one outbound client.
func TestKeys_private(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	s := apptest.Start(t, func(c *config.Config) {
		addRoot(t, c, h.Certificate())
		c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	w := &world{Server: s, ada: s.User(t, "ada")}
	w.repo = w.Repo(t, w.ada, "engine", true)
	for i, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		issuer := "https://" + host + h.URL[strings.LastIndex(h.URL, ":"):]
		w.trusts(t, trust.Statement{Name: fmt.Sprint("t", i), Issuer: issuer, Audience: audience, Subject: subject, Permissions: permissions("contents=read"), Minutes: 5})
		if r := w.exchange(t, h.good(map[string]any{"iss": issuer})); r.Status != 503 || r.Access != "" {
			t.Errorf("%s: %+v", host, r)
		}
	}
	if h.asked.Load() != 0 || !w.refused(t, "issuer unavailable") {
		t.Error("a private address was reached")
	}
}

// TestKeys_named (K6): no issuer is asked that no trust of the place names.
func TestKeys_named(t *testing.T) {
	t.Parallel()
	w, h := trustsHostile(t)
	w.Repo(t, w.ada, "other", true)
	for _, place := range []string{"/ada/other", "/ada/none", "/ada"} {
		if r := w.exchange(t, h.good(nil), "resource", w.URL()+place); r.Error != "invalid_target" {
			t.Errorf("%s: %+v", place, r)
		}
	}
	if h.asked.Load() != 0 {
		t.Error("the issuer was asked for a place that does not trust it")
	}
}
