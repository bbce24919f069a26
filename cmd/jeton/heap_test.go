package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestPercentFor: no heap gets larger than the floor by it, and a large one is
// collected as ever.
func TestPercentFor(t *testing.T) {
	t.Parallel()
	for live := uint64(0); live < 64<<20; live += 100 << 10 {
		p := uint64(percentFor(live))
		goal := max(live*(100+p)/100, 4<<20*p/100) // as the runtime has it
		if p < 100 || goal > max(heapFloor, 2*live) {
			t.Errorf("%d bytes in use: by %d %%, to %d", live, p, goal)
		}
	}
	if p := percentFor(2 << 20); p != 300 {
		t.Errorf("a small heap may grow by %d %%", p)
	}
}

// TestCollector: what is set follows what is in use.
func TestCollector(t *testing.T) {
	if metric(t, "/gc/gogc:percent") != 100 {
		t.Skip("the environment says how garbage is collected")
	}
	defer debug.SetGCPercent(100)
	c := &collector{percent: 100, live: [1]metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.collected()
	until := func(what string, is func(percent uint64) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !is(metric(t, "/gc/gogc:percent")); runtime.GC() {
			if time.Now().After(end) {
				t.Fatalf("%s: %d %%", what, metric(t, "/gc/gogc:percent"))
			}
		}
	}
	until("a small heap", func(p uint64) bool { return p > 100 || metric(t, "/gc/heap/live:bytes") > heapFloor/3 })
	large := make([]byte, 2*heapFloor)
	until("a large heap", func(p uint64) bool { return p == 100 })
	runtime.KeepAlive(large)
	large = nil
	until("a small heap again", func(p uint64) bool { return p > 100 || metric(t, "/gc/heap/live:bytes") > heapFloor/3 })
}

func metric(t *testing.T, name string) uint64 {
	t.Helper()
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		t.Fatal(name, " is no number")
	}
	return s[0].Value.Uint64()
}
