package lfs_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/repo"
	"jeton/internal/token"
)

// world is a server with ada, who owns the repositories open and shut, and eve,
// who may read neither's secrets.
type world struct {
	*apptest.Server
	ada, eve   account.Account
	open, shut repo.Repo
	token      string // ada's, for everything of repositories
}

func newWorld(t *testing.T, change ...func(*config.Config)) *world {
	t.Helper()
	w := &world{Server: apptest.Start(t, change...)}
	w.ada, w.eve = w.User(t, "ada"), w.User(t, "eve")
	w.open, w.shut = w.Repo(t, w.ada, "open", false), w.Repo(t, w.ada, "shut", true)
	_, w.token = w.Token(t, w.ada, "all", "repo")
	return w
}

// git is a person with git-lfs set up.
func (w *world) git(t *testing.T, login, token string) *apptest.Git {
	t.Helper()
	g := w.Git(t, login, token)
	g.Run(t, "lfs", "install", "--skip-repo")
	return g
}

func (w *world) clone(t *testing.T, g *apptest.Git, name string) *apptest.Git {
	t.Helper()
	g.Run(t, "clone", "-q", w.URL()+"/ada/"+name+".git", name)
	return g.In(name)
}

func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

// fill makes a repository with a large file and pushes it.
func (w *world) fill(t *testing.T, g *apptest.Git, content string) {
	t.Helper()
	g.Run(t, "lfs", "track", "*.bin")
	g.Commit(t, "large.bin", content, "A large file")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
}

// TestPushAndClone: git-lfs as it comes pushes and clones, with nothing set.
func TestPushAndClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"open", "shut"} {
		content := noise(3 << 20)
		g := w.clone(t, w.git(t, "ada", w.token), name)
		w.fill(t, g, content)
		if pointer := g.Run(t, "show", "HEAD:large.bin"); !strings.HasPrefix(pointer, "version https://git-lfs") {
			t.Fatalf("git holds %.80q", pointer)
		}
		again := w.clone(t, w.git(t, "ada", w.token), name)
		if got, err := os.ReadFile(filepath.Join(again.Dir, "large.bin")); err != nil || !bytes.Equal(got, []byte(content)) {
			t.Errorf("%s: cloned %d bytes, %v", name, len(got), err)
		}
		again.Commit(t, "second.bin", "second "+name, "Another one")
		again.Run(t, "push", "-q", "origin", "HEAD:main")
		g.Run(t, "pull", "-q", "origin", "main")
		if got, err := os.ReadFile(filepath.Join(g.Dir, "second.bin")); err != nil || string(got) != "second "+name {
			t.Errorf("%s: pulled %q, %v", name, got, err)
		}
	}
	// Everybody clones what is public, with nothing to show.
	visitor := w.clone(t, w.git(t, "", ""), "open")
	if got, err := os.ReadFile(filepath.Join(visitor.Dir, "second.bin")); err != nil || string(got) != "second open" {
		t.Errorf("a visitor cloned %q, %v", got, err)
	}
	if err := w.Ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if uses, err := w.Tokens.List(t.Context(), w.ada.ID, token.Personal); err != nil || uses[0].LastUse.Repo == "" {
		t.Errorf("the token's use: %+v, %v", uses, err)
	}
}
