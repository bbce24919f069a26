package gitstore

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
)

// TestScattered: refs that lie in very many folders cost each request a look into
// every one of them, so they don't stay there, however seldom somebody pushes.
func TestScattered(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Upkeep: UpkeepOptions{Quiet: time.Hour, Wait: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	r := testRepo(t, s, 1, object.SHA1)
	running(t, s)
	dir := gittest.Work(t, r.bare.Dir)
	tip := gittest.Commit(t, dir, "1")
	gittest.Git(t, dir, "push", "-q", "origin", "main")
	var in strings.Builder
	const refs = 20
	for i := range refs {
		fmt.Fprintf(&in, "create refs/heads/%d/%sx %s\n", i, strings.Repeat("a/", 40), tip)
	}
	gittest.In(t, r.bare.Dir, strings.NewReader(in.String()), "update-ref", "--stdin")
	folders := func() (n int) {
		_ = filepath.WalkDir(filepath.Join(r.bare.Dir, "refs"), func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				n++
			}
			return nil
		})
		return n
	}
	before := folders()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); folders() > scatterFolders; <-tick.C {
		now, err := r.Refs(t.Context())
		if err != nil || len(now.Branches()) != refs+1 {
			t.Fatalf("%d branches, %v", len(now.Branches()), err)
		}
		if time.Now().After(end) {
			t.Fatalf("there are still %d folders", before)
		}
	}
}
