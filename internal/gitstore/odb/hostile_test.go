package odb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"jeton/internal/gitstore/object"
)

// forge builds packs that git would not.
type forge struct {
	t     testing.TB
	buf   []byte
	at    []int // where the entries begin
	claim int   // -1 is the truth
}

func newForge(t testing.TB) *forge {
	return &forge{t: t, buf: []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"), claim: -1}
}

func (f *forge) head(kind uint8, size int) {
	f.at = append(f.at, len(f.buf))
	f.buf = append(f.buf, entryHeader(kind, int64(size))...)
}

func (f *forge) add(kind uint8, data []byte) *forge {
	f.head(kind, len(data))
	f.buf = append(f.buf, deflate(f.t, data, 6)...)
	return f
}

func (f *forge) ofs(base int, delta []byte) *forge {
	at := len(f.buf)
	f.head(typeOfsDelta, len(delta))
	f.back(at - f.at[base])
	f.buf = append(f.buf, deflate(f.t, delta, 6)...)
	return f
}

// back writes a distance as gitformat-pack has it.
func (f *forge) back(n int) {
	out := []byte{byte(n & 127)}
	for n >>= 7; n != 0; n >>= 7 {
		n--
		out = append([]byte{byte(n&127) | 128}, out...)
	}
	f.buf = append(f.buf, out...)
}

func (f *forge) ref(base Hash, delta []byte) *forge {
	f.head(typeRefDelta, len(delta))
	f.buf = append(f.buf, base[:20]...)
	f.buf = append(f.buf, deflate(f.t, delta, 6)...)
	return f
}

func (f *forge) pack() []byte {
	n := f.claim
	if n < 0 {
		n = len(f.at)
	}
	out := bytes.Clone(f.buf)
	binary.BigEndian.PutUint32(out[8:], uint32(n))
	return resum(out)
}

func resum(pack []byte) []byte {
	h := newSum(object.SHA1)
	_, _ = h.Write(pack)
	return h.Sum(pack)
}

// varint writes a size as it stands in a delta.
func varint(n int) (out []byte) {
	for ; n > 127; n >>= 7 {
		out = append(out, byte(n)|128)
	}
	return append(out, byte(n))
}

// replace is a delta that ignores its base, which has so many bytes.
func replace(base int, text string) []byte {
	d := append(append(varint(base), varint(len(text))...), byte(len(text)))
	return append(d, text...)
}

func blobName(t testing.TB, data string) Hash {
	h, ok := ParseHash(name(object.SHA1, object.KindBlob, []byte(data)))
	if !ok {
		t.Fatal("no name")
	}
	return h
}

func refuse(t *testing.T, what string, pack []byte, o IndexOptions, want Reason) {
	t.Helper()
	o.Format, o.Dir = object.SHA1, t.TempDir()
	in, err := Index(t.Context(), bytes.NewReader(pack), o)
	var pe *PackError
	if !errors.As(err, &pe) || pe.Reason != want {
		t.Errorf("%s: got %+v %v, want reason %d", what, in, err, want)
	}
}

func TestIndexHostile(t *testing.T) {
	t.Parallel()
	good := newForge(t).add(typeBlob, []byte("hello\n")).add(typeBlob, []byte("other\n")).ofs(0, replace(6, "three"))
	pack := good.pack()
	if in, err := Index(t.Context(), bytes.NewReader(pack), IndexOptions{Format: object.SHA1, Dir: t.TempDir()}); err != nil || in.Objects != 3 {
		t.Fatal(in, err)
	}
	for cut := range pack {
		refuse(t, "cut short", pack[:cut], IndexOptions{}, Truncated)
	}
	refuse(t, "a byte more", append(bytes.Clone(pack), 0), IndexOptions{}, Garbage)
	refuse(t, "no pack", append([]byte("PUCK"), pack[4:]...), IndexOptions{}, Malformed)
	refuse(t, "version 4", append([]byte("PACK\x00\x00\x00\x04"), pack[8:]...), IndexOptions{}, Malformed)
	other := bytes.Clone(pack)
	other[len(other)-1]++
	refuse(t, "checksum", other, IndexOptions{}, Checksum)
	for i := 12; i < len(pack)-20; i++ { // whatever bit falls over, with a right checksum
		for bit := range 8 {
			other := bytes.Clone(pack[:len(pack)-20])
			other[i] ^= 1 << bit
			o := IndexOptions{Format: object.SHA1, Dir: t.TempDir(), MaxObject: 1 << 20}
			_, err := Index(t.Context(), bytes.NewReader(resum(other)), o)
			if pe := (*PackError)(nil); err != nil && !errors.As(err, &pe) {
				t.Errorf("bit %d of %d: %v", bit, i, err)
			}
		}
	}

	few := newForge(t).add(typeBlob, []byte("a")).add(typeBlob, []byte("b"))
	few.claim = 1
	if pe := (*PackError)(nil); true {
		_, err := Index(t.Context(), bytes.NewReader(few.pack()), IndexOptions{Format: object.SHA1, Dir: t.TempDir()})
		if !errors.As(err, &pe) || pe.Reason != Garbage {
			t.Error("a count too low:", err)
		}
	}
	few.claim = 3
	if _, err := Index(t.Context(), bytes.NewReader(few.pack()), IndexOptions{Format: object.SHA1, Dir: t.TempDir()}); err == nil {
		t.Error("a count too high is taken")
	}
	few.claim = 1<<31 - 1
	refuse(t, "a huge count", few.pack(), IndexOptions{}, LimitCount)
	refuse(t, "too many", pack, IndexOptions{MaxObjects: 2}, LimitCount)
	refuse(t, "too large", pack, IndexOptions{MaxBytes: int64(len(pack)) - 1}, LimitBytes)
	refuse(t, "object too large", pack, IndexOptions{MaxObject: 5}, LimitObject)
	refuse(t, "too large together", pack, IndexOptions{MaxTotal: 16}, LimitTotal)
	for _, kind := range []uint8{0, 5} {
		refuse(t, "a kind that is none", newForge(t).add(kind, []byte("a")).pack(), IndexOptions{}, Malformed)
	}
	refuse(t, "an object twice", newForge(t).add(typeBlob, []byte("a")).add(typeBlob, []byte("a")).pack(), IndexOptions{}, Duplicate)
	refuse(t, "a delta's result twice", newForge(t).add(typeBlob, []byte("a")).add(typeBlob, []byte("b")).ofs(0, replace(1, "b")).pack(), IndexOptions{}, Duplicate)
	refuse(t, "twice, with deltas", newForge(t).add(typeBlob, []byte("a")).add(typeBlob, []byte("a")).ref(blobName(t, "a"), replace(1, "c")).pack(), IndexOptions{}, Duplicate)
}

func TestIndexHostileDeltas(t *testing.T) {
	t.Parallel()
	a, b := blobName(t, "a"), blobName(t, "b")
	refuse(t, "a circle", newForge(t).ref(b, replace(1, "a")).ref(a, replace(1, "b")).pack(), IndexOptions{}, MissingBase)
	refuse(t, "on itself", newForge(t).ref(a, replace(1, "a")).pack(), IndexOptions{}, MissingBase)
	refuse(t, "no base", newForge(t).add(typeBlob, []byte("b")).ref(a, replace(1, "c")).pack(), IndexOptions{}, MissingBase)

	f := newForge(t).add(typeBlob, []byte("hello"))
	f.head(typeOfsDelta, 4)
	f.back(3) // in the middle of the blob
	f.buf = append(f.buf, deflate(t, replace(5, "x"), 6)...)
	refuse(t, "a base in the middle", f.pack(), IndexOptions{}, Malformed)
	f = newForge(t).add(typeBlob, []byte("hello"))
	f.head(typeOfsDelta, 4)
	f.back(1 << 30)
	f.buf = append(f.buf, deflate(t, replace(5, "x"), 6)...)
	refuse(t, "a base before the pack", f.pack(), IndexOptions{}, Malformed)

	for what, delta := range map[string][]byte{
		"empty":              {},
		"no result":          {5},
		"another base":       replace(6, "x"),
		"result too long":    {5, 2, 1, 'x'},
		"result too short":   {5, 1, 2, 'x', 'y'},
		"op 0":               {5, 1, 0},
		"copy past the base": {5, 10, 0x90, 10},
		"cut within an op":   {5, 10, 0x91},
		"literal cut":        {5, 3, 3, 'x'},
	} {
		refuse(t, what, newForge(t).add(typeBlob, []byte("hello")).ofs(0, delta).pack(), IndexOptions{}, Malformed)
	}
	bomb := append(varint(5), varint(1<<40)...)
	refuse(t, "a result of a terabyte", newForge(t).add(typeBlob, []byte("hello")).ofs(0, bomb).pack(), IndexOptions{}, LimitObject)
}

// Some kilobytes that claim gigabytes must not take them.
func TestIndexBombs(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	base := bytes.Repeat([]byte("x"), size)
	f := newForge(t).add(typeBlob, base)
	whole := append(append(varint(size), varint(1<<30)...), bytes.Repeat([]byte{0xf0, 0, 0, 16}, 1<<10)...)
	for i := range 8 { // eight of a gigabyte each
		d := bytes.Clone(whole)
		f.ofs(0, append(d, byte(0x90), byte(i+1)))
	}
	refuse(t, "results of gigabytes", f.pack(), IndexOptions{MaxObject: 1<<30 + 100}, LimitTotal)

	// A chain in which each doubles the one before.
	f = newForge(t).add(typeBlob, []byte("0123456789abcdef"))
	n := 16
	for i := range 30 {
		d := append(varint(n), varint(2*n)...)
		for range 2 {
			d = append(d, 0xf0, byte(n), byte(n>>8), byte(n>>16))
			if n > 1<<23 {
				break
			}
		}
		f.ofs(i, d)
		n *= 2
	}
	refuse(t, "doubling", f.pack(), IndexOptions{MaxObject: 1 << 28}, LimitObject)

	// A long chain is refused, one of the longest that git makes is not.
	for depth, ok := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
		f = newForge(t).add(typeBlob, []byte("0"))
		text := "0"
		for i := range depth {
			d := replace(len(text), "v"+strings.Repeat("i", i%50)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)))
			f.ofs(i, d)
			text = string(d[3:])
		}
		in, err := Index(t.Context(), bytes.NewReader(f.pack()), IndexOptions{Format: object.SHA1, Dir: t.TempDir()})
		if (err == nil) != ok {
			t.Errorf("a chain of %d: %v", depth, err)
		}
		if in != nil {
			in.Pack.Close()
		}
	}
}

func TestIndexMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := newForge(t)
	f.claim = 1 << 29
	_, err := Index(t.Context(), bytes.NewReader(f.pack()), IndexOptions{Format: object.SHA1, Dir: t.TempDir()})
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 4<<20 {
		t.Errorf("a pack of 32 bytes took %d bytes, %v", after.TotalAlloc-before.TotalAlloc, err)
	}
}

func TestIndexCallbacks(t *testing.T) {
	t.Parallel()
	pack := newForge(t).add(typeBlob, []byte("hello\n")).ofs(0, replace(6, "three")).pack()
	stop := errors.New("stop")
	dir := t.TempDir()
	o := IndexOptions{Format: object.SHA1, Dir: filepath.Join(dir, "pack"), Check: func(o Object) error {
		if o.Size == 5 {
			return stop
		}
		return nil
	}}
	if _, err := Index(t.Context(), bytes.NewReader(pack), o); !errors.Is(err, stop) {
		t.Error(err)
	}
	o.Check, o.Received = nil, func() error { return stop }
	if _, err := Index(t.Context(), bytes.NewReader(pack), o); !errors.Is(err, stop) {
		t.Error(err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("files are left: %v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.Received = nil
	if _, err := Index(ctx, bytes.NewReader(pack), o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if in, err := Index(t.Context(), bytes.NewReader(newForge(t).pack()), o); err != nil || in.Pack != nil {
		t.Error("an empty pack:", in, err)
	}
}

// A database that holds something else under a name must not get it twice.
func TestIndexDiffers(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	id := strings.TrimSpace(r.run("hello\n", "hash-object", "-w", "--stdin"))
	other := strings.TrimSpace(r.run("other\n", "hash-object", "-w", "--stdin"))
	path := func(id string) string { return filepath.Join(r.objects(), id[:2], id[2:]) }
	if err := os.Rename(path(other), path(id)); err != nil {
		t.Fatal(err)
	}
	db := NewPool(Options{}).Open(r.objects(), object.SHA1)
	refuse(t, "another object of that name", newForge(t).add(typeBlob, []byte("hello\n")).pack(), IndexOptions{DB: db}, Differs)
}

// FuzzIndex: nothing panics, and what is taken real git takes too, with the same
// index.
func FuzzIndex(f *testing.F) {
	f.Add(newForge(f).add(typeBlob, []byte("hello\n")).ofs(0, replace(6, "three")).buf)
	f.Add(newForge(f).add(typeBlob, []byte("a")).ref(blobName(f, "a"), replace(1, "b")).ref(blobName(f, "b"), replace(1, "c")).buf)
	f.Add(newForge(f).add(typeCommit, []byte("x")).add(typeTree, nil).add(typeTag, []byte("t")).buf)
	r := newRepo(f, object.SHA1)
	r.grow(3, 1)
	pack := r.packAll("--delta-base-offset")
	f.Add(pack[:len(pack)-20])
	r.run("thin base, long enough that it would be a base of something\n", "hash-object", "-w", "--stdin")
	f.Add(newForge(f).ref(blobName(f, "thin base, long enough that it would be a base of something\n"), replace(60, "b")).buf)
	pool := NewPool(Options{})
	db := pool.Open(r.objects(), object.SHA1)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < 12 {
			return
		}
		dir := t.TempDir()
		o := IndexOptions{Format: object.SHA1, Dir: dir, DB: db, MaxObject: 1 << 20, MaxTotal: 16 << 20, MaxObjects: 1000}
		in, err := Index(t.Context(), bytes.NewReader(resum(bytes.Clone(body))), o)
		if err != nil {
			if pe := (*PackError)(nil); !errors.As(err, &pe) {
				t.Fatal(err)
			}
			return
		}
		if in.Pack == nil {
			return
		}
		defer in.Pack.Close()
		ours, err := os.ReadFile(in.Path + ".idx")
		if err != nil {
			t.Fatal(err)
		}
		theirs := filepath.Join(dir, "git.idx")
		cmd := gitCommand(t, r.dir, "index-pack", "--index-version=2", "-o", theirs, in.Path+".pack")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git refuses what is taken: %s", out)
		}
		if data, err := os.ReadFile(theirs); err != nil || !bytes.Equal(data, ours) {
			t.Fatal("the index differs from git's", err)
		}
	})
}
