package apptest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Terminal is a person's computer: a home of its own, in which programs that
// were made for GitHub run against the server. They reach it under the name in
// its URL, trust its authority, and reach nothing else.
type Terminal struct {
	Dir  string // where commands run
	Home string
	env  []string
	bin  string // programs of the test, before all others
}

// Terminal returns a fresh one. The server must have been started by
// StartNamed for programs that want a host name without a port, like gh.
func (s *Server) Terminal(t testing.TB) *Terminal {
	t.Helper()
	home := t.TempDir()
	c := &Terminal{Home: home, Dir: filepath.Join(home, "work"), bin: filepath.Join(home, "bin")}
	for _, dir := range []string{c.Dir, c.bin} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	settings := "[user]\n\tname = Ada Example\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[http \"" + s.URL() + "/\"]\n\tsslCAInfo = " + s.CAFile + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := s.Tunnel(t)
	c.env = []string{"PATH=" + c.bin + ":" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "LC_ALL=C.UTF-8", "NO_COLOR=1", "TERM=dumb",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "HTTP_PROXY=" + proxy, "SSL_CERT_FILE=" + s.CAFile,
		"GH_HOST=" + strings.TrimPrefix(s.URL(), "https://"), "GH_NO_UPDATE_NOTIFIER=1", "GH_PROMPT_DISABLED=1"}
	return c
}

// Env adds a variable to what programs see.
func (c *Terminal) Env(name, value string) { c.env = append(c.env, name+"="+value) }

// Program puts a shell script in the way of a program of that name.
func (c *Terminal) Program(t testing.TB, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Need ends the test where a program is not installed; scripts/deps installs
// them all.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not installed: run scripts/deps", program)
	}
}

// clientTime is how long one command may take.
const clientTime = 2 * time.Minute

func (c *Terminal) command(ctx context.Context, stdin io.Reader, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, c.env, stdin
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Try runs a program and returns what it printed, both streams together, and
// its exit code.
func (c *Terminal) Try(t testing.TB, stdin, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	cmd := c.command(ctx, strings.NewReader(stdin), name, args...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// Run runs a program and fails the test if it fails.
func (c *Terminal) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, code := c.Try(t, "", name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return strings.TrimSpace(out)
}

// Running is a program that waits for something.
type Running struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string
	out   strings.Builder // standard output, complete after Wait
	done  sync.WaitGroup
	said  []string
}

// Start starts a program that waits for a person. It is killed with the test.
func (c *Terminal) Start(t testing.TB, stdin, name string, args ...string) *Running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	t.Cleanup(cancel)
	r := &Running{t: t, cmd: c.command(ctx, strings.NewReader(stdin), name, args...), lines: make(chan string, 1000)}
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stdout = &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.done.Go(func() {
		defer close(r.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			r.lines <- s.Text()
		}
	})
	return r
}

// Until waits for a line of standard error with the text and returns it.
func (r *Running) Until(text string) string {
	r.t.Helper()
	for line := range r.lines {
		r.said = append(r.said, line)
		if strings.Contains(line, text) {
			return line
		}
	}
	r.t.Fatalf("%s ended without saying %q:\n%s", r.cmd.Path, text, strings.Join(r.said, "\n"))
	return ""
}

// Wait waits for the program's end and returns its standard output, what it
// said on standard error, and its exit code.
func (r *Running) Wait() (out, said string, code int) {
	r.t.Helper()
	for line := range r.lines {
		r.said = append(r.said, line)
	}
	r.done.Wait()
	_ = r.cmd.Wait() // the exit code says it
	return r.out.String(), strings.Join(r.said, "\n"), r.cmd.ProcessState.ExitCode()
}
