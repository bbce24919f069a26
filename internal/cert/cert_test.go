package cert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/problem"
)

// clock is a clock that a test turns.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time            { return time.Unix(0, c.at.Load()) }
func (c *clock) add(d time.Duration)       { c.at.Add(int64(d)) }
func (c *clock) options(o Options) Options { o.Now = c.now; return o }

func open(t *testing.T, o Options) *Source {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func leaf(t *testing.T, s *Source) *x509.Certificate {
	t.Helper()
	c, err := s.TLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func TestLocal_made(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	s := open(t, Options{Dir: dir, Host: "git.example.com"})
	a, ok := s.Authority()
	if !ok {
		t.Fatal("no authority")
	}
	ca, err := firstCertificate(a.PEM)
	if err != nil {
		t.Fatal(err)
	}
	if !ca.IsCA || !ca.MaxPathLenZero || ca.MaxPathLen != 0 || !ca.PermittedDNSDomainsCritical ||
		!slices.Equal(ca.PermittedDNSDomains, []string{"localhost", "git.example.com"}) || len(ca.PermittedIPRanges) != 2 {
		t.Errorf("the authority is not limited: path %d, names %v, addresses %v", ca.MaxPathLen, ca.PermittedDNSDomains, ca.PermittedIPRanges)
	}
	l := leaf(t, s)
	if life := l.NotAfter.Sub(l.NotBefore); life > 397*24*time.Hour {
		t.Errorf("the leaf lives %v, want at most 397 days", life)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "git.example.com"} {
		if _, err := l.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("the leaf is not good for %s: %v", name, err)
		}
	}
	for name, mode := range map[string]os.FileMode{"ca-key.pem": 0o600, "leaf.pem": 0o600, "ca.pem": 0o644} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: got %v, %v, want mode %v", name, st.Mode(), err, mode)
		}
	}
	if b, _ := os.ReadFile(a.File); !bytes.Equal(b, a.PEM) || bytes.Contains(b, []byte("PRIVATE")) {
		t.Errorf("the public file is not the authority's certificate alone:\n%s", b)
	}

	again := open(t, Options{Dir: dir, Host: "git.example.com"})
	if b, _ := again.Authority(); b.Fingerprint != a.Fingerprint || !leaf(t, again).Equal(l) {
		t.Error("a second start made new certificates")
	}
}

// TestLocal_constrained shows that the authority's key, stolen, makes no
// certificate for another host that its believers accept.
func TestLocal_constrained(t *testing.T) {
	t.Parallel()
	l, err := openLocal(Options{Dir: t.TempDir(), Host: "git.example.com", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	evil := &local{o: l.o, ca: l.ca}
	evil.o.Host, evil.o.Dir = "bank.example.org", t.TempDir()
	if err := evil.renew(); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(l.ca.Leaf)
	if _, err := evil.leaf.Load().Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "bank.example.org"}); err == nil {
		t.Error("the authority's signature was good for a name outside its limits")
	}
}

func TestLocal_renewsByItself(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, c.options(Options{Dir: t.TempDir()}))
	first, ca := leaf(t, s), fingerprintOf(s)
	c.add(leafLife - renewBefore - 2*time.Hour)
	if !leaf(t, s).Equal(first) {
		t.Error("the leaf was renewed too early")
	}
	c.add(2 * time.Hour)
	second := leaf(t, s)
	if second.Equal(first) || !second.NotAfter.After(first.NotAfter) {
		t.Error("the leaf was not renewed before its end")
	}
	if fingerprintOf(s) != ca {
		t.Error("renewing the leaf changed the authority")
	}
	c.add(authorityLife)
	if leaf(t, s); fingerprintOf(s) == ca {
		t.Error("the authority was used past its end")
	}
	if l := leaf(t, s); c.now().After(l.NotAfter) {
		t.Error("the leaf has ended")
	}
}

func fingerprintOf(s *Source) string { a, _ := s.Authority(); return a.Fingerprint }

func TestLocal_namesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := fingerprintOf(open(t, Options{Dir: dir}))
	var log bytes.Buffer
	s := open(t, Options{Dir: dir, Host: "git.example.com", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if fingerprintOf(s) == before {
		t.Error("the authority was kept although it may not sign for the new name")
	}
	if !strings.Contains(log.String(), "NEW LOCAL CERTIFICATE AUTHORITY") || !strings.Contains(log.String(), fingerprintOf(s)) {
		t.Errorf("the change was not said loudly:\n%s", &log)
	}
	if err := leaf(t, s).VerifyHostname("git.example.com"); err != nil {
		t.Error(err)
	}
	// Fewer names need no new authority, only a new leaf.
	log.Reset()
	back := open(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if fingerprintOf(back) != fingerprintOf(s) || leaf(t, back).VerifyHostname("git.example.com") == nil {
		t.Errorf("going back to fewer names: got a new authority or an old leaf\n%s", &log)
	}
}

func TestLocal_brokenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := fingerprintOf(open(t, Options{Dir: dir}))
	write(t, filepath.Join(dir, leafFile), "rubbish")
	if got := fingerprintOf(open(t, Options{Dir: dir})); got != before {
		t.Error("a broken leaf changed the authority")
	}
	write(t, filepath.Join(dir, authorityKeys), "rubbish")
	_, err := Open(Options{Dir: dir})
	if p := problem.Of(err); err == nil || p.Kind != problem.Invalid || p.Remedy == "" {
		t.Errorf("a broken authority: got %v, want a problem with its remedy", err)
	}
}

// TestLocal_clients lets real clients judge the certificate, by the lines that
// people are told to run.
func TestLocal_clients(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Dir: filepath.Join(t.TempDir(), "a folder"), Host: "127.0.0.1"})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", s.TLS())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "info/refs") {
				_, _ = io.WriteString(w, r.Proto)
				return
			}
			_, _ = io.WriteString(w, strings.Repeat("1", 40)+"\trefs/heads/main\n") // git's oldest protocol
		})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	a, _ := s.Authority()
	_, port, _ := net.SplitHostPort(ln.Addr().String())

	for _, host := range []string{"localhost", "127.0.0.1"} {
		url := "https://" + net.JoinHostPort(host, port)
		out, err := shell(t, "curl -sS --cacert "+quote(a.File)+" "+url)
		if err != nil || out != "HTTP/2.0" {
			t.Errorf("curl %s: %q, %v, want HTTP/2.0", host, out, err)
		}
		if out, err := shell(t, "git ls-remote "+url+"/x.git"); err == nil {
			t.Errorf("git believed an unknown authority: %s", out)
		}
		out, err = shell(t, GitLine(url, a.File)+" && git ls-remote "+url+"/x.git")
		if err != nil || !strings.Contains(out, "refs/heads/main") {
			t.Errorf("git %s after %q: %q, %v", host, GitLine(url, a.File), out, err)
		}
	}
	if out, err := shell(t, "curl -sS --tls-max 1.1 --cacert "+quote(a.File)+" https://localhost:"+port); err == nil {
		t.Errorf("TLS 1.1 was spoken: %s", out)
	}
}

// shell runs a line with a home of its own and without the variables that would
// win over what is tested.
func shell(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestFiles_reload(t *testing.T) {
	t.Parallel()
	dir, c := t.TempDir(), newClock()
	o := c.options(Options{Mode: Files, CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")})
	pair := func(host string) (string, string) {
		d := t.TempDir()
		open(t, Options{Dir: d, Host: host})
		b, err := os.ReadFile(filepath.Join(d, leafFile))
		if err != nil {
			t.Fatal(err)
		}
		cut := bytes.Index(b, []byte("-----BEGIN PRIVATE"))
		return string(b[:cut]), string(b[cut:])
	}
	cert1, key1 := pair("one.example.com")
	cert2, key2 := pair("two.example.com")
	write(t, o.CertFile, cert1)
	if _, err := Open(o); !problem.Is(err, problem.Invalid) {
		t.Errorf("without a key: got %v, want problem.Invalid", err)
	}
	write(t, o.KeyFile, key1)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s := open(t, o)
	want := func(host, when string) {
		t.Helper()
		if err := leaf(t, s).VerifyHostname(host); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	want("one.example.com", "at the start")
	write(t, o.CertFile, cert2)
	want("one.example.com", "before it is time to look")
	c.add(lookEvery)
	want("one.example.com", "after half of the pair changed")
	if !strings.Contains(log.String(), "the old one stays") {
		t.Errorf("a pair that does not match was not logged:\n%s", &log)
	}
	write(t, o.KeyFile, key2)
	c.add(lookEvery)
	want("two.example.com", "after both changed")
	if err := os.Remove(o.KeyFile); err != nil {
		t.Fatal(err)
	}
	c.add(lookEvery)
	want("two.example.com", "after the key vanished")
}

func TestInspect(t *testing.T) {
	t.Parallel()
	dir, c := t.TempDir(), newClock()
	o := c.options(Options{Dir: dir, Host: "git.example.com"})
	if s := Inspect(o); s.Wrong == "" || s.Remedy == "" {
		t.Errorf("with nothing there: %+v", s)
	}
	open(t, o)
	if s := Inspect(o); s.Wrong != "" || !slices.Contains(s.Names, "git.example.com") {
		t.Errorf("fresh: %+v", s)
	}
	other := o
	other.Host = "other.example.com"
	if s := Inspect(other); !strings.Contains(s.Wrong, "not for other.example.com") {
		t.Errorf("for another host: %+v", s)
	}
	c.add(leafLife - soon)
	if s := Inspect(o); !strings.Contains(s.Wrong, "ends on") {
		t.Errorf("near its end: %+v", s)
	}
	c.add(soon)
	if s := Inspect(o); !strings.Contains(s.Wrong, "ended on") || s.Remedy == "" {
		t.Errorf("past its end: %+v", s)
	}
}

func TestACME_config(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Mode: ACME, Dir: t.TempDir(), Host: "git.example.com", Email: "admin@example.com", Listen: ":443"})
	c := s.TLS()
	if c.MinVersion != tls.VersionTLS12 || !slices.Equal(c.NextProtos, []string{"h2", "http/1.1", "acme-tls/1"}) {
		t.Errorf("TLS() = version %x, protocols %v", c.MinVersion, c.NextProtos)
	}
	if _, ok := s.Authority(); ok {
		t.Error("ACME has an authority of its own")
	}
	i, err := issuer(Options{Listen: "[::1]:8443", Email: "admin@example.com"})
	if err != nil || i.ListenHost != "::1" || i.AltTLSALPNPort != 8443 || !i.DisableHTTPChallenge || !strings.HasPrefix(i.CA, "https://acme-v02.") {
		t.Errorf("issuer = %+v, %v", i, err)
	}
	empty := filepath.Join(t.TempDir(), "roots.pem")
	write(t, empty, "nothing")
	if _, err := issuer(Options{Listen: ":443", RootsFile: empty}); !problem.Is(err, problem.Invalid) {
		t.Errorf("roots without a certificate: got %v", err)
	}
}

func TestGuides(t *testing.T) {
	t.Parallel()
	a := Authority{Name: "Jeton local authority 2026-01-02"}
	for _, g := range a.Guides("https://localhost:8443", `C:\Users\me\ca.pem`) {
		var all strings.Builder
		for _, s := range g.Steps {
			all.WriteString(strings.Join(s.Lines, "\n") + "\n")
		}
		text := all.String()
		if !strings.Contains(text, `git config --global http.https://localhost:8443/.sslCAInfo "C:\Users\me\ca.pem"`) {
			t.Errorf("%s does not tell git per URL:\n%s", g.System, text)
		}
		for _, bad := range []string{"sslVerify", "http.sslCAInfo", "-k https", "--insecure", "schannelCheckRevoke"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s says %s:\n%s", g.System, bad, text)
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := writeFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
