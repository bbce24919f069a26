package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/config"
)

// slowGit is git, but that it takes for ever to walk the history of one file.
// As long as it does, it holds the pipe open.
func slowGit(t *testing.T) (program, pipe string) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, pipe = filepath.Join(dir, "slow-git"), filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \"$*\" in *rev-list*slow.txt*) exec 3>'" + pipe + "'; echo walking >&3; sleep 600;; esac\nexec '" + real + "' \"$@\"\n"
	syscall.ForkLock.RLock() // a child that is just being started must not hold the program open
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, pipe
}

// TestHeavy_readerGone: a page that walks the history stops when its reader
// goes away, long before the page's own deadline.
func TestHeavy_readerGone(t *testing.T) {
	t.Parallel()
	program, pipe := slowGit(t)
	s := apptest.Start(t, func(c *config.Config) { c.Git = program })
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	_, token := s.Token(t, ada, "git", "repo")
	g := s.Git(t, "ada", token)
	g.Run(t, "clone", s.URL()+"/ada/engine.git", "work")
	w := g.In("work")
	w.Commit(t, "slow.txt", "text", "First")
	w.Run(t, "push", "-q", "origin", "HEAD:refs/heads/main")

	p := signedIn(t, s, "ada")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ask := p.request(http.MethodGet, "/ada/engine/commits/main/slow.txt", "").WithContext(ctx)
	ended, opened := make(chan error, 1), make(chan *os.File, 1)
	go func() {
		resp, err := p.client.Do(ask)
		if err == nil {
			err = errors.Join(errors.New("answered "+resp.Status), resp.Body.Close())
		}
		ended <- err
	}()
	go func() {
		f, _ := os.Open(pipe) // waits for git to open the other end
		opened <- f
	}()
	var running *os.File
	select {
	case running = <-opened:
	case err := <-ended:
		t.Fatalf("no history was walked: %v", err)
	}
	defer running.Close()
	if err := running.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(running)
	if said, err := r.ReadString('\n'); said != "walking\n" {
		t.Fatalf("git says %q, %v", said, err)
	}
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the request ended with %v", err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("git goes on for a reader who went away: %v", err)
	}
}
