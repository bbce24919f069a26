package main

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// doze is how much later than asked for the kernel may wake a thread of the
// server that sleeps. Go's runtime has one that looks every 20 µs, as long as
// anything runs, whether another has been in a system call for long; with the
// system's 50 µs of slack that is a sixth of the processor time of a small push.
const doze = time.Millisecond

// dozing says that the program was started anew for that.
const dozing = "JETON_DOZING"

// dozeLonger sets the slack for all threads. systemd's TimerSlackNSec= does the
// same. Where nothing of it can be done the server runs as it is.
func dozeLonger() {
	again := os.Getenv(dozing) != ""
	_ = os.Unsetenv(dozing)
	runtime.LockOSThread() // a slack is a thread's
	defer runtime.UnlockOSThread()
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if again || err != nil || now >= int(doze) {
		return
	}
	// Twice, since a thread may come meanwhile; it gets that of the one that makes it.
	if errors.Join(dozeThreads(), dozeThreads()) == nil {
		return
	}
	// Only root may for other threads. The runtime's is there before any of our
	// code runs, so the program starts itself again, as the same process.
	program, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(doze), 0, 0, 0) != nil {
		return
	}
	_ = syscall.Exec(program, os.Args, append(os.Environ(), dozing+"=1"))
}

// dozeThreads sets it for those that there are.
func dozeThreads() error {
	threads, err := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if err == nil {
			err = os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", strconv.AppendInt(nil, int64(doze), 10), 0)
		}
	}
	return err
}
