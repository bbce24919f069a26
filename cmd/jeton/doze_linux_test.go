package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const dozeChild = "JETON_TEST_DOZE"

// TestDozeChild is no test of its own: it prints what the threads of a program
// have that has called dozeLonger.
func TestDozeChild(t *testing.T) {
	if os.Getenv(dozeChild) == "" {
		t.Skip("is run by TestDoze")
	}
	dozeLonger()
	if os.Getenv(dozing) != "" {
		t.Error("the programs that the server starts hear of it")
	}
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
	t.Logf("dozes in %d", os.Getpid())
}

// TestDoze: every thread of the server sleeps longer, and it is the process that
// was started.
func TestDoze(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDozeChild$", "-test.v")
	cmd.Env = append(os.Environ(), dozeChild+"=1")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "dozes in "+strconv.Itoa(pid)) {
		t.Errorf("%v in %d: %s", err, pid, out.String())
	}
}
