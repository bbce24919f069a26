// Package meter measures what a server costs: the processor time and the memory
// of its processes with all of their children, those that have ended as well,
// and how many processes it started. It must never count anything of the
// clients or of the measuring program.
package meter

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Group is the processes of one server. Its methods may be called at the same
// time, but Start and Stop by one at a time.
type Group struct {
	folder string // its cgroup; empty: processes are looked up in /proc
	cmds   []*exec.Cmd
	ended  []chan struct{} // closed when the command of the same place has ended
	count  *counter        // nil: this system does not tell
}

// NewGroup returns an empty group. Where a cgroup (version 2) can be made, the
// kernel counts in it, to the microsecond, with every child that has ended.
// Elsewhere the time is read from /proc, in ticks of 10 ms for what has ended
// and been waited for.
func NewGroup(name string) (*Group, error) {
	g := &Group{}
	for _, root := range cgroups() {
		folder := filepath.Join(root, fmt.Sprintf("bench-%d-%s", os.Getpid(), name))
		if err := os.Mkdir(folder, 0o755); err == nil {
			g.folder = folder
			break
		}
	}
	g.count, _ = newCounter() // needs root, and a kernel that tells
	return g, nil
}

// Exact reports whether the kernel counts for the group.
func (g *Group) Exact() bool { return g.folder != "" }

// cgroups returns where a cgroup of version 2 may be made: under this process's
// own one, which is its user's in a systemd scope, and at the root.
func cgroups() []string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var root string
	for l := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(l, " - ")
		if f := strings.Fields(before); len(f) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			root = f[4]
		}
	}
	if root == "" {
		return nil
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return []string{root}
	}
	for l := range strings.Lines(string(own)) {
		if path, found := strings.CutPrefix(strings.TrimSpace(l), "0::"); found {
			return []string{filepath.Join(root, path), root}
		}
	}
	return []string{root}
}

// Start starts cmd as a part of the group, in a process group of its own.
func (g *Group) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if g.folder != "" {
		// The shell puts itself into the group and becomes the program.
		shell := []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.folder, "cgroup.procs"), cmd.Path}
		cmd.Path, cmd.Args = "/bin/sh", append(shell, cmd.Args[1:]...)
	}
	start := cmd.Start
	if g.count != nil {
		start = func() error { return g.count.start(cmd) }
	}
	if err := start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	g.cmds, g.ended = append(g.cmds, cmd), append(g.ended, ended)
	return nil
}

// Ended is closed when the program that was started first has ended.
func (g *Group) Ended() <-chan struct{} { return g.ended[0] }

// Stop asks the programs to end, waits up to patience for them, ends what is
// left of them and their children, and returns when they are gone.
func (g *Group) Stop(patience time.Duration) error {
	deadline := time.After(patience)
	for _, c := range g.cmds {
		_ = c.Process.Signal(syscall.SIGTERM)
	}
	for i, c := range g.cmds {
		select {
		case <-g.ended[i]:
		case <-deadline:
			deadline = time.After(0)
		}
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // children that it left
		<-g.ended[i]
	}
	g.cmds, g.ended = nil, nil
	if g.folder != "" { // what made a process group of its own; older kernels have no such file
		_ = os.WriteFile(filepath.Join(g.folder, "cgroup.kill"), []byte("1"), 0)
	}
	if g.count != nil {
		_ = g.count.Close()
	}
	if g.folder == "" {
		return nil
	}
	err := errors.New("never tried")
	for range 200 { // the last process leaves its cgroup a moment after it ended
		if err = os.Remove(g.folder); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("remove the control group: %w", err)
}

// CPU returns the processor time that the group has used, user and system, of
// all its processes with those that have ended.
func (g *Group) CPU() (time.Duration, error) {
	if g.folder == "" {
		return g.procCPU()
	}
	text, err := os.ReadFile(filepath.Join(g.folder, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if n, found := strings.CutPrefix(l, "usage_usec "); found {
			us, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return time.Duration(us) * time.Microsecond, err
		}
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}

// Pids returns the processes that the group has now.
func (g *Group) Pids() ([]int, error) {
	if g.folder == "" {
		return g.descendants()
	}
	text, err := os.ReadFile(filepath.Join(g.folder, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, f := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Started returns how many processes the group's processes have started so far
// (programs run, not threads), and false where this system does not tell.
func (g *Group) Started() (int, bool) {
	if g.count == nil {
		return 0, false
	}
	return g.count.value(), true
}
