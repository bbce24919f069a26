package githttp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"jeton/internal/config"
)

// TestPush_startsNoProcess: a push of a commit by real git, with all rules on
// and by a token that may change no workflows, has the server start no git.
func TestPush_startsNoProcess(t *testing.T) {
	t.Parallel()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, program := filepath.Join(dir, "log"), filepath.Join(dir, "git")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" >> '"+log+"'\nexec '"+real+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *config.Config) { c.Git = program })
	g := w.clone(t, "engine")
	push := func(args ...string) string {
		t.Helper()
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		g.Run(t, append([]string{"push", "-q", "origin"}, args...)...)
		started, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(started)
	}
	g.Commit(t, "a", "1\n", "One")
	g.Commit(t, "d/e", "1\n", "Two")
	equal(t, push("main"), "", "the first push started")
	g.Commit(t, "d/e", "2\n", "Three")
	equal(t, push("main"), "", "a push of one commit started")
	equal(t, push("main:new", "main~:refs/tags/old"), "", "a push without objects started")
	equal(t, push("--delete", "new"), "", "a deletion started")
	w.whole(t, "engine")
}
