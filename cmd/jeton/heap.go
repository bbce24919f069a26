package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how large the heap may grow before garbage is collected at all.
// Of itself Go collects from 4 MiB on, which under a load of small requests is
// sixty times in a second, for a fifth of the processor time. A heap with more than
// a third of that in use is collected as ever, so that no large one grows larger.
const heapFloor = 12 << 20

// collector sets after each collection when the next one is due.
type collector struct {
	percent int // what is set now, as GOGC
	live    [1]metrics.Sample
}

// spareCollections has the garbage collector leave a small heap alone, unless the
// environment says how it shall be collected.
func spareCollections() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	c := &collector{percent: 100, live: [1]metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.collected()
}

// collected runs after a collection, and has itself called after the next one.
func (c *collector) collected() {
	metrics.Read(c.live[:])
	if p := percentFor(c.live[0].Value.Uint64()); p != c.percent {
		c.percent = p
		debug.SetGCPercent(p)
	}
	// What nothing refers to is found by the next collection.
	runtime.AddCleanup(new([64]byte), func(c *collector) { c.collected() }, c)
}

// percentFor is by how much a heap that has so many bytes in use may grow. It goes
// in steps, since each change stops the program for a moment. With the first one
// Go's own floor, which grows with it, is this one.
func percentFor(live uint64) int {
	for _, p := range []int{300, 200} {
		if live*uint64(100+p) <= heapFloor*100 {
			return p
		}
	}
	return 100
}
