package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
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
	args []string
	want map[string]string // "" for gone
}

// next prepares a push of one of the kinds that there are.
func (h *host) next(t *testing.T, n int, now map[string]string) pushed {
	t.Helper()
	h.commit(t, fmt.Sprintf("f%d", n%7), strings.Repeat(fmt.Sprintf("%d\n", n), 1+n%300))
	head := h.must(t, h.clone, "rev-parse", "HEAD")
	p := pushed{args: []string{"--atomic"}, want: map[string]string{"refs/heads/main": head}}
	switch n % 4 {
	case 1:
		for _, b := range []string{"refs/heads/a", "refs/heads/b/c/d", "refs/heads/new/" + strconv.Itoa(n)} {
			p.want[b] = head
		}
	case 2:
		for name := range now {
			if strings.HasPrefix(name, "refs/heads/new/") {
				p.want[name] = ""
			}
		}
	case 3:
		for i := range 40 {
			p.want[fmt.Sprintf("refs/heads/many/%d-%d", n, i)] = head
		}
	}
	for name, id := range p.want {
		p.args = append(p.args, id+":"+name)
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
	for _, pattern := range []string{"objects/incoming-*", "jeton/journal-*", "*.lock", "refs/heads/*.lock", "objects/*/tmp_*"} {
		found, err := filepath.Glob(filepath.Join(h.disk, pattern))
		if err != nil || len(found) > 0 {
			t.Errorf("left behind: %v %v", found, err)
		}
	}
}

// TestKill: the server is killed at a system call of a push, each time another
// one. Afterwards the repository is whole, an acknowledged push is there, and
// any other is there as a whole or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	h := newHost(t, filepath.Join(t.TempDir(), "data"))
	random := seeded(t)
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	before := h.refs(t)
	acknowledged, completed, most := 0, 0, 0
	for n := range rounds(12, 600) {
		p := h.next(t, n, before)
		// The first push of each kind runs to its end, to see how many calls it is.
		at, server := 1+random.IntN(most+1), h.cmd.Process
		if n < 4 {
			at = -1
		}
		tr := h.follow(t, func(calls int) {
			if calls == at {
				_ = server.Kill()
			}
		})
		out, err := h.git(t, h.clone, append([]string{"push", "-q", h.url}, p.args...)...)
		most = max(most, len(tr.stop()))
		h.kill()
		h.start(t)
		now := h.refs(t)
		none, all := p.holds(before, now)
		switch {
		case err == nil && !all:
			t.Errorf("killed at call %d, an acknowledged push is lost: %v", at, p.args)
		case !none && !all:
			t.Errorf("killed at call %d, a push is there in part: %v\n%s\nbefore %v\nnow %v", at, p.args, out, before, now)
		}
		h.whole(t)
		if t.Failed() {
			for _, c := range tr.calls[max(0, len(tr.calls)-12):] {
				t.Log(c.text[:min(len(c.text), 160)])
			}
			t.FailNow()
		}
		if err == nil {
			acknowledged++
		} else if all {
			completed++
		}
		before = now
	}
	t.Logf("%d acknowledged, %d completed from their journal", acknowledged, completed)
}
