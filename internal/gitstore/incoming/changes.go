package incoming

import (
	"context"
	"strings"

	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
)

// maxCompared bounds how many entries of trees are looked at to find what a push
// changes.
const maxCompared = 2_000_000

// Changes finds files that a push changes and that it must leave alone. Several of
// its updates are best asked about by one of these: what was compared is remembered.
type Changes struct {
	in    *Push
	refs  *ref.Snapshot
	allow func(path string) bool
	db    *odb.DB
	old   map[odb.Hash]bool  // commits of the pack that were here before
	known map[[2]node]string // the first such file between two topmost trees; empty: none
	n     int
}

// Changes begins to look for files for which allow is false. The push must be
// connected.
func (in *Push) Changes(ctx context.Context, refs *ref.Snapshot, allow func(path string) bool) (*Changes, error) {
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	c := &Changes{in: in, refs: refs, allow: allow, db: db, known: map[[2]node]string{}}
	if in.table != nil {
		c.old, err = in.knownCommits(ctx, refs)
	}
	return c, err
}

// Of returns the path of a file that an update changes and must not, or "". What an
// update changes is what any of its new commits has otherwise than any one of its
// parents, and what its branch has otherwise than before. That is the strict side:
// a merge changes all that it brings to either of its sides, although each file is
// as in one of them, since by a merge, or by moving a branch to what is here, all
// that is in a repository can be brought to any branch. A file with another name is
// one that goes and one that comes. Links, submodules and the executable bit count.
func (c *Changes) Of(ctx context.Context, u wire.Update) (path string, err error) {
	fresh := func(h odb.Hash) bool { return c.in.kind(h) == object.KindCommit && !c.old[h] }
	err = c.in.eachCommit(ctx, c.db, []object.ID{u.New}, func(h odb.Hash) bool { return path == "" && fresh(h) }, func(head object.Head) error {
		mine := node{object.ModeDir, head.Tree}
		if len(head.Parents) == 0 {
			path, err = c.between(ctx, node{}, mine)
			return err
		}
		for _, p := range head.Parents {
			h, err := graph.Commit(c.db, p)
			if err != nil {
				return err
			}
			if path, err = c.between(ctx, node{object.ModeDir, h.Tree}, mine); err != nil || path != "" {
				return err
			}
		}
		return nil
	})
	if err != nil || path != "" {
		return path, err
	}
	// What the client says of the old value counts only if it is true.
	ref, ok := c.refs.Get(u.Name)
	if !ok || ref.ID != u.Old || !strings.HasPrefix(u.Name, "refs/heads/") {
		return "", nil
	}
	w := folderWalk{ctx: ctx, in: c.in, db: c.db}
	before, err := w.root(u.Old)
	if err != nil {
		return "", err
	}
	after, err := w.root(u.New)
	if err != nil {
		return "", err
	}
	return c.between(ctx, before, after)
}

// IsCommit reports whether what an id names is, or finally names, a commit.
func (c *Changes) IsCommit(id object.ID) (bool, error) {
	_, kind, err := c.db.Peel(id)
	return kind == object.KindCommit, err
}

// between is the first file that differs between two topmost trees and must not.
func (c *Changes) between(ctx context.Context, a, b node) (string, error) {
	key := [2]node{a, b}
	if path, ok := c.known[key]; ok {
		return path, nil
	}
	path, err := c.differ(ctx, a, b, "", 0)
	if err == nil {
		c.known[key] = path
	}
	return path, err
}

func (c *Changes) differ(ctx context.Context, a, b node, path string, depth int) (string, error) {
	if a == b {
		return "", nil
	}
	if depth > 2*1024 {
		return "", tooManyChanges()
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	for _, n := range [...]node{a, b} {
		if n != (node{}) && !n.mode.IsDir() && !c.allow(path) {
			return path, nil
		}
	}
	before, err := c.entries(a)
	if err != nil {
		return "", err
	}
	after, err := c.entries(b)
	if err != nil {
		return "", err
	}
	if len(before)+len(after) == 0 && path != "" && (a.mode.IsDir() || b.mode.IsDir()) && !c.allow(path) {
		return path, nil // an empty folder, which git itself makes none of
	}
	for name, x := range before {
		if bad, err := c.differ(ctx, x, after[name], below(path, name), depth+1); err != nil || bad != "" {
			return bad, err
		}
	}
	for name, y := range after {
		if _, both := before[name]; both {
			continue
		}
		if bad, err := c.differ(ctx, node{}, y, below(path, name), depth+1); err != nil || bad != "" {
			return bad, err
		}
	}
	return "", nil
}

// entries reads a folder; what is none has none.
func (c *Changes) entries(n node) (map[string]node, error) {
	if !n.mode.IsDir() {
		return nil, nil
	}
	out := map[string]node{}
	err := graph.Each(c.db, n.id, func(e *object.RawEntry) bool {
		out[string(e.Name)] = node{e.Mode, graph.EntryHash(e)}
		c.n++
		return c.n <= maxCompared
	})
	if c.n > maxCompared {
		return nil, tooManyChanges()
	}
	return out, err
}

func tooManyChanges() error {
	return problem.New(problem.TooLarge, "this push changes too much to be compared with the paths that its token is limited to", "Push it in parts, the oldest commits first.")
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
