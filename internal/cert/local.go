package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// leafLife stays below the 398 days past which browsers refuse a leaf.
	leafLife = 396 * 24 * time.Hour
	// renewBefore is how long before its end a leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
	// backdate lets a client whose clock is behind use a new certificate.
	backdate = time.Hour

	authorityFile = "ca.pem"     // public: what people trust
	authorityKeys = "ca-key.pem" // the authority with its key
	leafFile      = "leaf.pem"   // the leaf with its key
)

// local is the certificate from an authority of the server's own. Certificate
// and key stand in one file each, so that no crash leaves a pair that does not
// match.
type local struct {
	o    Options
	leaf atomic.Pointer[tls.Certificate]

	mu sync.Mutex
	ca *tls.Certificate // guarded by mu
}

// openLocal reads the authority and the leaf, and makes the ones that are
// missing, used up, or not for the names that are wanted.
func openLocal(o Options) (*local, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, unusable(err, "the folder for certificates cannot be made", "Check that this user may write to the data folder.")
	}
	l := &local{o: o}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.loadAuthority(); err != nil {
		return nil, err
	}
	return l, l.loadLeaf()
}

func (l *local) loadAuthority() error {
	path := filepath.Join(l.o.Dir, authorityKeys)
	ca, err := readPair(path)
	why := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return unusable(err, "the local certificate authority cannot be read", "Restore "+path+" from a copy. Or move it away: a new authority is made then, which everybody has to trust again.")
	default:
		why = l.unfit(ca.Leaf)
	}
	if err == nil && why == "" {
		l.ca = ca
		if left := ca.Leaf.NotAfter.Sub(l.o.Now()); left < leafLife {
			l.o.Log.Warn("the local certificate authority ends soon; a new one will be made then, which everybody has to trust again", "ends", ca.Leaf.NotAfter)
		}
		return l.publish()
	}
	if l.ca, err = l.newAuthority(); err != nil {
		return err
	}
	if err := writePair(path, l.ca); err != nil {
		return unusable(err, "the local certificate authority cannot be written", "Check that this user may write to "+l.o.Dir+".")
	}
	if why != "" {
		l.o.Log.Warn("A NEW LOCAL CERTIFICATE AUTHORITY WAS MADE because the old one "+why+". Whoever trusted the old one must trust this one instead, and should remove the old one.",
			"fingerprint", fingerprint(l.ca.Leaf), "file", filepath.Join(l.o.Dir, authorityFile))
	} else {
		l.o.Log.Info("a local certificate authority was made", "fingerprint", fingerprint(l.ca.Leaf))
	}
	return l.publish()
}

// publish writes the copy of the authority that people are told to trust.
func (l *local) publish() error {
	path, want := filepath.Join(l.o.Dir, authorityFile), encodeCert(l.ca.Leaf)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err := writeFile(path, want, 0o644); err != nil {
		return unusable(err, "the local authority's certificate cannot be written", "Check that this user may write to "+l.o.Dir+".")
	}
	return nil
}

// unfit says why ca cannot sign the leaf that is wanted; empty if it can.
func (l *local) unfit(ca *x509.Certificate) string {
	dns, ips := names(l.o.Host)
	switch {
	case l.o.Now().After(ca.NotAfter.Add(-renewBefore)):
		return "came to its end"
	case !ca.IsCA || !ca.MaxPathLenZero || !ca.PermittedDNSDomainsCritical:
		return "was not limited to this server's names"
	}
	for _, d := range dns {
		if !slices.Contains(ca.PermittedDNSDomains, d) {
			return "was not for the name " + d
		}
	}
	for _, ip := range ips {
		if !slices.ContainsFunc(ca.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) }) {
			return "was not for the address " + ip.String()
		}
	}
	return ""
}

func (l *local) newAuthority() (*tls.Certificate, error) {
	now := l.o.Now()
	dns, ips := names(l.o.Host)
	t := &x509.Certificate{
		// The date tells two authorities of one machine apart in a list.
		Subject:               pkix.Name{CommonName: "Jeton local authority " + now.UTC().Format(time.DateOnly), Organization: []string{"Jeton on " + dns[len(dns)-1]}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         dns,
	}
	for _, ip := range ips {
		n := len(ip) * 8
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(n, n)})
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return sign(t, t, key, key)
}

func (l *local) loadLeaf() error {
	pair, err := readPair(filepath.Join(l.o.Dir, leafFile))
	if err == nil && l.leafFits(pair.Leaf) {
		l.show(pair)
		return nil
	}
	// A leaf that is missing or broken costs nothing: nobody trusts it itself.
	return l.renew()
}

func (l *local) leafFits(leaf *x509.Certificate) bool {
	dns, ips := names(l.o.Host)
	return l.o.Now().Before(leaf.NotAfter.Add(-renewBefore)) &&
		slices.Equal(leaf.DNSNames, dns) &&
		slices.EqualFunc(leaf.IPAddresses, ips, net.IP.Equal) &&
		leaf.CheckSignatureFrom(l.ca.Leaf) == nil
}

// renew makes a new leaf. The caller holds mu.
func (l *local) renew() error {
	now := l.o.Now()
	dns, ips := names(l.o.Host)
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: dns[len(dns)-1]},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(-backdate).Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    dns,
		IPAddresses: ips,

		BasicConstraintsValid: true,
	}
	if t.NotAfter.After(l.ca.Leaf.NotAfter) {
		t.NotAfter = l.ca.Leaf.NotAfter
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer, ok := l.ca.PrivateKey.(crypto.Signer)
	if !ok {
		return errors.New("the authority's key cannot sign")
	}
	pair, err := sign(t, l.ca.Leaf, key, signer)
	if err != nil {
		return err
	}
	if err := writePair(filepath.Join(l.o.Dir, leafFile), pair); err != nil {
		return unusable(err, "the server's certificate cannot be written", "Check that this user may write to "+l.o.Dir+".")
	}
	l.show(pair)
	l.o.Log.Info("a certificate was made", "names", dns, "ends", t.NotAfter)
	return nil
}

// show makes pair what clients are shown, with the authority behind it: a client
// that does not know it yet can tell its person the fingerprint.
func (l *local) show(pair *tls.Certificate) {
	pair.Certificate = [][]byte{pair.Leaf.Raw, l.ca.Leaf.Raw}
	l.leaf.Store(pair)
}

// get hands out the leaf and replaces it when its end comes near. One handshake
// pays for that; while it does, others get the old leaf, which is still good.
func (l *local) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	leaf := l.leaf.Load()
	if l.o.Now().Before(leaf.Leaf.NotAfter.Add(-renewBefore)) || !l.mu.TryLock() {
		return leaf, nil
	}
	defer l.mu.Unlock()
	if l.leafFits(l.leaf.Load().Leaf) {
		return l.leaf.Load(), nil
	}
	err := l.loadAuthority()
	if err == nil {
		err = l.renew()
	}
	if err != nil {
		l.o.Log.Error("the certificate could not be renewed", "ends", leaf.Leaf.NotAfter, "err", err)
	}
	return l.leaf.Load(), nil
}

func (l *local) authority() Authority {
	l.mu.Lock()
	defer l.mu.Unlock()
	return describe(filepath.Join(l.o.Dir, authorityFile), l.ca.Leaf)
}

func describe(path string, ca *x509.Certificate) Authority {
	return Authority{Name: ca.Subject.CommonName, File: path, Fingerprint: fingerprint(ca), PEM: encodeCert(ca), Ends: ca.NotAfter}
}

// sign makes a certificate of t for key, signed by the parent's key.
func sign(t, parent *x509.Certificate, key *ecdsa.PrivateKey, by crypto.Signer) (*tls.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, err
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always of one length
	t.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the signed certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	var b []byte
	for i, x := range sum {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hex.EncodeToString([]byte{x})...)
	}
	return string(bytes.ToUpper(b))
}

func encodeCert(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func readPair(path string) (*tls.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		// The package's error may quote from the file.
		return nil, errors.New("certificate and key are not readable, or do not match")
	}
	return &pair, nil
}

func writePair(path string, pair *tls.Certificate) error {
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	text := append(encodeCert(pair.Leaf), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	return writeFile(path, text, 0o600)
}

// writeFile replaces path whole: a crash leaves the old content or the new.
func writeFile(path string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
