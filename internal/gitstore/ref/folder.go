package ref

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jeton/internal/gitstore/object"
)

// headFile is HEAD.
type headFile struct {
	path   string
	stamp  stamp
	sure   bool
	target string
}

func (h *headFile) refresh() (changed bool, err error) {
	read := now()
	s, err := look(h.path)
	if err != nil {
		return false, err
	}
	if h.sure && s == h.stamp {
		return false, nil
	}
	data, err := os.ReadFile(h.path)
	if err != nil {
		return false, err
	}
	target := strings.TrimSpace(strings.TrimPrefix(string(data), "ref:"))
	changed = target != h.target || !h.stamp.exists()
	h.stamp, h.sure, h.target = s, s.sure(read), target
	return changed, nil
}

// folder is one folder of loose refs.
type folder struct {
	name  string // "refs/heads/"
	path  string
	stamp stamp
	sure  bool
	files []file    // sorted by name
	subs  []*folder // sorted by name
}

// file is a file in it. One that holds no ref has no id.
type file struct {
	name  string // full
	id    object.ID
	stamp stamp
	sure  bool
}

// refresh reads what may have changed in the folder and those below.
func (f *folder) refresh(format object.Format) (changed bool, err error) {
	read := now()
	s, err := look(f.path)
	if err != nil {
		return false, err
	}
	if !f.sure || s != f.stamp {
		if changed, err = f.list(format, s); err != nil {
			return false, err
		}
		f.stamp, f.sure = s, s.sure(read)
	}
	for _, sub := range f.subs {
		c, err := sub.refresh(format)
		if err != nil {
			return false, err
		}
		changed = changed || c
	}
	return changed, nil
}

// list reads the folder itself.
func (f *folder) list(format object.Format, s stamp) (changed bool, err error) {
	var entries []os.DirEntry
	if s.isDir() {
		if entries, err = readDir(f.path); err != nil {
			return false, err
		}
	}
	var files []file
	var subs []*folder
	for _, e := range entries {
		base := e.Name()
		if base[0] == '.' || strings.HasSuffix(base, ".lock") {
			continue
		}
		switch {
		case e.IsDir():
			i, known := slices.BinarySearchFunc(f.subs, f.name+base+"/", func(s *folder, n string) int { return strings.Compare(s.name, n) })
			if known {
				subs = append(subs, f.subs[i])
			} else {
				subs = append(subs, &folder{name: f.name + base + "/", path: filepath.Join(f.path, base)})
			}
		case e.Type().IsRegular():
			one, err := f.file(base, format)
			if err != nil {
				return false, err
			}
			files = append(files, one)
		}
	}
	changed = len(files) != len(f.files) || len(subs) != len(f.subs)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(subs, func(a, b *folder) int { return strings.Compare(a.name, b.name) })
	for i := 0; i < len(files) && !changed; i++ {
		changed = files[i].name != f.files[i].name || files[i].id != f.files[i].id
	}
	for i := 0; i < len(subs) && !changed; i++ {
		changed = subs[i] != f.subs[i]
	}
	f.files, f.subs = files, subs
	return changed, nil
}

func readDir(path string) ([]os.DirEntry, error) {
	d, err := os.Open(path)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	entries, err := d.ReadDir(-1)
	if gone(err) {
		err = nil
	}
	return entries, err
}

// file reads one file of the folder, or takes what is known of it.
func (f *folder) file(base string, format object.Format) (file, error) {
	name := f.name + base
	path := filepath.Join(f.path, base)
	read := now()
	s, err := look(path)
	if err != nil {
		return file{}, err
	}
	i, known := slices.BinarySearchFunc(f.files, name, func(x file, n string) int { return strings.Compare(x.name, n) })
	if known && f.files[i].sure && f.files[i].stamp == s {
		return f.files[i], nil
	}
	one := file{name: name, stamp: s, sure: s.sure(read)}
	if !s.isFile() || !object.CheckRefName(name) {
		return one, nil
	}
	data, err := readSmall(path)
	if err != nil {
		return file{}, err
	}
	if id, ok := format.ParseID(strings.TrimSpace(data)); ok && !id.IsZero() {
		one.id = id
	}
	return one, nil
}

// readSmall reads a loose ref, or as much of a file that is none. A file that is
// gone is empty.
func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if gone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	var buf [1100]byte
	n, err := io.ReadFull(f, buf[:])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return string(buf[:n]), err
}

// collect appends the refs of the folder and those below.
func (f *folder) collect(out []Ref) []Ref {
	for _, one := range f.files {
		if one.id != "" {
			out = append(out, Ref{Name: one.name, ID: one.id})
		}
	}
	for _, sub := range f.subs {
		out = sub.collect(out)
	}
	return out
}

// watch adds the folder and those below to what a reading rests on, and counts
// those that hold nothing.
func (f *folder) watch(r *reading) (empty int) {
	r.watched = append(r.watched, watched{f.path, f.stamp})
	r.sure = r.sure && f.sure
	if len(f.files)+len(f.subs) == 0 {
		empty = 1
	}
	for _, sub := range f.subs {
		empty += sub.watch(r)
	}
	return empty
}

// Deletions leave empty folders behind. Each costs every reading a look, so
// that from maxEmpty on those that have been empty for emptyAge are removed. git
// does the same, and makes a folder again when it finds it gone.
const (
	maxEmpty = 64
	emptyAge = int64(time.Minute)
)

// tidy removes old empty folders below f.
func (f *folder) tidy(at int64) {
	for _, sub := range f.subs {
		sub.tidy(at)
		if len(sub.files)+len(sub.subs) == 0 && at-sub.stamp.ctime > emptyAge {
			_ = unix.Rmdir(sub.path) // fails if something is in it now
		}
	}
}

func sortRefs(list []Ref) {
	if !slices.IsSortedFunc(list, byName) {
		slices.SortStableFunc(list, byName)
	}
}

func byName(a, b Ref) int { return strings.Compare(a.Name, b.Name) }
