package main

import (
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
// system's 50 µs of slack that is a tenth of the processor time of a small push.
const doze = 500 * time.Microsecond

// dozing says that the program was started anew for that.
const dozing = "JETON_DOZING"

// dozeLonger sets the slack for all threads. A thread gets that of the one that
// makes it, and the runtime's is there before any of our code runs, so the program
// starts itself again, as the same process. Where that can't be done the server
// runs as it is. systemd's TimerSlackNSec= does the same without it.
func dozeLonger() {
	runtime.LockOSThread() // both are about the thread
	defer runtime.UnlockOSThread()
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if again := os.Getenv(dozing) != ""; again || err != nil || now >= int(doze) {
		_ = os.Unsetenv(dozing)
		return
	}
	program, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(doze), 0, 0, 0) != nil {
		return
	}
	_ = syscall.Exec(program, os.Args, append(os.Environ(), dozing+"="+strconv.Itoa(os.Getpid())))
}
