package rest_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestContents_atOnce: of those who write at once each either has its commit in the
// history or was told that somebody was faster.
func TestContents_atOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			a := d.as(t, d.plain, "PUT", fmt.Sprintf("/contents/%d.txt", i), dict{"message": "m", "content": b64("x")})
			switch {
			case a.StatusCode == 201:
				made.Add(1)
			case a.StatusCode != 409 || !strings.Contains(a.Text, "but expected"):
				t.Errorf("%d %s", a.StatusCode, a.Text)
			}
		})
	}
	all.Wait()
	if made.Load() == 0 {
		t.Error("nobody wrote")
	}
	g := d.clone(t)
	if got, want := g.Run(t, "rev-list", "--count", "HEAD"), strconv.FormatInt(made.Load()+1, 10); got != want {
		t.Errorf("%s commits, want %s", got, want)
	}
	if got, want := strings.Count(g.Run(t, "ls-tree", "HEAD")+"\n", "\n"), int(made.Load())+1; got != want {
		t.Errorf("%d files, want %d", got, want)
	}
}

// TestGitDatabase_atOnce: objects that are made at once are all there for the tree.
func TestGitDatabase_atOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put(t, 201, "a.txt", "a\n", "Begin")
	entries := make([]dict, 24)
	var all sync.WaitGroup
	for i := range entries {
		all.Go(func() {
			a := d.as(t, d.plain, "POST", "/git/blobs", dict{"content": strings.Repeat(strconv.Itoa(i), 1+i%2*(1<<20))})
			if a.StatusCode != 201 {
				t.Errorf("%d %s", a.StatusCode, a.Text)
				return
			}
			entries[i] = dict{"path": fmt.Sprintf("f/%d", i), "mode": "100644", "sha": object(t, a)["sha"]}
		})
	}
	all.Wait()
	tree := d.object(t, 201, "POST", "/git/trees", dict{"tree": entries})
	commit := d.object(t, 201, "POST", "/git/commits", dict{"message": "m", "tree": tree["sha"]})
	d.ask(t, 201, "POST", "/git/refs", dict{"ref": "refs/heads/many", "sha": commit["sha"]})
	if got := strings.Count(d.clone(t).Run(t, "ls-tree", "-r", "origin/many")+"\n", "\n"); got != len(entries) {
		t.Errorf("%d files", got)
	}
}
