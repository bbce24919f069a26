package keep

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestShare: whoever asks for ever more pushes out half of what others asked
// for at most, with large answers as with many.
func TestShare(t *testing.T) {
	t.Parallel()
	const size = 8 * block
	c := open(t, t.TempDir(), 16*size)
	by := func(who string, s Source) Source { s.By = who; return s }
	answer := text(strings.Repeat("x", size))
	for n := range byte(12) {
		wholly(t, c, key(n), by("a", answer))
	}
	for n := range byte(40) {
		wholly(t, c, key(100+n), by("b", answer))
	}
	get(t, c, Key{Repo: 8}, by("b", text(strings.Repeat("x", 9*size))))
	left, others := 0, 0
	c.mu.Lock()
	for k, e := range c.entries {
		switch {
		case k.Repo == 8:
			t.Error("an answer of more than half was kept")
		case e.by == "a":
			left++
		default:
			others++
		}
	}
	c.mu.Unlock()
	if left != 8 || others > 8 {
		t.Errorf("%d of the first and %d of the second are left", left, others)
	}
	// Where nothing else is, one may have all.
	c.Forget(7)
	wholly(t, c, Key{Repo: 8}, by("b", text(strings.Repeat("x", 15*size))))
	if n := c.Counts(); n.Answers != 1 || n.Bytes != 15*size {
		t.Errorf("the large one is not kept: %+v", n)
	}
	c.Forget(8)
	wholly(t, c, key(1), by("a", text("")))
	c.Forget(7)
	if n := c.Counts(); n.Bytes != 0 || len(c.shares) != 0 {
		t.Errorf("left: %+v, %d shares", n, len(c.shares))
	}
}

// TestSpill_late: where there is no room to keep an answer, one who stops reading
// it does not hold up the others for long.
func TestSpill_late(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), block, func(o *Options) { o.Patience = 50 * time.Millisecond })
	goOn := make(chan struct{})
	s := Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		<-goOn
		for range 64 {
			if _, err := w.Write(make([]byte, block)); err != nil {
				return err
			}
		}
		return nil
	}}
	quick, _, err := c.Get(t.Context(), key(1), s)
	if err != nil {
		t.Fatal(err)
	}
	defer quick.Close()
	slow, joined, err := c.Get(t.Context(), key(1), s)
	if err != nil || !joined {
		t.Fatalf("joined: %v, %v", joined, err)
	}
	defer slow.Close()
	close(goOn)
	pr, pw := io.Pipe() // nobody reads it
	ended := make(chan error, 1)
	go func() { ended <- slow.Send(t.Context(), pw) }()
	var b bytes.Buffer
	if err := quick.Send(t.Context(), &b); err != nil || b.Len() != 64*block {
		t.Errorf("the quick one got %d bytes, %v", b.Len(), err)
	}
	go func() { _, _ = io.Copy(io.Discard, pr) }()
	if err := <-ended; err == nil {
		t.Error("the slow one is told that it has all")
	}
}
