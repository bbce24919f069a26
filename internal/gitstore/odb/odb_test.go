package odb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
)

// check reads everything that git knows of, and compares.
func check(t *testing.T, r *repo, db *DB) {
	t.Helper()
	all := r.all()
	if len(all) == 0 {
		t.Fatal("git knows of nothing")
	}
	for id, want := range all {
		in, err := db.Info(id)
		if err != nil || in != want {
			t.Errorf("%s: %+v %v, want %+v", id, in, err, want)
		}
		kind, data, err := db.Read(id, want.Size)
		if err != nil || kind != want.Kind || name(r.format, kind, data) != id {
			t.Errorf("%s: read as %s of %d bytes, %v", id, kind, len(data), err)
		}
		if want.Size > 0 {
			if _, _, err := db.Read(id, want.Size-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: over the limit: %v", id, err)
			}
		}
		if ok, err := db.Has(id); !ok || err != nil {
			t.Errorf("%s: %v %v", id, ok, err)
		}
	}
	none := object.ID(strings.Repeat("ab", r.format.Size()))
	if _, err := db.Info(none); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	if ok, err := db.Has(none); ok || err != nil {
		t.Errorf("what is not there: %v %v", ok, err)
	}
}

func name(format object.Format, kind object.Kind, data []byte) object.ID {
	n := newNamer(format)
	h, _ := n.name(kind, data)
	return h.ID(format)
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			r := newRepo(t, format)
			pool := NewPool(Options{})
			db := pool.Open(r.objects(), format)
			r.run("loose\n", "hash-object", "-w", "--stdin")
			check(t, r, db)
			r.grow(60, 1) // fast-import leaves a pack
			check(t, r, db)
			r.run("big"+strings.Repeat("0123456789", 300_000), "hash-object", "-w", "--stdin")
			r.run("", "tag", "-a", "-m", "x", "v1", "main")
			r.grow(60, 2)
			check(t, r, db)
			r.run("", "repack", "-adfq", "--depth=250", "--window=50")
			check(t, r, db)
			r.run("", "-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
			r.run("", "prune-packed")
			check(t, r, db)
			pool.CloseIdle(0)
			check(t, r, db)
			db.Close()
			check(t, r, db)
		})
	}
}

func TestPeelAndAbbreviated(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.grow(3, 1)
	r.run("", "tag", "-a", "-m", "x", "one", "main")
	r.run("", "tag", "-a", "-m", "x", "two", "one")
	db := NewPool(Options{}).Open(r.objects(), object.SHA1)
	commit := object.ID(strings.TrimSpace(r.run("", "rev-parse", "main")))
	tag := object.ID(strings.TrimSpace(r.run("", "rev-parse", "two")))
	if id, kind, err := db.Peel(tag); err != nil || id != commit || kind != object.KindCommit {
		t.Errorf("got %s %s %v", id, kind, err)
	}
	for id := range r.all() {
		for n := 2; n <= 40; n += 7 {
			got, err := db.Abbreviated(string(id[:n]), 1000)
			found := false
			for _, g := range got {
				found = found || g == id
				if !strings.HasPrefix(string(g), string(id[:n])) {
					t.Errorf("%s for %s", g, id[:n])
				}
			}
			if !found || err != nil {
				t.Errorf("%s: %v %v", id[:n], got, err)
			}
		}
	}
}

func TestAlternates(t *testing.T) {
	t.Parallel()
	origin, outside := newRepo(t, object.SHA1), newRepo(t, object.SHA1)
	origin.grow(3, 1)
	outside.grow(3, 2)
	fork := newRepo(t, object.SHA1)
	list := origin.objects() + "\n" + outside.objects() + "\n" + fork.objects() + "\n"
	if err := os.WriteFile(filepath.Join(fork.objects(), "info", "alternates"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.EvalSymlinks(filepath.Dir(origin.dir))
	if err != nil {
		t.Fatal(err)
	}
	db := NewPool(Options{Root: root}).Open(fork.objects(), object.SHA1)
	check(t, origin, db)
	for id := range outside.all() {
		if ok, err := db.Has(id); ok || err != nil {
			t.Fatalf("an alternate outside of the root: %v %v", ok, err)
		}
	}
	origin.grow(3, 3) // a new pack behind the alternate
	check(t, origin, db)
}

// What upkeep does to packs must not be seen by who reads.
func TestReadDuringRepack(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.grow(40, 1)
	// A commit that writes a file twice leaves a blob that nothing names, which the
	// first repack drops: what is read is what every repack keeps.
	r.run("", "repack", "-adfq")
	all := r.all()
	pool := NewPool(Options{OpenPacks: 4})
	db := pool.Open(r.objects(), object.SHA1)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				for id, want := range all {
					if kind, data, err := db.Read(id, 1<<20); err != nil || kind != want.Kind || int64(len(data)) != want.Size {
						t.Errorf("%s: %s %d %v", id, kind, len(data), err)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 8 {
		r.run("", "repack", "-adfq", fmt.Sprintf("--depth=%d", 3+i), fmt.Sprintf("--window=%d", 5+i))
		pool.CloseIdle(0)
	}
	close(done)
	wg.Wait()
}

// Nor that what was loose is packed and pruned between its being found and
// opened. The object is loose and in a pack by turns, at every moment in one.
func TestReadDuringPrune(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	id := object.ID(strings.TrimSpace(r.run("hello", "hash-object", "-w", "--stdin")))
	pack := strings.TrimSpace(r.run(string(id)+"\n", "pack-objects", "-q", r.objects()+"/pack/pack"))
	index := r.objects() + "/pack/pack-" + pack + ".idx"
	loose := r.objects() + "/" + string(id[:2]) + "/" + string(id[2:])
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	pool := NewPool(Options{})
	db := pool.Open(r.objects(), object.SHA1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	var reads atomic.Int64
	for range 2 {
		readers.Go(func() {
			for {
				if kind, data, err := db.Read(id, 100); err != nil || kind != object.KindBlob || string(data) != "hello" {
					t.Errorf("read: %s %q %v", kind, data, err)
					return
				}
				if in, err := db.Info(id); err != nil || in.Size != 5 {
					t.Errorf("info: %v %v", in, err)
					return
				}
				reads.Add(1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := range 400 {
		seen := reads.Load() + 2
		move(index, index+".away")
		pool.CloseIdle(0)
		for n%2 == 0 && reads.Load() < seen && !t.Failed() { // from the loose one
			runtime.Gosched()
		}
		move(index+".away", index)
		move(loose, loose+".away")
		for seen = reads.Load() + 2; n%2 == 1 && reads.Load() < seen && !t.Failed(); {
			runtime.Gosched()
		}
		move(loose+".away", loose)
	}
	close(done)
	readers.Wait()
}

// Few packs are open at a time, however many databases there are, and none
// after a while.
func TestOpenPacksAreBounded(t *testing.T) {
	t.Parallel()
	pool := NewPool(Options{OpenPacks: 8, Idle: 20 * time.Millisecond})
	r := newRepo(t, object.SHA1)
	r.grow(2, 1)
	all := r.all()
	for range 50 {
		db := pool.Open(r.objects(), object.SHA1)
		for id := range all {
			if _, err := db.Info(id); err != nil {
				t.Fatal(err)
			}
		}
		if n := pool.openPacks(); n > 8 {
			t.Fatalf("%d packs are open", n)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); pool.openPacks() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("packs stay open")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (p *Pool) openPacks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// A pack that was cut short under its mapping is an error, not the end of the
// program.
func TestTruncatedUnderMapping(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.raw(bytes.Repeat([]byte("x"), 10), "hash-object", "-w", "--stdin")
	r.grow(300, 1)
	r.run("", "repack", "-adq")
	db := NewPool(Options{CacheBytes: 1}).Open(r.objects(), object.SHA1)
	all := r.all()
	for id := range all {
		if _, err := db.Info(id); err != nil {
			t.Fatal(err)
		}
	}
	packs, _ := filepath.Glob(filepath.Join(r.objects(), "pack", "*.pack"))
	for _, p := range packs {
		if err := os.Chmod(p, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, 4096); err != nil {
			t.Fatal(err)
		}
	}
	failed := 0
	for id := range all {
		if _, _, err := db.Read(id, 1<<20); errors.Is(err, ErrCorrupt) {
			failed++
		} else if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if failed == 0 {
		t.Error("nothing was found out")
	}
}

func TestPackLists(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	r.grow(20, 1)
	r.run("", "repack", "-adq")
	db := NewPool(Options{}).Open(r.objects(), object.SHA1)
	packs, err := db.Packs()
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	p, all := packs[0], r.all()
	err = p.Each(func(h Hash) error {
		if _, ok := all[h.ID(object.SHA1)]; !ok {
			t.Errorf("%x is not there", h)
		}
		if ok, err := p.Has(h); !ok || err != nil {
			t.Errorf("%x: %v %v", h, ok, err)
		}
		delete(all, h.ID(object.SHA1))
		return nil
	})
	if err != nil || len(all) != 0 {
		t.Errorf("%d were not listed, %v", len(all), err)
	}
	last, err := p.Last(3)
	if n, lerr := p.Len(); err != nil || lerr != nil || len(last) != 3 || n < 60 {
		t.Fatal(n, last, err, lerr)
	}
	// git lists in the order of ids with offsets; the greatest three are the last.
	name := strings.TrimSuffix(filepath.Base(p.path), ".idx")
	at := map[string]int{}
	for line := range strings.Lines(r.run("", "verify-pack", "-v", filepath.Join(r.objects(), "pack", name+".idx"))) {
		var id, kind string
		var size, packed, offset int
		if n, _ := fmt.Sscan(line, &id, &kind, &size, &packed, &offset); n == 5 {
			at[id] = offset
		}
	}
	for id, offset := range at {
		if offset > at[string(last[0].ID(object.SHA1))] && id != string(last[1].ID(object.SHA1)) && id != string(last[2].ID(object.SHA1)) {
			t.Errorf("%s stands after %x", id, last[0])
		}
	}
}

// TestAdded: what the database was told of is found without a look at the folder;
// what it was not told of, by one.
func TestAdded(t *testing.T) {
	t.Parallel()
	r := newRepo(t, object.SHA1)
	db := NewPool(Options{}).Open(r.objects(), r.format)
	add := func(text string) (Hash, string) {
		t.Helper()
		id := strings.TrimSpace(r.run(text, "hash-object", "-w", "--stdin"))
		pack := strings.TrimSpace(r.run(id+"\n", "pack-objects", "-q", "objects/pack/pack"))
		r.run("", "prune-packed")
		h, ok := ParseHash(object.ID(id))
		if !ok {
			t.Fatal(id)
		}
		return h, "pack-" + pack
	}
	seen := func(what string, h Hash, want bool) {
		t.Helper()
		if ok, err := db.Seen(h); ok != want || err != nil {
			t.Errorf("%s: seen %v, %v", what, ok, err)
		}
	}
	first, name := add("1")
	db.Added(name)
	seen("before the first look", first, true)
	second, name := add("2")
	seen("not told", second, false)
	db.Added("pack-of-nobody")
	db.Added(name)
	db.Added(name)
	seen("told", second, true)
	third, _ := add("3")
	seen("not told", third, false)
	if packs, err := db.Packs(); err != nil || len(packs) != 2 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
	if ok, err := db.HasHash(third); !ok || err != nil {
		t.Errorf("looked for: %v, %v", ok, err)
	}
	for i, h := range []Hash{first, second, third} {
		if _, data, err := db.ReadHash(h, 100); err != nil || string(data) != fmt.Sprint(i+1) {
			t.Errorf("%q, %v", data, err)
		}
	}
	if packs, err := db.Packs(); err != nil || len(packs) != 3 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
}
