package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
)

// countingStore is a store whose git notes each of its runs, with what it was
// given.
func countingStore(t *testing.T) (s *Store, runs func() []string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "runs")
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>'%s'\nexec '%s' \"$@\"\n", log, git)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err = Open(Options{Dir: filepath.Join(dir, "repositories"), Git: filepath.Join(dir, "git")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.CloseFetches() })
	return s, func() []string {
		t.Helper()
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(log, 0); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// counted returns those runs that hold a word.
func counted(runs []string, word string) int {
	n := 0
	for _, r := range runs {
		if strings.Contains(r, word) {
			n++
		}
	}
	return n
}

// answers returns how many of the runs made the answer to a fetch.
func answers(runs []string) int { return counted(runs, "upload-pack") + counted(runs, "pack-objects") }

func refsOf(t *testing.T, r *Repo) *Refs {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// TestUnreachable_forward: what is in reach stays so when the refs move forward,
// and is asked about anew when they move elsewhere.
func TestUnreachable_forward(t *testing.T) {
	t.Parallel()
	s, runs := countingStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	var blobs []object.ID
	for i := range 4 {
		write(t, dir, "file", fmt.Sprint("content ", i))
		commit(t, dir, fmt.Sprint(i))
		blobs = append(blobs, object.ID(git(t, dir, "rev-parse", "HEAD:file")))
	}
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main")
	check := func(what string, walks int, want ...object.ID) {
		t.Helper()
		runs()
		bad, err := r.Unreachable(t.Context(), refsOf(t, r), blobs)
		if err != nil || fmt.Sprint(bad) != fmt.Sprint(want) {
			t.Errorf("%s: unreachable %v, %v, want %v", what, bad, err, want)
		}
		if n := counted(runs(), "rev-list --objects"); n != walks {
			t.Errorf("%s: %d walks, want %d", what, n, walks)
		}
	}
	check("at first", 2)
	check("again", 0)
	write(t, dir, "file", "content 4")
	commit(t, dir, "4")
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main", "HEAD~3:refs/heads/other")
	check("moved forward", 0)
	git(t, dir, "push", "-q", r.bare.Dir, ":refs/heads/other")
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD~4:refs/heads/base")
	check("another deleted and one made", 0)
	git(t, dir, "push", "-q", "--force", r.bare.Dir, "HEAD~2:refs/heads/main")
	check("moved back", 2, blobs[3])
	check("and again", 0, blobs[3])
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main")
	check("forth", 2) // what was out of reach is asked about anew
}

// TestUnreachable_bitmap: with a bitmap no history is walked for what is in
// reach, however old, and what is not in reach is still found so.
func TestUnreachable_bitmap(t *testing.T) {
	t.Parallel()
	s, runs := countingStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	var ids []object.ID
	for i := range 20 {
		write(t, dir, "dir/file", fmt.Sprint("content ", i))
		commit(t, dir, fmt.Sprint(i))
		ids = append(ids, object.ID(git(t, dir, "rev-parse", "HEAD:dir/file")), object.ID(git(t, dir, "rev-parse", "HEAD:dir")))
	}
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main")
	secret := object.ID(gitIn(t, r.bare.Dir, strings.NewReader("secret"), "hash-object", "-w", "--stdin"))
	git(t, r.bare.Dir, "repack", "-adbq", "--keep-unreachable")
	write(t, dir, "dir/file", "newer than the bitmap")
	commit(t, dir, "newer")
	ids = append(ids, object.ID(git(t, dir, "rev-parse", "HEAD:dir/file")))
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main", "HEAD:refs/heads/other")
	runs()
	bad, err := r.Unreachable(t.Context(), refsOf(t, r), ids)
	if err != nil || len(bad) > 0 {
		t.Errorf("out of reach: %v, %v", bad, err)
	}
	if got := runs(); counted(got, "--use-bitmap-index") != 1 || counted(got, "rev-list --objects") != 0 {
		t.Errorf("runs: %q", got)
	}
	bad, err = r.Unreachable(t.Context(), refsOf(t, r), append(ids, secret))
	if err != nil || len(bad) != 1 || bad[0] != secret {
		t.Errorf("out of reach: %v, %v", bad, err)
	}
}

// answerTo collects an answer.
type answerTo struct{ bytes.Buffer }

func (a *answerTo) SetSize(int64) {}
func (a *answerTo) Flush()        {}
func (a *answerTo) Began() bool   { return a.Len() > 0 }

func fetchOf(t *testing.T, s *Store, r *Repo, lines ...string) *answerTo {
	t.Helper()
	b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=fetch"), "object-format=sha1"))
	for _, line := range lines {
		b = pktline.Append(b, line+"\n")
	}
	b = pktline.AppendFlush(b)
	c, err := wire.ReadV2(bytes.NewReader(b), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	spool, err := s.Spool(t.Context(), share.Who{Account: 1}, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	out := &answerTo{}
	if err := r.Fetch(t.Context(), Fetch{Who: share.Who{Account: 1}, Refs: refsOf(t, r), Version: wire.V2, Want: c.Fetch, Request: spool, Out: out}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPremake: a repository that is often cloned is made ready after a push, in
// the ways in which it is asked for; one that nobody asks for any more is not.
func TestPremake(t *testing.T) {
	t.Parallel()
	s, runs := countingStore(t)
	if err := s.KeepFetches(FetchOptions{Dir: t.TempDir(), Bytes: 1 << 30, Quiet: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	through := make(chan *Repo, 100)
	s.premake.made = func(r *Repo) { through <- r }
	r, quiet := testRepo(t, s, 1, object.SHA1), testRepo(t, s, 2, object.SHA1)
	dir := work(t, r)
	push := func(n int) (head string) {
		t.Helper()
		write(t, dir, "file", fmt.Sprint("content ", n))
		commit(t, dir, fmt.Sprint(n))
		git(t, dir, "tag", "-am", "x", fmt.Sprint("v", n))
		for _, to := range []*Repo{r, quiet} {
			git(t, dir, "push", "-q", "--follow-tags", to.bare.Dir, "HEAD:refs/heads/main", "HEAD:refs/heads/topic")
		}
		runs()
		s.tellMoved(quiet)
		s.tellMoved(r)
		return git(t, dir, "rev-parse", "HEAD")
	}
	ways := func(t *testing.T, head string) [][]string {
		t.Helper()
		all := []string{"ofs-delta", "thin-pack", "include-tag"}
		for line := range strings.Lines(git(t, r.bare.Dir, "for-each-ref", "--format=want %(objectname)")) {
			all = append(all, strings.TrimSpace(line))
		}
		return [][]string{append(all, "done"), {"thin-pack", "include-tag", "deepen 1", "want " + head, "done"}, {"filter blob:none", "want " + head, "done"}}
	}
	push(0)
	head := push(1)
	for range 3 {
		for _, way := range ways(t, head) {
			fetchOf(t, s, r, way...)
		}
	}
	head = push(2)
	<-through
	if n := answers(runs()); n != 3 {
		t.Errorf("%d answers were made after the push, want 3", n)
	}
	for _, way := range ways(t, head) {
		if got := fetchOf(t, s, r, way...); !bytes.Contains(got.Bytes(), []byte("PACK")) {
			t.Errorf("%v: %.100q", way, got)
		}
	}
	if n := answers(runs()); n != 0 {
		t.Errorf("%d answers were made again", n)
	}
	// Each push after which nobody comes makes it less likely that more is made.
	wanted := func() int {
		s.premake.mu.Lock()
		defer s.premake.mu.Unlock()
		return len(s.premake.repos[r.bare.ID].wanted(s.now()))
	}
	made := 0
	for n := 3; n < 20 && wanted() > 0; n++ {
		push(n)
		<-through
		made++
	}
	if made == 0 || made > askedAtMost {
		t.Errorf("made %d times for nobody", made)
	}
	if n := wanted(); n > 0 {
		t.Errorf("still made: %d shapes", n)
	}
}

// TestFetch_slots: who is served from what is kept takes no slot, and a reader
// of what another makes neither.
func TestFetch_slots(t *testing.T) {
	t.Parallel()
	s, _ := countingStore(t)
	if err := s.KeepFetches(FetchOptions{Dir: t.TempDir(), Bytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	dir := work(t, r)
	write(t, dir, "file", "content")
	commit(t, dir, "one")
	git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main")
	want := "want " + git(t, dir, "rev-parse", "HEAD")
	first := fetchOf(t, s, r, want, "done")
	for range s.limits.Fetches / 2 {
		release, err := s.FetchSlot(t.Context(), share.Who{Account: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.FetchSlot(ctx, share.Who{Account: 1}); !errors.Is(err, context.DeadlineExceeded) && err == nil {
		t.Fatal("there is a slot left")
	}
	if again := fetchOf(t, s, r, want, "done"); !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("another answer")
	}
}

var _ Out = (*answerTo)(nil)
