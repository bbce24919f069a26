package odb

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"jeton/internal/gitstore/object"
)

// cpu returns the time that this process, or its children that have ended, have
// spent.
func cpu(t testing.TB, who int) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds the mean CPU and wall time to what the benchmark prints.
func report(b *testing.B, name string, n int, wall, used time.Duration) {
	b.ReportMetric(float64(used.Microseconds())/float64(n)/1000, name+"-cpu-ms")
	b.ReportMetric(float64(wall.Microseconds())/float64(n)/1000, name+"-wall-ms")
}

// BenchmarkIndex indexes a pack of the size of R2 (about 67,000 objects, 20 MB),
// turn by turn with git index-pack on two threads.
func BenchmarkIndex(b *testing.B) {
	r := newRepo(b, object.SHA1)
	r.grow(11_300, 1)
	pack := r.packAll("--delta-base-offset", "--depth=50", "--window=10", "--threads=2")
	file := filepath.Join(b.TempDir(), "in.pack")
	if err := os.WriteFile(file, pack, 0o600); err != nil {
		b.Fatal(err)
	}
	var wall, used, gitWall, gitUsed time.Duration
	n := 0
	b.ResetTimer()
	for b.Loop() {
		n++
		dir := b.TempDir()
		began, before := time.Now(), cpu(b, syscall.RUSAGE_SELF)
		f, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		in, err := Index(b.Context(), f, IndexOptions{Dir: dir, Format: object.SHA1, Workers: 2, Check: func(Object) error { return nil }})
		if err != nil {
			b.Fatal(err)
		}
		wall += time.Since(began)
		used += cpu(b, syscall.RUSAGE_SELF) - before
		_ = f.Close()
		if n == 1 {
			b.Logf("%d objects, %d bytes", in.Objects, len(pack))
		}
		in.Pack.Close()

		f, err = os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		empty := filepath.Join(b.TempDir(), "r.git")
		if err := gitCommand(b, "", "init", "-q", "--bare", empty).Run(); err != nil {
			b.Fatal(err)
		}
		cmd := gitCommand(b, empty, "index-pack", "--stdin", "--threads=2")
		cmd.Stdin = f
		began, before = time.Now(), cpu(b, syscall.RUSAGE_CHILDREN)
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		gitWall += time.Since(began)
		gitUsed += cpu(b, syscall.RUSAGE_CHILDREN) - before
		_ = f.Close()
	}
	report(b, "ours", n, wall, used)
	report(b, "git", n, gitWall, gitUsed)
	b.ReportMetric(float64(gitUsed)/float64(used), "cpu-ratio")
	b.ReportMetric(float64(gitWall)/float64(wall), "wall-ratio")
}

// BenchmarkIndexSmall indexes a push of one commit.
func BenchmarkIndexSmall(b *testing.B) {
	r := newRepo(b, object.SHA1)
	r.grow(200, 1)
	r.run("", "repack", "-adq")
	r.run("", "branch", "old", "main~1")
	base := newRepo(b, object.SHA1)
	base.run("", "fetch", "-q", r.dir, "refs/heads/old:refs/heads/old")
	for _, c := range []struct {
		name string
		pack []byte
	}{
		{"whole", r.raw([]byte("main\n^old\n"), "pack-objects", "--stdout", "-q", "--revs")},
		{"thin", r.thin("old", "main", "--delta-base-offset")},
	} {
		b.Run(c.name, func(b *testing.B) {
			pool := NewPool(Options{})
			db := pool.Open(base.objects(), object.SHA1)
			dir := b.TempDir()
			b.ReportAllocs()
			n, before := 0, cpu(b, syscall.RUSAGE_SELF)
			defer func() {
				b.ReportMetric(float64((cpu(b, syscall.RUSAGE_SELF)-before).Microseconds())/float64(n), "cpu-µs/op")
			}()
			for b.Loop() {
				n++
				in, err := Index(b.Context(), bytes.NewReader(c.pack), IndexOptions{Dir: dir, DB: db, Format: object.SHA1})
				if err != nil {
					b.Fatal(err)
				}
				in.Pack.Close()
				_, _ = os.Remove(in.Path+".pack"), os.Remove(in.Path+".idx")
			}
		})
	}
}

// BenchmarkIndexFiles is the part of BenchmarkIndexSmall that is the two files'.
func BenchmarkIndexFiles(b *testing.B) {
	dir, data := b.TempDir(), make([]byte, 1200)
	n, before := 0, cpu(b, syscall.RUSAGE_SELF)
	for b.Loop() {
		n++
		for _, name := range []string{"/a.pack", "/a.idx"} {
			if err := writeFile(dir+name, data); err != nil {
				b.Fatal(err)
			}
		}
		_, _ = os.Remove(dir+"/a.pack"), os.Remove(dir+"/a.idx")
	}
	b.ReportMetric(float64((cpu(b, syscall.RUSAGE_SELF)-before).Microseconds())/float64(n), "cpu-µs/op")
}

func BenchmarkRead(b *testing.B) {
	r := newRepo(b, object.SHA1)
	r.grow(2000, 1)
	r.run("", "repack", "-adfq", "--depth=50")
	db := NewPool(Options{}).Open(r.objects(), object.SHA1)
	var ids []Hash
	for id := range r.all() {
		h, _ := ParseHash(id)
		ids = append(ids, h)
	}
	one := func(b *testing.B, f func(Hash) error) {
		i := 0
		for b.Loop() {
			if err := f(ids[i%len(ids)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}
	b.Run("has", func(b *testing.B) { one(b, func(h Hash) error { _, err := db.HasHash(h); return err }) })
	b.Run("info", func(b *testing.B) { one(b, func(h Hash) error { _, err := db.InfoHash(h); return err }) })
	b.Run("read", func(b *testing.B) { one(b, func(h Hash) error { _, _, err := db.ReadHash(h, 1<<30); return err }) })
	b.Run("missing", func(b *testing.B) { one(b, func(h Hash) error { h[0]++; h[5]++; _, err := db.HasHash(h); return err }) })
}
