package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"jeton/internal/gitstore/object"
)

// slow gives a few bytes at a time, as a network does.
type slow struct {
	r io.Reader
	n int
}

func (s *slow) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.n)]) }

// indexed indexes a pack and has real git judge what came of it: its index must be
// the same to the byte, and all objects readable.
func indexed(t *testing.T, r *repo, pack []byte, o IndexOptions) *Incoming {
	t.Helper()
	seen := map[Hash]Info{}
	var mu sync.Mutex
	o.Format, o.Dir = r.format, t.TempDir()
	o.Check = func(ob Object) error {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := seen[ob.ID]; twice {
			t.Errorf("%x was checked twice", ob.ID)
		}
		seen[ob.ID] = Info{ob.Kind, ob.Size}
		if ob.Data != nil && name(r.format, ob.Kind, ob.Data) != ob.ID.ID(r.format) {
			t.Errorf("%x was given other content", ob.ID)
		}
		if ob.Data == nil && ob.Size > 0 && (ob.Size <= StreamedSize || ob.Kind != object.KindBlob) {
			t.Errorf("%x of %d bytes was given no content", ob.ID, ob.Size)
		}
		return nil
	}
	in, err := Index(t.Context(), bytes.NewReader(pack), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Pack.Close)
	same(t, r, in)
	if len(seen) != in.Objects {
		t.Errorf("%d of %d objects were checked", len(seen), in.Objects)
	}
	db := NewPool(Options{}).Open(t.TempDir(), r.format).Layer(in.Pack)
	for h, want := range seen {
		got, err := db.InfoHash(h)
		if err != nil || got != want {
			t.Errorf("%x: %+v %v, want %+v", h, got, err, want)
		}
		kind, data, err := db.ReadHash(h, want.Size)
		if err != nil || kind != want.Kind || name(r.format, kind, data) != h.ID(r.format) {
			t.Errorf("%x: %s %v", h, kind, err)
		}
	}
	return in
}

// same has git make the index of a pack of ours, and compares.
func same(t *testing.T, r *repo, in *Incoming) {
	t.Helper()
	ours, err := os.ReadFile(in.Path + ".idx")
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "git.idx")
	out := r.run("", "index-pack", "--index-version=2", "-o", theirs, in.Path+".pack")
	if want := "pack-" + strings.TrimSpace(out); filepath.Base(in.Path) != want {
		t.Errorf("the pack is named %s, not %s", filepath.Base(in.Path), want)
	}
	data, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, data) {
		t.Errorf("the index differs from git's: %d and %d bytes", len(ours), len(data))
	}
}

// packAll makes a pack of everything.
func (r *repo) packAll(flags ...string) []byte {
	return r.raw(nil, append([]string{"pack-objects", "--all", "--stdout", "-q", "--revs", "--no-reuse-delta"}, flags...)...)
}

func TestIndex(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		r := newRepo(t, format)
		r.grow(400, 1)
		r.run("", "tag", "-a", "-m", "a tag", "v1", "main")
		for _, flags := range [][]string{
			{}, {"--delta-base-offset"}, {"--delta-base-offset", "--depth=250", "--window=50"}, {"--depth=250", "--window=50"}, {"--window=0"}, {"--compression=0"},
		} {
			pack := r.packAll(flags...)
			for _, workers := range []int{1, 4} {
				t.Run(fmt.Sprintf("%s%v/%d", format, flags, workers), func(t *testing.T) {
					t.Parallel()
					in := indexed(t, r, pack, IndexOptions{Workers: workers, Pool: NewPool(Options{})})
					if len(in.Bases) != 0 {
						t.Error("bases were added")
					}
				})
			}
		}
	}
}

func TestIndexSlowReader(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.grow(20, 1)
	pack := r.packAll("--delta-base-offset")
	for _, n := range []int{1, 7, 1000} {
		in, err := Index(t.Context(), &slow{iotest.DataErrReader(bytes.NewReader(pack)), n}, IndexOptions{Dir: t.TempDir(), Format: r.format})
		if err != nil {
			t.Fatal(err)
		}
		same(t, r, in)
	}
}

// blobs makes a history of large blobs, each a little different from the last.
func (r *repo) blobs(sizes ...int) {
	var in bytes.Buffer
	noise := newNoise(9)
	text := noise.bytes(2 << 20)
	for i, size := range sizes {
		for len(text) < size {
			text = append(text, text[:min(len(text), size-len(text))]...)
		}
		copy(text[i*1000:], noise.bytes(100))
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 2\nx\n\nM 100644 inline big\ndata %d\n", 1700000000+i, size)
		in.Write(text[:size])
		in.WriteString("\n")
	}
	r.raw(in.Bytes(), "fast-import", "--quiet", "--force")
}

func TestIndexLargeObjects(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.blobs(3<<20, 5<<20, 6<<20, 9<<20, 9<<20, 100)
	for _, flags := range [][]string{{"--delta-base-offset"}, {"--window=0"}} {
		pack := r.packAll(flags...)
		in := indexed(t, r, pack, IndexOptions{})
		if in.Bytes != int64(len(pack)) {
			t.Errorf("%d bytes of %d", in.Bytes, len(pack))
		}
	}
}

// thin makes a pack of what old lacks of new, against what old has.
func (r *repo) thin(old, new string, flags ...string) []byte {
	args := append([]string{"pack-objects", "--thin", "--stdout", "-q", "--revs"}, flags...)
	return r.raw([]byte(new+"\n^"+old+"\n"), args...)
}

func TestIndexThin(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		r := newRepo(t, format)
		r.grow(400, 1)
		r.run("", "repack", "-adq")
		r.run("", "branch", "old", "main~200")
		r.run("", "branch", "one", "main~199")
		base := newRepo(t, format)
		base.run("", "fetch", "-q", r.dir, "refs/heads/old:refs/heads/old")
		db := NewPool(Options{}).Open(base.objects(), format)
		for _, c := range []struct {
			to    string
			flags []string
		}{{"one", nil}, {"one", []string{"--delta-base-offset"}}, {"main", nil}, {"main", []string{"--delta-base-offset"}}} {
			pack := r.thin("old", c.to, c.flags...)
			in := indexed(t, r, pack, IndexOptions{DB: db})
			if len(in.Bases) == 0 {
				t.Fatal("the pack was not thin")
			}
			// What git makes of it in the repository is the same set of objects.
			other := newRepo(t, format)
			other.run("", "fetch", "-q", base.dir, "refs/heads/*:refs/heads/*")
			other.raw(pack, "index-pack", "--stdin", "--fix-thin", "--strict")
			layer := db.Layer(in.Pack)
			for id, want := range other.all() {
				if got, err := layer.Info(id); err != nil || got != want {
					t.Errorf("%s: %+v %v", id, got, err)
				}
			}
			var pe *PackError
			if _, err := Index(t.Context(), bytes.NewReader(pack), IndexOptions{Dir: t.TempDir(), Format: format}); !errors.As(err, &pe) || pe.Reason != MissingBase {
				t.Errorf("without the bases: %v", err)
			}
		}
	}
}
