package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// trustPages are the pages that say how to trust the site: a repository's and
// the one of a new token.
func trustPages(t *testing.T, s *apptest.Server) []page {
	t.Helper()
	s.Repo(t, s.User(t, "ada"), "engine", true)
	p := signedIn(t, s, "ada")
	return []page{
		p.get("/ada/engine").want(t, 200, "Clone over HTTPS"),
		p.follow(p.post("/settings/tokens", "note", "Laptop", "expires", "30", "scopes", "repo")).want(t, 200, "Your new token: Laptop"),
	}
}

// TestTrust_local: who works on another computer needs the file there, and has
// to know that it is the right one.
func TestTrust_local(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	a, local := s.Authority()
	if !local || a.Fingerprint == "" {
		t.Fatal("the server has no authority of its own")
	}
	for _, page := range trustPages(t, s) {
		page.want(t, 200, a.File, "On another computer: copy this file there first and compare its SHA-256 fingerprint: "+a.Fingerprint)
	}
}

// TestTrust_files: the certificate of another authority needs no trust from us.
func TestTrust_files(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t)
	s := apptest.Start(t, func(c *config.Config) { c.TLS, c.TLSCert, c.TLSKey = config.Files, certFile, keyFile })
	s.Wire.TLSClientConfig = &tls.Config{RootCAs: pool}
	for _, page := range trustPages(t, s) {
		for _, part := range []string{"On another computer", "fingerprint", "sslCAInfo", "--cacert", "certificate of its own"} {
			if strings.Contains(page.body, part) {
				t.Errorf("%s says %q though the certificate is not ours", page.Request.URL.Path, part)
			}
		}
	}
}

// certificate writes a certificate for this machine that vouches for itself.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return put("cert.pem", "CERTIFICATE", der), put("key.pem", "PRIVATE KEY", private), pool
}
