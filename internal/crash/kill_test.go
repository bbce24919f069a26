package crash

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/app"
	"jeton/internal/audit"
	"jeton/internal/gitstore"
	"jeton/internal/problem"
)

// rounds is how often a server is killed: a sample, or many hundred times.
func rounds(few, many int) int {
	if os.Getenv("JETON_LONG") != "" {
		return many
	}
	return few
}

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("JETON_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("JETON_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// refs is what the repository's refs are, as the server tells them.
func (h *host) refs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(h.must(t, h.clone, "ls-remote", "--refs", h.url)) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out[name] = id
	}
	return out
}

// pushed is a push, and what it does to the refs when all of it succeeds.
type pushed struct {
	want map[string]string // "" for gone
}

// args are the push as git wants it, with or without what it deletes.
func (p *pushed) args(deletes bool) []string {
	out := []string{"--atomic"}
	for name, id := range p.want {
		if id != "" || deletes {
			out = append(out, id+":"+name)
		}
	}
	return out
}

// kind is a kind of push, each of which takes its own way to the disk.
type kind struct {
	name   string
	upkeep bool // the server maintains the repository all the while
	add    func(t *testing.T, h *host, n int, head string, now map[string]string, p *pushed)
	large  bool // the pack does not fit in memory
}

var kinds = []kind{
	{name: "one commit"},
	{name: "nested folders", add: func(_ *testing.T, _ *host, n int, head string, _ map[string]string, p *pushed) {
		p.want["refs/heads/a"] = head
		for i := range 20 {
			p.want[fmt.Sprintf("refs/heads/new/%d/x/%d", n, i)] = head
		}
	}},
	{name: "many refs", add: func(_ *testing.T, _ *host, n int, head string, _ map[string]string, p *pushed) {
		for i := range 40 {
			p.want[fmt.Sprintf("refs/heads/many/%d-%d", n, i)] = head
		}
	}},
	{name: "deletions", add: func(_ *testing.T, _ *host, _ int, _ string, now map[string]string, p *pushed) {
		for name := range now {
			if strings.HasPrefix(name, "refs/heads/new/") || strings.HasPrefix(name, "refs/heads/many/") {
				p.want[name] = ""
			}
		}
	}},
	{name: "annotated tags", add: func(t *testing.T, h *host, n int, _ string, _ map[string]string, p *pushed) {
		for i := range 3 {
			name := fmt.Sprintf("v%d.%d", n, i)
			h.must(t, h.clone, "tag", "-am", name, name)
			p.want["refs/tags/"+name] = h.must(t, h.clone, "rev-parse", "refs/tags/"+name)
		}
	}},
	{name: largePack, large: true},
	{name: "during upkeep", upkeep: true, add: func(_ *testing.T, _ *host, n int, head string, _ map[string]string, p *pushed) {
		p.want["refs/heads/during/"+strconv.Itoa(n)] = head
	}},
}

// next prepares a push of a kind.
func (h *host) next(t *testing.T, k *kind, n int, now map[string]string) *pushed {
	t.Helper()
	text := strings.Repeat(fmt.Sprintf("%d\n", n), 1+n%300)
	if k.large {
		text = random(t, 3<<20)
	}
	h.commit(t, fmt.Sprintf("f%d", n%7), text)
	head := h.must(t, h.clone, "rev-parse", "HEAD")
	p := &pushed{want: map[string]string{"refs/heads/main": head}}
	if k.add != nil {
		k.add(t, h, n, head, now, p)
	}
	return p
}

// holds says whether the refs are as they were before the push, or after it.
func (p *pushed) holds(before, now map[string]string) (none, all bool) {
	none, all = true, true
	for name, id := range p.want {
		none = none && now[name] == before[name]
		all = all && now[name] == id
	}
	return none, all
}

// whole checks what must be true of a repository whatever happened to it.
func (h *host) whole(t *testing.T) {
	t.Helper()
	if out, err := h.git(t, h.disk, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
		t.Errorf("fsck: %s", out)
	}
	err := filepath.WalkDir(h.disk, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch own := filepath.Base(filepath.Dir(path)) == "jeton"; {
		case err != nil:
			return err
		case own && name == "upkeep.lock": // a file that stays, for a lock on it
		case own && strings.HasPrefix(name, "spare-"): // an empty journal for the next push
		case strings.HasPrefix(name, "incoming-"), strings.HasSuffix(name, ".lock"), own && (strings.HasPrefix(name, "new-") || strings.HasPrefix(name, "journal-") || strings.HasPrefix(name, "moved-")):
			t.Errorf("left behind: %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// halves counts the files that were never finished, and makes them old, if asked
// to, so that nobody can be writing them any more.
func (h *host) halves(t *testing.T, age bool) (n int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(h.disk, "objects/*/tmp_*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		old := time.Now().Add(-2 * time.Hour)
		if age {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	return len(found)
}

// learned is what the first push of a kind, which runs to its end, tells.
type learned struct {
	journal int // the call that makes the journal valid
	after   int // calls from there to the report
}

// aim is where to kill the server: a number of calls after the first, or after
// the one that makes the journal valid.
type aim struct {
	accepted bool
	calls    int
}

// killed runs a push and kills the server at a call of it.
func (h *host) killed(t *testing.T, p *pushed, at aim) (out string, fired bool, l learned, err error) {
	t.Helper()
	server := h.cmd.Process
	var shot atomic.Bool
	n, told := 0, false
	tr := h.follow(t, func(c *call) {
		n++
		if l.journal == 0 && strings.HasPrefix(c.name, "rename") && strings.Contains(c.to, "/jeton/journal-") {
			l.journal = n
		}
		if !told && l.journal > 0 {
			told = strings.Contains(c.path, "TCP") && strings.Contains(c.text, "unpack ok")
			l.after = n - l.journal
		}
		if at.accepted && l.journal > 0 && n-l.journal == at.calls || !at.accepted && n == at.calls {
			shot.Store(true)
			_ = server.Kill()
		}
	})
	out, err = h.git(t, h.clone, append([]string{"push", "-q", h.url}, p.args(true)...)...)
	tr.stop()
	return out, shot.Load(), l, err
}

// recorded are the events of pushes since the one before, as how many refs each
// moved.
func (h *host) recorded(t *testing.T, core *app.Core, since *int64) (refs []string) {
	t.Helper()
	lines, err := core.Audit.List(t.Context(), audit.Query{Whole: true, Action: "git.push", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	last := *since
	for _, l := range lines {
		if int64(l.ID) > last {
			refs = append(refs, l.Detail["refs"])
			*since = max(*since, int64(l.ID))
		}
	}
	return refs
}

// rest waits until no maintenance works on the repository: a git that a killed
// server had started may do so for a moment. Then it maintains it.
func (h *host) rest(t *testing.T, core *app.Core) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; {
		_, err := core.Lifecycle.MaintainRepo(t.Context(), h.id, gitstore.Maintain{})
		if err == nil {
			return
		}
		if !problem.Is(err, problem.Conflict) || time.Now().After(end) {
			t.Fatal(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// TestKill: the server is killed at a system call of a push, each time another
// one, before and after the push was accepted. Afterwards the repository is
// whole, an acknowledged push is there, and any other is there as a whole or not
// at all, with its event in the log; and nothing is in the way of the next one.
func TestKill(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	random := seeded(t)
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	before := h.refs(t)
	var since int64
	h.recorded(t, core, &since)
	each := rounds(2, 600/len(kinds)+1) // of each kind
	know := make([]learned, len(kinds))
	acknowledged, completed, kills, halves := 0, 0, 0, 0
	for n := range len(kinds) * (each + 1) {
		k, round := &kinds[n%len(kinds)], n/len(kinds)
		l := &know[n%len(kinds)]
		at := aim{}
		if round > 0 {
			// Even rounds end before the push is accepted, odd ones after it, each
			// in its own stretch of the way.
			part := (float64((round-1)/2) + random.Float64()) / float64((each+1)/2)
			at = aim{accepted: round%2 == 1, calls: 1 + int(part*float64(l.journal))}
			if at.accepted {
				at.calls = 1 + int(part*float64(l.after))
			}
		}
		if k.upkeep {
			h.kill()
			h.upkeep = true
			h.start(t)
			h.upkeep = false
		}
		p := h.next(t, k, n, before)
		out, fired, saw, err := h.killed(t, p, at)
		h.kill()
		if k.upkeep {
			h.rest(t, core)
		}
		h.start(t)
		now := h.refs(t)
		none, all := p.holds(before, now)
		what := fmt.Sprintf("%s, killed at %+v of %+v", k.name, at, *l)
		switch {
		case err != nil && !fired:
			t.Errorf("%s: a push failed that nobody cut off: %s", what, out)
		case err == nil && !all:
			t.Errorf("%s: an acknowledged push is lost: %v", what, p.want)
		case !none && !all:
			t.Errorf("%s: a push is there in part: %v\n%s\nbefore %v\nnow %v", what, p.want, out, before, now)
		case strings.Contains(out, "rejected") || strings.Contains(out, "internal server error"):
			t.Errorf("%s: %s", what, out)
		}
		moved := strconv.Itoa(len(p.want))
		// One that was recorded when the crash came is not recorded again.
		if events := h.recorded(t, core, &since); all != (len(events) > 0) || all && (events[0] != moved || len(events) > 1) {
			t.Errorf("%s: it is there: %v, and the log has %v of %s refs", what, all, events, moved)
		}
		h.whole(t)
		halves += h.halves(t, true)
		if none && !all {
			if out, err := h.git(t, h.clone, append([]string{"push", "-q", h.url}, p.args(false)...)...); err != nil {
				t.Errorf("%s: it can't be pushed again: %s", what, out)
			}
			now = h.refs(t)
			h.recorded(t, core, &since)
		}
		if t.Failed() {
			t.FailNow()
		}
		if round == 0 {
			*l = saw
			if l.journal == 0 || l.after == 0 {
				t.Fatalf("%s: no journal was seen", k.name)
			}
		}
		if fired {
			kills++
		}
		switch {
		case err == nil:
			acknowledged++
		case all:
			completed++
		}
		before = now
	}
	h.kill()
	h.start(t)
	h.refs(t)
	if n := h.halves(t, false); n > 0 {
		t.Errorf("%d files that were never finished stay", n)
	}
	t.Logf("%d kills: %d pushes acknowledged, %d completed from their journal; %d files were never finished", kills, acknowledged, completed, halves)
	if completed == 0 {
		t.Error("no push was completed from its journal")
	}
}
