package largefile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/blob"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// house is the room on a real database and a real folder.
type house struct {
	*largefile.Room
	d        *db.DB
	blobs    *blob.Folder
	repos    *repo.Room
	now      time.Time
	ada, eve right.Actor
	one, two id.Repo // ada's

	mu    sync.Mutex
	quota func(id.Repo, int64) error // guarded by mu
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	h := &house{d: d, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	var err error
	if h.blobs, err = blob.OpenFolder(filepath.Join(t.TempDir(), "lfs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.blobs.Close() })
	bus, log := change.New(change.Options{DB: d}), audit.New(audit.Options{DB: d, Now: now})
	accounts := account.New(account.Options{DB: d, Change: bus, Audit: log, Now: now})
	h.repos = repo.New(repo.Options{DB: d, Account: accounts, Change: bus, Audit: log, Now: now})
	h.Room = largefile.New(largefile.Options{DB: d, Audit: log, Blobs: h.blobs, Now: now, MaxSize: 1 << 20,
		Quota: func(_ context.Context, r id.Repo, n int64) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.quota == nil {
				return nil
			}
			return h.quota(r, n)
		}})
	for login, actor := range map[string]*right.Actor{"ada": &h.ada, "eve": &h.eve} {
		a, err := accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: login})
		if err != nil {
			t.Fatal(err)
		}
		*actor = right.Actor{Account: a.ID, Login: login, Kind: right.SessionCredential, Grant: right.Everything()}
	}
	h.one, h.two = h.create(t, "one"), h.create(t, "two")
	return h
}

// each runs fn on both engines.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newHouse(t, d)) })
}

func (h *house) write(t *testing.T, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := h.d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func (h *house) create(t *testing.T, name string) id.Repo {
	t.Helper()
	number, err := h.repos.Draw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, func(tx *db.Tx) error {
		_, err := h.repos.Create(t.Context(), tx, right.Operator(), repo.NewRepo{ID: number, Owner: h.ada.Account, Name: name})
		return err
	})
	return number
}

// drop deletes the repository as the flow does.
func (h *house) drop(t *testing.T, r id.Repo) {
	t.Helper()
	h.write(t, func(tx *db.Tx) error {
		if err := h.DropTx(t.Context(), tx, r); err != nil {
			return err
		}
		_, err := h.repos.Delete(t.Context(), tx, right.Operator(), r)
		return err
	})
}

func yes(context.Context) error { return nil }

func (h *house) put(t *testing.T, r id.Repo, content string) largefile.OID {
	t.Helper()
	oid := largefile.Sum([]byte(content))
	if err := h.Store(t.Context(), r, oid, int64(len(content)), strings.NewReader(content), yes); err != nil {
		t.Fatalf("store %q: %v", content, err)
	}
	return oid
}

// kept lists what bytes there are.
func (h *house) kept(t *testing.T) (out []largefile.OID) {
	t.Helper()
	for info, err := range h.blobs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, largefile.OID(info.Key))
	}
	return out
}

func (h *house) tidy(t *testing.T, want int) {
	t.Helper()
	if n, err := h.Tidy(t.Context()); n != want || err != nil {
		t.Errorf("Tidy removed %d, %v, want %d", n, err, want)
	}
}

func isKind(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

func TestStore(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		oid := h.put(t, h.one, "hello")
		r, err := h.Open(t.Context(), h.one, oid)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if b, err := io.ReadAll(r); string(b) != "hello" || err != nil || r.Size() != 5 {
			t.Errorf("read %q, %v", b, err)
		}
		_, err = h.Open(t.Context(), h.two, oid)
		isKind(t, "by another repository", err, problem.NotFound)
		h.put(t, h.two, "hello")
		before, err := h.blobs.Stat(t.Context(), string(oid))
		if err != nil {
			t.Fatal(err)
		}
		h.put(t, h.two, "hello")
		if now, err := h.blobs.Stat(t.Context(), string(oid)); err != nil || !now.At.Equal(before.At) {
			t.Errorf("what the repository holds was written again: %v, %v", now.At.Sub(before.At), err)
		}
		if got := h.kept(t); !slices.Equal(got, []largefile.OID{oid}) {
			t.Errorf("kept %v", got)
		}
		if n, err := h.Usage(t.Context(), h.d, h.two); n != 5 || err != nil {
			t.Errorf("Usage: %d, %v", n, err)
		}
		if n, err := h.UsageOf(t.Context(), h.d, h.ada.Account); n != 10 || err != nil {
			t.Errorf("UsageOf: %d, %v", n, err)
		}
		if n, err := h.UsageOf(t.Context(), h.d, h.eve.Account); n != 0 || err != nil {
			t.Errorf("UsageOf nobody: %d, %v", n, err)
		}
	})
}

// TestStore_refuses: whatever is wrong with an upload, nothing of it is kept.
func TestStore_refuses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		oid, odd := largefile.Sum([]byte("hello")), errors.New("odd")
		try := func(what string, size int64, body io.Reader, may func(context.Context) error) error {
			t.Helper()
			err := h.Store(t.Context(), h.one, oid, size, body, may)
			if have, herr := h.Held(t.Context(), h.d, h.one, []largefile.OID{oid}); err == nil || herr != nil || len(have) > 0 || len(h.kept(t)) > 0 {
				t.Errorf("%s: %v; held %v, %v", what, err, have, herr)
			}
			return err
		}
		isKind(t, "other bytes", try("other bytes", 5, strings.NewReader("hallo"), yes), problem.Invalid)
		isKind(t, "fewer", try("fewer", 5, strings.NewReader("hell"), yes), problem.Invalid)
		isKind(t, "more", try("more", 5, strings.NewReader("hellow"), yes), problem.Invalid)
		isKind(t, "more, in bits", try("more, in bits", 5, iotest.OneByteReader(strings.NewReader("hellow")), yes), problem.Invalid)
		isKind(t, "too large, announced", try("too large, announced", 1<<20+1, strings.NewReader("x"), yes), problem.TooLarge)
		isKind(t, "too large, not announced", try("too large, not announced", -1, strings.NewReader(strings.Repeat("x", 1<<20+1)), yes), problem.TooLarge)
		if err := try("a client that goes", 5, io.MultiReader(strings.NewReader("he"), iotest.ErrReader(odd)), yes); !errors.Is(err, odd) {
			t.Errorf("a client that goes: %v", err)
		}
		var notes int
		if err := h.d.QueryRow(t.Context(), `SELECT COUNT(1) FROM lfs_loose`).Scan(&notes); err != nil || notes > 0 {
			t.Errorf("uploads that failed left %d notes in the database, %v", notes, err)
		}
		if err := try("a right that is taken away", 5, strings.NewReader("hello"), func(context.Context) error { return odd }); !errors.Is(err, odd) {
			t.Errorf("a right that is taken away: %v", err)
		}
		h.mu.Lock()
		h.quota = func(r id.Repo, n int64) error {
			if r != h.one || n != 5 {
				t.Errorf("the quota is asked for %d bytes of %d", n, r)
			}
			return problem.New(problem.Forbidden, "full", "")
		}
		h.mu.Unlock()
		if over, ok := errors.AsType[*largefile.OverQuota](try("the quota", 5, strings.NewReader("hello"), yes)); !ok || problem.Of(over).Public != "full" {
			t.Errorf("the quota: %v", over)
		}
		h.mu.Lock()
		h.quota = nil
		h.mu.Unlock()
		h.drop(t, h.one)
		isKind(t, "no repository", try("no repository", 5, strings.NewReader("hello"), yes), problem.NotFound)
		if n, err := h.blobs.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("%d temporary files are left, %v", n, err)
		}
	})
}

// TestStore_together: uploads side by side don't fill the same room twice.
func TestStore_together(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		put := func(content string) error {
			return h.Store(t.Context(), h.one, largefile.Sum([]byte(content)), 5, strings.NewReader(content), yes)
		}
		var second error
		asked := 0
		h.quota = func(_ id.Repo, n int64) error {
			if n > 8 {
				return problem.New(problem.Forbidden, "full", "")
			}
			if asked++; asked == 2 { // the first is whole, and not kept yet
				h.mu.Unlock()
				second = put("world")
				h.mu.Lock()
			}
			return nil
		}
		if err := put("hello"); err != nil {
			t.Errorf("the first: %v", err)
		}
		if _, ok := errors.AsType[*largefile.OverQuota](second); !ok {
			t.Errorf("the second, beside it: %v", second)
		}
		if err := put("world"); err != nil {
			t.Errorf("what the first claimed is not given back: %v", err)
		}
	})
}

// TestStore_deletedMeanwhile: an upload to a repository that is deleted while
// it goes on leaves bytes that are nobody's, and they go.
func TestStore_deletedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		oid := largefile.Sum([]byte("hello"))
		err := h.Store(t.Context(), h.one, oid, 5, strings.NewReader("hello"), func(context.Context) error { h.drop(t, h.one); return nil })
		isKind(t, "store", err, problem.NotFound)
		if len(h.kept(t)) != 1 {
			t.Errorf("kept %v", h.kept(t))
		}
		h.tidy(t, 0)
		h.now = h.now.Add(25 * time.Hour)
		h.tidy(t, 1)
		h.tidy(t, 0)
		if len(h.kept(t)) != 0 {
			t.Errorf("kept %v", h.kept(t))
		}
	})
}

// TestTidy: bytes stay while any repository holds them, and a day longer.
func TestTidy(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		both, alone := h.put(t, h.one, "both"), h.put(t, h.one, "alone")
		h.put(t, h.two, "both")
		if _, err := h.blobs.Put(t.Context(), string(largefile.Sum([]byte("stray"))), -1, strings.NewReader("stray")); err != nil {
			t.Fatal(err)
		}
		h.drop(t, h.one)
		h.now = h.now.Add(23 * time.Hour)
		h.tidy(t, 0)
		h.now = h.now.Add(2 * time.Hour)
		h.tidy(t, 1)
		got := h.kept(t)
		// What no row ever named may belong to another database.
		if len(got) != 2 || !slices.Contains(got, both) || slices.Contains(got, alone) {
			t.Errorf("kept %v", got)
		}
		if rep, err := largefile.Check(t.Context(), h.d, h.blobs, true); err != nil || rep.Objects != 1 || rep.Stray != 1 || len(rep.Missing)+len(rep.Damaged) > 0 {
			t.Errorf("Check: %+v, %v", rep, err)
		}
		// What is uploaded again within the day is kept.
		h.drop(t, h.two)
		three := h.create(t, "three")
		h.put(t, three, "both")
		h.now = h.now.Add(25 * time.Hour)
		h.tidy(t, 0)
		if !slices.Contains(h.kept(t), both) {
			t.Error("what a repository holds was removed")
		}
	})
}

// TestTidy_race: uploads and removals of the same object at once never leave a
// row without its bytes.
func TestTidy_race(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		content := "hello"
		oid := h.put(t, h.one, content)
		for range 20 {
			h.drop(t, h.one)
			h.now = h.now.Add(25 * time.Hour)
			next := h.create(t, "next")
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := h.Tidy(t.Context()); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if err := h.Store(t.Context(), next, oid, 5, strings.NewReader(content), yes); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if r, err := h.Open(t.Context(), next, oid); err != nil {
				t.Fatalf("held and gone: %v", err)
			} else if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			h.one = next
		}
	})
}

func TestHeld_many(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var all []largefile.OID
		for i := range 230 {
			all = append(all, largefile.Sum(fmt.Appendf(nil, "object %d", i)))
		}
		for i := 0; i < 230; i += 10 {
			h.put(t, h.one, fmt.Sprintf("object %d", i))
		}
		for _, n := range []int{0, 1, 2, 100, 101, 201, 230} {
			held, err := h.Held(t.Context(), h.d, h.one, all[:n])
			if err != nil || len(held) != (n+9)/10 {
				t.Errorf("of %d: %d, %v", n, len(held), err)
			}
		}
	})
}

func TestCopyTo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		oid := h.put(t, h.one, "hello")
		if _, err := h.LockFile(t.Context(), &h.ada, h.one, "a", ""); err != nil {
			t.Fatal(err)
		}
		h.write(t, func(tx *db.Tx) error { return h.CopyTo(t.Context(), tx, h.one, h.two) })
		h.drop(t, h.one)
		h.now = h.now.Add(25 * time.Hour)
		h.tidy(t, 0)
		if r, err := h.Open(t.Context(), h.two, oid); err != nil {
			t.Errorf("the fork lost it: %v", err)
		} else {
			_ = r.Close()
		}
		if locks, _, err := h.Locks(t.Context(), h.d, h.two, largefile.LockQuery{}); err != nil || len(locks) != 0 {
			t.Errorf("locks came along: %v, %v", locks, err)
		}
	})
}

func TestLockFile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		l, err := h.LockFile(t.Context(), &h.ada, h.one, "dir/a file.bin", "refs/heads/main")
		if err != nil || l.Login != "ada" {
			t.Fatalf("%+v, %v", l, err)
		}
		_, err = h.LockFile(t.Context(), &h.eve, h.one, "dir/a file.bin", "refs/heads/other")
		if locked, ok := errors.AsType[*largefile.Locked](err); !ok || locked.Lock != l || !problem.Is(err, problem.Conflict) {
			t.Errorf("a second one: %v", err)
		}
		if _, err := h.LockFile(t.Context(), &h.eve, h.two, "dir/a file.bin", ""); err != nil {
			t.Errorf("in another repository: %v", err)
		}
		for _, bad := range []string{"", "/a", "a/", "a//b", ".", "a/../b", "..", "a\x00", "\xff", strings.Repeat("a", 4097)} {
			_, err := h.LockFile(t.Context(), &h.ada, h.one, bad, "")
			isKind(t, fmt.Sprintf("%q", bad), err, problem.Invalid)
		}
		in := largefile.In{Repo: h.two, Owner: h.ada.Account, Name: "ada/two"}
		_, err = h.Unlock(t.Context(), &h.ada, in, l.ID, true)
		isKind(t, "by another repository", err, problem.NotFound)
		in.Repo = h.one
		_, err = h.Unlock(t.Context(), &h.eve, in, l.ID, false)
		isKind(t, "by another person", err, problem.Forbidden)
		if _, err = h.Unlock(t.Context(), &h.ada, in, l.ID, false); err != nil {
			t.Error(err)
		}
		h.write(t, func(tx *db.Tx) error { return h.LeaveAllTx(t.Context(), tx, h.eve.Account) })
		if list, _, err := h.Locks(t.Context(), h.d, h.two, largefile.LockQuery{}); err != nil || len(list) != 0 {
			t.Errorf("after eve left: %v, %v", list, err)
		}
	})
}

// TestLockFile_atOnce: one of many gets the lock.
func TestLockFile_atOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var group sync.WaitGroup
		got := make(chan error, 8)
		for range 8 {
			group.Go(func() {
				_, err := h.LockFile(t.Context(), &h.ada, h.one, "a", "")
				got <- err
			})
		}
		group.Wait()
		n := 0
		for range 8 {
			if err := <-got; err == nil {
				n++
			} else if !problem.Is(err, problem.Conflict) {
				t.Error(err)
			}
		}
		if n != 1 {
			t.Errorf("%d got the lock", n)
		}
	})
}

func TestCheck_finds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	gone, bad := h.put(t, h.one, "gone"), h.put(t, h.one, "good")
	if err := h.blobs.Remove(t.Context(), string(gone)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.blobs.Put(t.Context(), string(bad), -1, strings.NewReader("evil")); err != nil {
		t.Fatal(err)
	}
	rep, err := largefile.Check(t.Context(), h.d, h.blobs, true)
	if err != nil || !slices.Equal(rep.Missing, []largefile.OID{gone}) || !slices.Equal(rep.Damaged, []largefile.OID{bad}) {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, err := h.Open(t.Context(), h.one, gone); err == nil || problem.Is(err, problem.NotFound) {
		t.Errorf("what is lost is no missing object: %v", err)
	}
	to, err := blob.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	_, err = largefile.Copy(t.Context(), to, h.blobs)
	isKind(t, "a copy of damaged bytes", err, problem.Invalid)
}

func TestParsePointer(t *testing.T) {
	t.Parallel()
	oid := strings.Repeat("a1", 32)
	const v = "version https://git-lfs.github.com/spec/v1\n"
	for name, c := range map[string]struct {
		text string
		size int64
	}{
		"plain":             {v + "oid sha256:" + oid + "\nsize 12\n", 12},
		"empty":             {v + "oid sha256:" + oid + "\nsize 0\n", 0},
		"with an extension": {v + "ext-0-foo sha256:" + oid + "\noid sha256:" + oid + "\nsize 12\n", 12},
		"no version":        {"oid sha256:" + oid + "\nsize 12\n", -1},
		"another version":   {"version https://example.com/v1\noid sha256:" + oid + "\nsize 12\n", -1},
		"no size":           {v + "oid sha256:" + oid + "\n", -1},
		"no oid":            {v + "size 12\n", -1},
		"another hash":      {v + "oid md5:" + oid + "\nsize 12\n", -1},
		"out of order":      {v + "size 12\noid sha256:" + oid + "\n", -1},
		"twice":             {v + "oid sha256:" + oid + "\noid sha256:" + oid + "\nsize 12\n", -1},
		"negative":          {v + "oid sha256:" + oid + "\nsize -1\n", -1},
		"padded":            {v + "oid sha256:" + oid + "\nsize 012\n", -1},
		"no last line end":  {v + "oid sha256:" + oid + "\nsize 12", -1},
		"upper case":        {v + "oid sha256:" + strings.ToUpper(oid) + "\nsize 12\n", -1},
		"too long":          {v + "oid sha256:" + oid + "\nsize 12\nz " + strings.Repeat("z", 1024) + "\n", -1},
		"nothing":           {"", -1},
		"a text":            {"Hello\n", -1},
	} {
		o, ok := largefile.ParsePointer([]byte(c.text))
		if ok != (c.size >= 0) || ok && (o.Size != c.size || string(o.OID) != oid) {
			t.Errorf("%s: %+v, %v", name, o, ok)
		}
	}
}
