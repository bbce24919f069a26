package keep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// TestTake: what comes by a pipe is moved without being read, joined readers see
// it as it comes, and the cache counts what there is of it.
func TestTake(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), 1<<20)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		taker, ok := w.(Taker)
		for ok {
			n, err := taker.Take(out, 256<<10)
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case errors.Is(err, ErrUntaken):
				_, err = io.Copy(struct{ io.Writer }{w}, out)
				return err
			case err != nil || n == 0:
				return fmt.Errorf("took %d, %w", n, err)
			}
		}
		return errors.New("no Taker")
	}}
	r, _, err := c.Get(t.Context(), key(1), s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pr, pw := io.Pipe()
	go func() { _ = pw.CloseWithError(r.Send(t.Context(), pw)) }()
	var want strings.Builder
	for i := range 50 {
		piece := strings.Repeat(fmt.Sprintf("piece %d ", i), 500)
		want.WriteString(piece)
		if _, err := io.WriteString(in, piece); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(pr, got); err != nil || string(got) != piece {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	_ = in.Close()
	if rest, err := io.ReadAll(pr); err != nil || len(rest) > 0 {
		t.Errorf("the end: %d bytes, %v", len(rest), err)
	}
	if got := get(t, c, key(1), Source{}); got != want.String() {
		t.Errorf("%d bytes of %d", len(got), want.Len())
	}
	if n := c.Counts(); n.Bytes != cost(int64(want.Len())) {
		t.Errorf("counts: %+v", n)
	}
}

// TestTake_full: a pipe that the cache has no room for keeps its bytes, which
// are then read and handed on.
func TestTake_full(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), 100<<10)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	want := strings.Repeat("0123456789abcdef", 64<<10)
	go func() {
		_, _ = io.WriteString(in, want)
		_ = in.Close()
	}()
	got := get(t, c, key(1), Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		for {
			if _, err := w.(Taker).Take(out, 16<<10); errors.Is(err, ErrUntaken) {
				_, err = io.Copy(struct{ io.Writer }{w}, out)
				return err
			} else if err != nil {
				return err
			}
		}
	}})
	if got != want {
		t.Errorf("%d bytes of %d", len(got), len(want))
	}
	if n := c.Counts(); n.Bytes != 0 {
		t.Errorf("counts: %+v", n)
	}
}
