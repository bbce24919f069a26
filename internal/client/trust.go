package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jeton/internal/printable"
	"jeton/internal/problem"
)

// Authority is a certificate authority that a host showed and that this machine
// does not know.
type Authority struct {
	Name        string
	Fingerprint string // SHA-256 of the certificate, in pairs of hexadecimal digits with colons
	PEM         []byte
}

// stranger is why a connection failed: the host's certificate comes from an
// authority that this machine does not know, and which may be trusted.
type stranger struct{ Authority }

// Error returns the text for the person.
func (s *stranger) Error() string {
	return "the host's certificate comes from an authority that this machine does not know: " + s.Name
}

// transport returns a transport that trusts the system's authorities, or the one
// that was confirmed for the host and no other.
func transport(authority []byte) (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute}
	if authority != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(authority) {
			return nil, problem.New(problem.Invalid, "what is kept of the host's authority is no certificate", "Sign in again with jeton login.")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, nil
}

// unknown looks for the host's own authority in a handshake that failed for
// want of one. The chain is checked against it, so that only the question is
// left whether it is the host's.
func unknown(err error, host string, now time.Time) error {
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if _, strange := errors.AsType[x509.UnknownAuthorityError](err); !ok || !strange || len(failed.UnverifiedCertificates) < 2 {
		return nil
	}
	chain := failed.UnverifiedCertificates
	ca := chain[len(chain)-1]
	if !ca.IsCA || ca.CheckSignatureFrom(ca) != nil {
		return nil
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca)
	for _, c := range chain[1 : len(chain)-1] {
		middle.AddCert(c)
	}
	u, parseErr := url.Parse(host)
	if parseErr != nil {
		return nil
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: u.Hostname(), Roots: roots, Intermediates: middle, CurrentTime: now}); err != nil {
		return nil
	}
	return &stranger{Authority{Name: printable.Line(ca.Subject.CommonName, maxLogin), Fingerprint: fingerprint(ca), PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})}}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":")
}

// SameFingerprint compares what a person typed with a fingerprint; case, colons
// and spaces don't matter.
func SameFingerprint(a, b string) bool {
	plain := func(s string) string {
		return strings.ToUpper(strings.NewReplacer(":", "", " ", "", "-", "").Replace(s))
	}
	return plain(a) == plain(b) && len(plain(a)) == 2*sha256.Size
}

// Confirm asks whether an authority is the host's.
type Confirm func(host string, a Authority) (bool, error)

// meet finds out whether there is a host of this kind, and which authority must
// be trusted for it; nil where the system's will do.
func (c *Client) meet(ctx context.Context, host string, confirm Confirm) ([]byte, error) {
	err := c.api(host, nil).hello(ctx)
	s, ok := errors.AsType[*stranger](err)
	if !ok {
		return nil, err
	}
	if confirm == nil {
		return nil, problem.New(problem.Forbidden, s.Error(), "Compare its fingerprint with the one that \"jeton serve\" shows, and give it with --fingerprint:\n  "+s.Fingerprint)
	}
	yes, err := confirm(host, s.Authority)
	if err != nil {
		return nil, err
	}
	if !yes {
		return nil, problem.New(problem.Forbidden, "the authority was not confirmed, so nothing was sent to "+host, fmt.Sprintf("It showed the fingerprint\n  %s\nAsk whoever runs the host which one is right.", s.Fingerprint))
	}
	return s.PEM, c.api(host, s.PEM).hello(ctx)
}
