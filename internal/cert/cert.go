// Package cert provides the server's certificate: from an authority of its own
// that it makes at the first start, from two files, or from an ACME authority.
// What it returns keeps itself up to date while the server runs. It must never
// switch a check off, and never advise anybody to.
package cert

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"jeton/internal/problem"
)

// Mode says where the certificate comes from.
type Mode int

// The modes.
const (
	Local Mode = iota // an authority of the server's own, in Dir
	Files             // CertFile and KeyFile
	ACME              // an ACME authority
)

// Options says what certificate is wanted.
type Options struct {
	Mode Mode
	Dir  string // where made and fetched certificates are kept
	Host string // the public URL's host name or address

	CertFile, KeyFile string // for Files

	Email     string // for ACME
	Directory string // for ACME: empty for Let's Encrypt
	RootsFile string // for ACME: empty for the system's
	Listen    string // for ACME: where the server listens, so that no second listener is opened

	Log *slog.Logger     // nil for none
	Now func() time.Time // nil for time.Now
}

// Source hands out the certificate. It is safe for concurrent use.
type Source struct {
	get   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	next  []string
	local *local
	start func(context.Context) error
	close func()
}

// Open gets the certificate ready. With Local it makes what is missing; with
// Files it fails with problem.Invalid when the pair cannot be used; with ACME
// nothing is fetched before Start.
func Open(o Options) (*Source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch o.Mode {
	case Files:
		f, err := openFiles(o)
		if err != nil {
			return nil, err
		}
		return &Source{get: f.get}, nil
	case ACME:
		return openACME(o)
	}
	l, err := openLocal(o)
	if err != nil {
		return nil, err
	}
	return &Source{get: l.get, local: l}, nil
}

// TLS returns a new configuration for the server's listener: TLS 1.2 or newer,
// HTTP/2 or HTTP/1.1.
func (s *Source) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     append([]string{"h2", "http/1.1"}, s.next...),
		GetCertificate: s.get,
	}
}

// Authority returns the server's own authority; false if it has none.
func (s *Source) Authority() (Authority, bool) {
	if s.local == nil {
		return Authority{}, false
	}
	return s.local.authority(), true
}

// Start begins to fetch from the ACME authority, until ctx ends. Call it when
// the server already listens, because the authority asks back there. With the
// other modes it does nothing.
func (s *Source) Start(ctx context.Context) error {
	if s.start == nil {
		return nil
	}
	return s.start(ctx)
}

// Close ends what runs in the background.
func (s *Source) Close() {
	if s.close != nil {
		s.close()
	}
}

// names returns what the local leaf is for: this machine, and the public host.
func names(host string) (dns []string, ips []net.IP) {
	dns = []string{"localhost"}
	ips = []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
	if a, err := netip.ParseAddr(host); err == nil {
		ip := net.IP(a.Unmap().AsSlice())
		if !slices.ContainsFunc(ips, ip.Equal) {
			ips = append(ips, ip)
		}
	} else if host != "" && host != "localhost" {
		dns = append(dns, host)
	}
	return dns, ips
}

func unusable(err error, public, remedy string) error {
	return problem.Wrap(err, problem.Invalid, public, remedy)
}
