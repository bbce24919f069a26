package httpkit

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestDrain_whileRequestsCome: requests that begin and end while somebody waits
// for the last one disturb neither.
func TestDrain_whileRequestsCome(t *testing.T) {
	t.Parallel()
	d := NewCrowd()
	over := time.Now().Add(500 * time.Millisecond)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for time.Now().Before(over) {
				d.Begin()()
			}
		})
	}
	for time.Now().Before(over) {
		d.Drain(t.Context())
	}
	callers.Wait()

	leave := d.Begin()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	d.Drain(ended)
	leave()
	leave()
	d.Drain(t.Context())
}
