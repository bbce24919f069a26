package githttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jeton/internal/config"
)

// slowGit is a server whose git makes the beginning of an answer and then waits
// until it is let go on.
type slowGit struct {
	*counting
	gate string // a named pipe
}

func newSlowGit(t *testing.T) *slowGit {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &slowGit{gate: filepath.Join(dir, "gate")}
	log := filepath.Join(dir, "runs")
	script := fmt.Sprintf("#!/bin/sh\necho \"$2\" >>'%s'\nif [ \"$2\" = pack-objects ] && [ -p '%s' ]; then\n"+
		"'%s' \"$@\" | { dd bs=1 count=4000 2>/dev/null; cat '%s' >/dev/null; cat; }\nelse exec '%s' \"$@\"; fi\n", log, s.gate, git, s.gate, git)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *config.Config) { o.Git = filepath.Join(dir, "git") })
	s.counting = &counting{world: w, log: log}
	return s
}

// open asks for body and returns the answer once it has begun.
func (s *slowGit) open(ctx context.Context, t *testing.T, body string) io.ReadCloser {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", s.url("engine")+"/git-upload-pack", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(basic("ada", s.git.Password), ": ")
	req.Header.Set(name, value)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	resp, err := s.Client.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	return resp.Body
}

// TestKeep_lateAndAborted: who comes while an answer is made gets what there is
// of it at once, and who goes takes it from nobody.
func TestKeep_lateAndAborted(t *testing.T) {
	t.Parallel()
	s := newSlowGit(t)
	made := s.fill(t, "engine")
	if err := syscall.Mkfifo(s.gate, 0o600); err != nil {
		t.Fatal(err)
	}
	body := request("want "+made.head, "no-progress", "done")
	ctx, abort := context.WithCancel(t.Context())
	first := s.open(ctx, t, body)
	begin := make([]byte, 1000)
	if _, err := io.ReadFull(first, begin); err != nil {
		t.Fatal(err)
	}
	late := s.open(t.Context(), t, body)
	defer late.Close()
	got := make([]byte, 1000)
	if _, err := io.ReadFull(late, got); err != nil || string(got) != string(begin) {
		t.Errorf("who came late: %.100q, %v", got, err)
	}
	abort()
	_ = first.Close()
	later := s.open(t.Context(), t, body)
	defer later.Close()
	gate, err := os.OpenFile(s.gate, os.O_WRONLY, 0) // waits for its reader
	if err != nil {
		t.Fatal(err)
	}
	_ = gate.Close()
	rest, err := io.ReadAll(late)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(later)
	if err != nil || string(whole) != string(got)+string(rest) || !strings.Contains(string(whole), "PACK") {
		t.Errorf("%d and %d bytes, %v", len(whole), len(got)+len(rest), err)
	}
	if n := s.answers(t); n != 1 {
		t.Errorf("git made %d answers", n)
	}
}
