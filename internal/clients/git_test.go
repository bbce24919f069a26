package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// TestGit_helpers: git's own helpers remember a token that works, and forget it
// when it has been deleted.
func TestGit_helpers(t *testing.T) {
	t.Parallel()
	for _, helper := range []string{"store", "cache --timeout=600"} {
		t.Run(helper, func(t *testing.T) {
			t.Parallel()
			s := apptest.StartNamed(t, host)
			ada := s.User(t, "ada")
			s.Repo(t, ada, "engine", true)
			made, plain := s.Token(t, ada, "laptop", "repo")
			c := s.Terminal(t)
			c.Run(t, "git", "config", "--global", "credential.helper", helper)
			defer func() { _, _ = c.Try(t, "", "git", "credential-cache", "exit") }() // its daemon
			c.Program(t, "ask", `case "$1" in Username*) echo ada;; *) echo "$TOKEN";; esac`)
			// The person is asked once; after that nobody is there to answer.
			c.Run(t, "env", "TOKEN="+plain, "GIT_ASKPASS=ask", "git", "clone", "-q", s.URL()+"/ada/engine.git", "first")
			c.Env("GIT_ASKPASS", "false")
			c.Run(t, "git", "clone", "-q", s.URL()+"/ada/engine.git", "second")

			if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, made.ID); err != nil {
				t.Fatal(err)
			}
			if out, code := c.Try(t, "", "git", "-C", "second", "fetch"); code == 0 || !strings.Contains(out, `remote: The token "laptop" was deleted`) {
				t.Errorf("after the deletion: %d %s", code, out)
			}
			asked := "protocol=https\nhost=" + host + "\n\n"
			if out, code := c.Try(t, asked, "git", "credential", "fill"); code == 0 {
				t.Errorf("the helper still has a password: %s", strings.ReplaceAll(out, plain, "the token"))
			}
		})
	}
}

// TestGit_lfs: Git LFS asks gh for the token, as git does.
func TestGit_lfs(t *testing.T) {
	t.Parallel()
	s := apptest.StartNamed(t, host)
	c := signedIn(t, s)
	c.Run(t, "gh", "repo", "create", "station", "--private", "--clone")
	in := func(args ...string) { c.Run(t, "git", append([]string{"-C", "station"}, args...)...) }
	in("lfs", "install", "--local")
	in("lfs", "track", "*.bin")
	content := strings.Repeat("large ", 10_000)
	if err := os.WriteFile(filepath.Join(c.Dir, "station", "a.bin"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	in("add", ".")
	in("commit", "-qm", "A large file")
	in("push", "-q", "origin", "HEAD:main")
	c.Run(t, "git", "-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true",
		"clone", "-q", "-b", "main", s.URL()+"/ada/station.git", "again")
	if got, err := os.ReadFile(filepath.Join(c.Dir, "again", "a.bin")); err != nil || string(got) != content {
		t.Errorf("the large file came back with %d bytes, %v", len(got), err)
	}
}
