package githttp

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/gitstore/wire"
	"jeton/internal/httpkit"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// answer is the writer that the flows get. The status and headers go out with
// the first byte: until then an error can still become a status, later it can
// only be told inside the protocol.
type answer struct {
	w       http.ResponseWriter
	lease   *lease
	control *http.ResponseController
	event   *event.Event
	kind    []string // the Content-Type
	pace    httpkit.Pace
	until   time.Time // the deadline that was set last
	gzip    bool      // the client takes an answer compressed
	began   bool
	large   bool // no file can be sent by the kernel: the connection is encrypted
}

func newAnswer(l *lease) *answer {
	kind := l.target.service.result
	if l.target.discovery {
		kind = l.target.service.advertisement
	}
	return &answer{w: l.w, lease: l, control: http.NewResponseController(l.w), event: event.From(l.r.Context()), kind: kind, pace: httpkit.NewPace(httpkit.IdleLimit),
		gzip: acceptsGzip(l.r.Header.Values("Accept-Encoding")), large: l.r.TLS != nil || l.r.ProtoMajor != 1}
}

// Write implements io.Writer.
func (a *answer) Write(b []byte) (int, error) {
	a.begin()
	began := a.limit(len(b))
	n, err := a.w.Write(b)
	a.pace.Moved(n, time.Since(began))
	return n, err
}

// begin sends the status and the headers, once.
func (a *answer) begin() {
	if a.began {
		return
	}
	a.began = true
	h := a.w.Header()
	h["Content-Type"] = a.kind
	noCache(h)
	a.w.WriteHeader(http.StatusOK)
}

// deadlineSlack is how much longer than it must a deadline may be. To move one
// wakes another thread of the program up, which for every piece of a large
// answer costs as much as to send it.
const deadlineSlack = 5 * time.Second

// limit sets until when the client may take for its next n bytes, and returns
// from when on.
func (a *answer) limit(n int) time.Time {
	began := time.Now()
	if end := a.pace.End(began, n); end.After(a.until) || a.until.After(end.Add(deadlineSlack)) {
		a.until = end.Add(deadlineSlack)
		_ = a.control.SetWriteDeadline(a.until)
	}
	if a.lease.context().Err() != nil { // asked after that, since the end of ctx sets a deadline too
		_ = a.control.SetWriteDeadline(began.Add(httpkit.LastWords))
	}
	return began
}

// WriteBody sends an answer that is known whole, with its length, so that it
// goes out in one piece; compressed to who accepts that, if it is large.
func (a *answer) WriteBody(b wire.Body) error {
	if err := a.lease.Still(); err != nil {
		return err
	}
	h := a.w.Header()
	out := b.Plain
	if b.Gzip != nil {
		h.Add("Vary", "Accept-Encoding")
		if a.gzip {
			h.Set("Content-Encoding", "gzip")
			out = b.Gzip()
		}
	}
	if len(out) > askAgainFrom {
		a.lease.Long()
	}
	h["Content-Length"] = []string{strconv.Itoa(len(out))}
	_, err := a.Write(out)
	return err
}

// acceptsGzip reads an Accept-Encoding header: whether gzip is in it, and not
// with the weight of zero that refuses it.
func acceptsGzip(values []string) bool {
	any := false
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "x-gzip" && name != "*" {
			continue
		}
		q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		refused := ok && (err != nil || weight <= 0)
		if name != "*" {
			return !refused
		}
		any = !refused
	}
	return any
}

// Flush sends what was written so far, so that progress is seen as it happens.
// Before that there is nothing: the status must not go out before it is known.
func (a *answer) Flush() {
	if a.began {
		_ = a.control.Flush()
	}
}

// result is err as long as it can become a status. Afterwards the connection is
// cut, so that a client never takes half an answer for a whole one.
func (a *answer) result(err error) error {
	if err == nil || !a.began {
		return err
	}
	a.event.Add(slog.String("err", err.Error()))
	panic(http.ErrAbortHandler)
}

// What is the same in each answer, as values of headers: shared, so nobody
// changes them.
var (
	longAgo     = []string{"Fri, 01 Jan 1980 00:00:00 GMT"}
	noCacheOld  = []string{"no-cache"}
	noCacheNow  = []string{"no-cache, max-age=0, must-revalidate"}
	askForToken = []string{`Basic realm="GitHub"`}
	plainText   = []string{"text/plain; charset=utf-8"}
)

// noCache sets the headers by which git's own server keeps caches away.
func noCache(h http.Header) {
	h["Expires"], h["Pragma"], h["Cache-Control"] = longAgo, noCacheOld, noCacheNow
}

// width is how long a line may be: with "remote: " before it, it still fits a
// terminal.
const width = 72

// render writes err as git shows it: plain text, short lines.
func (d *Door) render(w http.ResponseWriter, r *http.Request, status int, err error) {
	if bad, ok := errors.AsType[*httpkit.Wrong](err); ok {
		status = bad.Status
		if bad.Allow != "" {
			w.Header().Set("Allow", bad.Allow)
		}
	}
	h := w.Header()
	if status == http.StatusUnauthorized {
		h["Www-Authenticate"] = askForToken
	}
	noCache(h)
	h["Content-Type"] = plainText
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
