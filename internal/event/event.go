// Package event holds the one wide event of a request: made when the request
// arrives, filled along the way, logged once at the end. It must never hold a
// secret, a request's body or a query string.
package event

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Event is what is known of one request, or of one administrator's command.
// The fields that name the origin are set once, before anything reads them.
type Event struct {
	Request string     // the request's id, as the answer's header tells it
	Address netip.Addr // the client's address; invalid for a command on the machine
	Client  string     // the client's User-Agent, cut to 256 bytes and escaped
	Start   time.Time

	Received, Sent atomic.Int64 // bytes of bodies so far

	mu    sync.Mutex
	attrs []slog.Attr  // guarded by mu
	room  [4]slog.Attr // for as many as most requests have; guarded by mu
}

// Add records facts that the closing log line shall carry. It may be called
// from several goroutines.
func (e *Event) Add(attrs ...slog.Attr) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.attrs == nil {
		e.attrs = e.room[:0]
	}
	e.attrs = append(e.attrs, attrs...)
}

// AppendAttrs appends what was added so far.
func (e *Event) AppendAttrs(to []slog.Attr) []slog.Attr {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append(to, e.attrs...)
}

type key struct{}

// With returns a context that carries e.
func With(ctx context.Context, e *Event) context.Context {
	return context.WithValue(ctx, key{}, e)
}

// From returns the event that ctx carries, or an empty one that belongs to
// nothing, so that callers need no check.
func From(ctx context.Context) *Event {
	if e, ok := ctx.Value(key{}).(*Event); ok {
		return e
	}
	return &Event{}
}
