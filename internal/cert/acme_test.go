package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// TestACME gets a certificate from Let's Encrypt's own test server, which asks
// back at our listener. It sets variables for that server, so it runs alone.
func TestACME(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	const host = "git.jeton.test"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	authority, roots, trusted := pebble(t, ln.Addr().(*net.TCPAddr).Port)
	o := Options{Mode: ACME, Dir: t.TempDir(), Host: host, Email: "admin@jeton.test", Directory: authority.URL + wfe.DirectoryPath,
		RootsFile: roots, Listen: ln.Addr().String(), Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if s := Inspect(o); s.Wrong == "" {
		t.Errorf("before the first start: %+v", s)
	}
	s := open(t, o)
	serve(t, s, ln)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	first := fetched(t, ln.Addr().String(), host, trusted)
	if first.VerifyHostname(host) != nil || first.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("the certificate is for %v, its key %v", first.DNSNames, first.PublicKeyAlgorithm)
	}
	if st := Inspect(o); st.Wrong != "" || len(st.Names) != 1 || st.Names[0] != host {
		t.Errorf("afterwards: %+v", st)
	}

	// A second start uses what was kept, also while the authority is away.
	authority.Close()
	again := open(t, o)
	if err := again.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, again, second)
	if got := fetched(t, second.Addr().String(), host, trusted); !got.Equal(first) {
		t.Error("a second start fetched another certificate")
	}
}

func serve(t *testing.T, s *Source, ln net.Listener) {
	server := &http.Server{ReadHeaderTimeout: time.Minute, TLSConfig: s.TLS(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })}
	go func() { _ = server.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
}

// pebble starts the test server. It returns it, the file with its own
// certificate, and the root of those that it gives.
func pebble(t *testing.T, tlsPort int) (*httptest.Server, string, *x509.CertPool) {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuing := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "The default profile"}})
	validating := va.New(quiet, 0, tlsPort, true, resolver(t), store)
	front := wfe.New(quiet, store, validating, issuing, []string{"pebble.letsencrypt.org"}, true, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	write(t, roots, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	trusted := x509.NewCertPool()
	trusted.AddCert(issuing.GetRootCert(0).Cert)
	return server, roots, trusted
}

// resolver answers every name with this machine, and returns its address.
func resolver(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // pebble asks over TCP
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// fetched waits until a handshake for host succeeds, and returns the leaf.
func fetched(t *testing.T, address, host string, trusted *x509.CertPool) *x509.Certificate {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: host, RootCAs: trusted, MinVersion: tls.VersionTLS12})
		if err == nil {
			defer conn.Close()
			return conn.ConnectionState().PeerCertificates[0]
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("no certificate came: %v", err)
		}
	}
}
