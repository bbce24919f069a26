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
)

// BenchmarkDiscovery asks for the v2 advertisement of a small repository on kept
// connections, of the whole server and of a bare handler that looks a token up and
// writes the same bytes: their ratio is what the house costs.
func BenchmarkDiscovery(b *testing.B) {
	s := apptest.Start(b, func(c *config.Config) {
		c.TLS = config.Off
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	})
	ada := s.User(b, "ada")
	_, plain := s.Token(b, ada, "bench", "repo")
	s.Repo(b, ada, "small", true)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+plain))
	request := "GET /ada/small.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: " + strings.TrimPrefix(s.URL(), "https://") +
		"\r\nAuthorization: " + basic + "\r\nUser-Agent: git/2.39.5\r\nGit-Protocol: version=2\r\n\r\n"
	host := strings.TrimPrefix(s.URL(), "https://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	body, err := ask(conn, bufio.NewReader(conn), request)
	if err != nil {
		b.Fatal(err)
	}
	var tokens sync.Map
	tokens.Store(sha256.Sum256([]byte(plain)), true)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if _, ok := tokens.Load(sha256.Sum256([]byte(password))); !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = w.Write(body)
	}))
	b.Cleanup(bare.Close)
	for _, target := range []struct{ name, addr string }{{"jeton", host}, {"bare", strings.TrimPrefix(bare.URL, "http://")}} {
		b.Run(target.name, func(b *testing.B) {
			b.SetParallelism(4) // 8 clients on two cores
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", target.addr)
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				for pb.Next() {
					if _, err := ask(conn, in, request); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func ask(w io.Writer, in *bufio.Reader, request string) ([]byte, error) {
	if _, err := io.WriteString(w, request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s: %s", resp.Status, body)
	}
	return body, err
}
