package shape

import (
	"bufio"
	"fmt"
)

// start is the time of the first commit, and step what lies between two: the
// clock of the machine has no part in the ids.
const (
	start = 1_112_911_993
	step  = 6_800
)

// stream writes the history as git fast-import reads it. A file's versions
// come one after the other, the newest first: fast-import makes a delta against
// the blob before, and git's own packs keep the newest whole, too.
func (s Shape) stream(w *bufio.Writer) error {
	p := s.plan()
	mark := s.Commits // commits have the marks below
	first := make([]int, s.Files)
	for f, n := range p.versions {
		r := s.random(forText, uint64(f))
		versions := make([]text, 0, n)
		for v := range n {
			if v == 0 {
				versions = append(versions, newText(r, p.sizes[f]))
			} else {
				versions = append(versions, versions[v-1].edit(r))
			}
		}
		first[f] = mark + 1
		for v := n - 1; v >= 0; v-- {
			b := versions[v].bytes()
			fmt.Fprintf(w, "blob\nmark :%d\ndata %d\n", first[f]+v, len(b))
			w.Write(b)
			w.WriteByte('\n')
		}
		mark += n
	}
	s.commits(w, p, first)
	return nil
}

func (s Shape) commits(w *bufio.Writer, p *plan, first []int) {
	r := s.random(forPlan, 1)
	people := []string{"Ada", "Grace", "Alan", "Edsger", "Barbara", "Ken", "Radia", "Donald"}
	tags := 0
	for i, c := range p.commits {
		who := people[min(r.IntN(len(people)), r.IntN(len(people)))]
		at := start + int64(i)*step + int64(r.IntN(step/2))
		by := fmt.Sprintf("%s Example <%s@example.com> %d +0000", who, who, at)
		message := word(nil, 40+r.IntN(900))
		for range 3 + r.IntN(6) {
			message = word(append(message, ' '), rank(r))
		}
		message = append(message, "\n\n"...)
		for range r.IntN(5) {
			message = append(message, line(r)...)
		}
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n", i+1, by, by, len(message), message)
		if c.from >= 0 {
			fmt.Fprintf(w, "from :%d\n", c.from+1)
		}
		if c.merge >= 0 {
			fmt.Fprintf(w, "merge :%d\n", c.merge+1)
		}
		for _, wr := range c.writes {
			fmt.Fprintf(w, "M 100644 :%d %s\n", first[wr.file]+wr.version, p.paths[wr.file])
		}
		w.WriteByte('\n')
		for tags < s.Tags && (i+1)*s.Tags >= (tags+1)*len(p.commits) {
			tags++
			name := fmt.Sprintf("v%d.%d.%d", tags/100, tags/10%10, tags%10)
			fmt.Fprintf(w, "tag %s\nfrom :%d\ntagger %s\ndata %d\n%s\n", name, i+1, by, len(name), name)
		}
	}
}
