package view

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/wire"
)

// Pushed is what the movement of a ref brought, as others are told of it.
type Pushed struct {
	Commits []PushedCommit // the newest, in the order of the history
	Head    *PushedCommit  // what the ref names now; nil when it names no commit
	Forced  bool           // what it named before is no ancestor of that
	Base    string         // another branch that is at the same commit
}

// PushedCommit is a commit with the paths that it changed against its first
// parent. A renamed file was removed and added.
type PushedCommit struct {
	object.Commit
	Distinct                 bool // no other branch or tag had it
	Added, Removed, Modified []string
}

const (
	maxPushedRefs  = 1000 // other refs that are asked whether a commit is new
	maxPushedPaths = 3000 // of all commits together
)

// Pushed looks at the movement of a ref after it was made: at most limit commits
// that u.New reaches and u.Old does not, or, of a new ref, no other one does. It
// is for what is told in the background: refs may have moved on.
func (v *View) Pushed(u wire.Update, limit int) (Pushed, error) {
	db, err := v.repo.Objects()
	if err != nil || u.Deletes() {
		return Pushed{}, err
	}
	tip, kind, err := db.Peel(u.New)
	if err != nil || kind != object.KindCommit {
		return Pushed{}, err // a tag of a file, for one
	}
	var p Pushed
	others := p.others(v.Refs, u.Name, tip)
	if !u.Old.IsZero() {
		if p.Forced, err = v.forced(u.Old, tip); err != nil {
			return Pushed{}, err
		}
	}
	known := others
	if !u.Old.IsZero() {
		known = []object.ID{u.Old}
	}
	if !strings.HasPrefix(u.Name, "refs/tags/") {
		if p.Commits, err = v.changes(append([]string{string(tip)}, not(known)...), limit); err != nil {
			return Pushed{}, err
		}
	}
	slices.Reverse(p.Commits)
	if n := len(p.Commits); n > 0 && p.Commits[n-1].ID == tip {
		p.Head = &p.Commits[n-1]
	} else {
		head, err := v.changes([]string{string(tip)}, 1)
		if err != nil {
			return Pushed{}, err
		}
		if len(head) == 1 {
			p.Head = &head[0]
		}
	}
	return p, v.distinct(&p, tip, not(append(others, u.Old)))
}

// others are the commits that other refs name, and notes another branch that is
// where the moved ref is.
func (p *Pushed) others(refs *ref.Snapshot, name string, tip object.ID) []object.ID {
	var out []object.ID
	seen := map[object.ID]bool{}
	for _, ref := range refs.All() {
		if ref.Name == name {
			continue
		}
		at := ref.Commit()
		if at == tip && p.Base == "" && strings.HasPrefix(ref.Name, "refs/heads/") {
			p.Base = ref.Name
		}
		if !seen[at] && len(out) < maxPushedRefs {
			seen[at] = true
			out = append(out, at)
		}
	}
	return out
}

func not(ids []object.ID) []string {
	var out []string
	for _, one := range ids {
		if !one.IsZero() {
			out = append(out, "^"+string(one))
		}
	}
	return out
}

// forced reports whether old is no ancestor of tip: something of it is not in
// there.
func (v *View) forced(old, tip object.ID) (bool, error) {
	some, err := v.listed([]string{string(old), "^" + string(tip)}, 1)
	return len(some) > 0, err
}

// distinct marks the commits that nothing else reaches.
func (v *View) distinct(p *Pushed, tip object.ID, others []string) error {
	fresh, err := v.listed(append([]string{string(tip)}, others...), len(p.Commits)+1)
	if err != nil {
		return err
	}
	for i := range p.Commits {
		p.Commits[i].Distinct = slices.Contains(fresh, p.Commits[i].ID)
	}
	if p.Head != nil {
		p.Head.Distinct = slices.Contains(fresh, tip)
	}
	return nil
}

// listed is git rev-list of what the lines say.
func (v *View) listed(lines []string, limit int) ([]object.ID, error) {
	c := run.Command{Name: "rev-list", Flags: []run.Flag{"--stdin", "--ignore-missing", run.Flag("--max-count=" + strconv.Itoa(limit))}, Stdin: strings.NewReader(strings.Join(lines, "\n") + "\n")}
	return v.ids(c, limit+1)
}

// changes is git log of what the lines say, newest first.
func (v *View) changes(lines []string, limit int) ([]PushedCommit, error) {
	ids, err := v.listed(lines, limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	out := make([]PushedCommit, len(ids))
	at := map[object.ID]*PushedCommit{}
	wanted := make([]string, len(ids))
	for i, id := range ids {
		if out[i].Commit, err = v.commit(id); err != nil {
			return nil, err
		}
		at[id], wanted[i] = &out[i], string(id)
	}
	p, err := v.repo.Start(v.ctx, run.Command{Name: "log", Stdin: strings.NewReader(strings.Join(wanted, "\n") + "\n"),
		Flags: []run.Flag{"--stdin", "--no-walk=unsorted", "-z", "--raw", "--diff-merges=first-parent", "--no-renames", "--no-abbrev", "--no-show-signature", "--no-ext-diff", "--format=%x01%H"}})
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	left := maxPushedPaths
	err = scanStatus(p.Stdout, func(commit object.ID, status byte, path string) bool {
		c := at[commit]
		if c == nil {
			return true
		}
		switch status {
		case 'A':
			c.Added = append(c.Added, path)
		case 'D':
			c.Removed = append(c.Removed, path)
		default:
			c.Modified = append(c.Modified, path)
		}
		left--
		return left > 0
	})
	if cause := v.ctx.Err(); cause != nil {
		return nil, run.Worded(cause)
	}
	return out, err
}

// scanStatus is run.ScanRaw for those who want to know what became of each path.
func scanStatus(r io.Reader, f func(commit object.ID, status byte, path string) bool) error {
	return run.ScanLines(r, func(commit object.ID, line, path string) bool {
		fields := strings.Fields(line)
		return f(commit, fields[len(fields)-1][0], path)
	})
}
