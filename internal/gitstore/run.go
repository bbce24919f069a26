package gitstore

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

// flag is an option of git. Only constants and values that were checked become
// one; text from outside goes into args.
type flag string

// command is one run of git: the only way in which an argument list is made.
type command struct {
	name   string
	flags  []flag
	args   []string // revisions and the like, after --end-of-options
	paths  []string // after --, taken literally
	config []string // key, value, key, value …
	env    []string
	stdin  io.Reader
	stdout io.Writer // nil gives a pipe
	stderr io.Writer // beside the tail that is kept for the log
	files  []*os.File
	low    bool // of low priority, and asked to end (SIGTERM) before it is killed
}

func (c *command) argv() ([]string, error) {
	argv := []string{"--literal-pathspecs", c.name}
	for _, f := range c.flags {
		argv = append(argv, string(f))
	}
	if len(c.args) > 0 {
		argv = append(argv, "--end-of-options")
		argv = append(argv, c.args...)
	}
	if len(c.paths) > 0 {
		argv = append(argv, "--")
		argv = append(argv, c.paths...)
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

// process is a running git.
type process struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser // nil when the command had a writer
	tail   tail
	name   string
	ctx    context.Context
}

// start runs git in dir, in a process group of its own that dies with ctx.
func (s *Store) start(ctx context.Context, dir string, c command) (*process, error) {
	argv, err := c.argv()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.git, argv...)
	cmd.Dir = dir
	cmd.Env = append(append(append(append([]string{}, s.env...), "GIT_DIR=."), configEnv(c.config)...), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	if c.low {
		// A git that is asked to end takes its temporary files and locks away.
		cmd.Cancel = func() error { return signalGroup(cmd.Process, syscall.SIGTERM) }
	}
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = c.stdin, c.stdout, c.files
	p := &process{cmd: cmd, name: c.name, ctx: ctx}
	cmd.Stderr = &p.tail
	if c.stderr != nil {
		cmd.Stderr = io.MultiWriter(&p.tail, c.stderr)
	}
	if c.stdout == nil {
		if p.stdout, err = cmd.StdoutPipe(); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start git %s: %w", c.name, err)
	}
	if c.low {
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

// runError is a git that ended with a failure.
type runError struct {
	name   string
	code   int
	stderr string
	full   bool // the disk was
}

// Is makes a git that found the disk full an error as if it was our own write.
func (e *runError) Is(target error) bool { return e.full && target == syscall.ENOSPC }

func (e *runError) Error() string {
	return fmt.Sprintf("git %s ended with %d: %q", e.name, e.code, e.stderr)
}

// wait ends the process's life. A cancelled context wins over the exit code
// that its kill caused.
func (p *process) wait() error {
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	if cause := p.ctx.Err(); cause != nil {
		return readError(cause)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("git %s: %w", p.name, err)
	}
	said := p.tail.String()
	return &runError{name: p.name, code: exit.ExitCode(), stderr: said, full: strings.Contains(said, "No space left on device") || disk.Full(p.cmd.Dir)}
}

// stop kills the process if it still runs, and reaps it.
func (p *process) stop() {
	_ = killGroup(p.cmd.Process)
	_ = p.cmd.Wait()
}

// abandon stops the process because of err, and returns what it comes from: the
// end of the context, if that has ended.
func (p *process) abandon(err error) error {
	p.stop()
	if cause := p.ctx.Err(); cause != nil {
		return readError(cause)
	}
	return err
}

func readError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem.Error{Kind: problem.Unavailable, Public: "reading this from the repository took too long", Remedy: "Try again, or ask for a smaller part.", After: 5, Err: err}
	}
	return err
}

func tooLarge(what string) error {
	return problem.New(problem.TooLarge, what+" is too large to show", "Clone the repository to see it.")
}

// output runs git and returns what it printed, at most limit bytes.
func (s *Store) output(ctx context.Context, dir string, c command, limit int64) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := s.start(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(p.stdout, limit+1))
	if n > limit {
		p.stop()
		return nil, tooLarge("the answer")
	}
	if werr := p.wait(); werr != nil {
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

// slots bounds how much of one kind of work runs at a time.
type slots chan struct{}

// take waits a moment for a slot. It fails with problem.Unavailable.
func (s slots) take(ctx context.Context, wait time.Duration) (func(), error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, busy()
	}
}

func busy() error {
	return &problem.Error{Kind: problem.Unavailable, Public: "the server is busy with repositories", Remedy: "Try again in a moment.", After: 3}
}
