package githttp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/pktline"
)

// N: one push of very many refs is a matter of seconds, and one of more than is
// allowed is cut off early, with a word about it.
func TestPush_veryManyRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	head := g.Run(t, "rev-parse", "HEAD")
	const many = 20_000 // 50,000 take longer on a busy disk, and nothing else
	commands := make([]string, many)
	for i := range commands {
		commands[i] = fmt.Sprintf("%s %s refs/heads/b/%d/%d", zero, head, i%100, i)
	}
	begun := time.Now()
	report, _ := bands(t, w.post(t, "engine", "git-receive-pack", pushBody(writePack(t), commands...)).Text)
	if n := strings.Count(report, "ok refs/heads/b/"); n != many {
		t.Errorf("%d of %d refs were made: %.200s", n, many, report)
	}
	t.Logf("%d refs in %v", many, time.Since(begun))
	if refs := w.disk(t, "engine").Run(t, "for-each-ref", "--count=100000", "--format=x"); strings.Count(refs, "x") != many+1 {
		t.Errorf("git sees %d refs", strings.Count(refs, "x"))
	}

	var body []byte
	for i := range 1_000_000 {
		line := fmt.Sprintf("%s %s refs/heads/c/%d", zero, head, i)
		if i == 0 {
			line += "\x00report-status side-band-64k agent=test"
		}
		body = pktline.Append(body, line)
	}
	body = append(pktline.AppendFlush(body), writePack(t)...)
	_, remote := bands(t, w.post(t, "engine", "git-receive-pack", string(body)).Text)
	contains(t, remote, "This push moves too many refs at once.", "Push fewer branches and tags at a time.")
}
