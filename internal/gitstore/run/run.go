// Package run starts git, and is the only one that does: in a clean environment, in
// a process group that dies with its context, with an argument list in which nothing
// from outside is taken for an option.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"jeton/internal/gitstore/disk"
	"jeton/internal/problem"
)

// Flag is an option of git. Only constants and values that were checked become
// one; text from outside goes into Args.
type Flag string

// Command is one run of git: the only way in which an argument list is made.
type Command struct {
	Name   string
	Flags  []Flag
	Args   []string // revisions and the like, after --end-of-options
	Paths  []string // after --, taken literally
	Config []string // key, value, key, value …
	Env    []string
	Stdin  io.Reader
	Stderr io.Writer // beside the tail that is kept for the log
	Files  []*os.File
	Low    bool // of low priority, and asked to end (SIGTERM) before it is killed
}

func (c *Command) argv() ([]string, error) {
	argv := []string{"--literal-pathspecs", c.Name}
	for _, f := range c.Flags {
		argv = append(argv, string(f))
	}
	if len(c.Args) > 0 {
		argv = append(argv, "--end-of-options")
		argv = append(argv, c.Args...)
	}
	if len(c.Paths) > 0 {
		argv = append(argv, "--")
		argv = append(argv, c.Paths...)
	}
	for _, a := range argv {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, problem.New(problem.Invalid, "a name must not hold a zero byte", "")
		}
	}
	return argv, nil
}

// baseConfig holds in every run. It stands in the environment, so that the
// programs that git starts obey it too.
var baseConfig = [...]string{
	"core.hooksPath", os.DevNull,
	"core.fsmonitor", "false",
	"core.attributesFile", os.DevNull,
	"core.logAllRefUpdates", "false",
	"core.fsync", "all",
	"core.quotePath", "true",
	"core.warnAmbiguousRefs", "false",
	"gc.auto", "0",
	"maintenance.auto", "false",
	"transfer.fsckObjects", "true",
	"protocol.allow", "never",
	"credential.helper", "",
	"init.defaultBranch", "main",
	// The store opens only folders of its own, whoever owns them: the
	// administrator's commands may run as another user than the server.
	"safe.directory", "*",
}

func cleanEnv(git, home string) []string {
	return []string{
		"PATH=" + filepath.Dir(git) + ":/usr/local/bin:/usr/bin:/bin",
		"HOME=" + filepath.Join(home, "nobody"),
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=",
		"SSH_ASKPASS=",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_ADVICE=0",
	}
}

func configEnv(config []string) []string {
	all := append(append([]string{}, baseConfig[:]...), config...)
	env := []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(len(all)/2)}
	for i := 0; i+1 < len(all); i += 2 {
		n := strconv.Itoa(i / 2)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+all[i], "GIT_CONFIG_VALUE_"+n+"="+all[i+1])
	}
	return env
}

// Process is a running git. Wait, Stop or Abandon must be called.
type Process struct {
	cmd    *exec.Cmd
	Stdout io.ReadCloser // what it prints
	tail   tail
	name   string
	ctx    context.Context
}

// Start runs git in the repository dir, in a process group of its own that dies
// with ctx.
func (g *Git) Start(ctx context.Context, dir string, c Command) (*Process, error) {
	argv, err := c.argv()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, g.path, argv...)
	cmd.Dir = dir
	cmd.Env = append(append(append(append([]string{}, g.env...), "GIT_DIR=."), configEnv(c.Config)...), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	if c.Low {
		// A git that is asked to end takes its temporary files and locks away.
		cmd.Cancel = func() error { return signalGroup(cmd.Process, syscall.SIGTERM) }
	}
	cmd.Stdin, cmd.ExtraFiles = c.Stdin, c.Files
	p := &Process{cmd: cmd, name: c.Name, ctx: ctx}
	cmd.Stderr = &p.tail
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&p.tail, c.Stderr)
	}
	if p.Stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start git %s: %w", c.Name, err)
	}
	if c.Low {
		lowerPriority(cmd.Process.Pid)
	}
	return p, nil
}

func killGroup(p *os.Process) error { return signalGroup(p, syscall.SIGKILL) }

func signalGroup(p *os.Process, sig syscall.Signal) error {
	err := syscall.Kill(-p.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Error is a git that ended with a failure.
type Error struct {
	name   string
	Code   int
	Stderr string
	full   bool // the disk was
}

// Is makes a git that found the disk full an error as if it was our own write.
func (e *Error) Is(target error) bool { return e.full && target == syscall.ENOSPC }

// Error implements error. It is for the log: it may name files of this machine.
func (e *Error) Error() string {
	return fmt.Sprintf("git %s ended with %d: %q", e.name, e.Code, e.Stderr)
}

// Wait ends the process's life. A cancelled context wins over the exit code
// that its kill caused.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	if cause := p.ctx.Err(); cause != nil {
		return Worded(cause)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("git %s: %w", p.name, err)
	}
	said := p.tail.String()
	return &Error{name: p.name, Code: exit.ExitCode(), Stderr: said, full: strings.Contains(said, "No space left on device") || disk.Full(p.cmd.Dir)}
}

// Stop kills the process if it still runs, and reaps it.
func (p *Process) Stop() {
	_ = killGroup(p.cmd.Process)
	_ = p.cmd.Wait()
}

// Abandon stops the process because of err, and returns what it comes from: the
// end of the context, if that has ended.
func (p *Process) Abandon(err error) error {
	p.Stop()
	if cause := p.ctx.Err(); cause != nil {
		return Worded(cause)
	}
	return err
}

// Yield gives way to all others, if nobody waits for the process.
func (p *Process) Yield(idle bool) {
	if idle {
		_ = syscall.Setpriority(syscall.PRIO_PGRP, p.cmd.Process.Pid, idlePriority)
	}
}

// idlePriority is how nice work is that nobody waits for.
const idlePriority = 15

// Worded words the end of the time that a reading had: problem.Unavailable.
// Others stay as they are.
func Worded(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem.Error{Kind: problem.Unavailable, Public: "reading this from the repository took too long", Remedy: "Try again, or ask for a smaller part.", After: 5, Err: err}
	}
	return err
}

// TooLarge is problem.TooLarge for what is too large to be shown.
func TooLarge(what string) error {
	return problem.New(problem.TooLarge, what+" is too large to show", "Clone the repository to see it.")
}

// Output runs git in dir and returns what it printed: more than limit bytes are
// problem.TooLarge.
func (g *Git) Output(ctx context.Context, dir string, c Command, limit int64) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := g.Start(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(p.Stdout, limit+1))
	if n > limit {
		p.Stop()
		return nil, TooLarge("the answer")
	}
	if werr := p.Wait(); werr != nil {
		return buf.Bytes(), werr
	}
	return buf.Bytes(), err
}

// tail keeps the last bytes that were written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 2048

// Write keeps p's end. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[max(0, len(p)-tailBytes):]...)
	if n := len(t.buf) - tailBytes; n > 0 {
		t.buf = append(t.buf[:0], t.buf[n:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
