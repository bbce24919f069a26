package gitstore

import (
	"context"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// File is one entry of a tree, by its whole path.
type File struct {
	Path string
	Mode object.Mode
	ID   object.ID
}

// maxIntroduced bounds how many changes below one folder a push may make.
const maxIntroduced = 20_000

// Introduced lists what the push adds or changes below folder, in any of its
// new commits (those that tips reach and refs don't): each entry that differs
// from the same path in every parent. A renamed file is a new one. Entries come
// once, whichever commits hold them.
func (in *Incoming) Introduced(ctx context.Context, refs *Refs, tips []object.ID, folder string) ([]File, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := in.repo.store.start(ctx, in.repo.dir, command{
		name: "log",
		flags: []flag{"-z", "--raw", "-c", "--no-abbrev", "--no-renames", "--full-history", "--no-show-signature", "--no-ext-diff",
			"--ignore-submodules=none", "--format=%x01%H", "--stdin"},
		paths: []string{folder},
		stdin: revisions(tips, refs),
		env:   in.env(),
	})
	if err != nil {
		return nil, err
	}
	seen := map[File]bool{}
	var out []File
	err = scanRaw(p.stdout, func(_ object.ID, f File) bool {
		if !f.ID.IsZero() && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
		return len(out) <= maxIntroduced
	})
	if err != nil || len(out) > maxIntroduced {
		p.stop()
		if err == nil {
			err = problem.Newf(problem.TooLarge, "this push changes too many files below %s", folder)
		}
		return nil, err
	}
	return out, p.wait()
}

// Files lists everything below folder in the tree of each commit, by commit.
// It sees what the push brings. Two commits with the same folder share a list.
func (in *Incoming) Files(ctx context.Context, commits []object.ID, folder string) (map[object.ID][]File, error) {
	cat, err := in.repo.catFile(ctx, in.env())
	if err != nil {
		return nil, err
	}
	defer cat.close()
	w := treeWalk{cat: cat, format: in.format, lists: map[object.ID][]File{}}
	out := make(map[object.ID][]File, len(commits))
	for _, c := range commits {
		if _, done := out[c]; done {
			continue
		}
		e, err := w.find(c, folder)
		if err != nil {
			return nil, err
		}
		if out[c], err = w.list(e, folder); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type treeWalk struct {
	cat    *catFile
	format object.Format
	lists  map[object.ID][]File
	n      int
}

// find returns the entry of a folder in a commit; one without id when there is
// none, or when what is there is no commit.
func (w *treeWalk) find(commit object.ID, folder string) (object.Entry, error) {
	in, err := w.cat.ask("info " + string(commit) + "^{tree}\n")
	if err != nil || in.Missing {
		return object.Entry{}, err
	}
	e := object.Entry{Mode: object.ModeDir, ID: in.ID}
	for part := range strings.SplitSeq(folder, "/") {
		if !e.Mode.IsDir() {
			return object.Entry{}, nil
		}
		data, err := w.cat.read(e.ID, object.KindTree, maxTreeBytes)
		if err != nil {
			return e, err
		}
		var found object.Entry
		err = object.ParseTree(w.format, data, func(x object.Entry) bool {
			if x.Name == part {
				found = x
			}
			return found.ID == ""
		})
		if err != nil || found.ID == "" {
			return object.Entry{}, err
		}
		e = found
	}
	return e, nil
}

func (w *treeWalk) list(e object.Entry, path string) ([]File, error) {
	if e.ID == "" {
		return nil, nil
	}
	if !e.Mode.IsDir() {
		return []File{{Path: path, Mode: e.Mode, ID: e.ID}}, nil
	}
	if known, ok := w.lists[e.ID]; ok && path != "" {
		return known, nil
	}
	var out []File
	err := w.walk(e.ID, path, 0, &out)
	w.lists[e.ID] = out
	return out, err
}

func (w *treeWalk) walk(tree object.ID, path string, depth int, out *[]File) error {
	if w.n++; w.n > maxIntroduced || depth > 100 {
		return problem.Newf(problem.TooLarge, "there are too many files below %s", path)
	}
	data, err := w.cat.read(tree, object.KindTree, maxTreeBytes)
	if err != nil {
		return err
	}
	var folders []object.Entry
	err = object.ParseTree(w.format, data, func(x object.Entry) bool {
		if x.Mode.IsDir() {
			folders = append(folders, x)
		} else {
			*out = append(*out, File{Path: path + "/" + x.Name, Mode: x.Mode, ID: x.ID})
		}
		return len(*out) <= maxIntroduced
	})
	if err != nil {
		return err
	}
	if len(*out) > maxIntroduced {
		return problem.Newf(problem.TooLarge, "there are too many files below %s", path)
	}
	for _, f := range folders {
		if err := w.walk(f.ID, path+"/"+f.Name, depth+1, out); err != nil {
			return err
		}
	}
	return nil
}
