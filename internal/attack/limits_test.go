package attack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"testing"
	"time"
)

// TestN1_SilenceHoldsNoConnection: a client that stops in the handshake or in
// its headers is let go.
func TestN1_SilenceHoldsNoConnection(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	for name, begin := range map[string]func(net.Conn) net.Conn{
		"no handshake": func(c net.Conn) net.Conn { return c },
		"half a header": func(c net.Conn) net.Conn {
			secure := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}})
			if _, err := io.WriteString(secure, "GET / HTTP/1.1\r\nHost: "+u.Host+"\r\nX-Slow: "); err != nil {
				t.Error(err)
			}
			return secure
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, begin(conn)); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open after twenty seconds")
			}
		})
	}
}
