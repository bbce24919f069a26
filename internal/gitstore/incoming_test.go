package gitstore

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
)

// slowReader stands for a client that sends the beginning of a pack, and then
// nothing until the test lets it end.
type slowReader struct {
	head    io.Reader
	silent  chan struct{} // closed when the beginning was read
	end     chan struct{}
	reading atomic.Bool
}

func newSlowReader(head string) *slowReader {
	return &slowReader{head: strings.NewReader(head), silent: make(chan struct{}), end: make(chan struct{})}
}

// Read implements io.Reader.
func (r *slowReader) Read(b []byte) (int, error) {
	r.reading.Store(true)
	defer r.reading.Store(false)
	if n, err := r.head.Read(b); err == nil {
		return n, nil
	}
	select {
	case <-r.silent:
	default:
		close(r.silent)
	}
	<-r.end
	return 0, io.ErrUnexpectedEOF
}

// TestIndex_readsNoMore: once Index has returned nobody reads the client's body
// but its owner.
func TestIndex_readsNoMore(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	in, err := r.Incoming(t.Context(), share.Who{Account: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	body := newSlowReader("PACK\x00\x00\x00\x02\x00\x00\x00\x01")
	go func() {
		<-body.silent
		cancel()
		<-time.After(100 * time.Millisecond)
		close(body.end)
	}()
	if err := in.Index(ctx, body, nil); err == nil {
		t.Error("a pack that never came was taken")
	}
	if body.reading.Load() {
		t.Error("the body is still being read")
	}
}

// TestIndex_slowBody: a push takes a slot of those that are checked only when it
// is there: whoever sends slowly keeps nobody waiting.
func TestIndex_slowBody(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{Pushes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	head := gittest.Commit(t, dir, "1")
	pack := gittest.PackOf(t, dir, head, "")
	// All but its last bytes: git has everything that it could begin with.
	slow := newSlowReader(string(pack[:len(pack)-4]))
	ended := make(chan error, 1)
	first, err := r.Incoming(t.Context(), share.Who{Account: 1})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- first.Index(t.Context(), slow, nil) }()
	<-slow.silent
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	results, err := publish(ctx, r, pack, Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: object.SHA1.Zero(), New: head}}})
	if err != nil || results[0].Reason != "" {
		t.Errorf("a push beside one that dribbles: %v, %v", results, err)
	}
	close(slow.end)
	if err := <-ended; err == nil {
		t.Error("half a pack was taken")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if s.incoming.Checks.Taken() != 0 || s.incoming.Receives.Taken() != 0 {
		t.Errorf("%d and %d slots are still held", s.incoming.Checks.Taken(), s.incoming.Receives.Taken())
	}
}

// TestPublish_refusedLeavesNothing: the objects of a push that is refused do not
// stay in the repository.
func TestPublish_refusedLeavesNothing(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	head := gittest.Commit(t, dir, "1")
	wrong := object.ID(strings.Repeat("1", 40))
	results, err := publish(t.Context(), r, gittest.PackOf(t, dir, head, ""), Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: wrong, New: head}}})
	if err != nil || results[0].Reason == "" {
		t.Fatalf("%v, %v", results, err)
	}
	if packs, err := filepath.Glob(filepath.Join(r.bare.Dir, "objects", "pack", "*")); err != nil || len(packs) > 0 {
		t.Errorf("left behind: %v, %v", packs, err)
	}
}
