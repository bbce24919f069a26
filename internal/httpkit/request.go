package httpkit

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"jeton/internal/event"
	"jeton/internal/printable"
)

// RequestIDHeader carries the request's id on every answer. Git Credential
// Manager knows a host that speaks GitHub's dialect by it. It is written here as
// net/http writes it.
const RequestIDHeader = "X-Github-Request-Id"

// newRequestID has GitHub's form: five groups of hexadecimal digits.
func newRequestID(now time.Time) string {
	const digits = "0123456789ABCDEF"
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	var buf [48]byte
	b := buf[:0]
	for i, c := range random {
		if i == 2 || i == 5 || i == 8 {
			b = append(b, ':')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	b = append(b, ':')
	at := len(b)
	b = strconv.AppendInt(b, now.Unix(), 16)
	for i, c := range b[at:] {
		if c >= 'a' {
			b[at+i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

const maxClient = 256

// exchange is what the chain keeps of one request, in one piece of memory.
type exchange struct {
	recorder
	event event.Event
}

// Events gives each request its wide event and writes it when the answer is
// sent. Neither the query string nor any header but User-Agent is in it.
func Events(log *slog.Logger, trusted *Proxies, seen func(*http.Request, int, time.Duration)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{recorder: recorder{ResponseWriter: w}}
			ev := &x.event
			x.sent = &ev.Sent
			ev.Start = time.Now()
			ev.Request, ev.Address, ev.Client = newRequestID(ev.Start), trusted.Client(r), printable.Line(r.UserAgent(), maxClient)
			w.Header()[RequestIDHeader] = []string{ev.Request}
			r = r.WithContext(event.With(r.Context(), ev))
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = &counted{r.Body, &ev.Received}
			}
			defer func() {
				took := time.Since(ev.Start)
				x.log(log.Handler(), r, took)
				if seen != nil {
					seen(r, x.code(), took)
				}
			}()
			next.ServeHTTP(&x.recorder, r)
		})
	}
}

// log writes the line of a request. It hands the record to the handler itself:
// a Logger would walk the stack for the line of the source, which is always this
// one, and that takes longer than the rest.
func (x *exchange) log(h slog.Handler, r *http.Request, took time.Duration) {
	ev, status, level := &x.event, x.code(), slog.LevelInfo
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	if !h.Enabled(r.Context(), level) {
		return
	}
	var room [16]slog.Attr
	attrs := append(room[:0],
		slog.String("request", ev.Request), slog.String("method", printable.Line(r.Method, 16)), slog.String("path", printable.Line(r.URL.Path, 512)),
		slog.Int("status", status), slog.Int64("bytes", ev.Sent.Load()), slog.Duration("took", took),
		slog.String("address", ev.Address.String()), slog.String("client", ev.Client),
	)
	record := slog.NewRecord(ev.Start.Add(took), level, "request", 0)
	record.AddAttrs(ev.AppendAttrs(attrs)...)
	_ = h.Handle(r.Context(), record) // nobody can be told that the log can't be written
}

// Recover turns a panic into a 500 by render, unless the answer has begun. The
// stack goes to the log; a panic's value may hold anything, so its type alone.
func Recover(log *slog.Logger, render Renderer) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler {
					panic(p)
				}
				log.ErrorContext(r.Context(), "panic", "request", event.From(r.Context()).Request, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				if rec, ok := w.(*recorder); ok && rec.status != 0 {
					panic(http.ErrAbortHandler) // too late for an answer: end the connection
				}
				render(w, r, http.StatusInternalServerError, fmt.Errorf("panic: %T", p))
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// counted counts what is read of a body.
type counted struct {
	io.ReadCloser
	received *atomic.Int64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.received.Add(int64(n))
	return n, err
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	sent   *atomic.Int64 // bytes of the body
}

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.sent.Add(int64(n))
	return n, err
}

// ReadFrom implements io.ReaderFrom, by which the kernel sends a file without
// the program's seeing it.
func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.sent.Add(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// RepoPath splits /OWNER/REPO/REST. It is on every request's way, several times.
func RepoPath(path string) (owner, repo, rest string, ok bool) {
	path, rooted := strings.CutPrefix(path, "/")
	owner, path, _ = strings.Cut(path, "/")
	repo, rest, ok = strings.Cut(path, "/")
	return owner, repo, rest, ok && rooted && owner != "" && repo != ""
}
