// Package blobtest holds the contract of blob.Store as tests: each
// implementation passes the same ones.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"jeton/internal/blob"
)

// Run holds the stores that open makes, each empty, to the contract.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	t.Helper()
	for name, f := range map[string]func(t *testing.T, s blob.Store){
		"put and read": putAndRead, "a Put that fails": failing, "keys": keys, "all": all, "one key at once": atOnce, "replace while it is read": replace, "sweep": sweep,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open(t))
		})
	}
}

const key = "0123456789abcdef"

func put(t *testing.T, s blob.Store, key, text string) {
	t.Helper()
	if n, err := s.Put(t.Context(), key, int64(len(text)), strings.NewReader(text)); err != nil || n != int64(len(text)) {
		t.Fatalf("Put(%s, %q) = %d, %v", key, text, n, err)
	}
}

func read(t *testing.T, s blob.Store, key string) string {
	t.Helper()
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != r.Size() {
		t.Fatalf("read %d bytes of %d, %v", len(b), r.Size(), err)
	}
	return string(b)
}

func absent(t *testing.T, s blob.Store, key string) {
	t.Helper()
	if _, err := s.Open(t.Context(), key); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("Open: %v, want ErrMissing", err)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrMissing) {
		t.Errorf("Stat: %v, want ErrMissing", err)
	}
}

func putAndRead(t *testing.T, s blob.Store) {
	absent(t, s, key)
	put(t, s, key, "hello, world")
	if got := read(t, s, key); got != "hello, world" {
		t.Errorf("got %q", got)
	}
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(7, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "world" || err != nil {
		t.Errorf("from the seventh byte: %q, %v", b, err)
	}
	info, err := s.Stat(t.Context(), key)
	if err != nil || info.Size != 12 || info.Key != key || time.Since(info.At).Abs() > time.Minute {
		t.Errorf("Stat: %+v, %v", info, err)
	}
	if n, err := s.Put(t.Context(), "empty", -1, strings.NewReader("")); n != 0 || err != nil {
		t.Errorf("nothing at all: %d, %v", n, err)
	}
	if got := read(t, s, "empty"); got != "" {
		t.Errorf("got %q", got)
	}
	for range 2 {
		if err := s.Remove(t.Context(), key); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	absent(t, s, key)
}

func failing(t *testing.T, s blob.Store) {
	odd := errors.New("odd")
	try := func(name string, ctx context.Context, size int64, r io.Reader, want error) {
		t.Helper()
		if _, err := s.Put(ctx, key, size, r); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		try("an error of the reader", t.Context(), 5, io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(odd)), odd)
		try("too short", t.Context(), 6, strings.NewReader("hello"), io.ErrUnexpectedEOF)
		try("too long", t.Context(), 4, strings.NewReader("hello"), io.ErrUnexpectedEOF)
		try("an ended context", ended, 5, strings.NewReader("hello"), context.Canceled)
		if info, err := s.Stat(t.Context(), key); err == nil && info.Size != 3 {
			t.Errorf("a failed Put left %+v", info)
		}
		put(t, s, key, "was") // the second time there is something to harm
	}
	if got := read(t, s, key); got != "was" {
		t.Errorf("got %q", got)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("the failed ones left %d, %v", n, err)
	}
}

func keys(t *testing.T, s blob.Store) {
	for _, bad := range []string{"", "ab", "abcd", "../../etc/passwd", "ab/cd", "ABCDEF", "abcde.", "abc\x00de", strings.Repeat("a", 200), "tmp", "..abcd"} {
		if _, err := s.Put(t.Context(), bad, -1, strings.NewReader("x")); err == nil {
			t.Errorf("Put took the key %q", bad)
		}
		if _, err := s.Open(t.Context(), bad); err == nil {
			t.Errorf("Open took the key %q", bad)
		}
		if err := s.Remove(t.Context(), bad); err == nil {
			t.Errorf("Remove took the key %q", bad)
		}
	}
}

func all(t *testing.T, s blob.Store) {
	want := ""
	for i := range 20 {
		k := fmt.Sprintf("%02dff%04d", i*5, i)
		put(t, s, k, strings.Repeat("x", i))
		want += fmt.Sprintf("%s %d\n", k, i)
	}
	got := ""
	for info, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprintf("%s %d\n", info.Key, info.Size)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for range s.All(t.Context()) {
		break // an early end is no error
	}
}

func atOnce(t *testing.T, s blob.Store) {
	text := bytes.Repeat([]byte("0123456789"), 10_000)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.Put(t.Context(), key, int64(len(text)), bytes.NewReader(text)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := read(t, s, key); got != string(text) {
		t.Errorf("got %d bytes", len(got))
	}
}

func replace(t *testing.T, s blob.Store) {
	put(t, s, key, "the old ones")
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, s, key, "new")
	if b, err := io.ReadAll(r); string(b) != "the old ones" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if got := read(t, s, key); got != "new" {
		t.Errorf("got %q", got)
	}
}

// sweep leaves a Put unfinished, and what is whole alone.
func sweep(t *testing.T, s blob.Store) {
	put(t, s, key, "whole")
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Put(t.Context(), "unfinished", -1, io.MultiReader(strings.NewReader("x"), signal{begun, end}))
	}()
	<-begun
	if n, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("what is new: %d, %v", n, err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("what is left over: %d, %v", n, err)
	}
	close(end)
	<-done
	if got := read(t, s, key); got != "whole" {
		t.Errorf("got %q", got)
	}
	absent(t, s, "unfinished")
}

// signal is a reader that tells when it is asked, and waits.
type signal struct{ begun, end chan struct{} }

// Read implements io.Reader.
func (s signal) Read([]byte) (int, error) {
	close(s.begun)
	<-s.end
	return 0, io.ErrClosedPipe
}
