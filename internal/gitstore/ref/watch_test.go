//go:build linux

package ref

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jeton/internal/gitstore/object"
)

// guarded asks until the kernel watches the newest reading.
func (b *bare) guarded(t testing.TB) {
	t.Helper()
	for range 1_000_000 { // the files must be old enough to be trusted
		if _, err := b.db.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.db.last.Load().guard.Load() != nil {
			return
		}
	}
	t.Fatal("nothing is watched")
}

// watchable skips where the kernel can't be asked to watch.
func (b *bare) watchable(t testing.TB) {
	t.Helper()
	if b.db.watch.begin([]string{b.dir}) == nil {
		t.Skip("nothing can be watched here")
	}
}

// TestWatch_outside: what real git does is seen by the very next reading of a
// repository that is watched, too.
func TestWatch_outside(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.watchable(t)
	n := 0
	b.outside(t, 300, func() {
		if n++; n%2 == 0 { // every other one comes right after one before
			b.guarded(t)
		}
	})
}

// TestWatch_sees: whatever the stamps see is seen, however it is done.
func TestWatch_sees(t *testing.T) {
	t.Parallel()
	write := func(name, text string) func(b *bare) error {
		return func(b *bare) error {
			f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString(strings.ReplaceAll(text, "ID", string(b.commits[2])))
			if e := f.Close(); err == nil {
				err = e
			}
			return err
		}
	}
	path := func(b *bare, name string) string { return filepath.Join(b.dir, name) }
	for name, change := range map[string]func(b *bare) error{
		"HEAD in place":           write("HEAD", "ref: refs/heads/other\n"),
		"packed-refs in place":    write("packed-refs", "ID refs/heads/new\n"),
		"packed-refs removed":     func(b *bare) error { return os.Remove(path(b, "packed-refs")) },
		"the first note":          func(b *bare) error { return b.put("refs/notes/n") },
		"a folder in a folder":    func(b *bare) error { return b.put("refs/heads/deep/down/here") },
		"a folder removed":        func(b *bare) error { return os.RemoveAll(path(b, "refs/heads/deep")) },
		"a folder moved away":     func(b *bare) error { return os.Rename(path(b, "refs/heads/deep"), path(b, "deep")) },
		"a folder moved within":   func(b *bare) error { return os.Rename(path(b, "refs/heads/deep"), path(b, "refs/tags/deep")) },
		"the branches moved away": func(b *bare) error { return os.Rename(path(b, "refs/heads"), path(b, "refs/gone")) },
		"all refs moved away":     func(b *bare) error { return os.Rename(path(b, "refs"), path(b, "gone")) },
		"another repository in its place": func(b *bare) error {
			copied := b.dir + ".copy"
			if err := os.CopyFS(copied, os.DirFS(b.dir)); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(copied, "refs/heads/main"), []byte(b.commits[3]+"\n"), 0o644); err != nil {
				return err
			}
			if err := os.Rename(b.dir, b.dir+".old"); err != nil {
				return err
			}
			return os.Rename(copied, b.dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBare(t, object.SHA1)
			b.watchable(t)
			b.git(t, "update-ref", "refs/heads/main", string(b.commits[0]))
			b.git(t, "pack-refs", "--all")
			for _, ref := range []string{"refs/heads/main", "refs/heads/deep/er", "refs/tags/t"} {
				b.git(t, "update-ref", ref, string(b.commits[1]))
			}
			b.guarded(t)
			if err := change(b); err != nil {
				t.Fatal(err)
			}
			fresh := &bare{dir: b.dir, db: Open(b.dir, object.SHA1, b.peel(t), nil)}
			if got, want := b.state(t), fresh.state(t); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// put makes a ref as somebody would by hand.
func (b *bare) put(name string) error {
	file := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.commits[3]+"\n"), 0o644)
}

// state is what a reading says, HEAD too.
func (b *bare) state(t testing.TB) string {
	t.Helper()
	s, err := b.db.Snapshot(t.Context())
	if err != nil {
		return err.Error()
	}
	return s.Head + "\n" + b.got(t)
}

// TestWatch_full: when more happened than the kernel remembers, everything is
// looked at.
func TestWatch_full(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.watchable(t)
	b.git(t, "update-ref", "refs/heads/main", string(b.commits[0]))
	b.guarded(t)
	var most int
	if text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events"); err != nil {
		t.Skip(err)
	} else if _, err := fmt.Sscan(string(text), &most); err != nil || most > 1<<17 {
		t.Skip("the queue is too long to be filled: ", most, err)
	}
	busy := newBare(t, object.SHA1)
	busy.db = Open(busy.dir, object.SHA1, busy.peel(t), b.db.watch)
	busy.guarded(t)
	one, two := filepath.Join(busy.dir, "a"), filepath.Join(busy.dir, "b")
	if err := os.WriteFile(one, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := 0; i <= most; i += 2 { // two events each, and none like the one before it
		if err := os.Rename(one, two); err != nil {
			t.Fatal(err)
		}
		one, two = two, one
	}
	b.git(t, "update-ref", "refs/heads/main", string(b.commits[1]))
	b.same(t, "a change that the kernel did not keep")
	b.guarded(t)
	b.git(t, "update-ref", "refs/heads/main", string(b.commits[2]))
	b.same(t, "the one after it")
}

// TestWatch_many: more repositories than can be watched are read right, and no
// more folders are watched than may be.
func TestWatch_many(t *testing.T) {
	t.Parallel()
	all := []*bare{newBare(t, object.SHA1)}
	first := all[0]
	first.watchable(t)
	watch := first.db.watch
	watch.most = 64
	for range 30 {
		b := &bare{dir: t.TempDir(), commits: first.commits}
		if err := os.CopyFS(b.dir, os.DirFS(first.dir)); err != nil {
			t.Fatal(err)
		}
		b.db = Open(b.dir, object.SHA1, b.peel(t), watch)
		all = append(all, b)
	}
	for round := range 3 {
		for _, b := range all {
			b.guarded(t)
		}
		if n := len(watch.guards); n > watch.most {
			t.Errorf("%d folders are watched", n)
		}
		for _, b := range all {
			b.git(t, "update-ref", "refs/heads/main", string(b.commits[round]))
			b.same(t, "an update")
		}
	}
}

// TestWatch_twice: two that read one folder both see.
func TestWatch_twice(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.watchable(t)
	other := &bare{dir: b.dir, commits: b.commits, db: Open(b.dir, object.SHA1, b.peel(t), b.db.watch)}
	b.git(t, "update-ref", "refs/heads/main", string(b.commits[0]))
	for i := range 20 {
		b.guarded(t)
		if i%2 == 0 {
			other.guarded(t)
		}
		b.git(t, "update-ref", "refs/heads/main", string(b.commits[i%4]))
		b.same(t, "an update")
		other.same(t, "an update")
	}
}

// TestWatch_unread: a repository that nobody asks about any more is let go of,
// however much happens there.
func TestWatch_unread(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.watchable(t)
	b.guarded(t)
	for i := range 4 {
		b.git(t, "update-ref", "refs/heads/main", string(b.commits[i]))
		b.git(t, "update-ref", "refs/tags/t", string(b.commits[i]))
		b.git(t, "symbolic-ref", "HEAD", "refs/heads/x")
		b.git(t, "update-ref", "refs/notes/n", string(b.commits[i]))
		b.db.watch.mu.Lock()
		b.db.watch.hear()
		b.db.watch.mu.Unlock()
	}
	if n := len(b.db.watch.guards); n > 1 { // refs/ alone, where one thing happened
		t.Errorf("%d folders are watched", n)
	}
}

// TestWatch_none: without a watch to be had, the stamps decide.
func TestWatch_none(t *testing.T) {
	t.Parallel()
	b := newBare(t, object.SHA1)
	b.db.watch.state = failed
	for i := range 3 {
		b.git(t, "update-ref", "refs/heads/main", string(b.commits[i]))
		for range 3 * watchAfter {
			b.same(t, "an update")
		}
	}
	if b.db.last.Load().guard.Load() != nil {
		t.Error("there is a guard")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs("/proc", &fs); err == nil && NewWatch().begin([]string{"/proc"}) != nil {
		t.Error("a file system is watched that changes by itself")
	}
}
