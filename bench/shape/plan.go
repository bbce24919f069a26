package shape

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// commit is one step of the planned history.
type commit struct {
	from, merge int // numbers of earlier commits; none: -1
	writes      []write
}

// write puts a version of a file into a commit. Versions of a file count from 0.
type write struct{ file, version int }

// plan is a history without its bytes.
type plan struct {
	paths    []string
	versions []int // of each file
	sizes    []int // of each file's first version
	commits  []commit
}

// tenths is how file sizes spread around their median: many small ones, a few
// very large, as the quantiles of a log-normal distribution lie.
var tenths = [...]int{1, 2, 3, 4, 4, 5, 6, 7, 9, 10, 11, 13, 15, 18, 22, 26, 32, 41, 57, 100}

// planner draws a plan.
type planner struct {
	Shape
	r     *rand.Rand
	plan  *plan
	alive int // files that exist by now: the first ones
}

func (s Shape) plan() *plan {
	p := &planner{Shape: s, r: s.random(forPlan, 0), plan: &plan{versions: make([]int, s.Files), sizes: make([]int, s.Files)}}
	p.plan.paths = s.paths()
	for i := range s.Files {
		p.plan.sizes[i] = 40 + s.Size*tenths[p.r.IntN(len(tenths))]/10
	}
	p.history()
	return p.plan
}

// history draws the commits: a main line, and side branches that are merged.
func (p *planner) history() {
	tip := p.add(-1, -1, p.fresh(max(1, p.Files/5)))
	for len(p.plan.commits) < p.Commits {
		left := p.Commits - len(p.plan.commits)
		if left < 6 || p.r.IntN(10) > 0 {
			tip = p.add(tip, -1, p.work(nil))
			continue
		}
		base, side := tip, tip
		var taken []write
		for range 1 + p.r.IntN(3) {
			w := p.work(taken)
			side = p.add(side, -1, w)
			taken = append(taken, w...)
		}
		tip = base
		for range 1 + p.r.IntN(2) {
			tip = p.add(tip, -1, p.work(taken))
		}
		tip = p.add(tip, side, latest(taken))
	}
}

// latest drops the versions that a later one of the same file replaces.
func latest(ws []write) []write {
	var out []write
	for i, w := range ws {
		if !slices.ContainsFunc(ws[i+1:], func(o write) bool { return o.file == w.file }) {
			out = append(out, w)
		}
	}
	return out
}

func (p *planner) add(from, merge int, ws []write) int {
	p.plan.commits = append(p.plan.commits, commit{from, merge, ws})
	return len(p.plan.commits) - 1
}

// fresh adds n files that did not exist.
func (p *planner) fresh(n int) []write {
	var out []write
	for ; n > 0 && p.alive < p.Files; n-- {
		out = append(out, write{p.alive, 0})
		p.plan.versions[p.alive] = 1
		p.alive++
	}
	return out
}

// work draws what one commit changes, but no file of taken: another branch has
// it in hand.
func (p *planner) work(taken []write) []write {
	var out []write
	// New files come evenly until the history's last tenth.
	if due := p.Files * (len(p.plan.commits)*10/9 + 1) / p.Commits; p.alive < min(due, p.Files) {
		out = p.fresh(1 + min(p.r.IntN(3), due-p.alive-1))
	}
	n := 1
	for n < 12 && p.r.IntN(max(p.Changed, 11)) >= 10 {
		n++
	}
	for try := 0; len(out) < n && try < 4*n; try++ {
		// The square prefers few files: those that everybody works on.
		x := p.r.Float64()
		f := int(x * x * float64(p.alive))
		if hold := func(w write) bool { return w.file == f }; slices.ContainsFunc(taken, hold) || slices.ContainsFunc(out, hold) {
			continue
		}
		out = append(out, write{f, p.plan.versions[f]})
		p.plan.versions[f]++
	}
	return out
}

// paths names the files: two thirds at the top, the others in folders.
func (s Shape) paths() []string {
	r := s.random(forPaths, 0)
	folders := []string{}
	for i := range s.Folders {
		name := fmt.Sprintf("%s-%d", word(nil, 40+i*3), i)
		if i > 2 && r.IntN(3) == 0 {
			if parent := folders[r.IntN(i)]; depth(parent) < 4 {
				name = parent + "/" + name
			}
		}
		folders = append(folders, name)
	}
	ends := []string{".c", ".h", ".txt", ".sh", ""}
	out := make([]string, s.Files)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d%s", word(nil, 100+i*5), i, ends[r.IntN(len(ends))])
		if len(folders) > 0 && r.IntN(20) < 7 {
			out[i] = folders[r.IntN(len(folders))] + "/" + out[i]
		}
	}
	return out
}

func depth(path string) int {
	n := 1
	for _, c := range path {
		if c == '/' {
			n++
		}
	}
	return n
}
