package httpkit

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Patient reads a long body. It sets the read deadline for each read alone: an
// upload may take long, but a client that says nothing or next to nothing is
// let go, and so is one whose context has ended, however much it still sends.
type Patient struct {
	io.ReadCloser
	ctx     context.Context
	control *http.ResponseController
	pace    Pace
	until   time.Time
	err     error // of the last read
}

// NewPatient wraps the body of a request that w answers. ctx ends the reading,
// idle is for how long the client may be silent, and until when the whole has
// to be there; a zero until is for no matter.
func NewPatient(ctx context.Context, w http.ResponseWriter, body io.ReadCloser, idle time.Duration, until time.Time) *Patient {
	return &Patient{ReadCloser: body, ctx: ctx, control: http.NewResponseController(w), pace: NewPace(idle), until: until}
}

// Read implements io.Reader. After the end it leaves the deadline alone: the
// server listens on the connection then, and a deadline that passes would look
// as if the client had gone.
func (p *Patient) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	began := time.Now()
	end := p.pace.End(began, 0)
	if !p.until.IsZero() && p.until.Before(end) {
		end = p.until
	}
	_ = p.control.SetReadDeadline(end)
	// Asked after that, since the end of ctx sets a deadline too.
	if p.err = p.ctx.Err(); p.err != nil {
		return 0, p.err
	}
	n, err := p.ReadCloser.Read(b)
	p.pace.Moved(n, time.Since(began))
	if p.err = err; err == nil {
		_ = p.control.SetReadDeadline(time.Time{}) // what is done with the bytes may take its time
	}
	return n, err
}

// Steady writes a long answer, as long as its reader keeps taking it and its
// context has not ended.
type Steady struct {
	http.ResponseWriter
	ctx     context.Context
	control *http.ResponseController
	pace    Pace
}

// NewSteady wraps w. A reader may be silent for idle.
func NewSteady(ctx context.Context, w http.ResponseWriter, idle time.Duration) *Steady {
	return &Steady{ResponseWriter: w, ctx: ctx, control: http.NewResponseController(w), pace: NewPace(idle)}
}

// Write implements io.Writer.
func (s *Steady) Write(b []byte) (int, error) {
	began := time.Now()
	_ = s.control.SetWriteDeadline(s.pace.End(began, len(b)))
	if s.ctx.Err() != nil { // asked after that, since the end of ctx sets a deadline too
		_ = s.control.SetWriteDeadline(began.Add(LastWords))
	}
	n, err := s.ResponseWriter.Write(b)
	s.pace.Moved(n, time.Since(began))
	return n, err
}

// Flush sends what was written so far, so that progress is seen as it happens.
func (s *Steady) Flush() { _ = s.control.Flush() }

// Unwrap lets http.ResponseController reach the real writer.
func (s *Steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// CutShort makes reads and writes on the connection fail once ctx has ended,
// which nothing else would: a client that says nothing must not hold on to what
// was taken from it. The returned function lets go of the connection, and must be
// called before the handler returns: nobody may touch the response after that.
func CutShort(ctx context.Context, w http.ResponseWriter) func() {
	control := http.NewResponseController(w)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = control.SetReadDeadline(time.Now())
		_ = control.SetWriteDeadline(time.Now().Add(LastWords))
	})
	return func() {
		if !stop() {
			<-done // it has begun: over HTTP/2 it would end the program
		}
	}
}
