package crash

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dieAt has the server killed when it begins one of those system calls on path,
// below the repository: the call itself is not carried out. The returned function
// waits until strace is gone.
func (h *host) dieAt(t *testing.T, path string, calls ...string) (wait func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-o", os.DevNull, "-P", filepath.Join(h.disk, path),
		"-e", "inject="+strings.Join(calls, ",")+":signal=KILL", "-p", strconv.Itoa(h.cmd.Process.Pid))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("strace, which make deps installs: %v", err)
	}
	said := bufio.NewReader(stderr)
	if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, "attached") {
		t.Fatalf("strace: %q, %v", line, err)
	}
	return func() {
		for err == nil {
			_, err = said.ReadString('\n')
		}
		_ = cmd.Wait()
	}
}

// nearest is the folder in which it shows whether a ref is there: the one above
// it, or above that while there is none.
func (h *host) nearest(name string) string {
	dir := filepath.Dir(filepath.Join(h.disk, name))
	for len(dir) > len(h.disk) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// recovery: the refs of a journal are settled and on the disk before that is noted
// or the journal forgotten; the event is recorded in between, on the disk as well;
// and nobody is told of the refs before. A journal may be noted to be settled by
// another name, and be forgotten as a file that is removed or used again.
func (l *law) recovery(h *host, refs []string) {
	l.t.Helper()
	told := l.told
	mine := func(c *call) bool {
		return strings.HasPrefix(c.path, l.disk+"/jeton/journal-") || strings.HasPrefix(c.path, l.disk+"/jeton/moved-")
	}
	isNoted := func(c *call) bool {
		return mine(c) && strings.HasPrefix(c.name, "rename") && strings.HasPrefix(c.to, l.disk+"/jeton/moved-")
	}
	isForgotten := func(c *call) bool {
		return mine(c) && !isNoted(c) && (strings.HasPrefix(c.name, "unlink") || strings.HasPrefix(c.name, "rename") || c.changes())
	}
	forgets := slices.IndexFunc(l.calls, isForgotten)
	if forgets < 0 || l.calls[forgets].begun > told {
		l.t.Error("the refs are told before the journal is done with")
		return
	}
	forgotten := l.calls[forgets]
	settled := forgotten
	if i := slices.IndexFunc(l.calls, isNoted); i >= 0 {
		settled = l.calls[i]
	} else if !l.synced(filepath.Dir(forgotten.path), forgotten.end, told) {
		l.broken(forgotten, "a journal that was not noted to be settled is not surely gone before the refs are told")
	}

	l.told = settled.begun
	l.refs() // those that move now
	sure := 0
	for _, name := range refs {
		if dir := h.nearest(name); !l.synced(dir, 0, settled.begun) {
			l.broken(settled, "%s counts as settled before the folder %q is synced", name, dir[len(l.disk):])
		}
	}
	for _, c := range l.calls {
		if c.name == "fsync" && c.end < settled.begun && strings.HasPrefix(c.path, l.disk) && !strings.HasPrefix(c.path, l.disk+"/jeton") {
			sure = c.end
		}
	}
	log := filepath.Join(h.data, "jeton.db-wal")
	wrote := slices.IndexFunc(l.calls, func(c *call) bool { return c.changes() && c.path == log && c.begun > sure })
	if wrote < 0 || !l.synced(log, l.calls[wrote].end, forgotten.begun) {
		l.broken(forgotten, "the journal forgets the push before it is recorded, or that was before its refs were settled")
	}
}

// changes reports whether a call changes a file's content.
func (c *call) changes() bool { return strings.Contains(c.name, "write") }

// TestRecoveryOrder: the server is killed between an accepted journal and its
// refs, in their midst, and when all have moved but none surely. What the next
// one does about it reaches the disk in order.
func TestRecoveryOrder(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	var since int64
	renames, syncs, unlinks := []string{"rename", "renameat", "renameat2"}, []string{"fsync"}, []string{"unlink", "unlinkat"}
	for _, one := range []struct {
		name    string
		prepare func()
		path    string
		calls   []string
		refs    []string // that the push moves; with ":" those that it deletes
	}{
		{"before HEAD moves", nil, "HEAD", renames, []string{"refs/heads/trunk"}},
		{"before the only ref moves", func() { h.commit(t, "a", "1\n") }, "refs/heads/main", renames, []string{"refs/heads/main"}},
		{"before the last of several", func() { h.commit(t, "b", "1\n") }, "refs/tags/v1", renames, []string{"refs/heads/main", "refs/heads/deep/er/one", "refs/tags/v1"}},
		{"when all have moved", func() { h.commit(t, "c", "1\n") }, "refs/heads/new/er", syncs, []string{"refs/heads/main", "refs/heads/new/er/one"}},
		{"before one is deleted", nil, "refs/heads/new/er/one", unlinks, []string{":refs/heads/new/er/one"}},
		{"before one leaves packed-refs", func() { h.must(t, h.disk, "pack-refs", "--all") }, "packed-refs", renames, []string{":refs/heads/deep/er/one", "refs/heads/other"}},
	} {
		if one.prepare != nil {
			one.prepare()
		}
		head := h.must(t, h.clone, "rev-parse", "HEAD")
		args, names, want := []string{"push", "-q", "--atomic", h.url}, []string{}, map[string]string{}
		for _, ref := range one.refs {
			name, deleted := strings.CutPrefix(ref, ":")
			names = append(names, name)
			if deleted {
				args = append(args, ref)
				continue
			}
			args = append(args, "HEAD:"+ref)
			want[name] = head
		}
		h.recorded(t, core, &since)
		wait := h.dieAt(t, one.path, one.calls...)
		if out, err := h.git(t, h.clone, args...); err == nil {
			t.Fatalf("%s: the push ended well: %s", one.name, out)
		}
		wait()
		h.kill()
		if left, err := filepath.Glob(h.disk + "/jeton/journal-*"); err != nil || len(left) != 1 {
			t.Fatalf("%s: the journals are %v, %v", one.name, left, err)
		}
		h.start(t)
		tr := h.follow(t, nil)
		now := h.refs(t)
		l := &law{t: t, disk: h.disk, calls: tr.stop()}
		i := slices.IndexFunc(l.calls, func(c *call) bool { return strings.Contains(c.path, "TCP") && strings.Contains(c.text, "refs/heads/") })
		if i < 0 {
			t.Fatalf("%s: the refs were not told in %d calls", one.name, len(l.calls))
		}
		l.told = l.calls[i].begun
		l.recovery(h, names)
		for _, name := range names {
			if now[name] != want[name] {
				t.Errorf("%s: %s is at %q, not %q", one.name, name, now[name], want[name])
			}
		}
		if events := h.recorded(t, core, &since); len(events) != 1 || events[0] != fmt.Sprint(len(names)) {
			t.Errorf("%s: the log has %v", one.name, events)
		}
		h.whole(t)
		if t.Failed() {
			for _, c := range l.calls {
				t.Log(c.begun, c.end, c.text[:min(len(c.text), 200)])
			}
			t.Fatalf("killed %s", one.name)
		}
	}
}
