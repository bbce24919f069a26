package view_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/view"
)

func diffOf(t *testing.T, r *gitstore.Repo, limits view.DiffLimits) view.Diff {
	t.Helper()
	v, err := r.View(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	d, err := v.Diff(limits)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiff_kinds(t *testing.T) {
	t.Parallel()
	r, at := testRepo(t, gitstore.Limits{}, object.SHA1)
	dir := gittest.Work(t, at)
	gittest.Write(t, dir, "becomes-link", "target\n")
	gittest.Write(t, dir, "binary", "a\x00b\n")
	gittest.Write(t, dir, "deleted", "--- a/x\n+++ b/x\n@@ -1 +1 @@\ndiff --git a/b b/b\n")
	gittest.Write(t, dir, "moved", strings.Repeat("the same line\n", 20))
	gittest.Write(t, dir, "no-newline", "one\ntwo")
	gittest.Write(t, dir, "run.sh", "x\n")
	gittest.Commit(t, dir, "1")
	if err := os.Remove(filepath.Join(dir, "becomes-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", filepath.Join(dir, "becomes-link")); err != nil {
		t.Fatal(err)
	}
	gittest.Write(t, dir, "binary", "a\x00c\n")
	gittest.Git(t, dir, "rm", "-q", "deleted")
	gittest.Git(t, dir, "mv", "moved", "new place")
	gittest.Write(t, dir, "no-newline", "one\ntwo\n")
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	gittest.Write(t, dir, "zlong", strings.Repeat("x", 5000)+"\nshort\n")
	gittest.Write(t, dir, "zz", strings.Repeat("line\n", 3000))
	gittest.Commit(t, dir, "2")
	gittest.Git(t, dir, "push", "-q", "origin", "main")

	d := diffOf(t, r, view.DiffLimits{})
	if d.Total != 8 || d.Truncated || len(d.Files) != 8 {
		t.Fatalf("%d of %d, %v", len(d.Files), d.Total, d.Truncated)
	}
	byName := map[string]view.FileDiff{}
	for _, f := range d.Files {
		byName[f.NewPath] = f
	}
	if f := byName["becomes-link"]; f.Status != 'T' || f.NewMode != object.ModeSymlink || len(f.Hunks) != 2 || f.Added != 1 || f.Deleted != 1 {
		t.Errorf("type: %+v", f)
	}
	if f := byName["binary"]; !f.Binary || len(f.Hunks) != 0 {
		t.Errorf("binary: %+v", f)
	}
	if f := byName["deleted"]; f.Status != 'D' || f.Deleted != 4 || len(f.Hunks) != 1 || f.Hunks[0].Lines[3].Text != "diff --git a/b b/b" {
		t.Errorf("deleted: %+v", f)
	}
	if f := byName["new place"]; f.Status != 'R' || f.OldPath != "moved" || len(f.Hunks) != 0 {
		t.Errorf("renamed: %+v", f)
	}
	if f := byName["no-newline"]; f.Added != 1 || f.Deleted != 1 || f.Hunks[0].Lines[2].Op != '\\' {
		t.Errorf("newline: %+v", f)
	}
	if f := byName["run.sh"]; f.OldMode != object.ModeFile || f.NewMode != object.ModeExecutable || len(f.Hunks) != 0 {
		t.Errorf("mode: %+v", f)
	}
	if f := byName["zlong"]; f.Added != 2 || !f.Hunks[0].Lines[0].Truncated || len(f.Hunks[0].Lines[0].Text) != 2000 || f.Hunks[0].Lines[1].Text != "short" {
		t.Errorf("long: %d", len(f.Hunks[0].Lines[0].Text))
	}
	if f := byName["zz"]; f.Added != 3000 || !f.Truncated || len(f.Hunks[0].Lines) != 2000 {
		t.Errorf("many: %d %v", f.Added, f.Truncated)
	}
	if d := diffOf(t, r, view.DiffLimits{Files: 3}); d.Total != 8 || len(d.Files) != 3 || !d.Truncated {
		t.Errorf("three files: %d %d", d.Total, len(d.Files))
	}
	if d := diffOf(t, r, view.DiffLimits{Bytes: 100}); d.Total != 8 || !d.Truncated {
		t.Errorf("few bytes: %d", d.Total)
	}
}
