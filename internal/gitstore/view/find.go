package view

import (
	"errors"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// At moves the view to a revision: a branch, a tag, a full ref name, or the id of a
// commit (at least seven digits) that a visible ref reaches. Empty means HEAD.
func (v *View) At(rev string) error { return v.resolve(rev) }

// Resolve finds what a revision names, without moving the view: a ref's full name,
// empty for an id, and the commit. See At.
func (v *View) Resolve(rev string) (ref string, commit object.Commit, err error) {
	at, was := v.Ref, v.Commit
	err = v.resolve(rev)
	ref, commit = v.Ref, v.Commit
	v.Ref, v.Commit = at, was
	return ref, commit, err
}

// CommitOf reads a commit that is known to be in reach.
func (v *View) CommitOf(id object.ID) (object.Commit, error) { return v.commit(id) }

// Object reads an object of that kind that a ref reaches, with at most limit bytes.
// One that is missing, out of reach or of another kind is problem.NotFound.
func (v *View) Object(id object.ID, kind object.Kind, limit int64) ([]byte, error) {
	if _, err := v.Info(id, kind); err != nil {
		return nil, err
	}
	return v.repo.Read(v.ctx, id, kind, limit)
}

// Info tells the size of an object of that kind that a ref reaches; see Object.
func (v *View) Info(id object.ID, kind object.Kind) (size int64, err error) {
	gone := problem.Newf(problem.NotFound, "there is no such %s in this repository", kind)
	if _, ok := v.Refs.Format.ParseID(string(id)); !ok {
		return 0, gone
	}
	db, err := v.repo.Objects()
	if err != nil {
		return 0, err
	}
	in, err := db.Info(id)
	if errors.Is(err, odb.ErrNotFound) || err == nil && in.Kind != kind {
		return 0, gone
	}
	if err != nil {
		return 0, err
	}
	if kind == object.KindTree && id == v.Commit.Tree {
		return in.Size, nil
	}
	bad, err := v.reach.Unreachable(v.ctx, v.Refs, []object.ID{id})
	if err != nil {
		return 0, run.Worded(err)
	}
	if len(bad) > 0 {
		return 0, gone
	}
	return in.Size, nil
}

// Kind tells what an object is that a ref names.
func (v *View) Kind(id object.ID) (object.Kind, error) {
	db, err := v.repo.Objects()
	if err != nil {
		return "", err
	}
	in, err := db.Info(id)
	return in.Kind, err
}

// SizeOf tells the size of a blob that is known to be in reach; 0 when it is none.
func (v *View) SizeOf(id object.ID) (int64, error) {
	db, err := v.repo.Objects()
	if err != nil {
		return 0, err
	}
	in, err := db.Info(id)
	if errors.Is(err, odb.ErrNotFound) {
		return 0, nil
	}
	return in.Size, err
}

// BlobByID is the file of that id, which a ref must reach.
func (v *View) BlobByID(id object.ID) (Blob, error) {
	size, err := v.Info(id, object.KindBlob)
	return Blob{Entry: object.Entry{Mode: object.ModeFile, ID: id}, Size: size}, err
}

// Walk calls f for the entries of a tree that is known to be in reach, with their
// whole paths; recursive: and for those of the folders below, each behind its
// folder. It ends without an error when f returns false.
func (v *View) Walk(tree object.ID, recursive bool, f func(object.File) bool) error {
	_, err := v.walk(tree, "", recursive, 0, f)
	return err
}

// deepest is more folders than the longest path has that git's checks take.
const deepest = 2100

func (v *View) walk(tree object.ID, at string, recursive bool, depth int, f func(object.File) bool) (goOn bool, err error) {
	data, err := v.tree(tree)
	if err != nil {
		return false, err
	}
	goOn = true
	perr := object.ParseTree(v.Refs.Format, data, func(e object.Entry) bool {
		one := object.File{Path: at + e.Name, Mode: e.Mode, ID: e.ID}
		if goOn = f(one); goOn && recursive && e.Mode.IsDir() && depth < deepest {
			goOn, err = v.walk(e.ID, one.Path+"/", true, depth+1, f)
		}
		return goOn && err == nil
	})
	return goOn, errors.Join(err, perr)
}

// Root reads the tree of that id, which a ref must reach, or the topmost one of a
// revision.
func (v *View) Root(rev string) (object.ID, error) {
	if id, ok := v.Refs.Format.ParseID(strings.ToLower(rev)); ok {
		_, err := v.Info(id, object.KindTree)
		if err == nil {
			return id, nil
		}
		if !problem.Is(err, problem.NotFound) {
			return "", err
		}
	}
	if err := v.resolve(rev); err != nil {
		return "", err
	}
	return v.Commit.Tree, nil
}
