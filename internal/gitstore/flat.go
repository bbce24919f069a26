package gitstore

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"path/filepath"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/problem"
)

// flatten puts a commit without a parent, but with the same files, in the place
// of each branch's tip: what is made from a template has its files and not its
// history. The history's objects are in the folder and reached by no ref, as
// others of shared packs. dir is being prepared, and nobody knows of it yet.
func (s *Store) flatten(dir string, format object.Format, list []Ref, commitOf func(tree object.ID) []byte) ([]Ref, error) {
	db := s.objects.Open(filepath.Join(dir, "objects"), format)
	defer db.Close()
	out := make([]Ref, len(list))
	for i, r := range list {
		kind, data, err := db.Read(r.ID, bare.MaxCommit)
		if err != nil {
			return nil, err
		}
		if kind != object.KindCommit {
			return nil, problem.New(problem.Conflict, "a branch of the template names no commit", "")
		}
		tip, err := object.ParseCommit(r.ID, data)
		if err != nil {
			return nil, err
		}
		out[i] = r
		if out[i].ID, err = writeLoose(filepath.Join(dir, "objects"), format, object.KindCommit, commitOf(tip.Tree)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writeLoose writes an object into a folder that install will sync.
func writeLoose(objects string, format object.Format, kind object.Kind, data []byte) (object.ID, error) {
	if err := object.CheckCommit(format, data, nil); err != nil {
		return "", err
	}
	name, err := odb.Name(format, kind, data)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err = fmt.Fprintf(z, "%s %d\x00", kind, len(data)); err == nil {
		_, err = z.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return "", err
	}
	folder := filepath.Join(objects, string(name[:2]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(folder, string(name[2:]))
	if _, err := os.Lstat(file); err == nil {
		return name, nil
	}
	return name, os.WriteFile(file, b.Bytes(), 0o400)
}
