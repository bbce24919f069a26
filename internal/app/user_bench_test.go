package app_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkUser asks who the token's owner is, beside a bare handler that writes
// the same bytes to whoever asks. At least half as fast is the aim.
func BenchmarkUser(b *testing.B) {
	h := newHouse(b)
	request := "GET /api/v3/user HTTP/1.1\r\nHost: " + h.host + "\r\nAuthorization: Basic " +
		base64.StdEncoding.EncodeToString([]byte("ada:"+h.token)) + "\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n"
	conn, err := net.Dial("tcp", h.jeton)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	status, body, err := ask(conn, bufio.NewReader(conn), request)
	if err != nil || status != http.StatusOK {
		b.Fatal(status, string(body), err)
	}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	}))
	b.Cleanup(bare.Close)
	for name, addr := range map[string]string{"jeton": h.jeton, "bare": strings.TrimPrefix(bare.URL, "http://")} {
		b.Run(name, func(b *testing.B) { hammer(b, addr, request, http.StatusOK) })
	}
}

// hammer sends the request again and again on kept connections.
func hammer(b *testing.B, addr, request string, want int) {
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for pb.Next() {
			if status, body, err := ask(conn, in, request); err != nil || status != want {
				b.Error(fmt.Errorf("answered %d: %s, %v", status, body, err))
				return
			}
		}
	})
}
