package outbound

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// nameServer is a DNS server on loopback that answers every question for an IPv4
// address with what answers returns for its number, from 1.
func nameServer(t *testing.T, answers func(n int) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		n := 0
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var addrs []netip.Addr
			q := buf[:size]
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			end += 5
			if binary.BigEndian.Uint16(q[end-4:]) == 1 { // A
				n++
				addrs = answers(n)
			}
			out := append([]byte{}, q[:end]...)
			out[2], out[3] = 0x81, 0x80
			binary.BigEndian.PutUint16(out[6:], uint16(len(addrs)))
			out[8], out[9], out[10], out[11] = 0, 0, 0, 0
			for _, a := range addrs {
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, a.AsSlice()...)
			}
			_, _ = conn.WriteTo(out, from)
		}
	}()
	to := conn.LocalAddr().String()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", to)
	}}
}

// K1, K3: an answer of a name counts once, for the connection that is made with it,
// and one bad address among several is enough to refuse.
func TestPost_rebinding(t *testing.T) {
	t.Parallel()
	var inside atomic.Int64
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hidden := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	hidden.Listener = ln
	hidden.Start()
	t.Cleanup(hidden.Close)
	port := ln.Addr().(*net.TCPAddr).Port
	lnOpen, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port})
	if err != nil {
		t.Skip("127.0.0.2 is no address of this machine")
	}
	open := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // so that each request asks for the name again
		_, _ = io.WriteString(w, "open")
	}))
	open.Listener = lnOpen
	open.Start()
	t.Cleanup(open.Close)
	good, bad := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	c := New(Options{Allow: []netip.Prefix{netip.PrefixFrom(good, 32)}, Resolver: nameServer(t, func(n int) []netip.Addr {
		return [][]netip.Addr{{good}, {bad}, {good, bad}, {bad, good}, {good}}[min(n-1, 4)]
	})}) // what is allowed stands for the public Internet
	defer c.Close()
	for i, want := range []bool{true, false, false, false, true} {
		to := "http://receiver.example:" + open.URL[strings.LastIndex(open.URL, ":")+1:]
		reply, err := c.Post(t.Context(), to, []Header{{"X-A", "b"}}, []byte("x"), 100)
		if got := err == nil && string(reply.Body) == "open"; got != want || !want && !errors.Is(err, ErrRefused) {
			t.Errorf("request %d: %v, %v", i, reply, err)
		}
	}
	if inside.Load() != 0 {
		t.Error("what is inside was reached")
	}
}

// TestGet: a small document is read whole or not at all, from the address that was
// looked at.
func TestGet(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/missing":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		}
	}))
	t.Cleanup(srv.Close)
	c := allowing(srv)
	if body, err := c.Get(t.Context(), srv.URL, 100); err != nil || len(body) != 100 {
		t.Errorf("%d, %v", len(body), err)
	}
	if _, err := c.Get(t.Context(), srv.URL, 99); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than was asked for: %v", err)
	}
	if _, err := c.Get(t.Context(), srv.URL+"/away", 100); !errors.Is(err, ErrRedirect) {
		t.Errorf("a redirect: %v", err)
	}
	for _, bad := range []string{srv.URL + "/missing", "ftp://example.com/", strings.Replace(srv.URL, "https://", "https://u@", 1), "https://"} {
		if _, err := c.Get(t.Context(), bad, 100); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	inside := New(Options{Resolver: nameServer(t, func(n int) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")}
	})})
	defer inside.Close()
	if _, err := inside.Get(t.Context(), "https://issuer.example/", 100); !errors.Is(err, ErrRefused) {
		t.Errorf("one address of two is private: %v", err)
	}
}
