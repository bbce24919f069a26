package httpkit_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"jeton/internal/httpkit"
)

// dial sends text to a server and returns what comes back until the server is
// done with the connection, or the error after ten seconds.
func dial(t *testing.T, s *httptest.Server, text string) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

const promised = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"

// TestN1_bodyNeverSent: a client that promises a body and sends none holds its
// connection for no longer than the limit, whether the body is read or not.
func TestN1_bodyNeverSent(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"not read": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"read": func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); errors.Is(err, os.ErrDeadlineExceeded) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(httpkit.Bodies(100 * time.Millisecond)(h))
			t.Cleanup(s.CloseClientConnections)
			answer, err := dial(t, s, promised+"\r\n")
			if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 401 ") {
				t.Errorf("answered %q, %v", answer, err)
			}
		})
	}
}

// TestBodies_workAfter: once the body has been read, its limit is over: work
// that takes longer is not cut short.
func TestBodies_workAfter(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(httpkit.Bodies(50 * time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGatewayTimeout)
		case <-time.After(300 * time.Millisecond):
		}
	})))
	t.Cleanup(s.Close)
	answer, err := dial(t, s, promised+"Connection: close\r\n\r\n0123456789")
	if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Errorf("answered %q, %v", answer, err)
	}
}
