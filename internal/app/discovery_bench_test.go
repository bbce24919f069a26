package app_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
)

// house is a server without TLS and a bare handler that looks a token up and
// writes the same bytes: the ratio of the two is what the house costs.
type house struct {
	jeton, bare string // addresses
	host        string
	token       string
	unknown     string // well-formed, and another server's
}

func newHouse(b *testing.B) *house {
	plain := func(c *config.Config) {
		c.TLS, c.TrustedProxies = config.Off, []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
		c.APIRateLimit = 1_000_000_000
	}
	s, elsewhere := apptest.Start(b, plain), apptest.Start(b, plain)
	ada := s.User(b, "ada")
	s.Repo(b, ada, "small", true)
	h := &house{host: strings.TrimPrefix(s.URL(), "https://")}
	h.jeton = h.host
	_, h.token = s.Token(b, ada, "bench", "repo")
	_, h.unknown = elsewhere.Token(b, elsewhere.User(b, "ada"), "bench", "repo")
	status, body, err := h.once(h.jeton, h.token)
	if err != nil || status != http.StatusOK {
		b.Fatal(status, string(body), err)
	}
	var tokens sync.Map
	tokens.Store(sha256.Sum256([]byte(h.token)), true)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if _, ok := tokens.Load(sha256.Sum256([]byte(password))); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = w.Write(body)
	}))
	b.Cleanup(bare.Close)
	h.bare = strings.TrimPrefix(bare.URL, "http://")
	return h
}

func (h *house) request(password string) string {
	return "GET /ada/small.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: " + h.host +
		"\r\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+password)) + "\r\nUser-Agent: git/2.39.5\r\nGit-Protocol: version=2\r\n\r\n"
}

// visitor is the first request of each git: without a credential.
func (h *house) visitor() string {
	return "GET /ada/small.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: " + h.host + "\r\nUser-Agent: git/2.39.5\r\nGit-Protocol: version=2\r\n\r\n"
}

// lsRefs is the request after the advertisement.
func (h *house) lsRefs() string {
	var b []byte
	b = pktline.Append(b, "command=ls-refs\n")
	b = pktline.Append(b, "agent=git/2.39.5")
	b = pktline.Append(b, "object-format=sha1")
	b = pktline.AppendDelim(b)
	for _, line := range []string{"peel\n", "symrefs\n", "unborn\n", "ref-prefix refs/heads/\n", "ref-prefix refs/tags/\n", "ref-prefix HEAD\n"} {
		b = pktline.Append(b, line)
	}
	b = pktline.AppendFlush(b)
	return fmt.Sprintf("POST /ada/small.git/git-upload-pack HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nUser-Agent: git/2.39.5\r\nGit-Protocol: version=2\r\n"+
		"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: %d\r\n\r\n%s", h.host, base64.StdEncoding.EncodeToString([]byte("ada:"+h.token)), len(b), b)
}

func (h *house) once(addr, password string) (int, []byte, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	return ask(conn, bufio.NewReader(conn), h.request(password))
}

func ask(w io.Writer, in *bufio.Reader, request string) (int, []byte, error) {
	if _, err := io.WriteString(w, request); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// BenchmarkDiscovery asks for the v2 advertisement of a small repository on
// eight kept connections (on two processors), with a good token, an unknown one,
// and something that is no token.
func BenchmarkDiscovery(b *testing.B) {
	h := newHouse(b)
	for _, c := range []struct {
		name, addr, request string
		want                int
	}{
		{"good/jeton", h.jeton, h.request(h.token), http.StatusOK},
		{"good/bare", h.bare, h.request(h.token), http.StatusOK},
		{"ls-refs/jeton", h.jeton, h.lsRefs(), http.StatusOK},
		{"ls-refs/bare", h.bare, h.lsRefs(), http.StatusOK},
		{"unknown/jeton", h.jeton, h.request(h.unknown), http.StatusUnauthorized},
		{"unknown/bare", h.bare, h.request(h.unknown), http.StatusUnauthorized},
		{"visitor/jeton", h.jeton, h.visitor(), http.StatusUnauthorized},
		{"garbage/jeton", h.jeton, h.request("garbage"), http.StatusUnauthorized},
	} {
		b.Run(c.name, func(b *testing.B) { hammer(b, c.addr, c.request, c.want) })
	}
}
