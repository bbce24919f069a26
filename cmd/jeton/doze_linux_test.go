package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const dozeChild = "JETON_TEST_DOZE"

// TestDozeChild is no test of its own: it looks at the threads of a program that
// has called dozeLonger.
func TestDozeChild(t *testing.T) {
	if os.Getenv(dozeChild) == "" {
		t.Skip("is run by TestDoze")
	}
	dozeLonger()
	seen := make(chan int, 8)
	for range cap(seen) {
		go func() {
			runtime.LockOSThread() // each its own, until all have told
			n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
			if err != nil {
				t.Error(err)
			}
			seen <- n
			select {}
		}()
	}
	for range cap(seen) {
		if n := <-seen; n != int(doze) {
			t.Errorf("a thread has a slack of %v", time.Duration(n))
		}
	}
}

// TestDoze: every thread of root's server sleeps longer.
func TestDoze(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDozeChild$", "-test.v")
	cmd.Env = append(os.Environ(), dozeChild+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
