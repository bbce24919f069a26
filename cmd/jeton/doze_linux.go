package main

import (
	"os"
	"strconv"
	"time"
)

// doze is how much later than asked for the kernel may wake a thread of the
// server that sleeps. Go's runtime has one that looks every 20 µs, as long as
// anything runs, whether another has been in a system call for long; with the
// system's 50 µs of slack that is a sixth of the processor time of a small push.
const doze = time.Millisecond

// dozeLonger sets the slack of all threads, which root alone may. For others
// systemd's TimerSlackNSec= does the same, and without it the server runs as it is.
func dozeLonger() {
	for range 2 { // a thread may come meanwhile; it has that of the one that made it
		threads, _ := os.ReadDir("/proc/self/task")
		for _, t := range threads {
			_ = os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", strconv.AppendInt(nil, int64(doze), 10), 0)
		}
	}
}
