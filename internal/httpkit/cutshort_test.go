package httpkit

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"
)

// slowControl is a response whose deadlines take their time.
type slowControl struct {
	*httptest.ResponseRecorder
	entered, leave chan struct{}
}

// SetReadDeadline implements what http.ResponseController looks for.
func (s *slowControl) SetReadDeadline(time.Time) error {
	close(s.entered)
	<-s.leave
	return nil
}

// SetWriteDeadline implements what http.ResponseController looks for.
func (s *slowControl) SetWriteDeadline(time.Time) error { return nil }

// TestCutShort_waits: who lets go of a response in the moment in which it is cut
// short does not return before that is over.
func TestCutShort_waits(t *testing.T) {
	t.Parallel()
	w := &slowControl{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	release := CutShort(ctx, w)
	cancel()
	<-w.entered
	released := make(chan struct{})
	go func() { release(); close(released) }()
	select {
	case <-released:
		t.Error("the response was let go of while it was used")
	case <-time.After(50 * time.Millisecond):
	}
	close(w.leave)
	<-released
}
