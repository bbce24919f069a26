package odb

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
)

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zlib.NewWriterLevel(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(data); {
		n := min(len(data)-at, 100_000)
		if _, err := w.Write(data[at : at+n]); err != nil {
			t.Fatal(err)
		}
		at += n
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func samples() [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	few := make([]byte, 50_000)
	for i := range few {
		few[i] = "abcdefgh"[rnd.IntN(8)] + byte(rnd.IntN(2)*rnd.IntN(100))
	}
	return [][]byte{nil, []byte("a"), []byte("hello hello hello hello"), bytes.Repeat([]byte("x"), 100_000), noise, few, history(3, 1, false), bytes.Repeat(noise[:40_000], 3), noise[:300]}
}

func TestInflate(t *testing.T) {
	t.Parallel()
	d := &inflater{}
	for i, want := range samples() {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			z := deflate(t, want, level)
			for _, tail := range []int{0, 1, 7, 20} {
				got := make([]byte, len(want))
				n, err := d.inflate(got, append(bytes.Clone(z), make([]byte, tail)...), true)
				if err != nil || n != len(z) || !bytes.Equal(got, want) {
					t.Fatalf("sample %d, level %d: %d of %d, %v", i, level, n, len(z), err)
				}
			}
			for _, cut := range []int{0, 1, 2, 3, len(z) / 3, len(z) / 2, len(z) - 5, len(z) - 1} {
				if cut < 0 || cut >= len(z) {
					continue
				}
				if _, err := d.inflate(make([]byte, len(want)), z[:cut], true); !errors.Is(err, errShort) {
					t.Fatalf("sample %d, level %d, cut at %d of %d: %v", i, level, cut, len(z), err)
				}
			}
			if len(want) > 0 {
				head := make([]byte, len(want)/2)
				if n, err := d.head(head, z); err != nil || n != len(head) || !bytes.Equal(head, want[:n]) {
					t.Fatalf("sample %d, level %d: head of %d, %v", i, level, n, err)
				}
				if _, err := d.inflate(head, z, true); !errors.Is(err, errInflate) {
					t.Fatalf("sample %d, level %d: too much: %v", i, level, err)
				}
			}
			if _, err := d.inflate(make([]byte, len(want)+1), z, true); !errors.Is(err, errInflate) {
				t.Fatalf("sample %d, level %d: too little: %v", i, level, err)
			}
			z[len(z)-1]++
			if _, err := d.inflate(make([]byte, len(want)), z, true); !errors.Is(err, errInflate) {
				t.Fatalf("sample %d, level %d: wrong checksum: %v", i, level, err)
			}
		}
	}
}

// FuzzInflate compares with the standard library's decoder: the same streams are
// taken, with the same content and length.
func FuzzInflate(f *testing.F) {
	for _, s := range samples() {
		s = s[:min(len(s), 3000)]
		f.Add(deflate(f, s, flate.DefaultCompression))
		f.Add(deflate(f, s, flate.NoCompression))
		f.Add(deflate(f, s, flate.HuffmanOnly))
	}
	d := &inflater{}
	f.Fuzz(func(t *testing.T, src []byte) {
		in := bytes.NewReader(src)
		var want []byte
		z, err := zlib.NewReader(in)
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(z, 1<<20))
		}
		if len(want) == 1<<20 {
			return
		}
		// A stream with a preset dictionary is no error of the format, but none of git's.
		got := make([]byte, len(want))
		n, gotErr := d.inflate(got, src, true)
		if (err == nil) != (gotErr == nil) {
			t.Fatalf("standard library: %v, here: %v", err, gotErr)
		}
		if err == nil && (!bytes.Equal(got, want) || n != len(src)-in.Len()) {
			t.Fatalf("other content, or %d bytes of %d", n, len(src)-in.Len())
		}
		// Of what is broken, the beginning that can be read is the same.
		head := make([]byte, len(want))
		if n, _, _ := d.stream(head, src); n > len(want) || !bytes.Equal(head[:n], want[:n]) {
			t.Fatal("other beginning")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	text := history(200, 7, false)
	for _, size := range []int{150, 1000, 5000, 100_000} {
		var zs [][]byte
		for at := 0; at+size <= len(text) && len(zs) < 100; at += size {
			zs = append(zs, append(deflate(b, text[at:at+size], 6), make([]byte, 20)...))
		}
		dst := make([]byte, size)
		b.Run("ours/"+strconv.Itoa(size), func(b *testing.B) {
			d := &inflater{}
			b.SetBytes(int64(size * len(zs)))
			for b.Loop() {
				for _, z := range zs {
					if _, err := d.inflate(dst, z, true); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run("std/"+strconv.Itoa(size), func(b *testing.B) {
			r := bytes.NewReader(zs[0])
			zr, _ := zlib.NewReader(r)
			b.SetBytes(int64(size * len(zs)))
			for b.Loop() {
				for _, z := range zs {
					r.Reset(z)
					_ = zr.(zlib.Resetter).Reset(r, nil)
					if _, err := io.ReadFull(zr, dst); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
