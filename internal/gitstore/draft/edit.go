package draft

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/run"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// Edit is one change of a tree: what is at a path from now on. Without an ID the
// path is taken away.
type Edit struct {
	Path string
	Mode object.Mode
	ID   object.ID
}

// maxDepth is how many folders deep a path may be.
const maxDepth = 200

// CheckPath refuses what no path of a file can be. Whether its parts may stand in
// a tree (".git" may not) the tree's own check says.
func CheckPath(path string) error {
	bad := func(why string) error { return problem.Field("path", "path "+why) }
	switch {
	case path == "":
		return bad("is missing")
	case strings.HasPrefix(path, "/"):
		return bad("cannot start with a slash")
	case strings.HasSuffix(path, "/"):
		return bad("cannot end with a slash")
	case strings.IndexByte(path, 0) >= 0:
		return bad("contains a zero byte")
	case len(path) > 4096, strings.Count(path, "/") > maxDepth:
		return bad("is too long")
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return bad("contains a malformed path component")
		}
	}
	return nil
}

// EditTree adds trees to the draft that differ from base by the edits, and returns
// the topmost. Base empty is no tree at all. Folders that become empty vanish. It
// fails with problem.Invalid, and with problem.NotFound when something is taken
// away that is not there.
func (d *Draft) EditTree(base object.ID, edits []Edit) (object.ID, error) {
	for _, e := range edits {
		if err := CheckPath(e.Path); err != nil {
			return "", err
		}
	}
	one, _, err := d.editFolder(base, edits, "")
	return one, err
}

// editFolder makes one folder anew, and reports whether it is empty.
func (d *Draft) editFolder(base object.ID, edits []Edit, at string) (one object.ID, empty bool, err error) {
	if err := d.ctx.Err(); err != nil {
		return "", false, run.Worded(err)
	}
	entries, err := d.entries(base)
	if err != nil {
		return "", false, err
	}
	names, own := grouped(edits)
	for _, name := range names {
		old, was := entries[name]
		if edits := own[name]; len(edits) == 1 && edits[0].Path == name {
			if err := put(entries, edits[0], was, at); err != nil {
				return "", false, err
			}
			continue
		}
		below, err := deeper(own[name], at)
		if err != nil {
			return "", false, err
		}
		from := object.ID("")
		if was && old.Mode.IsDir() {
			from = old.ID
		}
		sub, none, err := d.editFolder(from, below, at+name+"/")
		if err != nil {
			return "", false, err
		}
		if none {
			delete(entries, name)
		} else {
			entries[name] = object.Entry{Name: name, Mode: object.ModeDir, ID: sub}
		}
	}
	if len(entries) == 0 && at != "" {
		return "", true, nil
	}
	one, err = d.Add(object.KindTree, appendTree(nil, entries))
	return one, false, err
}

// grouped puts the edits together that begin with the same name.
func grouped(edits []Edit) (names []string, own map[string][]Edit) {
	own = make(map[string][]Edit, len(edits))
	for _, e := range edits {
		name, _, _ := strings.Cut(e.Path, "/")
		if own[name] == nil {
			names = append(names, name)
		}
		own[name] = append(own[name], e)
	}
	return names, own
}

// deeper takes the first name off the paths of edits that share it.
func deeper(edits []Edit, at string) ([]Edit, error) {
	out := make([]Edit, len(edits))
	for i, e := range edits {
		name, path, ok := strings.Cut(e.Path, "/")
		if !ok {
			return nil, problem.Field("path", printable.Line(at+name, 200)+" is named twice")
		}
		out[i] = Edit{Path: path, Mode: e.Mode, ID: e.ID}
	}
	return out, nil
}

func put(entries map[string]object.Entry, e Edit, was bool, at string) error {
	switch {
	case e.ID != "":
		entries[e.Path] = object.Entry{Name: e.Path, Mode: e.Mode, ID: e.ID}
	case !was:
		return problem.Newf(problem.NotFound, "there is nothing at %s", printable.Line(at+e.Path, 200))
	default:
		delete(entries, e.Path)
	}
	return nil
}

func (d *Draft) entries(tree object.ID) (map[string]object.Entry, error) {
	out := map[string]object.Entry{}
	if tree == "" {
		return out, nil
	}
	data, err := d.inside(tree, object.KindTree, bare.MaxTree)
	if err != nil {
		return nil, err
	}
	err = object.ParseTree(d.Format(), data, func(e object.Entry) bool {
		out[e.Name] = e
		return true
	})
	return out, err
}

// EntryAt finds what a tree of the draft has at a path; false when nothing.
func (d *Draft) EntryAt(tree object.ID, path string) (object.Entry, bool, error) {
	e := object.Entry{Mode: object.ModeDir, ID: tree}
	for part := range strings.SplitSeq(path, "/") {
		if !e.Mode.IsDir() || e.ID == "" {
			return object.Entry{}, false, nil
		}
		data, err := d.inside(e.ID, object.KindTree, bare.MaxTree)
		if err != nil {
			return object.Entry{}, false, err
		}
		found := false
		err = object.ParseTree(d.Format(), data, func(x object.Entry) bool {
			if x.Name == part {
				e, found = x, true
			}
			return !found
		})
		if err != nil || !found {
			return object.Entry{}, false, err
		}
	}
	return e, true, nil
}

// maxBelow is how many files and folders Below lists and walks: a few objects can
// have any number of paths.
const maxBelow = 10_000

// Below lists the files of a folder in a tree of the draft and in those below it,
// with their whole paths.
func (d *Draft) Below(tree object.ID, folder string) ([]object.File, error) {
	e, ok, err := d.EntryAt(tree, folder)
	if err != nil || !ok {
		return nil, err
	}
	if !e.Mode.IsDir() {
		return []object.File{{Path: folder, Mode: e.Mode, ID: e.ID}}, nil
	}
	var out []object.File
	next, walked := []object.File{{Path: folder, ID: e.ID}}, 0
	for len(next) > 0 {
		walked++
		if err := d.ctx.Err(); err != nil {
			return nil, run.Worded(err)
		}
		at := next[len(next)-1]
		next = next[:len(next)-1]
		data, err := d.inside(at.ID, object.KindTree, bare.MaxTree)
		if err != nil {
			return nil, err
		}
		err = object.ParseTree(d.Format(), data, func(e object.Entry) bool {
			f := object.File{Path: at.Path + "/" + e.Name, Mode: e.Mode, ID: e.ID}
			if e.Mode.IsDir() {
				next = append(next, f)
			} else {
				out = append(out, f)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		if len(out)+len(next)+walked > maxBelow {
			return nil, run.TooLarge(folder)
		}
	}
	return out, nil
}

// appendTree writes a tree's content, in git's order.
func appendTree(b []byte, entries map[string]object.Entry) []byte {
	list := make([]object.Entry, 0, len(entries))
	for _, e := range entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(x, y object.Entry) int { return bytes.Compare(sortName(x), sortName(y)) })
	for _, e := range list {
		b = strconv.AppendUint(b, uint64(e.Mode), 8)
		b = append(append(append(b, ' '), e.Name...), 0)
		b, _ = hex.AppendDecode(b, []byte(e.ID)) // ids are hexadecimal
	}
	return b
}

// sortName is what git compares: a folder counts as if its name ended in a slash.
func sortName(e object.Entry) []byte {
	if e.Mode.IsDir() {
		return []byte(e.Name + "/")
	}
	return []byte(e.Name)
}
