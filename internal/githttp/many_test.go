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

// Fifty thousand refs in one push, which is sent by hand: git's own client takes
// minutes for its part. Each is reported, all of them are there, and a second push
// moves some, makes some and removes some.
func TestPush_fiftyThousandRefs(t *testing.T) {
	t.Parallel()
	const n = 50_000
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	first := g.Run(t, "rev-parse", "HEAD")
	g.Commit(t, "a", "2\n", "Two")
	g.Run(t, "push", "-q", "origin", "main:two")
	second := g.Run(t, "rev-parse", "HEAD")
	name := func(i int) string { return fmt.Sprintf("refs/heads/topic/%d/b%05d", i%7, i) }
	push := func(pack []byte, commands []string) string {
		t.Helper()
		start := time.Now()
		a := w.post(t, "engine", "git-receive-pack", pushBody(pack, commands...))
		t.Logf("pushed %d refs in %v", len(commands), time.Since(start))
		report, remote := bands(t, a.Text)
		if a.StatusCode != 200 || !strings.Contains(report, "unpack ok\n") {
			t.Fatalf("%d: %.300s %.300s", a.StatusCode, report, remote)
		}
		return report
	}
	var commands []string
	for i := range n {
		commands = append(commands, zero+" "+first+" "+name(i))
	}
	report := push(writePack(t), commands)
	if ok, ng := strings.Count(report, "ok refs/"), strings.Count(report, "ng refs/"); ok != n || ng != 0 {
		t.Errorf("%d refs were made and %d were not", ok, ng)
	}
	refs := w.disk(t, "engine").Run(t, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/topic")
	if got := strings.Count(refs, first+" refs/heads/topic/"); got != n {
		t.Errorf("%d are there", got)
	}

	commands = []string{
		first + " " + second + " " + name(1), // moved
		first + " " + zero + " " + name(2),   // removed
		second + " " + first + " " + name(3), // it is not there
	}
	for i := range 100 {
		commands = append(commands, zero+" "+second+" "+name(n+i))
	}
	commands = append(commands, zero+" "+second+" "+name(4)) // it is there
	report = push(writePack(t), commands)
	if ok, ng := strings.Count(report, "ok refs/"), strings.Count(report, "ng refs/"); ok != 102 || ng != 2 {
		t.Errorf("%d refs moved and %d did not", ok, ng)
	}
	for line, want := range map[string]string{name(1): second, name(2): "", name(3): first, name(4): first, name(n): second, name(n - 1): first} {
		if got := w.disk(t, "engine").Run(t, "for-each-ref", "--format=%(objectname)", line); got != want {
			t.Errorf("%s is at %q, want %q", line, got, want)
		}
	}
	out := w.terminal(t).Run(t, "ls-remote", w.url("engine"), "refs/heads/topic/*")
	if got := strings.Count(out, "refs/heads/topic/"); got != n+99 {
		t.Errorf("%d are listed", got)
	}
}
