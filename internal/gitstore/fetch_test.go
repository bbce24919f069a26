package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
)

// countingStore is a store whose git notes each of its runs.
func countingStore(t *testing.T) (s *Store, runs func() []string) {
	t.Helper()
	git, runs := gittest.Counting(t)
	s, err := Open(Options{Dir: t.TempDir(), Git: git})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.CloseFetches() })
	return s, runs
}

// answers returns how many of the runs made the answer to a fetch.
func answers(runs []string) int {
	return gittest.Counted(runs, "upload-pack") + gittest.Counted(runs, "pack-objects")
}

func refsOf(t *testing.T, r *Repo) *Refs {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return refs
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
	dir := gittest.Work(t, r.bare.Dir)
	push := func(n int) (head string) {
		t.Helper()
		gittest.Write(t, dir, "file", fmt.Sprint("content ", n))
		gittest.Commit(t, dir, fmt.Sprint(n))
		gittest.Git(t, dir, "tag", "-am", "x", fmt.Sprint("v", n))
		for _, to := range []*Repo{r, quiet} {
			gittest.Git(t, dir, "push", "-q", "--follow-tags", to.bare.Dir, "HEAD:refs/heads/main", "HEAD:refs/heads/topic")
		}
		runs()
		s.tellMoved(quiet)
		s.tellMoved(r)
		return gittest.Git(t, dir, "rev-parse", "HEAD")
	}
	ways := func(t *testing.T, head string) [][]string {
		t.Helper()
		all := []string{"ofs-delta", "thin-pack", "include-tag"}
		for line := range strings.Lines(gittest.Git(t, r.bare.Dir, "for-each-ref", "--format=want %(objectname)")) {
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
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "file", "content")
	gittest.Commit(t, dir, "one")
	gittest.Git(t, dir, "push", "-q", r.bare.Dir, "HEAD:refs/heads/main")
	want := "want " + gittest.Git(t, dir, "rev-parse", "HEAD")
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
