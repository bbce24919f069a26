package pour

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/pktline"
)

// sink is an answer that tells of each piece.
type sink struct {
	pieces chan string
}

func (s sink) Write(b []byte) (int, error) {
	s.pieces <- string(b)
	return len(b), nil
}

func (s sink) Flush() {}

// TestBands_slow: what git says is told as it is said, a pack that comes slowly
// goes on in parts, and of one that does not come the client hears that all is
// well.
func TestBands_slow(t *testing.T) {
	t.Parallel()
	pipe, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	const well = "0005\x01"
	out := sink{make(chan string, 100)}
	b := NewBands(out, pktline.Append(nil, "packfile\n"))
	b.wait = 200 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- b.Pack(pipe) }()
	heard := ""
	next := func(want string) {
		t.Helper()
		for !strings.HasPrefix(heard, want) {
			if want != well && !strings.HasPrefix(want, heard) {
				t.Fatalf("got %q, want %q", heard, want)
			}
			select {
			case got := <-out.pieces:
				heard += got
			case <-time.After(30 * time.Second):
				t.Fatalf("got %q, want %q", heard, want)
			}
			if want != well { // a slow machine may say it at any time
				heard = strings.ReplaceAll(heard, well, "")
			}
		}
		heard = heard[len(want):]
	}
	_, _ = io.WriteString(b.Progress(), "Counting")
	next("000dpackfile\n" + "000d\x02Counting")
	_, _ = io.WriteString(feed, "PACK")
	next("0009\x01PACK")
	next(well)
	_, _ = io.WriteString(feed, "ed")
	_ = feed.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(b.Progress(), "Total")
	if err := b.End(); err != nil {
		t.Fatal(err)
	}
	next("0007\x01ed" + "000a\x02Total" + "0000")
}

// TestBands_pieces: whole pieces of the file are written, whatever the sizes in
// which the pack comes.
func TestBands_pieces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pack")
	want := make([]byte, 3<<20+17)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(want)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	go func() {
		random := rand.New(rand.NewPCG(1, 2))
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(100_000))
			_, _ = feed.Write(rest[:n])
			rest = rest[n:]
		}
		_ = feed.Close()
	}()
	out := sink{make(chan string, 100)}
	b := NewBands(out, pktline.Append(nil, "packfile\n"))
	b.wait = time.Hour
	if err := b.Pack(pipe); err != nil {
		t.Fatal(err)
	}
	if err := b.End(); err != nil {
		t.Fatal(err)
	}
	close(out.pieces)
	var all []byte
	last := 0
	for piece := range out.pieces {
		if last != 0 && last%pieceBytes != 0 {
			t.Errorf("a piece of %d bytes before the last", last)
		}
		last = len(piece)
		all = append(all, piece...)
	}
	var pack []byte
	r := pktline.NewReader(bytes.NewReader(all))
frames:
	for n := 0; ; n++ {
		kind, payload, err := r.Next()
		switch {
		case err != nil:
			t.Fatalf("frame %d: %v", n, err)
		case n == 0:
			if string(payload) != "packfile\n" {
				t.Errorf("it begins with %q", payload)
			}
			continue
		case kind == pktline.Data && payload[0] == byte(pktline.BandData):
			pack = append(pack, payload[1:]...)
			continue
		case kind != pktline.Flush:
			t.Fatalf("frame %d is of kind %d", n, kind)
		}
		break frames
	}
	if !bytes.Equal(pack, want) {
		t.Errorf("%d bytes, want %d", len(pack), len(want))
	}
}
