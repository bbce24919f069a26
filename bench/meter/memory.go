package meter

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is the memory of a group at a moment, in bytes.
type Memory struct {
	Anonymous int64 // what the processes hold of their own: no file and no program text
	Shared    int64 // PSS: anonymous and mapped files, each by its share
}

// Memory adds up the group's processes. PSS takes the kernel long for a large
// process: ask for it when the server is idle.
func (g *Group) Memory() (Memory, error) {
	pids, err := g.Pids()
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	for _, pid := range pids {
		m.Anonymous += anonymous(pid)
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err == nil {
			m.Shared += kilobytes(string(text), "Pss:")
		}
	}
	return m, nil
}

// anonymous is quick to ask for.
func anonymous(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it has ended
	}
	return kilobytes(string(text), "RssAnon:") + kilobytes(string(text), "RssShmem:")
}

func kilobytes(text, name string) int64 {
	for l := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(l, name); found {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n << 10
			}
		}
	}
	return 0
}

// Peak watches the group's anonymous memory until stop is called, which returns
// the most that was seen, in bytes. It looks every few milliseconds: what lives
// shorter may be missed.
func (g *Group) Peak() (stop func() int64) {
	quit, done := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for {
			if pids, err := g.Pids(); err == nil {
				var sum int64
				for _, pid := range pids {
					sum += anonymous(pid)
				}
				most = max(most, sum)
			}
			select {
			case <-quit:
				done <- most
				return
			case <-every.C:
			}
		}
	}()
	return func() int64 { close(quit); return <-done }
}
