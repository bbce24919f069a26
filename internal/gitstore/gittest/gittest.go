// Package gittest is a person with git, for the tests of gitstore and of what is inside
// it.
package gittest

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
)

// Git runs the real git in a folder as a person would, and returns its output.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return In(t, dir, nil, args...)
}

// In is git with a standard input.
func In(t testing.TB, dir string, stdin io.Reader, args ...string) string {
	t.Helper()
	out, err := Try(t.Context(), dir, stdin, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// Try runs git and returns all that it printed.
func Try(ctx context.Context, dir string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE=1700000000 +0200",
		"GIT_COMMITTER_NAME=C O Mitter", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE=1700000100 +0000",
	}
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	return both.String(), err
}

// Work makes a clone-like folder whose origin is the folder of a repository.
func Work(t testing.TB, repo string) string {
	t.Helper()
	format := In(t, repo, nil, "rev-parse", "--show-object-format")
	dir := t.TempDir()
	Git(t, dir, "init", "-q", "-b", "main", "--object-format="+format, ".")
	Git(t, dir, "remote", "add", "origin", repo)
	return dir
}

// Write writes a file, and makes the folders on its way.
func Write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Commit commits all that is in a folder and returns the id.
func Commit(t testing.TB, dir, message string) object.ID {
	t.Helper()
	Git(t, dir, "add", "-A")
	Git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	return object.ID(Git(t, dir, "rev-parse", "HEAD"))
}

// PackOf packs what new needs and old has not.
func PackOf(t testing.TB, dir string, new, old object.ID) []byte {
	t.Helper()
	in := string(new) + "\n"
	if old != "" {
		in += "^" + string(old) + "\n"
	}
	cmd := exec.CommandContext(t.Context(), "git", "pack-objects", "--revs", "--thin", "--stdout", "-q")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
