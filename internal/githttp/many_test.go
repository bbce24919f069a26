package githttp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// One push of thousands of refs is one transaction, and takes seconds.
func TestPush_manyRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	head := g.Run(t, "rev-parse", "HEAD")
	const n = 3000
	packed := "# pack-refs with: peeled fully-peeled sorted \n"
	for i := range n {
		packed += fmt.Sprintf("%s refs/heads/topic/b%04d\n", head, i)
	}
	g.Write(t, ".git/packed-refs", packed)
	start := time.Now()
	g.Run(t, "push", "-q", w.url("engine"), "refs/heads/*:refs/heads/*") // by URL: git makes no tracking branches then
	t.Logf("pushed %d refs in %v", n, time.Since(start))
	start = time.Now()
	out := w.terminal(t).Run(t, "ls-remote", w.url("engine"))
	t.Logf("listed them in %v", time.Since(start))
	if got := strings.Count(out, "\n"); got != n+1 {
		t.Errorf("%d lines", got)
	}
	start = time.Now()
	g.Run(t, "push", "-q", w.url("engine"), "--delete", "topic/b0001", "topic/b0002")
	t.Logf("deleted two in %v", time.Since(start))
	w.whole(t, "engine")
}
