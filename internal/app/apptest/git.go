package apptest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Git is a person at a terminal: git with settings of its own, and a user name
// and password that it gives when git asks.
type Git struct {
	Dir      string // where commands run
	User     string
	Password string   // the token, as a rule
	Config   []string // further settings, "key=value"

	home, ask string
	env       []string
}

// Git returns a terminal with git, in an empty folder, which trusts the
// server's authority for the server's URL alone.
func (s *Server) Git(t testing.TB, user, password string) *Git {
	t.Helper()
	home := t.TempDir()
	g := &Git{Dir: filepath.Join(home, "work"), User: user, Password: password, home: home, ask: filepath.Join(home, "ask")}
	if err := os.Mkdir(g.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \"$1\" in Username*) printf '%s\\n' \"$ASK_USER\";; *) printf '%s\\n' \"$ASK_PASSWORD\";; esac\n"
	if err := os.WriteFile(g.ask, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "[user]\n\tname = Ada Example\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[gc]\n\tauto = 0\n"
	if s.CAFile != "" {
		config += "[http \"" + s.URL() + "/\"]\n\tsslCAInfo = " + s.CAFile + "\n"
	}
	if err := os.WriteFile(filepath.Join(home, "gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// Env adds a variable to what git sees.
func (g *Git) Env(name, value string) { g.env = append(g.env, name+"="+value) }

// Try runs git and returns what it printed, both streams together, and its
// exit code.
func (g *Git) Try(t testing.TB, args ...string) (string, int) {
	t.Helper()
	return g.TryIn(t, "", args...)
}

// TryIn is Try with standard input.
func (g *Git) TryIn(t testing.TB, stdin string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all []string
	for _, c := range g.Config {
		all = append(all, "-c", c)
	}
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Dir = g.Dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(g.home, "gitconfig"),
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=" + g.ask, "ASK_USER=" + g.User, "ASK_PASSWORD=" + g.Password}, g.env...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// Run runs git and fails the test if git fails.
func (g *Git) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, code := g.Try(t, args...)
	if code != 0 {
		t.Fatalf("git %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return strings.TrimSpace(out)
}

// In returns the same person in a folder below.
func (g *Git) In(dir string) *Git {
	other := *g
	other.Dir = filepath.Join(g.Dir, dir)
	return &other
}

// Write puts a file into the folder.
func (g *Git) Write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(g.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Commit writes a file and commits it.
func (g *Git) Commit(t testing.TB, name, content, message string) {
	t.Helper()
	g.Write(t, name, content)
	g.Run(t, "add", "-A")
	g.Run(t, "commit", "-qm", message)
}
