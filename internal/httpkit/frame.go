package httpkit

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"jeton/internal/event"
	"jeton/internal/problem"
)

// Handler answers a request or returns why it can't.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Renderer writes err as a response in a door's own manner.
type Renderer func(w http.ResponseWriter, r *http.Request, status int, err error)

var statuses = map[problem.Kind]int{
	problem.Internal:        http.StatusInternalServerError,
	problem.Invalid:         http.StatusUnprocessableEntity,
	problem.Unauthenticated: http.StatusUnauthorized,
	problem.Forbidden:       http.StatusForbidden,
	problem.NotFound:        http.StatusNotFound,
	problem.Conflict:        http.StatusConflict,
	problem.TooMany:         http.StatusTooManyRequests,
	problem.Unavailable:     http.StatusServiceUnavailable,
	problem.TooLarge:        http.StatusRequestEntityTooLarge,
}

// Status is the status code for err's kind.
func Status(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return statuses[problem.KindOf(err)]
}

// Frame is the one place where an error becomes a status and a log line.
func Frame(render Renderer, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		ev := event.From(r.Context())
		ev.Add(slog.String("problem", problem.KindOf(err).String()), slog.String("err", err.Error()))
		drain(w, r)
		if after := problem.Of(err).After; after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		render(w, r, Status(err), err)
	})
}

// How much of an unread body is read before a refusal, and for how long.
const (
	drainAtMost = 256 << 10
	drainFor    = 5 * time.Second
)

// drain reads a small unread body: Debian's curl 7.88, and so git, fails with
// an HTTP/2 error when it is answered while it still sends.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.ProtoMajor != 2 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainFor))
	_, _ = io.CopyN(io.Discard, r.Body, drainAtMost)
}
