package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// law is what the order of the system calls of one push is held against.
type law struct {
	t     *testing.T
	disk  string
	calls []*call
	told  int // where the report begins
}

// synced reports whether path was made durable after one place and before
// another.
func (l *law) synced(path string, after, before int) bool {
	for _, c := range l.calls {
		if (c.name == "fsync" || c.name == "fdatasync") && c.path == path && c.begun > after && c.end < before {
			return true
		}
	}
	return false
}

// folder is where it shows that path is gone: the nearest one that is not gone
// itself.
func (l *law) folder(path string) string {
	path = filepath.Dir(path)
	for _, c := range l.calls {
		if c.path == path && c.ofFolder() && strings.HasSuffix(c.text, " = 0") {
			return l.folder(path)
		}
	}
	return path
}

// ofFolder reports whether a call removes a folder.
func (c *call) ofFolder() bool {
	return c.name == "rmdir" || c.name == "unlinkat" && strings.Contains(c.text, "AT_REMOVEDIR")
}

// makesFolder reports whether a call made a folder.
func (c *call) makesFolder() bool {
	return strings.HasPrefix(c.name, "mkdir") && !strings.Contains(c.text, "= -1")
}

// removes reports whether a call removed a file. One of a ref that is packed
// alone may find none.
func (c *call) removes() bool {
	return strings.HasPrefix(c.name, "unlink") && !c.ofFolder() && !strings.Contains(c.text, "= -1")
}

func (l *law) broken(c *call, format string, args ...any) {
	l.t.Helper()
	l.t.Errorf("%s\n\tby %s", fmt.Sprintf(format, args...), c.text)
}

// moves are the renames whose target has a prefix, below the repository.
func (l *law) moves(prefix string) []*call {
	var out []*call
	for _, c := range l.calls {
		if strings.HasPrefix(c.name, "rename") && strings.HasPrefix(c.to, filepath.Join(l.disk, prefix)) {
			out = append(out, c)
		}
	}
	return out
}

// objects: each file is durable before it gets its place, and its place before
// anything may name it.
func (l *law) objects(before int) (n int) {
	for _, c := range l.moves("objects/") {
		if strings.HasPrefix(c.to, l.disk+"/objects/incoming-") {
			continue // nobody believes in what is there
		}
		n++
		if !l.synced(c.path, 0, c.begun) {
			l.broken(c, "%s gets its place without being synced", filepath.Base(c.path))
		}
		if !l.synced(filepath.Dir(c.to), c.end, before) {
			l.broken(c, "the folder of %s is not synced before the journal", filepath.Base(c.to))
		}
		if c.end > before {
			l.broken(c, "%s gets its place after the journal was written", filepath.Base(c.to))
		}
	}
	return n
}

// writes reports whether a call changes a file's content.
func (c *call) writes() bool { return strings.Contains(c.name, "write") }

// journal: it is durable, under its name, before the first ref moves, and is
// as it was as long as it has that name.
func (l *law) journal(firstRef int) (at int) {
	for _, c := range l.moves("jeton/journal-") {
		at = c.begun
		if !l.synced(c.path, 0, c.begun) {
			l.broken(c, "the journal gets its name without being synced")
		}
		if !l.synced(filepath.Dir(c.to), c.end, firstRef) {
			l.broken(c, "the journal's name is not synced before a ref moves")
		}
	}
	if at == 0 {
		l.t.Error("no journal was written")
	}
	for _, c := range l.calls {
		if c.writes() && strings.HasPrefix(c.path, l.disk+"/jeton/journal-") {
			l.broken(c, "an accepted journal is written into")
		}
		if c.makesFolder() && c.path == filepath.Join(l.disk, "jeton") && !l.synced(l.disk, c.end, firstRef) {
			l.broken(c, "the folder of the journal is not synced before a ref moves")
		}
	}
	return at
}

// refs: each is durable in its file before it moves, and its place before the
// client is told.
func (l *law) refs() (first, n int) {
	first = l.told
	for _, c := range l.calls {
		inRefs := strings.HasPrefix(c.to, l.disk+"/refs/") || c.to == l.disk+"/packed-refs" || c.to == l.disk+"/HEAD"
		switch {
		case strings.HasPrefix(c.name, "rename") && inRefs:
			n++
			first = min(first, c.begun)
			if !l.synced(c.path, 0, c.begun) {
				l.broken(c, "%s moves without being synced", c.to[len(l.disk)+1:])
			}
			if !l.synced(filepath.Dir(c.to), c.end, l.told) {
				l.broken(c, "the place of %s is not synced before the report", c.to[len(l.disk)+1:])
			}
		// A folder holds no ref: nobody misses an empty one, or minds one that is back.
		case c.removes() && strings.HasPrefix(c.path, l.disk+"/refs/") && !strings.HasSuffix(c.path, ".lock"):
			n++
			first = min(first, c.begun)
			if !l.synced(l.folder(c.path), c.end, l.told) {
				l.broken(c, "that %s is gone is not synced before the report", c.path[len(l.disk)+1:])
			}
		case c.makesFolder() && strings.HasPrefix(c.path, l.disk+"/refs/") && l.folder(c.path+"/x") == c.path:
			if !l.synced(filepath.Dir(c.path), c.end, l.told) {
				l.broken(c, "that there is %s is not synced before the report", c.path[len(l.disk)+1:])
			}
		}
	}
	return first, n
}

// recorded: the event is in the database before the journal forgets the push. That
// the refs have moved is noted before. Whether it stays forgotten does not matter:
// see TestRecordedOnce, and TestSpare_afterPowerLoss in gitstore.
func (l *law) recorded() {
	noted, forgotten := 0, 0
	defer func() {
		if noted == 0 || forgotten == 0 {
			l.t.Errorf("%d journals were noted to be done, and %d forgotten", noted, forgotten)
		}
	}()
	for _, c := range l.calls {
		if strings.HasPrefix(c.name, "rename") && strings.HasPrefix(c.to, l.disk+"/jeton/moved-") {
			noted++
			for _, m := range append(l.moves("refs/"), append(l.moves("packed-refs"), l.moves("HEAD")...)...) {
				if m.begun < c.begun && !l.synced(filepath.Dir(m.to), m.end, c.begun) {
					l.broken(c, "%s is noted to have moved before that is synced", m.to[len(l.disk)+1:])
				}
			}
		}
		if (strings.HasPrefix(c.name, "unlink") || strings.HasPrefix(c.name, "rename") || c.writes()) && strings.HasPrefix(c.path, l.disk+"/jeton/moved-") {
			forgotten++
			if !l.synced(filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(l.disk))), "jeton.db-wal"), 0, c.begun) {
				l.broken(c, "the journal forgets the push before it is recorded")
			}
		}
	}
}

// largePack is a push whose pack is not kept in memory: of more than 2 MiB none is,
// of less than 1 each, and in between it depends on the pieces in which it comes.
const largePack = "a large pack"

// TestOrder holds the order in which a push reaches the disk: objects, journal,
// refs, and only then the report.
func TestOrder(t *testing.T) {
	t.Parallel()
	h := newHost(t, filepath.Join(t.TempDir(), "data"))
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	for _, push := range []struct {
		name    string
		prepare func()
		args    []string
		objects bool
	}{
		{"first", func() { // HEAD moves with it; the folder of journals is made, as in what is older than it
			if err := os.RemoveAll(filepath.Join(h.disk, "jeton")); err != nil {
				t.Fatal(err)
			}
		}, []string{"main:trunk"}, true},
		{"second", func() {}, []string{"main"}, false},
		{"another kind of ref", func() {}, []string{"main:refs/notes/re/view"}, false},
		{"one commit", func() { h.commit(t, "a/b/c", "1\n") }, []string{"main"}, true},
		{"several refs", func() {
			h.commit(t, "d", "2\n")
			h.must(t, h.clone, "tag", "-am", "one", "v1")
		}, []string{"--atomic", "main", "main:topic/deep/er", "v1"}, true},
		{"no objects", func() {}, []string{"main:other"}, false},
		{"a deletion", func() {}, []string{":topic/deep/er"}, false},
		{"many objects", func() {
			for i := range 40 {
				h.commit(t, fmt.Sprintf("many/%d", i), strings.Repeat(fmt.Sprintf("%d\n", i), 5000))
			}
		}, []string{"main"}, true},
		{largePack, func() { h.commit(t, "large", random(t, 3<<20)) }, []string{"main"}, true},
		{"many refs", func() {
			for i := range 40 {
				h.must(t, h.clone, "branch", fmt.Sprintf("many/%d", i))
			}
		}, []string{"--all"}, false},
	} {
		push.prepare()
		tr := h.follow(t, nil)
		h.must(t, h.clone, append([]string{"push", "-q", h.url}, push.args...)...)
		l := &law{t: t, disk: h.disk, calls: tr.stop()}
		for _, c := range l.calls {
			if strings.Contains(c.path, "TCP") && strings.Contains(c.text, "unpack ok") {
				l.told = c.begun
				break
			}
		}
		if l.told == 0 {
			t.Fatalf("%s: no report among %d calls", push.name, len(l.calls))
		}
		first, refs := l.refs()
		journal := l.journal(first)
		objects := l.objects(journal)
		l.recorded()
		if push.name == largePack && !slices.ContainsFunc(l.calls, func(c *call) bool { return strings.Contains(c.path, "/objects/incoming-") }) {
			t.Error("the large pack was kept in memory")
		}
		if refs == 0 || push.objects && objects == 0 {
			t.Errorf("%s: %d refs and %d files of objects were seen to move", push.name, refs, objects)
		}
		if t.Failed() {
			for _, c := range l.calls {
				if c.begun <= l.told {
					t.Log(c.begun, c.end, c.text[:min(len(c.text), 200)])
				}
			}
			t.Fatalf("in the push %q", push.name)
		}
	}
}
