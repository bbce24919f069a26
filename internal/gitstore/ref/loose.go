package ref

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"jeton/internal/gitstore/object"
)

// packedNow is what packed-refs holds, sorted, with what is not for clients.
func (d *DB) packedNow() ([]Ref, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.packed.refresh(d.format)
	return d.packed.all, err
}

// looseRef is what stands where a loose ref has its file.
type looseRef struct {
	id       object.ID // "" for none
	symbolic bool      // id is what the ref finally names, if that is there
	folder   bool      // it is a folder
	broken   bool      // it is a file, and no ref
}

// maxSymbolic is how many symbolic refs git follows one after the other.
const maxSymbolic = 5

func (d *DB) readLoose(name string, packed []Ref) (looseRef, error) {
	out := looseRef{}
	for range maxSymbolic {
		s, err := look(d.path(name))
		if err != nil {
			return out, err
		}
		if !s.isFile() {
			out.folder = s.isDir() && !out.symbolic
			out.broken = s.exists() && !s.isDir()
			if r, ok := find(packed, name); ok {
				out.id = r.ID
			}
			return out, nil
		}
		data, err := readSmall(d.path(name))
		if err != nil {
			return out, err
		}
		target, symbolic := strings.CutPrefix(data, "ref:")
		if !symbolic {
			id, ok := d.format.ParseID(strings.TrimSpace(data))
			out.id, out.broken = id, !ok
			return out, nil
		}
		out.symbolic, name = true, strings.TrimSpace(target)
		if !object.CheckRefName(name) {
			break
		}
	}
	out.broken = true
	return out, nil
}

// inTheWay says in git's words which other ref keeps name from being: one whose
// name is a folder of it, or the other way round, be it there or among names,
// which are those of the same set, sorted. loose says to look at files too.
func (d *DB) inTheWay(name string, names []string, packed []Ref, loose bool) string {
	exists := func(other string) string { return fmt.Sprintf("'%s' exists; cannot create '%s'", other, name) }
	both := func(other string) string {
		return fmt.Sprintf("cannot process '%s' and '%s' at the same time", name, other)
	}
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		dir := name[:i]
		if _, ok := find(packed, dir); ok || loose && d.isFile(dir) {
			return exists(dir)
		}
		if _, ok := slices.BinarySearch(names, dir); ok {
			return both(dir)
		}
	}
	first := ""
	if list := under(packed, name+"/"); len(list) > 0 {
		first = list[0].Name
	}
	if loose {
		if other := d.firstFile(name); other != "" && (first == "" || other < first) {
			first = other
		}
	}
	if first != "" {
		return exists(first)
	}
	i, _ := slices.BinarySearch(names, name+"/")
	if i < len(names) && strings.HasPrefix(names[i], name+"/") {
		return both(names[i])
	}
	return ""
}

func (d *DB) isFile(name string) bool {
	s, err := look(d.path(name))
	return err == nil && s.isFile()
}

// firstFile finds a loose ref in a folder.
func (d *DB) firstFile(folder string) string {
	entries, err := os.ReadDir(d.path(folder))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		name := folder + "/" + e.Name()
		switch {
		case e.IsDir():
			if found := d.firstFile(name); found != "" {
				return found
			}
		case filepath.Ext(name) != ".lock":
			return name
		}
	}
	return ""
}
