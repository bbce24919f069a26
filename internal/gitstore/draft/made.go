package draft

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// madeFolder holds what accounts made one object at a time and no ref reaches
// yet: a folder for each account, a file for each object.
//
// It is no part of the repository's objects. Whoever made an object finds it
// here for madeFor, for the next object that names it; nobody else can read it,
// name it or learn that it is there. When a ref comes to need it, it goes into the
// pack of that push, through the checks of every push. What is lost here in a
// crash is made again by its client: nothing is synced, and names prove contents.
const madeFolder = "made"

const (
	madeFor   = 24 * time.Hour
	madeMost  = 10_000    // objects of an account in a repository
	madeBytes = 512 << 20 // of their files
	madeMax   = 1 << 30   // of the content of one
)

// made is the folder of one account.
type made struct {
	dir    string
	format object.Format
	now    time.Time
}

func madeOf(r *bare.Repo, who id.Account, format object.Format) made {
	return made{dir: filepath.Join(r.Dir, madeFolder, strconv.FormatInt(int64(who), 10)), format: format, now: r.Now()}
}

// names lists what is there and has not lapsed; what has is removed.
func (m made) names() (names map[object.ID]bool, size int64, err error) {
	entries, err := os.ReadDir(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	names = make(map[object.ID]bool, len(entries))
	for _, e := range entries {
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if m.now.Sub(fi.ModTime()) > madeFor {
			if err := os.Remove(filepath.Join(m.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, 0, err
			}
			continue
		}
		size += fi.Size()
		if one, ok := m.format.ParseID(e.Name()); ok {
			names[one] = true
		}
	}
	return names, size, nil
}

// put keeps objects, all of which are new, if there is room for them.
func (m made) put(list []Object) error {
	names, size, err := m.names()
	if err != nil {
		return err
	}
	if len(names)+len(list) > madeMost {
		return madeFull()
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return disk.Worded(err)
	}
	for _, o := range list {
		if names[o.ID] {
			// Its time begins anew.
			if err := os.Chtimes(m.path(o.ID), m.now, m.now); err == nil {
				continue
			}
		}
		data, err := packed(o)
		if err != nil {
			return err
		}
		if size += int64(len(data)); size > madeBytes {
			return madeFull()
		}
		if err := m.write(o.ID, data); err != nil {
			return disk.Worded(err)
		}
	}
	return nil
}

func madeFull() error {
	return &problem.Error{Kind: problem.TooMany, Public: "You have made too many objects in this repository that no branch or tag reaches.",
		Remedy: "Move a ref to what you need of them, or wait: they are forgotten after a day.", After: 3600}
}

func (m made) path(one object.ID) string { return filepath.Join(m.dir, string(one)) }

func packed(o Object) ([]byte, error) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := io.WriteString(w, string(o.Kind)+"\n")
	if err == nil {
		_, err = w.Write(o.Data)
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func (m made) write(one object.ID, data []byte) error {
	f, err := os.CreateTemp(m.dir, "new-")
	if errors.Is(err, fs.ErrNotExist) { // it was empty, and swept away
		if err = os.MkdirAll(m.dir, 0o700); err == nil {
			f, err = os.CreateTemp(m.dir, "new-")
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Chtimes(f.Name(), m.now, m.now)
	}
	if err == nil {
		err = os.Rename(f.Name(), m.path(one))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// kind reads what an object is, and no more of it. That it is whole is seen when it
// is read.
func (m made) kind(one object.ID) (object.Kind, error) {
	f, err := os.Open(m.path(one))
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := zlib.NewReader(f)
	if err != nil {
		return "", err
	}
	head, err := bufio.NewReaderSize(z, 16).ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return object.Kind(head[:len(head)-1]), nil
}

// read returns an object, or problem.NotFound, also for one that is damaged.
func (m made) read(one object.ID) (Object, error) {
	gone := problem.New(problem.NotFound, "there is no such object in this repository", "")
	f, err := os.Open(m.path(one))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Object{}, gone
	}
	if err != nil {
		return Object{}, err
	}
	defer f.Close()
	z, err := zlib.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return Object{}, gone
	}
	data, err := io.ReadAll(io.LimitReader(z, madeMax+16))
	if err != nil {
		return Object{}, gone
	}
	kind, content, _ := bytes.Cut(data, []byte{'\n'})
	o := Object{ID: one, Kind: object.Kind(kind), Data: content}
	if name, err := odb.Name(m.format, o.Kind, content); err != nil || name != one {
		return Object{}, gone
	}
	return o, nil
}

// drop forgets objects, which a ref reaches now.
func (m made) drop(list []object.ID) {
	for _, one := range list {
		_ = os.Remove(m.path(one)) // it lapses anyway
	}
}

// Sweep removes from a repository what has lapsed, of every account.
func Sweep(r *bare.Repo) error {
	format, err := r.Format()
	if err != nil {
		return err
	}
	dir := filepath.Join(r.Dir, madeFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		m := made{dir: filepath.Join(dir, e.Name()), format: format, now: r.Now()}
		if _, _, nerr := m.names(); nerr != nil {
			err = errors.Join(err, nerr)
			continue
		}
		_ = os.Remove(m.dir) // if it is empty
	}
	return err
}

// Made reads an object that an account made and no ref needs yet; see Draft.Keep. It
// fails with problem.NotFound.
func Made(r *bare.Repo, who id.Account, one object.ID) (Object, error) {
	format, err := r.Format()
	if err != nil {
		return Object{}, err
	}
	if _, ok := format.ParseID(string(one)); !ok {
		return Object{}, problem.New(problem.NotFound, "there is no such object in this repository", "")
	}
	return madeOf(r, who, format).read(one)
}
