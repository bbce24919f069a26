package httpkit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serve runs h on an HTTP/1.1 server for one POST with a short body.
func serve(t *testing.T, h http.HandlerFunc) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("a pack"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// TestPatient_workAfter: checking a push may take longer than a client may be
// silent. Reading again after the end must not end the request then.
func TestPatient_workAfter(t *testing.T) {
	t.Parallel()
	serve(t, func(w http.ResponseWriter, r *http.Request) {
		p := NewPatient(r.Context(), w, r.Body, 50*time.Millisecond, time.Time{})
		if got, err := io.ReadAll(p); string(got) != "a pack" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if n, err := p.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %d, %v", n, err)
		}
		select {
		case <-r.Context().Done():
			t.Errorf("the request was ended while it was worked on: %v", r.Context().Err())
		case <-time.After(300 * time.Millisecond):
		}
	})
}

// TestPatient_ended: once the request's permission has ended nothing more is
// read, even from a client that goes on sending.
func TestPatient_ended(t *testing.T) {
	t.Parallel()
	serve(t, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		p := NewPatient(ctx, w, r.Body, time.Minute, time.Time{})
		if n, err := p.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("before the end: %d, %v", n, err)
		}
		cancel()
		if n, err := p.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %d, %v", n, err)
		}
	})
}
