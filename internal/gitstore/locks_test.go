package gitstore

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// died leaves a repository as a process of ours does that is killed between
// taking its locks and having its set accepted.
func died(t *testing.T, r *Repo, updates []wire.Update, head string) {
	t.Helper()
	j, err := r.newJournal(updates, head, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.prepare(t.Context(), updates, head, ""); err != nil {
		t.Fatal(err)
	}
	if err := disk.LetGo(j.file); err != nil { // the kernel does it for the dead
		t.Fatal(err)
	}
}

func locks(t *testing.T, r *Repo) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.lock", "refs/heads/*.lock", "refs/heads/*/*.lock"} {
		found, err := filepath.Glob(filepath.Join(r.bare.Dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return append(out, journals(t, r)...)
}

// journals are the files of the repository's own folder that are no spare ones.
func journals(t *testing.T, r *Repo) (out []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.bare.Dir, bare.OwnFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if !isSpare(path) {
			out = append(out, path)
		}
	}
	return out
}

// Our own locks, left by a process that was killed, hold nobody up: neither a
// server that starts after it, nor one that was running beside it, nor git.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	zero := object.SHA1.Zero()
	for _, name := range []string{"restarted", "beside"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testStore(t)
			r := testRepo(t, s, 1, object.SHA1)
			dir := gittest.Work(t, r.bare.Dir)
			first := gittest.Commit(t, dir, "1")
			gittest.Git(t, dir, "push", "-q", "origin", "main", "main:packed")
			gittest.Git(t, r.bare.Dir, "pack-refs", "--all")
			refMap(t, r)
			died(t, r, []wire.Update{
				{Name: "refs/heads/new/x", Old: zero, New: first},
				{Name: "refs/heads/main", Old: first, New: first},
				{Name: "refs/heads/packed", Old: first, New: zero},
			}, "refs/heads/new/x")
			if n := len(locks(t, r)); n != 6 {
				t.Fatalf("left: %v", locks(t, r))
			}
			if name == "restarted" {
				r = reopen(t, s).Repo(1)
			}
			if got := refMap(t, r); len(got) != 3 {
				t.Errorf("moved: %v", got)
			}
			if name == "restarted" && len(locks(t, r)) != 0 {
				t.Errorf("after a restart: %v", locks(t, r))
			}
			results, err := publish(t.Context(), r, nil, Publication{Updates: []wire.Update{{Name: "refs/heads/new/x", Old: zero, New: first}, {Name: "refs/heads/packed", Old: first, New: zero}}})
			if err != nil || results[0].Reason != "" || results[1].Reason != "" {
				t.Fatalf("%v %v", results, err)
			}
			if left := locks(t, r); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			gittest.Git(t, r.bare.Dir, "update-ref", "-d", "refs/heads/new/x")
		})
	}
}

// The lock of one who lives is not taken away, though somebody who died has
// named the same ref.
func TestAbandoned_sparesTheLiving(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	first := gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	updates := []wire.Update{{Name: "refs/heads/main", Old: first, New: object.SHA1.Zero()}}
	dead, err := r.newJournal(updates, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.LetGo(dead.file); err != nil {
		t.Fatal(err)
	}
	alive, err := r.newJournal(updates, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := r.prepare(t.Context(), updates, "", "")
	if err != nil {
		t.Fatal(err)
	}
	refMap(t, reopen(t, s).Repo(1))
	if _, err := os.Stat(filepath.Join(r.bare.Dir, "refs/heads/main.lock")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead.path); err == nil {
		t.Error("the journal of the dead stayed")
	}
	if _, err := os.Stat(alive.path); err != nil {
		t.Error(err)
	}
	// A lock of git's own is no less safe.
	gittest.Write(t, r.bare.Dir, "HEAD.lock", "")
	if removed, err := r.removeAbandoned(""); removed || err != nil {
		t.Errorf("%v %v", removed, err)
	}
	if err := tx.Abort(); err != nil {
		t.Error(err)
	}
	if err := alive.remove(); err != nil {
		t.Error(err)
	}
}

// TestLetGo: a file that was let go of is free though a program that was just
// being started has it open as well.
func TestLetGo(t *testing.T) {
	t.Parallel()
	f, err := disk.CreateOwned(t.TempDir(), journalPrefix)
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(f.Fd())) // what a fork does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(child) }()
	if got, err := disk.OpenOwned(f.Name()); err != nil || got != nil {
		t.Fatalf("somebody has it: %v %v", got, err)
	}
	if err := disk.LetGo(f); err != nil {
		t.Fatal(err)
	}
	got, err := disk.OpenOwned(f.Name())
	if err != nil || got == nil {
		t.Fatalf("nobody has it: %v %v", got, err)
	}
	_ = got.Close()
}
