package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jeton/internal/problem"
)

// Git is the git program that was found, and the surroundings in which it runs.
// SetHome must be called before it is started.
type Git struct {
	path    string
	version string
	env     []string
}

// MinVersion is the oldest git that will do.
const MinVersion = "2.39"

// Find looks for a git, or for the one in PATH when program is empty, and asks it
// for its version. It fails with problem.Unavailable and a remedy when git is
// missing or too old.
func Find(program string) (*Git, error) {
	const remedy = "Install git " + MinVersion + " or newer."
	if program == "" {
		program = "git"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "git was not found", remedy)
	}
	g := &Git{}
	if g.path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.path, "version")
	cmd.Env = cleanEnv(g.path, os.TempDir())
	out, err := cmd.Output()
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "git does not run", remedy)
	}
	g.version = strings.TrimPrefix(strings.TrimSpace(string(out)), "git version ")
	if !versionAtLeast(g.version, MinVersion) {
		return nil, problem.New(problem.Unavailable, fmt.Sprintf("git %s is too old", g.version), remedy)
	}
	return g, nil
}

// SetHome says below which folder git's home is, which does not exist.
func (g *Git) SetHome(dir string) { g.env = cleanEnv(g.path, dir) }

// Version is git's own word for it.
func (g *Git) Version() string { return g.version }

func versionAtLeast(have, want string) bool {
	h, w := strings.Split(have, "."), strings.Split(want, ".")
	for i := range w {
		a, b := 0, 0
		if i < len(h) {
			a, _ = strconv.Atoi(h[i])
		}
		b, _ = strconv.Atoi(w[i])
		if a != b {
			return a > b
		}
	}
	return true
}
