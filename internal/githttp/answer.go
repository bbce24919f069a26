package githttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// answer is the writer that the flows get. The status and headers go out with
// the first byte: until then an error can still become a status, later it can
// only be told inside the protocol.
type answer struct {
	w       http.ResponseWriter
	ctx     context.Context
	control *http.ResponseController
	event   *event.Event
	kind    string
	pace    pace
	began   bool
	large   bool // no file can be sent by the kernel: the connection is encrypted
}

func newAnswer(ctx context.Context, w http.ResponseWriter, r *http.Request, t target) *answer {
	kind := "application/x-" + t.service.name + "-result"
	if t.discovery {
		kind = "application/x-" + t.service.name + "-advertisement"
	}
	return &answer{w: w, ctx: ctx, control: http.NewResponseController(w), event: event.From(r.Context()), kind: kind, pace: pace{idle: idleLimit}, large: r.TLS != nil || r.ProtoMajor != 1}
}

// Write implements io.Writer.
func (a *answer) Write(b []byte) (int, error) {
	a.begin()
	began := a.limit(len(b))
	n, err := a.w.Write(b)
	a.pace.moved(n, time.Since(began))
	return n, err
}

// SetSize says how long the whole answer will be. It is then sent as it is,
// instead of in chunks, which lets the kernel send a file by itself.
func (a *answer) SetSize(n int64) {
	if !a.began {
		a.w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
}

// piece is how much is sent between two looks at the client's pace.
const piece = 512 << 10

// throughMemory is how much of an answer a client's connection holds in memory
// when the kernel can't send it by itself: four TLS records.
const throughMemory = 64 << 10

// ReadFrom implements io.ReaderFrom: over plain HTTP/1.1 the kernel sends a
// file, otherwise large pieces go through memory.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	a.begin()
	if _, ok := a.w.(io.ReaderFrom); !ok || a.large {
		return io.CopyBuffer(writerOnly{a}, readerOnly{r}, make([]byte, throughMemory))
	}
	left := int64(math.MaxInt64)
	if l, ok := r.(*io.LimitedReader); ok { // the kernel takes a file within one of these, not two
		r, left = l.R, l.N
	}
	var sum int64
	for sum < left {
		size := min(piece, left-sum)
		began := a.limit(int(size))
		n, err := io.Copy(a.w, &io.LimitedReader{R: r, N: size})
		sum += n
		a.pace.moved(int(n), time.Since(began))
		if err != nil || n < size {
			return sum, err
		}
	}
	return sum, nil
}

// writerOnly and readerOnly hide what else a writer or a reader can.
type (
	writerOnly struct{ io.Writer }
	readerOnly struct{ io.Reader }
)

// begin sends the status and the headers, once.
func (a *answer) begin() {
	if a.began {
		return
	}
	a.began = true
	h := a.w.Header()
	h.Set("Content-Type", a.kind)
	noCache(h)
	a.w.WriteHeader(http.StatusOK)
}

// limit sets until when the client may take for its next n bytes, and returns
// from when on.
func (a *answer) limit(n int) time.Time {
	began := time.Now()
	_ = a.control.SetWriteDeadline(a.pace.end(began, n))
	if a.ctx.Err() != nil { // asked after that, since the end of ctx sets a deadline too
		_ = a.control.SetWriteDeadline(began.Add(lastWords))
	}
	return began
}

// Flush sends what was written so far, so that progress is seen as it happens.
func (a *answer) Flush() { _ = a.control.Flush() }

// result is err as long as it can become a status. Afterwards the connection is
// cut, so that a client never takes half an answer for a whole one.
func (a *answer) result(err error) error {
	if err == nil || !a.began {
		return err
	}
	a.event.Add(slog.String("err", err.Error()))
	panic(http.ErrAbortHandler)
}

func noCache(h http.Header) {
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	h.Set("Pragma", "no-cache")
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
}

// width is how long a line may be: with "remote: " before it, it still fits a
// terminal.
const width = 72

// render writes err as git shows it: plain text, short lines.
func (d *Door) render(w http.ResponseWriter, r *http.Request, status int, err error) {
	if bad, ok := errors.AsType[*wrong](err); ok {
		status = bad.status
		if bad.allow != "" {
			w.Header().Set("Allow", bad.allow)
		}
	}
	h := w.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	noCache(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.Join(d.words(r, err), "\n") + "\n"))
}

func (d *Door) words(r *http.Request, err error) []string {
	p := problem.Of(err)
	public, remedy := p.Public, p.Remedy
	denied, isDenied := errors.AsType[*gate.Denied](err)
	switch {
	case errors.Is(err, errAnonymousWrite) || isDenied && denied.Reason == right.SignIn:
		if isDenied {
			public = "Sign in to read this repository, if it exists." // the same for a private one and a missing one
		}
		remedy = "User name: your login. Password: a personal access token. Make one at " + d.o.Gate.NewTokenURL()
	case public == "":
		public, remedy = "Something went wrong on the server.", "Tell its administrator the request id "+event.From(r.Context()).Request+"."
	}
	return append(printable.Wrap(public, width), printable.Wrap(remedy, width)...)
}
