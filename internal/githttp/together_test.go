package githttp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/gitstore"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TestTogether: people push and clone while the repository is repacked and kept
// answers go as fast as they come. Nothing that was acknowledged is lost, and no
// wrong byte is sent. Then the repository is deleted in the midst of it, and is
// as if it had never been.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.GitCacheSize = 64 << 10 })
	repo := w.row(t, "engine")
	g := w.clone(t, "engine")
	g.Commit(t, "README.md", noise(0), "One")
	g.Run(t, "push", "-q", "origin", "main")

	span := 3 * time.Second
	if os.Getenv("JETON_LONG") != "" {
		span = time.Minute
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		work    sync.WaitGroup
		deleted atomic.Bool
		counts  [3]atomic.Int64 // pushes, clones, maintenances
		mu      sync.Mutex
		acked   = map[string]string{} // branch to commit
	)
	// missing is all that git may say once the repository is deleted: that it is
	// not there, or that a connection broke off in the middle.
	missing := func(what, out string) {
		if !deleted.Load() {
			t.Errorf("%s: %s", what, out)
		}
		if strings.Contains(out, "internal server error") || strings.Contains(out, "panic") {
			t.Errorf("%s, deleted: %s", what, out)
		}
	}
	for n := range 2 {
		c := w.clone(t, "engine")
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				branch := fmt.Sprintf("person-%d", n)
				c.Commit(t, fmt.Sprintf("f%d", i%5), noise(1+1000*n+i), "Change")
				id := c.Run(t, "rev-parse", "HEAD")
				if out, code := c.Try(t, "push", "-q", "origin", "HEAD:"+branch, "HEAD:refs/heads/comes/"+branch); code != 0 {
					missing("push", out)
					return
				}
				mu.Lock()
				acked[branch] = id
				mu.Unlock()
				counts[0].Add(1)
				if out, code := c.Try(t, "push", "-q", "origin", ":refs/heads/comes/"+branch); code != 0 {
					missing("delete a branch", out)
					return
				}
			}
		})
	}
	for n := range 2 {
		c := w.terminal(t)
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				dir := fmt.Sprintf("%d-%d", n, i)
				mu.Lock()
				want := acked["person-0"]
				mu.Unlock()
				args := []string{"clone", "-q", "--bare", w.url("engine"), dir}
				if n == 1 {
					args = append(args, "--depth=1", "--no-single-branch")
				}
				if out, code := c.Try(t, args...); code != 0 {
					missing("clone", out)
					return
				}
				at := c.In(dir)
				if out, code := at.Try(t, "fsck", "--strict", "--no-dangling"); code != 0 {
					t.Errorf("a clone is damaged: %s", out)
				}
				if want != "" && n == 0 {
					if out, code := at.Try(t, "merge-base", "--is-ancestor", want, "person-0"); code != 0 {
						t.Errorf("a clone lacks what was acknowledged before it: %s", out)
					}
				}
				counts[1].Add(1)
			}
		})
	}
	work.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, err := w.Lifecycle.MaintainRepo(ctx, repo.ID, gitstore.Maintain{Full: i%2 == 0, Prune: true})
			switch {
			case err == nil:
				counts[2].Add(1)
			case !deleted.Load() && ctx.Err() == nil && !problem.Is(err, problem.Conflict):
				t.Errorf("maintain: %v", err)
			}
		}
	})
	select {
	case <-time.After(span):
	case <-ctx.Done():
	}
	mu.Lock()
	for branch, id := range acked {
		if out, code := w.disk(t, "engine").Try(t, "merge-base", "--is-ancestor", id, branch); code != 0 {
			t.Errorf("what was acknowledged is not in %s: %s", branch, out)
		}
	}
	mu.Unlock()
	deleted.Store(true)
	if err := w.Lifecycle.DeleteRepo(t.Context(), right.Operator(), repo.ID); err != nil {
		t.Error(err)
	}
	out, code := w.git.Try(t, "ls-remote", w.url("engine"))
	if code == 0 || !strings.Contains(strings.ToLower(out), "not found") {
		t.Errorf("a deleted repository answers: %s", out)
	}
	cancel()
	work.Wait()
	t.Logf("%d pushes, %d clones, %d maintenances", counts[0].Load(), counts[1].Load(), counts[2].Load())
}
