package gitstore

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// spares are the repository's spare files.
func spares(t *testing.T, r *Repo) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.bare.Dir, bare.OwnFolder, sparePrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func inode(t *testing.T, path string) os.FileInfo {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}

// One push after the other uses one file, which holds nothing in between.
func TestSpare(t *testing.T) {
	t.Parallel()
	r := testRepo(t, testStore(t), 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	var last os.FileInfo
	for i := range 4 {
		name := "refs/heads/" + strings.Repeat("x", 1+40*(3-i)) // each shorter than the one before
		tip := gittest.Commit(t, dir, name)
		record := func(_ context.Context, m Moved) error {
			if m.Updates[0].Name != name || string(m.Event) != "a person" {
				t.Errorf("recorded: %v", m)
			}
			return nil
		}
		results, err := publish(t.Context(), r, gittest.PackOf(t, dir, tip, ""), Publication{
			Updates: []wire.Update{{Name: name, Old: object.SHA1.Zero(), New: tip}}, Event: []byte("a person"), Record: record})
		if err != nil || results[0].Reason != "" {
			t.Fatalf("%v %v", results, err)
		}
		left := spares(t, r)
		if len(left) != 1 || len(journals(t, r)) > 0 {
			t.Fatalf("left: %v %v", left, journals(t, r))
		}
		now := inode(t, left[0])
		if last != nil && !os.SameFile(now, last) {
			t.Error("another file was made")
		}
		last = now
		if data, err := os.ReadFile(left[0]); err != nil || len(bytes.TrimSpace(data)) > 0 {
			t.Errorf("a spare file holds %q, %v", data, err)
		}
	}
}

// A loss of power may bring back each name that a file had, with all, a part or
// nothing of what it held then or was about to hold for the next push. What was
// not accepted under that name is not carried out.
func TestSpare_afterPowerLoss(t *testing.T) {
	t.Parallel()
	next := func(c *crashed, name string) string {
		return `{"version":2,"number":"` + name + `","updates":[{"name":"cmVmcy9oZWFkcy9hbHNv","old":"` + string(c.first) + `","new":"` + string(c.second) + `"}]}`
	}
	for _, prefix := range []string{journalPrefix, movedPrefix, sparePrefix, newPrefix} {
		for what, content := range map[string]func(c *crashed) string{
			"nothing":           func(*crashed) string { return "" },
			"blanks":            func(*crashed) string { return strings.Repeat(" ", spareSize) },
			"zeros":             func(*crashed) string { return strings.Repeat("\x00", spareSize) },
			"a part":            func(c *crashed) string { return next(c, "old")[:100] },
			"the end of others": func(c *crashed) string { return next(c, "old") + next(c, "old")[50:] },
			"the next":          func(c *crashed) string { return next(c, "new") },
			"the next's beginning": func(c *crashed) string {
				return next(c, "new")[:60] + strings.Repeat(" ", 452) + next(c, "old")[60:]
			},
		} {
			t.Run(prefix+" "+what, func(t *testing.T) {
				t.Parallel()
				c := newCrashed(t)
				gittest.Write(t, c.r.bare.Dir, bare.OwnFolder+"/"+prefix+"old", content(c))
				c.restart(t)
				_ = refMap(t, c.r)
				c.check(t) // the journal beside it was carried out, and "also" is where it was
				if left := spares(t, c.r); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}

// A file of somebody else is not written into.
func TestSpare_taken(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	updates := []wire.Update{{Name: "refs/heads/x", Old: object.SHA1.Zero(), New: object.ID(strings.Repeat("1", 40))}}
	var all []*journal
	for range maxSpares + 2 {
		j, err := r.acceptedJournal(updates, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, j)
	}
	large, err := r.acceptedJournal(updates, "", bytes.Repeat([]byte("e"), spareSize))
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range append(all, large) {
		if err := j.retire(); err != nil {
			t.Fatal(err)
		}
	}
	kept := spares(t, r)
	if len(kept) != maxSpares || len(journals(t, r)) > 0 {
		t.Fatalf("kept: %v %v", kept, journals(t, r))
	}
	// One is gone, one is held, one was taken for a journal by another process.
	if err := os.Remove(r.spares[3]); err != nil {
		t.Fatal(err)
	}
	held, err := disk.OpenOwned(r.spares[2])
	if err != nil || held == nil {
		t.Fatal(held, err)
	}
	defer func() { _ = held.Close() }()
	free := []os.FileInfo{inode(t, r.spares[1]), inode(t, r.spares[0])}
	var used []os.FileInfo
	for range 4 {
		j, err := r.newJournal(updates, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := readEntry(j.file); err != nil || !e.of(j.path) || !strings.HasPrefix(filepath.Base(j.path), newPrefix) {
			t.Errorf("%s holds %+v, %v", j.path, e, err)
		}
		used = append(used, inode(t, j.path))
		if err := j.remove(); err != nil {
			t.Fatal(err)
		}
	}
	for i, fi := range free {
		if !os.SameFile(fi, used[2+i]) {
			t.Errorf("spare file %d was not used", i)
		}
	}
	if left := spares(t, r); !slices.Equal(left, []string{held.Name()}) {
		t.Errorf("left: %v", left)
	}
	_ = refMap(t, reopen(t, s).Repo(1))
	if left := spares(t, r); len(left) != 1 {
		t.Errorf("the file that somebody holds was removed: %v", left)
	}
	_ = disk.LetGo(held)
	_ = refMap(t, reopen(t, s).Repo(1))
	if left := spares(t, r); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
