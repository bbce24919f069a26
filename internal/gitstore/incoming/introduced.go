package incoming

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/ref"
	"jeton/internal/problem"
)

const (
	// maxIntroduced bounds how many changes below one folder a push may make.
	maxIntroduced = 20_000
	// maxListed bounds how many entries of one folder are held in memory, in all
	// the forms of it that commits and branches have together.
	maxListed = 500_000
)

// Introduced lists what the push adds or changes below folder, in any of its
// new commits (those that tips reach and refs don't): each entry that differs
// from the same path in every parent. A renamed file is a new one. Entries come
// once, whichever commits hold them. The push must be connected.
func (in *Push) Introduced(ctx context.Context, refs *ref.Snapshot, tips []object.ID, folder string) ([]object.File, error) {
	if in.table == nil {
		return nil, nil // it brings no commit
	}
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	old, err := in.knownCommits(ctx, refs)
	if err != nil {
		return nil, err
	}
	w := folderWalk{ctx: ctx, in: in, db: db, lists: map[odb.Hash][]object.File{}}
	seen := map[object.File]bool{}
	var out []object.File
	fresh := func(h odb.Hash) bool { return in.kind(h) == object.KindCommit && !old[h] }
	err = in.eachCommit(ctx, db, tips, fresh, func(head object.Head) error {
		files, err := w.differing(head, folder)
		for _, f := range files {
			if !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
		if err == nil && len(out) > maxIntroduced {
			err = problem.Newf(problem.TooLarge, "this push changes too many files below %s", folder)
		}
		return err
	})
	return out, err
}

// knownCommits returns those commits of the pack that refs reach already: a
// client may send what is here.
func (in *Push) knownCommits(ctx context.Context, refs *ref.Snapshot) (map[odb.Hash]bool, error) {
	base, err := in.repo.Objects()
	if err != nil {
		return nil, err
	}
	left := map[odb.Hash]object.Kind{}
	for _, h := range in.table.Of(object.KindCommit) {
		here, err := base.Seen(h) // what has come since is taken for new
		if err != nil {
			return nil, err
		}
		if here {
			left[h] = object.KindCommit
		}
	}
	known := make(map[odb.Hash]bool, len(left))
	for h := range left {
		known[h] = true
	}
	db, err := in.db() // what is not here yet is looked into as well
	if err != nil {
		return nil, err
	}
	s := search{in: in, refs: refs, db: db, left: left}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	for h := range left {
		delete(known, h)
	}
	return known, nil
}

// eachCommit goes from tips to their ancestors for as long as they are fresh.
func (in *Push) eachCommit(ctx context.Context, db *odb.DB, tips []object.ID, fresh func(odb.Hash) bool, f func(object.Head) error) error {
	seen := map[odb.Hash]bool{}
	var stack []odb.Hash
	for _, tip := range tips {
		id, kind, err := db.Peel(tip)
		if err != nil {
			return err
		}
		if h, ok := odb.ParseHash(id); ok && kind == object.KindCommit {
			stack = append(stack, h)
		}
	}
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[h] || !fresh(h) {
			continue
		}
		seen[h] = true
		head, err := graph.Commit(db, h)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f(head)
		}
		if err != nil {
			return err
		}
		for _, p := range head.Parents {
			stack = append(stack, p)
		}
	}
	return nil
}

// Files lists everything below folder in the tree of each commit, by commit.
// It sees what the push brings. Two commits with the same folder share a list.
func (in *Push) Files(ctx context.Context, commits []object.ID, folder string) (map[object.ID][]object.File, error) {
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	w := folderWalk{ctx: ctx, in: in, db: db, lists: map[odb.Hash][]object.File{}}
	out := make(map[object.ID][]object.File, len(commits))
	for _, c := range commits {
		if _, done := out[c]; done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		root, err := w.root(c)
		if err != nil {
			return nil, err
		}
		e, err := w.find(root, folder)
		if err != nil {
			return nil, err
		}
		if out[c], err = w.list(e, folder); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// folderWalk reads one folder in many trees.
type folderWalk struct {
	ctx   context.Context
	in    *Push
	db    *odb.DB
	lists map[odb.Hash][]object.File
	n     int // trees read
	files int // in lists
}

// node is an entry of a tree; the zero node is none.
type node struct {
	mode object.Mode
	id   odb.Hash
}

// root returns the tree of what a ref may name, the zero node when that has none
// or is not there.
func (w *folderWalk) root(id object.ID) (node, error) {
	id, kind, err := w.db.Peel(id)
	if errors.Is(err, odb.ErrNotFound) {
		return node{}, nil
	}
	if err != nil {
		return node{}, err
	}
	h, _ := odb.ParseHash(id)
	switch kind {
	case object.KindTree:
		return node{object.ModeDir, h}, nil
	case object.KindCommit:
		head, err := graph.Commit(w.db, h)
		return node{object.ModeDir, head.Tree}, err
	}
	return node{}, nil
}

// find returns what stands at a path below a tree.
func (w *folderWalk) find(at node, path string) (node, error) {
	for part := range strings.SplitSeq(path, "/") {
		if !at.mode.IsDir() || w.in.lacks(at.id, part) {
			return node{}, nil
		}
		var found node
		err := graph.Each(w.db, at.id, func(e *object.RawEntry) bool {
			if string(e.Name) == part {
				found = node{e.Mode, graph.EntryHash(e)}
			}
			return found == node{}
		})
		if err != nil {
			return node{}, err
		}
		at = found
	}
	return at, nil
}

// differing lists the files below a folder that a commit has otherwise than each
// of its parents.
func (w *folderWalk) differing(head object.Head, folder string) ([]object.File, error) {
	mine, err := w.find(node{object.ModeDir, head.Tree}, folder)
	if err != nil || mine == (node{}) {
		return nil, err
	}
	var parents []node
	met := map[node]bool{}
	for _, p := range head.Parents { // there may be hundreds of thousands
		h, err := graph.Commit(w.db, p)
		if err == nil {
			err = w.ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		n, err := w.find(node{object.ModeDir, h.Tree}, folder)
		if err != nil || n == mine {
			return nil, err
		}
		if !met[n] {
			met[n] = true
			parents = append(parents, n)
		}
	}
	files, err := w.list(mine, folder)
	if err != nil {
		return nil, err
	}
	for _, p := range parents {
		theirs, err := w.list(p, folder)
		if err == nil {
			err = w.ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		same := make(map[object.File]bool, len(theirs))
		for _, f := range theirs {
			same[f] = true
		}
		var left []object.File
		for _, f := range files {
			if !same[f] {
				left = append(left, f)
			}
		}
		files = left
	}
	return files, nil
}

// list returns the files of a folder, or the one that stands in its place.
func (w *folderWalk) list(at node, path string) ([]object.File, error) {
	if at == (node{}) {
		return nil, nil
	}
	if !at.mode.IsDir() {
		return []object.File{{Path: path, Mode: at.mode, ID: at.id.ID(w.db.Format())}}, nil
	}
	if known, ok := w.lists[at.id]; ok {
		return known, nil
	}
	var out []object.File
	err := w.walk(at.id, path, 0, &out)
	if w.files += len(out); err == nil && w.files > maxListed {
		err = problem.Newf(problem.TooLarge, "there are too many files below %s, in all of its versions", path)
	}
	w.lists[at.id] = out
	return out, err
}

func (w *folderWalk) walk(tree odb.Hash, path string, depth int, out *[]object.File) error {
	tooMany := func() error { return problem.Newf(problem.TooLarge, "there are too many files below %s", path) }
	if w.n++; w.n > maxIntroduced || depth > 100 {
		return tooMany()
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	type folder struct {
		id   odb.Hash
		path string
	}
	var folders []folder
	err := graph.Each(w.db, tree, func(e *object.RawEntry) bool {
		at := path + "/" + string(e.Name)
		if e.Mode.IsDir() {
			folders = append(folders, folder{graph.EntryHash(e), at})
		} else {
			h := graph.EntryHash(e)
			*out = append(*out, object.File{Path: at, Mode: e.Mode, ID: h.ID(w.db.Format())})
		}
		return len(*out) <= maxIntroduced
	})
	if err != nil {
		return fmt.Errorf("list a folder: %w", err)
	}
	if len(*out) > maxIntroduced {
		return tooMany()
	}
	for _, f := range folders {
		if err := w.walk(f.id, f.path, depth+1, out); err != nil {
			return err
		}
	}
	return nil
}
