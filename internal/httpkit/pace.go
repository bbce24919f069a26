package httpkit

import "time"

// leastRate is how many bytes in a second a client must send or take on
// average while the server waits for it: a good quarter of a megabyte within
// a minute. Who is slower holds a place for next to nothing.
const leastRate = 4 << 10

// pace measures how long a client was waited for, less what it moved. Whoever
// keeps silent, or dribbles, uses up the patience; whoever goes on at more than
// the least rate never does, however long it takes.
type pace struct {
	idle  time.Duration // the patience; never more than that is saved up
	spent time.Duration // of it
}

func worth(n int) time.Duration { return time.Duration(n) * time.Second / leastRate }

// end is until when the client may take for its next n bytes.
func (p *pace) end(now time.Time, n int) time.Time { return now.Add(p.idle - p.spent + worth(n)) }

// moved counts n bytes that took so long.
func (p *pace) moved(n int, took time.Duration) { p.spent = max(0, p.spent+took-worth(n)) }
