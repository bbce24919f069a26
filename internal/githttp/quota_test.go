package githttp_test

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// incompressible is text of n bytes that does not compress well.
func incompressible(t *testing.T, n int) string {
	t.Helper()
	b := make([]byte, n/2)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// TestQuota: a repository's own, its owner's, whoever pushes; what frees room is
// not refused.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.AccountQuota, c.RepositoryQuota = 400<<10, 300<<10 })
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "app", true)
	second := s.Repo(t, ada, "second", true)
	s.Share(t, r, bob, right.Write)
	_, bobs := s.Token(t, bob, "laptop", "repo")
	b := s.Git(t, "bob", bobs)
	b.Run(t, "init", "-q")
	b.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	b.Commit(t, "one", incompressible(t, 200<<10), "one")
	b.Run(t, "push", "-q", "origin", "main", "main:refs/heads/side")
	// More than what is left, while it comes in.
	b.Commit(t, "two", incompressible(t, 800<<10), "two")
	out, code := b.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a push past the quota went through")
	}
	contains(t, out, "error: remote unpack failed: This repository is full: ", " of 300.00 KiB are used.",
		"remote: Delete what is not needed, keep large files out of Git, or ask the", "! [remote rejected] main -> main (unpacker error)")
	if strings.Contains(out, "Resolving deltas") {
		t.Errorf("the pack was read to its end:\n%s", out)
	}
	if err := s.Repos.SetQuota(t.Context(), right.Operator(), r.ID, 10<<10); err != nil {
		t.Fatal(err)
	}
	b.Run(t, "reset", "-q", "--hard", "HEAD~1")
	b.Commit(t, "small", "x\n", "small")
	out, _ = b.Try(t, "push", "origin", "main")
	contains(t, out, "This repository is full: ", " of 10.00 KiB are used.")
	b.Run(t, "push", "-q", "origin", ":side") // deleting is free
	if err := s.Repos.SetQuota(t.Context(), right.Operator(), r.ID, repo.NoQuota); err != nil {
		t.Fatal(err)
	}
	b.Run(t, "push", "-q", "origin", "main")

	// Now the owner's, who is not the one that pushes.
	s.Share(t, second, bob, right.Write)
	b.Commit(t, "two", incompressible(t, 500<<10), "two")
	out, _ = b.Try(t, "push", s.URL()+"/ada/second.git", "main")
	contains(t, out, "The owner's storage is full: ", " of 400.00 KiB are used.")
	if err := s.Accounts.SetQuota(t.Context(), right.Operator(), ada.ID, repo.NoQuota); err != nil {
		t.Fatal(err)
	}
	if err := s.Repos.SetQuota(t.Context(), right.Operator(), second.ID, 2<<20); err != nil {
		t.Fatal(err)
	}
	b.Run(t, "push", "-q", s.URL()+"/ada/second.git", "main")
}

// TestQuota_thin: a few bytes that need a base of many beside them count with it.
func TestQuota_thin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	text := incompressible(t, 400<<10)
	g.Commit(t, "large", text, "One")
	g.Run(t, "push", "-q", "origin", "main")
	if err := w.Repos.SetQuota(t.Context(), right.Operator(), w.row(t, "engine").ID, 300<<10); err != nil {
		t.Fatal(err)
	}
	g.Commit(t, "large", text+"more\n", "Two")
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a push past the quota went through")
	}
	contains(t, out, "This repository is full: ", " of 300.00 KiB are used.")
}

// TestQuota_together: pushes side by side do not fill the same room twice.
func TestQuota_together(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "app", true)
	if err := s.Repos.SetQuota(t.Context(), right.Operator(), r.ID, 500<<10); err != nil {
		t.Fatal(err)
	}
	_, adas := s.Token(t, ada, "laptop", "repo")
	var wg sync.WaitGroup
	gits := make([]*apptest.Git, 6)
	for i := range gits {
		gits[i] = s.Git(t, "ada", adas)
		gits[i].Run(t, "init", "-q")
		gits[i].Commit(t, "f", incompressible(t, 300<<10), "some") // about 170 KiB when packed
	}
	for i, g := range gits {
		wg.Go(func() { _, _ = g.Try(t, "push", s.URL()+"/ada/app.git", "main:refs/heads/b"+string(rune('0'+i))) })
	}
	wg.Wait()
	now, err := s.Repos.ByID(t.Context(), s.DB, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Beside the packs a repository has an index of each, and a few small files.
	if now.Size == 0 || now.Size > 500+64 {
		t.Errorf("%d KiB are stored where 500 may be", now.Size)
	}
}

// TestWarnLarge: a file between the two sizes is let in, with GitHub's warning;
// many of them hide no file that is refused.
func TestWarnLarge(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.MaxFileSize, c.WarnFileSize = 100<<10, 50<<10 })
	ada := s.User(t, "ada")
	s.Repo(t, ada, "app", true)
	_, adas := s.Token(t, ada, "laptop", "repo")
	a := s.Git(t, "ada", adas)
	a.Run(t, "init", "-q")
	a.Run(t, "remote", "add", "origin", s.URL()+"/ada/app.git")
	a.Commit(t, "d/some file", strings.Repeat("a line\n", 60<<10/7), "large")
	out, code := a.Try(t, "push", "origin", "main")
	if code != 0 {
		t.Errorf("a file below the limit was refused:\n%s", out)
	}
	isRemote(t, out, `remote: warning: File d/some file is 0.06 MB; this is larger than Jeton's recommended maximum file size of 0.05 MB
remote: warning: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.
`)
	for i := range 120 {
		a.Write(t, "many/"+string(rune('a'+i/26))+string(rune('a'+i%26)), strings.Repeat("a line\n", 60<<10/7+i))
	}
	a.Commit(t, "too large", strings.Repeat("a line\n", 120<<10/7), "too large")
	out, _ = a.Try(t, "push", "origin", "main")
	contains(t, out, "remote: error: File too large is 0.12 MB; this exceeds Jeton's file size limit of 0.10 MB",
		"remote: error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.",
		"! [remote rejected] main -> main (pre-receive hook declined)")
}
