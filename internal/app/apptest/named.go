package apptest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"jeton/internal/config"
)

// StartNamed is Start for clients that want a host name without a port and a
// certificate for it, as the GitHub CLI does: the server's URL is https://HOST.
// The name leads to it from the server's Client and through Tunnel alone; no
// name server and no privilege is needed.
func StartNamed(t testing.TB, host string, change ...func(*config.Config)) *Server {
	t.Helper()
	s := Start(t, append([]func(*config.Config){func(c *config.Config) { c.URL = "https://" + host }}, change...)...)
	s.Wire.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Address())
	}
	return s
}

// Tunnel starts a proxy that connects to this server alone, under the name in
// its URL, and returns the proxy's URL: for HTTPS_PROXY. Any other name is
// refused, so that a client in a test reaches nothing else. It ends with the
// test.
func (s *Server) Tunnel(t testing.TB) string {
	t.Helper()
	public, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	allowed := public.Host
	if public.Port() == "" {
		allowed += ":443"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { tunnel(ctx, client, allowed, s.Address()) })
		}
	})
	return "http://" + l.Addr().String()
}

// tunnel answers one CONNECT and then carries bytes until either side ends.
func tunnel(ctx context.Context, client net.Conn, allowed, to string) {
	defer client.Close()
	r := bufio.NewReader(client)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if req.Method != http.MethodConnect || req.Host != allowed {
		_, _ = io.WriteString(client, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		return
	}
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(server, r); _ = server.(*net.TCPConn).CloseWrite() })
	both.Go(func() { _, _ = io.Copy(client, server); _ = client.(*net.TCPConn).CloseWrite() })
	both.Wait()
}
