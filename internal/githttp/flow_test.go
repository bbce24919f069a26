package githttp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// noLeftovers looks for what a push leaves while it goes on.
func noLeftovers(dir string) error {
	for _, pattern := range []string{"objects/incoming-*", "jeton/new-*", "jeton/journal-*", "jeton/moved-*", "*.lock", "refs/heads/*.lock"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("left behind: %v", found)
		}
	}
	return nil
}

func TestPushAndClone_versions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, version := range []string{"0", "1", "2"} {
		t.Run(version, func(t *testing.T) {
			g := w.Git(t, "ada", w.git.Password)
			g.Config = []string{"protocol.version=" + version}
			name := "v" + version
			w.Repo(t, w.ada, name, true)
			g.Run(t, "clone", "-q", w.url(name), "empty")
			src := g.In("empty")
			src.Commit(t, "README.md", "# Hello\n", "First")
			src.Run(t, "tag", "-am", "one", "v1")
			out := src.Run(t, "push", "--follow-tags", "origin", "main")
			contains(t, out, "* [new branch]      main -> main", "* [new tag]         v1 -> v1")
			g.Run(t, "clone", "-q", w.url(name), "full")
			equal(t, g.In("full").Run(t, "rev-parse", "HEAD", "v1^{}"), src.Run(t, "rev-parse", "HEAD", "v1^{}"), "cloned")
			src.Commit(t, "b", "b\n", "Second")
			src.Run(t, "push", "-q", "origin", "main")
			g.In("full").Run(t, "pull", "-q")
			equal(t, g.In("full").Run(t, "rev-parse", "HEAD"), src.Run(t, "rev-parse", "HEAD"), "pulled")
			g.Run(t, "clone", "-q", "--depth", "1", w.url(name), "shallow")
			equal(t, g.In("shallow").Run(t, "rev-list", "--count", "HEAD"), "1", "shallow history")
			g.In("shallow").Run(t, "fetch", "-q", "--unshallow")
			equal(t, g.In("shallow").Run(t, "rev-list", "--count", "HEAD"), "2", "history after unshallow")
			g.Run(t, "clone", "-q", "--filter=blob:none", "--no-checkout", w.url(name), "partial")
			part := g.In("partial")
			part.Run(t, "checkout", "-q", "main")
			if data, err := os.ReadFile(filepath.Join(part.Dir, "b")); err != nil || string(data) != "b\n" {
				t.Errorf("partial: %q %v", data, err)
			}
			g.Run(t, "clone", "-q", "--single-branch", "--branch", "main", w.url(name), "single")
		})
	}
}
