package rest

import (
	"encoding/json"
	"fmt"
	"strings"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// treeInput is the body of a new tree.
type treeInput struct {
	BaseTree *string          `json:"base_tree,omitempty"`
	Tree     []treeEntryInput `json:"tree"`
}

// treeEntryInput is one entry. A sha of null takes the path away; content is that
// of a new file.
type treeEntryInput struct {
	Path    *string         `json:"path"`
	Mode    string          `json:"mode,omitempty"`
	Type    string          `json:"type,omitempty"`
	SHA     json.RawMessage `json:"sha,omitempty"`
	Content *string         `json:"content,omitempty"`
}

func (d *Door) createTree(c *call) (any, error) {
	var in treeInput
	if err := c.decodeLarge(&in); err != nil {
		return nil, err
	}
	if in.Tree == nil {
		return nil, wasNotSupplied("tree")
	}
	if len(in.Tree) > maxTreeEntries {
		return nil, problem.Field("tree", "a tree is made of 100,000 entries at most")
	}
	f, err := c.addition()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	base, err := baseTree(f, in.BaseTree)
	if err != nil {
		return nil, err
	}
	edits, err := treeEdits(f, base, in.Tree)
	if err != nil {
		return nil, err
	}
	root, err := f.EditTree(base, edits)
	if problem.Is(err, problem.NotFound) {
		return nil, unprocessable(problem.Of(err).Public)
	}
	if err != nil {
		return nil, malformedTree(err)
	}
	if err := c.make(f, root); err != nil {
		return nil, secretIn422(err)
	}
	o, err := f.Object(root, maxTreeText)
	if err != nil {
		return nil, err
	}
	out, err := c.treeOf(f.Format(), root, o.Data, f.SizeOf)
	if err == nil {
		c.w.Header().Set("Location", c.repoURL("/git/trees/"+string(root)))
	}
	return out, err
}

// baseTree reads the tree that the new one is made from. GitHub takes a commit for
// its tree.
func baseTree(f *gitstore.Draft, asked *string) (object.ID, error) {
	if asked == nil || *asked == "" {
		return "", nil
	}
	bad := unprocessable("base_tree is not a valid tree oid")
	id, ok := f.Format().ParseID(strings.ToLower(*asked))
	if !ok {
		return "", bad
	}
	switch kind, err := f.Kind(id); {
	case err != nil:
		return "", err
	case kind == object.KindTree:
		return id, nil
	case kind == object.KindCommit:
		one, err := f.Commit(id)
		return one.Tree, err
	}
	return "", bad
}

// treeEdits turns the entries into edits, and holds what they name against what is
// there and in reach.
func treeEdits(f *gitstore.Draft, base object.ID, entries []treeEntryInput) ([]gitstore.Edit, error) {
	edits := make([]gitstore.Edit, len(entries))
	var ask []object.ID
	for i := range entries {
		e, err := entries[i].edit(f)
		if err != nil {
			return nil, err
		}
		if edits[i] = e; e.ID != "" && entries[i].Content == nil && !e.Mode.IsSubmodule() {
			ask = append(ask, e.ID)
		}
	}
	kinds, err := f.KindsBeside(base, ask)
	if err != nil {
		return nil, err
	}
	for i, e := range edits {
		if e.ID == "" || entries[i].Content != nil || e.Mode.IsSubmodule() {
			continue
		}
		want := object.KindBlob
		if e.Mode.IsDir() {
			want = object.KindTree
		}
		if kinds[e.ID] != want {
			return nil, unprocessable(fmt.Sprintf("tree.sha %s is not a valid %s", e.ID, want))
		}
	}
	return edits, nil
}

var treeModes = map[string]object.Mode{"100644": object.ModeFile, "100755": object.ModeExecutable, "040000": object.ModeDir, "40000": object.ModeDir,
	"160000": object.ModeSubmodule, "120000": object.ModeSymlink}

func (in *treeEntryInput) edit(f *gitstore.Draft) (gitstore.Edit, error) {
	var e gitstore.Edit
	if in.Path == nil {
		return e, problem.Field("tree.path", "tree.path wasn't supplied")
	}
	e.Path = *in.Path
	gone := string(in.SHA) == "null"
	if gone && in.Content == nil {
		return e, nil
	}
	var known bool
	if e.Mode, known = treeModes[in.Mode]; !known {
		return e, problem.Field("tree.mode", "Must supply a valid tree.mode")
	}
	kind := map[bool]string{true: "tree", false: "blob"}[e.Mode.IsDir()]
	if e.Mode.IsSubmodule() {
		kind = "commit"
	}
	if in.Type != "" && in.Type != kind {
		return e, problem.Field("tree.type", "tree.type does not match tree.mode")
	}
	if in.Content != nil {
		if len(in.SHA) > 0 && !gone {
			return e, problem.Field("tree", "Must supply either tree.sha or tree.content, and not both")
		}
		if kind != "blob" {
			return e, problem.Field("tree.mode", "tree.content is for files")
		}
		var err error
		e.ID, err = f.Add(object.KindBlob, []byte(*in.Content))
		return e, err
	}
	var sha string
	if err := json.Unmarshal(in.SHA, &sha); err != nil || sha == "" {
		return e, problem.Field("tree", "Must supply either tree.sha or tree.content")
	}
	id, ok := f.Format().ParseID(strings.ToLower(sha))
	if !ok {
		return e, unprocessable(fmt.Sprintf("tree.sha %s is not a valid %s", cut(sha, 64), kind))
	}
	e.ID = id
	return e, nil
}
