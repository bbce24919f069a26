package foreign

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"jeton/internal/problem"
)

// Folder is where a system keeps its repositories. Whoever may write there need not
// be who runs the import, so that nothing in it may lead to what lies elsewhere.
type Folder struct {
	top string // without links
}

// OpenFolder opens the folder dir, which may be a link itself.
func OpenFolder(dir string) (*Folder, error) {
	top, err := filepath.Abs(dir)
	if err == nil {
		top, err = filepath.EvalSymlinks(top)
	}
	if err == nil {
		if info, bad := os.Stat(top); bad != nil || !info.IsDir() {
			err = errors.Join(bad, errors.New("it is no folder"))
		}
	}
	if err != nil {
		return nil, problem.Wrap(err, problem.Invalid, "The folder of the repositories can't be opened.", "Give the one that the old system's configuration names.")
	}
	return &Folder{top}, nil
}

// Repository finds the repository at path within the folder, and looks at everything
// that git would follow in it: links, and the objects that it borrows from another one.
// It returns where it is, without links, for git to read. It fails with
// problem.NotFound when it is not there, and with problem.Invalid when it is no bare
// repository, or something leads out of the folder.
func (f *Folder) Repository(path string) (string, error) {
	missing := problem.New(problem.NotFound, "its folder is not where it should be: "+path, "")
	path = filepath.FromSlash(path)
	if path == "" || !filepath.IsLocal(path) {
		return "", missing
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(f.top, path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", missing
	}
	if err != nil {
		return "", damaged(path, err)
	}
	if !f.within(dir) {
		return "", f.leadsOut(filepath.Join(f.top, path))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", missing
	}
	look := &look{Folder: f, seen: map[string]bool{}, lent: map[string]bool{}}
	if err := look.through(dir, filepath.Join(dir, "hooks")); err != nil {
		return "", err
	}
	if err := look.borrowed(filepath.Join(dir, "objects")); err != nil {
		return "", err
	}
	return dir, bare(dir, filepath.ToSlash(path))
}

// Holds reports whether there is a folder at path, for who only tells of it.
func (f *Folder) Holds(path string) bool {
	path = filepath.FromSlash(path)
	if path == "" || !filepath.IsLocal(path) {
		return false
	}
	info, err := os.Lstat(filepath.Join(f.top, path))
	return err == nil && info.IsDir()
}

func (f *Folder) within(path string) bool {
	rel, err := filepath.Rel(f.top, path)
	return err == nil && filepath.IsLocal(rel)
}

// name is what a path in the folder is called there.
func (f *Folder) name(path string) string {
	rel, err := filepath.Rel(f.top, path)
	if err != nil {
		return filepath.Base(path)
	}
	return filepath.ToSlash(rel)
}

func (f *Folder) leadsOut(link string) error {
	return problem.New(problem.Invalid, fmt.Sprintf("its link %s leads out of the folder of the repositories", f.name(link)), "Put what it leads to in its place, and run this again")
}

func damaged(path string, err error) error {
	return problem.Wrap(err, problem.Invalid, filepath.ToSlash(path)+" can't be read", "Look at its rights and at the disk, and run this again")
}

// bare fails unless dir is what git takes for a repository by itself. Git looks beside
// what is none, and follows what says that the repository is elsewhere.
func bare(dir, name string) error {
	no := problem.New(problem.Invalid, name+" is no bare repository", "Mend it there, or put a bare clone in its place, and run this again")
	for _, elsewhere := range []string{".git", "commondir"} {
		if _, err := os.Lstat(filepath.Join(dir, elsewhere)); !errors.Is(err, fs.ErrNotExist) {
			return no
		}
	}
	for _, needed := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, needed)); err != nil || !info.IsDir() {
			return no
		}
	}
	head, err := readSome(filepath.Join(dir, "HEAD"))
	if err != nil {
		return no
	}
	ref, symbolic := strings.CutPrefix(head, "ref:")
	if _, err := hex.DecodeString(strings.TrimSpace(head)); err != nil && !(symbolic && strings.HasPrefix(strings.TrimSpace(ref), "refs/")) {
		return no
	}
	return nil
}

// look goes through what a repository consists of.
type look struct {
	*Folder
	seen map[string]bool // folders, without links
	lent map[string]bool // folders of objects that are borrowed from
}

// into looks at everything below dir, which something leads to.
func (l *look) into(dir string) error {
	if l.seen[dir] {
		return nil
	}
	l.seen[dir] = true
	return l.through(dir, "")
}

// through looks at everything below dir but what is below but: git looks at no hooks,
// unless a link to them, or to what they are in, makes them something else.
func (l *look) through(dir, but string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return damaged(l.name(path), err)
		case path == but:
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return l.link(path)
		case d.Type()&(fs.ModeNamedPipe|fs.ModeDevice) != 0: // git would wait for it
			return damaged(l.name(path), errors.New("it is no file"))
		}
		return nil
	})
}

// link looks at what a link leads to.
func (l *look) link(path string) error {
	to, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // nor is there anything for git
		return nil
	case err != nil:
		return damaged(l.name(path), err)
	case !l.within(to):
		return l.leadsOut(path)
	}
	return l.into(to)
}

// borrowed looks at the folders of objects from which the one at objects borrows, which
// git finds in the same way.
func (l *look) borrowed(objects string) error {
	path := filepath.Join(objects, "info", "alternates")
	text, err := readSome(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		objects, err = filepath.EvalSymlinks(objects)
	}
	if err != nil {
		return damaged(l.name(path), err)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '"' {
			if line, err = strconv.Unquote(line); err != nil {
				return damaged(l.name(path), err)
			}
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(objects, line)
		}
		line = filepath.Clean(line)
		from, err := filepath.EvalSymlinks(line)
		if errors.Is(err, fs.ErrNotExist) {
			from, err = line, nil // git says what is missing, if it is within
		}
		if err != nil {
			return damaged(l.name(path), err)
		}
		if !l.within(from) {
			return problem.New(problem.Invalid, "it borrows objects from outside of the folder of the repositories, by "+l.name(path),
				"Make it whole where it lies, by git repack -a -d, delete that file, and run this again")
		}
		if l.lent[from] {
			continue // what is borrowed from may borrow back
		}
		l.lent[from] = true
		if err := l.into(from); err != nil {
			return err
		}
		if err := l.borrowed(from); err != nil {
			return err
		}
	}
	return nil
}

// readSome reads a small file.
func readSome(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = errors.New("it is too large")
	}
	return string(text), err
}
