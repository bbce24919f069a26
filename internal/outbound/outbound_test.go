package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"jeton/internal/problem"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1", "168.63.129.15"} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1",
		"fe80::1%eth0", "fec0::1", "ff02::1",
	} {
		if Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// K: a name that resolves to the machine itself is refused, whatever its form.
func TestDialContext_private(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	port := srv.Listener.Addr().String()[strings.LastIndex(srv.Listener.Addr().String(), ":"):]
	c := New(Options{Roots: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.0.0.1."} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Do(req); err == nil {
			t.Errorf("%s was reached", host)
		} else if !errors.Is(err, ErrRefused) && host != "127.0.0.1." {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func allowing(srv *httptest.Server) *Client {
	return New(Options{Roots: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

func get(t *testing.T, c *Client, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func TestDo(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "hello")
	}))
	defer srv.Close()
	c := allowing(srv)
	resp, err := get(t, c, srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, err := get(t, c, srv.URL+"/away"); !errors.Is(err, ErrRedirect) {
		t.Errorf("a redirect was followed: %v", err)
	}
	if _, err := get(t, c, strings.Replace(srv.URL, "https", "http", 1)); !problem.Is(err, problem.Invalid) {
		t.Errorf("plain http was used: %v", err)
	}
	if _, err := get(t, New(Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), srv.URL); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "u" || password != "p" || r.Header.Get("Cookie") != "" || r.Header.Get(RelayHeader) != "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Git-Protocol"))
	}))
	defer srv.Close()
	c := allowing(srv)
	auth := func(r *http.Request) { r.SetBasicAuth("u", "p") }
	relay, err := c.Relay(t.Context(), srv.URL+"/o/r.git", auth, 60)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relay.Close() }()
	ask := func(method, path, key string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(relay.URL(), "/source")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(RelayHeader, key)
		req.Header.Set("Git-Protocol", "version=2")
		req.Header.Set("Cookie", "a=b")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	const path = "/source/info/refs?service=git-upload-pack"
	if code, body := ask("GET", path, relay.Key()); code != 200 || body != "GET /o/r.git/info/refs?service=git-upload-pack version=2" {
		t.Errorf("got %d %q", code, body)
	}
	for _, bad := range []struct{ method, path, key string }{
		{"GET", path, ""}, {"GET", path, "x"}, {"GET", "/source/info/refs?service=git-receive-pack", relay.Key()},
		{"POST", "/source/git-receive-pack", relay.Key()}, {"GET", "/source/../../etc", relay.Key()}, {"GET", "/source/HEAD", relay.Key()},
	} {
		if code, _ := ask(bad.method, bad.path, bad.key); code != 403 && code != 404 {
			t.Errorf("%v: %d", bad, code)
		}
	}
	if _, body := ask("GET", path, relay.Key()); len(body) > 60 || !problem.Is(relay.Err(), problem.TooLarge) {
		t.Errorf("the limit did not hold: %q %v", body, relay.Err())
	}
	for _, bad := range []string{"http://example.com/x", "file:///etc", "/etc", "https://u:p@example.com/", "ext::sh -c x", "https://", "ssh://example.com/x", "https://example.com/x?y=z"} {
		if _, err := c.Relay(t.Context(), bad, nil, 1); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
