package httpkit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/right"
)

// TestEnter_shares: requests that are only begun are bounded too, and nobody's
// shut out somebody else's.
func TestEnter_shares(t *testing.T) {
	t.Parallel()
	d := &Crowd{requests: limit.NewGate(limit.GateOptions{PerKey: 2, Total: 8}), visitors: limit.NewGate(limit.GateOptions{PerKey: 1, Total: 2})}
	visitor := right.Anonymous()
	for _, step := range []struct {
		actor   right.Actor
		address string
		want    int
	}{
		{visitor, "192.0.2.1", 1},
		{visitor, "192.0.2.2", 1},
		{visitor, "192.0.2.3", 0},
		{right.Actor{Account: 1, Kind: right.ClassicToken}, "192.0.2.1", 2},
		{right.Actor{Account: 2, Kind: right.ClassicToken}, "192.0.2.1", 2}, // a class behind one address
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r = r.WithContext(event.With(r.Context(), &event.Event{Address: netip.MustParseAddr(step.address)}))
		n := 0
		for range 5 {
			if _, err := d.Enter(r, &step.actor); err == nil {
				n++
			}
		}
		if n != step.want {
			t.Errorf("account %d from %s began %d requests; want %d", step.actor.Account, step.address, n, step.want)
		}
	}
}
