package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Git is a person with real git: with settings of its own and nothing of who
// runs the benchmark.
type Git struct {
	Program string
	home    string
}

// NewGit returns a person whose home is the folder, which is made.
func NewGit(program, home string) (*Git, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	// The first push of a large repository would be sent in chunks, which is the
	// default and stays it; garbage collection in the client is nobody's work here.
	config := "[user]\n\tname = Ada Example\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n"
	if err := os.WriteFile(filepath.Join(home, "config"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	return &Git{Program: program, home: home}, nil
}

// Run runs git in dir and returns what it printed on standard output.
func (g *Git) Run(ctx context.Context, dir string, args ...string) (string, error) {
	return g.RunIn(ctx, dir, nil, args...)
}

// RunIn is Run with standard input.
func (g *Git) RunIn(ctx context.Context, dir string, stdin io.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.Program, args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(g.home, "config"), "GIT_TERMINAL_PROMPT=0"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		if len(text) > 600 {
			text = text[len(text)-600:]
		}
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, text)
	}
	return out.String(), nil
}
