package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
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
// was started, be it root's or not.
func TestDoze(t *testing.T) {
	t.Parallel()
	t.Run("as it is", func(t *testing.T) { t.Parallel(); dozes(t, nil) })
	t.Run("as nobody", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("is not root, who could be another")
		}
		dozes(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	})
}

func dozes(t *testing.T, as *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("", "doze") // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "doze.test")
	if data, err := os.ReadFile(os.Args[0]); err != nil || os.WriteFile(program, data, 0o755) != nil || os.Chmod(dir, 0o755) != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestDozeChild$", "-test.v")
	cmd.Env, cmd.Dir, cmd.SysProcAttr = append(os.Environ(), dozeChild+"=1"), dir, as
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
