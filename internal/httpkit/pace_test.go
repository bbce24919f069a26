package httpkit

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// dribble sends a byte every few milliseconds, without an end.
type dribble struct{ deadline time.Time }

// Read implements io.Reader.
func (d *dribble) Read(b []byte) (int, error) {
	if !d.deadline.IsZero() && time.Now().After(d.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	<-time.After(5 * time.Millisecond)
	return copy(b, "x"), nil
}

// Close implements io.Closer.
func (d *dribble) Close() error { return nil }

// slowConn is a connection whose client takes and sends little at a time.
type slowConn struct {
	http.ResponseWriter
	dribble
	write time.Time
}

func (c *slowConn) SetReadDeadline(t time.Time) error  { c.deadline = t; return nil }
func (c *slowConn) SetWriteDeadline(t time.Time) error { c.write = t; return nil }

// Write takes a moment for whatever it gets.
func (c *slowConn) Write(b []byte) (int, error) {
	if time.Now().After(c.write) {
		return 0, os.ErrDeadlineExceeded
	}
	<-time.After(5 * time.Millisecond)
	return len(b), nil
}

// TestPatient_dribble: to be never quite silent is not enough.
func TestPatient_dribble(t *testing.T) {
	t.Parallel()
	c := &slowConn{ResponseWriter: httptest.NewRecorder()}
	p := NewPatient(t.Context(), c, &c.dribble, 100*time.Millisecond, time.Time{})
	n, err := io.Copy(io.Discard, io.LimitReader(p, 300))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// TestPatient_until: some bodies have to be there at a certain time.
func TestPatient_until(t *testing.T) {
	t.Parallel()
	c := &slowConn{ResponseWriter: httptest.NewRecorder()}
	p := NewPatient(t.Context(), c, &c.dribble, time.Hour, time.Now().Add(50*time.Millisecond))
	n, err := io.Copy(io.Discard, io.LimitReader(p, 300))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// TestSteady_dribble: a reader that takes next to nothing is cut off, one that
// keeps the least rate is not.
func TestSteady_dribble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes int
		cut   bool
	}{"dribbles": {1, true}, "keeps the rate": {leastRate, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := &slowConn{ResponseWriter: httptest.NewRecorder()}
			a := NewSteady(t.Context(), conn, 100*time.Millisecond)
			var err error
			for range 60 {
				if _, err = a.Write(make([]byte, c.bytes)); err != nil {
					break
				}
			}
			if cut := errors.Is(err, os.ErrDeadlineExceeded); cut != c.cut {
				t.Errorf("cut off: %v, %v", cut, err)
			}
		})
	}
}
