package shape

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMake_same: the ids depend on the seed alone. A change of the generator
// changes them: count its number in key up, and write the new ones here.
func TestMake_same(t *testing.T) {
	t.Parallel()
	f, err := R1().Make(t.Context(), "git", filepath.Join(t.TempDir(), "r1.git"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Facts{Head: "1640a2789adc39709fcf189f7c8aec25fd92d19e", Commits: 10, Objects: 49, Refs: 1}); f.Head != want.Head || f.Commits != want.Commits || f.Objects != want.Objects || f.Refs != want.Refs {
		t.Errorf("R1 = %+v, want %+v", f, want)
	}
	dir := t.TempDir()
	small, err := R2Small().Make(t.Context(), "git", filepath.Join(dir, "a.git"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := R2Small().Make(t.Context(), "git", filepath.Join(dir, "b.git"))
	if err != nil {
		t.Fatal(err)
	}
	if small.Head != again.Head || small.Objects != again.Objects || small.Commits != 500 || small.Refs != 13 {
		t.Errorf("R2-small = %+v, then %+v", small, again)
	}
	if small.Head != "808d8e570ee0bb47f244ff26f2beebcf567a2c11" {
		t.Errorf("R2-small's head = %s", small.Head)
	}
}

// TestMake_sound: git finds nothing to say about a made repository.
func TestMake_sound(t *testing.T) {
	t.Parallel()
	dir, f, err := Cached(t.Context(), "git", t.TempDir(), R2Small())
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{git: "git", dir: dir}
	if out, err := m.in(t.Context(), "fsck", "--strict", "--no-progress"); err != nil || out != "" {
		t.Errorf("git fsck --strict: %v: %s", err, out)
	}
	// More than every tenth commit of a real history is a merge.
	if out, err := m.in(t.Context(), "rev-list", "--count", "--min-parents=2", "main"); err != nil || len(out) < 3 {
		t.Errorf("merges: %q, %v", out, err)
	}
	again, g, err := Cached(t.Context(), "git", filepath.Dir(dir), R2Small())
	if err != nil || again != dir || g != f {
		t.Errorf("the second call: %s, %+v, %v", again, g, err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestPlan: the large shapes, without the time that making them takes.
func TestPlan(t *testing.T) {
	t.Parallel()
	p := R2().plan()
	if len(p.commits) != 15_649 {
		t.Errorf("R2 has %d commits", len(p.commits))
	}
	blobs := 0
	for f, n := range p.versions {
		if n == 0 {
			t.Errorf("the file %s has no content", p.paths[f])
		}
		blobs += n
	}
	if blobs < 20_000 || blobs > 30_000 {
		t.Errorf("R2 has %d versions of files", blobs)
	}
	for i, c := range p.commits {
		if c.from >= i || c.merge >= i || i > 0 && c.from < 0 {
			t.Fatalf("commit %d comes after %d and %d", i, c.from, c.merge)
		}
	}
}
