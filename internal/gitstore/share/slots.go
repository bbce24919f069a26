package share

import (
	"context"
	"time"

	"jeton/internal/problem"
)

// Slots bounds how much of one kind of work runs at a time.
type Slots chan struct{}

// Take waits a moment for a slot. It fails with problem.Unavailable.
func (s Slots) Take(ctx context.Context, wait time.Duration) (func(), error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, busy()
	}
}

func busy() error {
	return &problem.Error{Kind: problem.Unavailable, Public: "the server is busy with repositories", Remedy: "Try again in a moment.", After: 3}
}
