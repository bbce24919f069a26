package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
)

// contentInput is the body of a change of one file.
type contentInput struct {
	Message   *string         `json:"message"`
	Content   *string         `json:"content,omitempty"`
	SHA       *string         `json:"sha,omitempty"`
	Branch    *string         `json:"branch,omitempty"`
	Committer *signatureInput `json:"committer,omitempty"`
	Author    *signatureInput `json:"author,omitempty"`
}

// fileCommit is GitHub's "file-commit".
type fileCommit struct {
	Content *contentEntry `json:"content"`
	Commit  gitCommit     `json:"commit"`
}

func (d *Door) putContent(c *call) (any, error) {
	return d.bulk(func(c *call) (any, error) {
		var in contentInput
		if err := c.decodeLarge(&in); err != nil {
			return nil, err
		}
		if in.Message == nil {
			return nil, wasNotSupplied("message")
		}
		if in.Content == nil {
			return nil, wasNotSupplied("content")
		}
		content, err := fromBase64(*in.Content)
		if err != nil {
			return nil, unprocessable("content is not valid Base64")
		}
		return c.changeFile(&in, content, false)
	})(c)
}

func (d *Door) deleteContent(c *call) (any, error) {
	var in contentInput
	// GitHub takes them from the query as well: not every client sends a body here.
	if c.r.ContentLength != 0 {
		if err := c.decode(&in); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]**string{"message": &in.Message, "sha": &in.SHA, "branch": &in.Branch} {
		if v := c.query(name); *to == nil && v != "" {
			*to = &v
		}
	}
	if in.Message == nil {
		return nil, wasNotSupplied("message")
	}
	if in.SHA == nil {
		return nil, wasNotSupplied("sha")
	}
	return c.changeFile(&in, nil, true)
}

// fromBase64 takes line breaks and missing padding, as clients send them.
func fromBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("\n", "", "\r", "", " ", "").Replace(text)
	if data, err := base64.StdEncoding.DecodeString(text); err == nil {
		return data, nil
	}
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// changeFile makes one commit on a branch.
func (c *call) changeFile(in *contentInput, content []byte, remove bool) (any, error) {
	file := c.r.PathValue("path")
	if err := gitstore.CheckPath(file); err != nil {
		return nil, err
	}
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	branch, tip, err := c.branchToChange(d, in.Branch)
	if err != nil {
		return nil, err
	}
	n := newCommit{message: *in.Message}
	if n.author, n.committer, err = c.signatures(in.Author, in.Committer); err != nil {
		return nil, err
	}
	var base object.ID
	if tip != "" {
		old, err := d.Commit(tip)
		if err != nil {
			return nil, err
		}
		base, n.parents = old.Tree, []object.ID{tip}
	}
	edit := gitstore.Edit{Path: file, Mode: object.ModeFile}
	made, err := c.checkFile(d, base, in.SHA, &edit, remove)
	if err != nil {
		return nil, err
	}
	if !remove {
		if edit.ID, err = d.Add(object.KindBlob, content); err != nil {
			return nil, err
		}
	}
	if n.tree, err = d.EditTree(base, []gitstore.Edit{edit}); err != nil {
		return nil, malformedTree(err)
	}
	commit, err := n.add(d)
	if err != nil {
		return nil, err
	}
	old := tip
	if old == "" {
		old = d.Format().Zero()
	}
	if err := c.move(d, false, wire.Update{Name: "refs/heads/" + branch, Old: old, New: commit.ID}); err != nil {
		return nil, err
	}
	if made {
		c.status = http.StatusCreated
	}
	committed, err := c.gitCommit(&commit)
	if err != nil {
		return nil, err
	}
	out := fileCommit{Commit: committed}
	if !remove {
		e := c.contentEntry("file", file, object.Entry{Name: file, Mode: edit.Mode, ID: edit.ID}, int64(len(content)), branch)
		out.Content = &e
	}
	return out, nil
}

// malformedTree words what git's rules have against a path.
func malformedTree(err error) error {
	if _, bad := errors.AsType[*object.Violation](err); bad {
		return problem.Field("path", "path contains a malformed path component")
	}
	return err
}

// branchToChange finds the branch and its tip; empty for the first commit of all.
func (c *call) branchToChange(d *gitstore.Draft, asked *string) (branch string, tip object.ID, err error) {
	branch = d.Refs.DefaultBranch()
	if asked != nil && *asked != "" {
		branch = strings.TrimPrefix(*asked, "refs/heads/")
	}
	ref, ok := d.Refs.Get("refs/heads/" + branch)
	if ok {
		return branch, ref.ID, nil
	}
	if len(d.Refs.Branches()) > 0 || !object.CheckBranchName(branch) {
		return "", "", notFound("Branch " + cut(branch, 200) + " not found")
	}
	return branch, "", nil
}

func (c *call) signatures(author, committer *signatureInput) (a, m object.Signature, err error) {
	me, err := c.signer()
	if err != nil {
		return a, m, err
	}
	if m, err = committer.signature("committer", me); err != nil {
		return a, m, err
	}
	a, err = author.signature("author", m)
	if author == nil && committer == nil {
		a = me
	}
	return a, m, err
}

// checkFile holds what the body says of the file against what is there. It keeps
// the file's mode, and reports whether the file is new.
func (c *call) checkFile(d *gitstore.Draft, base object.ID, sha *string, edit *gitstore.Edit, remove bool) (made bool, err error) {
	e, there, err := d.EntryAt(base, edit.Path)
	if err != nil {
		return false, err
	}
	switch {
	case !there && remove:
		return false, errNotFound
	case !there && sha != nil && *sha != "":
		return true, nil // GitHub makes the file
	case !there:
		return true, c.nothingInTheWay(d, base, edit.Path)
	case e.Mode.IsDir():
		return false, unprocessable("path is a directory")
	case sha == nil || *sha == "":
		return false, wasNotSupplied("sha")
	case !strings.EqualFold(*sha, string(e.ID)):
		return false, status(http.StatusConflict, fmt.Sprintf("%s does not match %s", cut(edit.Path, 300), cut(*sha, 64)))
	}
	if e.Mode.IsFile() {
		edit.Mode = e.Mode
	}
	return false, nil
}

// nothingInTheWay refuses a path one of whose folders is a file: to write below it
// would take that file away unasked.
func (c *call) nothingInTheWay(d *gitstore.Draft, base object.ID, file string) error {
	for i := range len(file) {
		if file[i] != '/' {
			continue
		}
		e, there, err := d.EntryAt(base, file[:i])
		if err != nil {
			return err
		}
		if there && !e.Mode.IsDir() {
			return unprocessable("path contains a file where a directory should be")
		}
	}
	return nil
}
