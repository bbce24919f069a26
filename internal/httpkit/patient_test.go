package httpkit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
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

// held is a connection that is slow to take a deadline.
type held struct {
	http.ResponseWriter
	begun, free chan struct{}
}

func (h *held) SetReadDeadline(time.Time) error {
	close(h.begun)
	<-h.free
	return nil
}

func (h *held) SetWriteDeadline(time.Time) error { return nil }

// TestCutShort_waits: a handler must not end while the end of its context is
// still being told to the connection. The writer of an HTTP/2 request that is
// over is nil inside, and no handler's recover would catch that.
func TestCutShort_waits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &held{ResponseWriter: httptest.NewRecorder(), begun: make(chan struct{}), free: make(chan struct{})}
		release := CutShort(ctx, w)
		cancel()
		<-w.begun
		released := make(chan struct{})
		go func() {
			release()
			close(released)
		}()
		synctest.Wait()
		select {
		case <-released:
			t.Error("the connection was let go while a deadline was being set")
		default:
		}
		close(w.free)
		<-released
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	CutShort(ctx, httptest.NewRecorder())() // before the end there is nothing to wait for
}
