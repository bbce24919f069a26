package push

import (
	"bytes"
	"io"
	"sync"
	"time"

	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/wire"
	"jeton/internal/printable"
)

const (
	keepAlive = 5 * time.Second // as git's own receive-pack does it
	lineWidth = 72              // with "remote: " before it a line still fits a terminal
)

// answer is what the client hears: progress and messages while the work goes
// on, the report at its end. Nothing is sent before the client has sent all of
// its own, since many HTTP clients and proxies take an early answer for the
// end. It may be used from several goroutines.
type answer struct {
	w     io.Writer
	flush func()

	mu       sync.Mutex
	sideband bool
	quiet    bool
	status   bool
	opened   bool
	began    bool // Caps were read
	pending  []byte
	last     time.Time
	stop     chan struct{}
	failed   error

	notes *[]string // what was said, for those who are no client of git; nil: nobody is
}

func newAnswer(w io.Writer) *answer {
	a := &answer{w: w, flush: func() {}, stop: make(chan struct{})}
	if f, ok := w.(interface{ Flush() }); ok {
		a.flush = f.Flush
	}
	return a
}

// begin says how the client wants to hear.
func (a *answer) begin(caps wire.Caps) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sideband = caps.Has("side-band-64k") || caps.Has("side-band")
	a.quiet = caps.Has("quiet")
	a.status = caps.Has("report-status") || caps.Has("report-status-v2")
	a.began = true
	a.send()
}

// open is called when the client's request has come to its end.
func (a *answer) open() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opened {
		return
	}
	a.opened, a.last = true, time.Now()
	a.send()
	go a.keepAlive()
}

// keepAlive sends an empty frame when nothing else was sent for a while:
// proxies close what is silent.
func (a *answer) keepAlive() {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-tick.C:
			a.beat(now)
		}
	}
}

// beat sends one empty frame if it is time, and nothing once the answer was
// closed: a tick may come in the same moment, when the handler has returned.
func (a *answer) beat(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.stop:
		return
	default:
	}
	if a.sideband && len(a.pending) == 0 && now.Sub(a.last) >= keepAlive {
		a.pending = append(a.pending, "0005\x01"...)
		a.send()
	}
}

func (a *answer) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
}

// send writes what is pending, once there may be writing. The caller holds mu.
func (a *answer) send() {
	if !a.opened || !a.began || len(a.pending) == 0 || a.failed != nil {
		return
	}
	_, a.failed = a.w.Write(a.pending)
	a.pending = a.pending[:0]
	a.last = time.Now()
	a.flush()
}

// Write takes git's progress. It never fails: a client that is gone is noticed
// at the report.
func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sideband && !a.quiet && a.opened {
		a.pending = pktline.AppendBand(a.pending, pktline.BandProgress, pktline.BandSize, p)
		a.send()
	}
	return len(p), nil
}

// say tells the person something: git prints each line behind "remote: ".
func (a *answer) say(lines ...string) {
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString(printable.Line(line, 400))
		b.WriteByte('\n')
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notes != nil {
		*a.notes = append(*a.notes, lines...)
	}
	if a.sideband {
		a.pending = pktline.AppendBand(a.pending, pktline.BandProgress, pktline.BandSize, b.Bytes())
		a.send()
	}
}

// tell is say for sentences, which are cut into lines.
func (a *answer) tell(sentences ...string) {
	for _, s := range sentences {
		a.say(printable.Wrap(s, lineWidth)...)
	}
}

// aside tells what has nothing to do with the push, and reports whether it did. A
// client that asks for quiet hears it all the same: each one does that has no terminal,
// and where the log of a build is all that anybody sees it matters most.
func (a *answer) aside(line string) bool {
	a.mu.Lock()
	hears := a.sideband && a.status
	a.mu.Unlock()
	if hears {
		a.say(line)
	}
	return hears
}

// report ends the answer.
func (a *answer) report(unpack string, results []wire.Result) error {
	a.close()
	a.open()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status {
		report := wire.AppendReport(nil, unpack, results)
		if a.sideband {
			a.pending = pktline.AppendBand(a.pending, pktline.BandData, pktline.BandSize, report)
		} else {
			a.pending = append(a.pending, report...)
		}
	}
	if a.sideband {
		a.pending = pktline.AppendFlush(a.pending)
	}
	a.send()
	return a.failed
}

// fatal ends the answer to a request that has no refs to report on.
func (a *answer) fatal(text string) error {
	a.close()
	a.open()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sideband {
		a.pending = pktline.AppendBand(a.pending, pktline.BandError, pktline.BandSize, []byte(text+"\n"))
		a.pending = pktline.AppendFlush(a.pending)
	} else {
		a.pending = pktline.AppendError(a.pending, text)
	}
	a.send()
	return a.failed
}
