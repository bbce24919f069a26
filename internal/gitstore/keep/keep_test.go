package keep

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, dir string, limit int64, change ...func(*Options)) *Cache {
	t.Helper()
	o := Options{Dir: dir, Bytes: limit, Spare: 1, Orphan: time.Minute, Settle: 1}
	for _, f := range change {
		f(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func free(context.Context) (func(), error) { return func() {}, nil }

func text(s string) Source {
	return Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}}
}

func get(t *testing.T, c *Cache, key Key, s Source) string {
	t.Helper()
	r, _, err := c.Get(t.Context(), key, s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if err := r.Send(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wholly waits until an answer that was read to its end is in the index and
// has its lasting name.
func wholly(t *testing.T, c *Cache, key Key, s Source) {
	t.Helper()
	if err := c.Prepare(t.Context(), key, s); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		c.mu.Lock()
		e := c.entries[key]
		done := e == nil || e.path == c.final(key)
		c.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the answer gets no lasting name")
		}
	}
}

func key(n byte) Key { return Key{Repo: 7, Sum: [32]byte{n}} }

// TestGet_herd: of many who ask at once one makes the answer, and all get all
// of it, whenever they come.
func TestGet_herd(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), 1<<20)
	var begun, made atomic.Int32
	goOn, half := make(chan struct{}), make(chan struct{})
	s := Source{
		Begin: func(context.Context) (func(), error) { begun.Add(1); return func() { begun.Add(-1) }, nil },
		Make: func(_ context.Context, w io.Writer) error {
			made.Add(1)
			_, _ = io.WriteString(w, "first half,")
			close(half)
			<-goOn
			_, err := io.WriteString(w, " second half")
			return err
		},
	}
	var all sync.WaitGroup
	ask := func() {
		all.Go(func() {
			if got := get(t, c, key(1), s); got != "first half, second half" {
				t.Errorf("got %q", got)
			}
		})
	}
	for range 8 {
		ask()
	}
	<-half
	for range 8 {
		ask()
	}
	// One who comes late reads what there is before the rest is there.
	r, joined, err := c.Get(t.Context(), key(1), s)
	if err != nil || !joined {
		t.Fatalf("joined %v, %v", joined, err)
	}
	pr, pw := io.Pipe()
	all.Go(func() { _ = pw.CloseWithError(r.Send(t.Context(), pw)); r.Close() })
	b := make([]byte, 11)
	if _, err := io.ReadFull(pr, b); err != nil || string(b) != "first half," {
		t.Errorf("got %q, %v", b, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(pr); err != nil || string(rest) != " second half" {
		t.Errorf("got %q, %v", rest, err)
	}
	all.Wait()
	if made.Load() != 1 || begun.Load() != 0 {
		t.Errorf("made %d times, %d places held", made.Load(), begun.Load())
	}
	if got := get(t, c, key(1), Source{Begin: nil}); got != "first half, second half" {
		t.Errorf("later: %q", got)
	}
}

// TestGet_waitersJoin: who waits for leave to make an answer stops waiting when
// another has got it.
func TestGet_waitersJoin(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), 1<<20)
	waits := make(chan struct{})
	stuck := text("stuck")
	stuck.Begin = func(ctx context.Context) (func(), error) {
		close(waits)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	got := make(chan string)
	go func() { got <- get(t, c, key(1), stuck) }()
	<-waits
	if first := get(t, c, key(1), text("fine")); first != "fine" {
		t.Errorf("got %q", first)
	}
	if joined := <-got; joined != "fine" {
		t.Errorf("who waited got %q", joined)
	}
	refused := text("")
	refused.Begin = func(context.Context) (func(), error) { return nil, os.ErrPermission }
	if _, _, err := c.Get(t.Context(), key(2), refused); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// TestGet_aborted: a reader that goes away ends nothing for the others, and
// even when it was the only one, the answer is made to its end, for a while.
func TestGet_aborted(t *testing.T) {
	t.Parallel()
	for name, orphan := range map[string]time.Duration{"made on": time.Minute, "given up": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, t.TempDir(), 1<<20, func(o *Options) { o.Orphan = orphan })
			goOn, ended := make(chan struct{}), make(chan error, 1)
			r, _, err := c.Get(t.Context(), key(1), Source{Begin: free, Make: func(ctx context.Context, w io.Writer) error {
				_, _ = io.WriteString(w, "a")
				select {
				case <-goOn:
				case <-ctx.Done():
					ended <- ctx.Err()
					return ctx.Err()
				}
				_, err := io.WriteString(w, "b")
				ended <- err
				return err
			}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := r.Send(ctx, io.Discard); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			r.Close()
			if orphan == time.Minute {
				close(goOn)
			}
			if err := <-ended; (err == nil) != (orphan == time.Minute) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// TestGet_failed: what did not come to its end is not kept.
func TestGet_failed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, dir, 1<<20)
	broken := errors.New("broken")
	r, _, err := c.Get(t.Context(), key(1), Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Send(t.Context(), io.Discard); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	r.Close()
	old := text("of other refs")
	old.Holds = func() bool { return false }
	if got := get(t, c, key(1), old); got != "of other refs" {
		t.Errorf("got %q", got)
	}
	if got := get(t, c, key(1), text("whole")); got != "whole" {
		t.Errorf("got %q", got)
	}
}

// TestEvict: the bytes are bounded; what was used last stays, and what is being
// read is read to its end.
func TestEvict(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir(), 4*block)
	big := strings.Repeat("x", block)
	for n := range byte(4) {
		wholly(t, c, key(n), text(big))
	}
	r, _, err := c.Get(t.Context(), key(0), Source{})
	if err != nil {
		t.Fatal(err)
	}
	wholly(t, c, key(4), text(big)) // 1 goes
	wholly(t, c, key(5), text(big)) // 2 goes
	wholly(t, c, key(6), text(big)) // 3 goes
	wholly(t, c, key(7), text(big)) // 0 goes
	if n := c.Counts(); n.Bytes != 4*block || n.Answers != 4 || n.Evicted != 4 {
		t.Errorf("counts: %+v", n)
	}
	var b bytes.Buffer
	if err := r.Send(t.Context(), &b); err != nil || b.String() != big {
		t.Errorf("an evicted answer: %d bytes, %v", b.Len(), err)
	}
	r.Close()
	made := false
	again := Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		made = true
		_, err := io.WriteString(w, big)
		return err
	}}
	if get(t, c, key(7), again); made {
		t.Error("what was used last is gone")
	}
	if get(t, c, key(0), again); !made {
		t.Error("what was evicted is still there")
	}
}

// TestSpill: an answer for which there is no room, in the cache or on the disk,
// reaches everybody who began to read it.
func TestSpill(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"larger than the cache": func(o *Options) { o.Bytes = 100 << 10 },
		"no spare disk":         func(o *Options) { o.Spare = 1 << 60 },
		"no folder":             func(o *Options) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "cache")
			c := open(t, dir, 1<<30, change)
			if name == "no folder" {
				c.work.Wait()
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(dir, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := strings.Repeat("0123456789abcdef", 64<<10)
			start := make(chan struct{})
			s := Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
				<-start
				_, err := io.Copy(struct{ io.Writer }{w}, strings.NewReader(want))
				return err
			}}
			var all sync.WaitGroup
			for range 4 {
				r, _, err := c.Get(t.Context(), key(1), s)
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					defer r.Close()
					var b bytes.Buffer
					if err := r.Send(t.Context(), &b); err != nil || b.String() != want {
						t.Errorf("%d bytes of %d, %v", b.Len(), len(want), err)
					}
				})
				if name != "larger than the cache" {
					break // it is known at once that nobody can join
				}
			}
			close(start)
			all.Wait()
			if n := c.Counts(); n.Answers != 0 {
				t.Errorf("kept: %+v", n)
			}
		})
	}
}

// TestFolderDeleted: the folder may go away at any time.
func TestFolderDeleted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir, 1<<20)
	wholly(t, c, key(1), text("one"))
	during := Source{Begin: free, Make: func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "before ")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		_, err := io.WriteString(w, "after")
		return err
	}}
	if got := get(t, c, key(2), during); got != "before after" {
		t.Errorf("got %q", got)
	}
	if got := get(t, c, key(1), text("one anew")); got != "one anew" {
		t.Errorf("got %q", got)
	}
	wholly(t, c, key(3), text("three"))
	if got := get(t, c, key(3), Source{}); got != "three" {
		t.Errorf("got %q", got)
	}
	c.mu.Lock()
	path := c.entries[key(3)].path
	c.mu.Unlock()
	if err := os.Truncate(path, 1); err != nil {
		t.Fatal(err)
	}
	if got := get(t, c, key(3), text("three anew")); got != "three anew" {
		t.Errorf("after the file was cut: %q", got)
	}
}

// TestRestart: whole answers outlive the process; what is left of others goes.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, dir, 1<<20, func(o *Options) { o.Settle = time.Hour })
	for n, s := range []string{"", "one", "two"} {
		if err := c.Prepare(t.Context(), key(byte(n)), text(s)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close() // does not wait an hour
	if _, _, err := c.Get(t.Context(), key(1), text("")); err == nil {
		t.Error("a closed cache answers")
	}
	group := c.group(7)
	if err := os.WriteFile(filepath.Join(group, "x-1"+partSuffix), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(c.final(key(1)))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	again := open(t, dir, 1<<20)
	again.work.Wait()
	if got := get(t, again, key(1), Source{}); got != "one" {
		t.Errorf("got %q", got)
	}
	if n := again.Counts(); n.Answers != 3 || n.Bytes != 2*block {
		t.Errorf("counts: %+v", n)
	}
	if left, _ := filepath.Glob(filepath.Join(group, "*"+partSuffix)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	again.Forget(7)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left after Forget: %v, %v", left, err)
	}
	if n := again.Counts(); n.Bytes != 0 {
		t.Errorf("counts after Forget: %+v", n)
	}
}

// TestDiskFull: a disk that takes no more ends no fetch.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a tiny file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	c := open(t, dir, 1<<30)
	want := strings.Repeat("0123456789abcdef", 64<<10)
	if got := get(t, c, key(1), text(want)); got != want {
		t.Errorf("%d bytes of %d", len(got), len(want))
	}
	if got := get(t, c, key(2), text("small")); got != "small" {
		t.Errorf("got %q", got)
	}
}
