package httpkit

import "time"

// leastRate is how many bytes in a second a client must send or take on
// average while the server waits for it: a good quarter of a megabyte within
// a minute. Who is slower holds a place for next to nothing.
const leastRate = 4 << 10

const (
	// IdleLimit is how long a client that sends or takes much may be silent.
	IdleLimit = 60 * time.Second
	// LastWords is how long a client has to take in why it was cut short.
	LastWords = time.Second
)

// Pace measures how long a client was waited for, less what it moved. Whoever
// keeps silent, or dribbles, uses up the patience; whoever goes on at more than
// the least rate never does, however long it takes.
type Pace struct {
	idle  time.Duration // the patience; never more than that is saved up
	spent time.Duration // of it
}

// NewPace returns the pace of a client that nobody has waited for yet, and
// whose silence is borne for idle.
func NewPace(idle time.Duration) Pace { return Pace{idle: idle} }

func worth(n int) time.Duration { return time.Duration(n) * time.Second / leastRate }

// End is until when the client may take for its next n bytes.
func (p *Pace) End(now time.Time, n int) time.Time { return now.Add(p.idle - p.spent + worth(n)) }

// Moved counts n bytes that took so long.
func (p *Pace) Moved(n int, took time.Duration) { p.spent = max(0, p.spent+took-worth(n)) }
