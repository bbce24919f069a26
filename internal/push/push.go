// Package push is the flow of every movement of a ref, from whatever door: receive, inspect, publish, record.
package push

import (
	"context"
	"io"

	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Options are what the flow needs.
type Options struct {
	Gate *gate.Gate
	Git  *gitstore.Store
}

// Flow does the work.
type Flow struct{ o Options }

// New makes the flow.
func New(o Options) *Flow { return &Flow{o: o} }

// Advertise writes the answer to info/refs. protocol is the value of the
// Git-Protocol header. An error before the first byte becomes a status; later
// ones are told inside the protocol.
func (f *Flow) Advertise(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, w io.Writer) error {
	return problem.New(problem.Unavailable, "not built yet", "")
}

// Receive answers the POST of the service.
func (f *Flow) Receive(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, in io.Reader, w io.Writer) error {
	return problem.New(problem.Unavailable, "not built yet", "")
}
