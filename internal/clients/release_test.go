package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

// withToken is a terminal where gh takes a token of ada's from the environment, as
// it does in a build.
func withToken(t *testing.T, s *apptest.Server) *apptest.Terminal {
	t.Helper()
	apptest.Need(t, "gh")
	_, plain := s.Token(t, s.User(t, "ada"), "gh", "repo", "workflow", "admin:ssh_signing_key", "admin:gpg_key")
	c := s.Terminal(t)
	c.Env("GH_ENTERPRISE_TOKEN", plain)
	c.Run(t, "git", "config", "--global", "credential.helper", "!gh auth git-credential")
	return c
}

// TestGH_release publishes with the GitHub CLI.
func TestGH_release(t *testing.T) {
	t.Parallel()
	s := apptest.StartNamed(t, host)
	c := withToken(t, s)
	said := func(want string, args ...string) {
		t.Helper()
		if out := c.Run(t, "gh", args...); !strings.Contains(out, want) {
			t.Errorf("gh %s: %q is not in\n%s", strings.Join(args, " "), want, out)
		}
	}
	c.Run(t, "gh", "repo", "create", "engine", "--private", "--clone")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("engine/README.md", "# Engine\n")
	c.Run(t, "git", "-C", "engine", "add", ".")
	c.Run(t, "git", "-C", "engine", "commit", "-qm", "One")
	c.Run(t, "git", "-C", "engine", "push", "-q", "origin", "HEAD:main")
	write("notes.txt", "It weaves patterns.\n")
	write("more.bin", strings.Repeat("x", 3<<20))

	const repo = "--repo=ada/engine"
	said(s.URL()+"/ada/engine/releases/tag/v1.0", "release", "create", "v1.0", "notes.txt#The notes", repo, "--title", "One", "--notes", "The first one.")
	said("v1.0", "release", "list", repo)
	said("Latest", "release", "list", repo)
	said("The first one.", "release", "view", "v1.0", repo)
	said("notes.txt", "release", "view", repo)
	c.Run(t, "gh", "release", "upload", "v1.0", "more.bin", repo)
	if out, code := c.Try(t, "", "gh", "release", "upload", "v1.0", "more.bin", repo); code == 0 {
		t.Errorf("the same file again: %s", out)
	}
	c.Run(t, "gh", "release", "upload", "v1.0", "more.bin", repo, "--clobber")
	c.Run(t, "gh", "release", "download", "v1.0", repo, "--dir", "down")
	for name, want := range map[string]string{"notes.txt": "It weaves patterns.\n", "more.bin": strings.Repeat("x", 3<<20)} {
		if got, err := os.ReadFile(filepath.Join(c.Dir, "down", name)); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	c.Run(t, "gh", "release", "create", "v2.0", repo, "--draft", "--generate-notes", "--title", "Two")
	said("Draft", "release", "list", repo)
	said("draft", "release", "view", "v2.0", repo)
	said("/releases/tag/v2.0", "release", "edit", "v2.0", repo, "--draft=false", "--prerelease")
	said("Pre-release", "release", "list", repo)
	c.Run(t, "gh", "release", "delete", "v2.0", repo, "--yes", "--cleanup-tag")
	if out := c.Run(t, "git", "-C", "engine", "ls-remote", "--tags", "origin"); strings.Contains(out, "v2.0") || !strings.Contains(out, "v1.0") {
		t.Errorf("the tags are %s", out)
	}
	if out := c.Run(t, "gh", "release", "list", repo); strings.Contains(out, "v2.0") {
		t.Errorf("after the deletion: %s", out)
	}
}

// TestGH_keys adds and lists keys with the GitHub CLI.
func TestGH_keys(t *testing.T) {
	t.Parallel()
	apptest.Need(t, "ssh-keygen")
	apptest.Need(t, "gpg")
	s := apptest.StartNamed(t, host)
	c := withToken(t, s)
	c.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", "key")
	public, err := os.ReadFile(filepath.Join(c.Dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	// Debian's gh knows keys to sign in with only; the API adds the others.
	c.Run(t, "gh", "api", "user/ssh_signing_keys", "-f", "title=Laptop", "-f", "key="+strings.TrimSpace(string(public)))
	if out, _ := c.Try(t, "", "gh", "ssh-key", "list"); strings.Contains(out, "HTTP") || strings.Contains(out, "scope") {
		t.Errorf("gh ssh-key list: %s", out)
	}
	if out := c.Run(t, "gh", "api", "user/ssh_signing_keys", "--jq", ".[].title"); out != "Laptop" {
		t.Errorf("the list is %q", out)
	}

	home, err := os.MkdirTemp("", "gpg") // the path of gpg's sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	c.Env("GNUPGHOME", home)
	defer c.Run(t, "gpgconf", "--kill", "all")
	c.Run(t, "gpg", "--batch", "--passphrase", "", "--quick-gen-key", "Ada <ada@example.com>", "ed25519", "sign", "never")
	armoured := c.Run(t, "gpg", "--armor", "--export")
	if err := os.WriteFile(filepath.Join(c.Dir, "ada.asc"), []byte(armoured), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Run(t, "gh", "gpg-key", "add", "ada.asc")
	if out, code := c.Try(t, "", "gh", "gpg-key", "add", "ada.asc"); code == 0 || !strings.Contains(out, "already exists") {
		t.Errorf("the same key again: %d %s", code, out)
	}
	out := c.Run(t, "gh", "gpg-key", "list")
	if !strings.Contains(out, "ada@example.com") {
		t.Errorf("gh gpg-key list: %s", out)
	}
	id := ""
	for _, word := range strings.Fields(out) {
		if len(word) == 16 && strings.Trim(word, "0123456789ABCDEF") == "" {
			id = word
		}
	}
	c.Run(t, "gh", "gpg-key", "delete", id, "--confirm")
	if out, _ := c.Try(t, "", "gh", "gpg-key", "list"); strings.Contains(out, "ada@example.com") {
		t.Errorf("after the deletion: %s", out)
	}
}
