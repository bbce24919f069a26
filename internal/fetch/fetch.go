// Package fetch is the flow of what an actor may read of a repository.
package fetch

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

// Serve answers the POST of the service.
func (f *Flow) Serve(ctx context.Context, actor *right.Actor, r gate.Repo, protocol string, in io.Reader, w io.Writer) error {
	return problem.New(problem.Unavailable, "not built yet", "")
}
