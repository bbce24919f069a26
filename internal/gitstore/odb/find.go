package odb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jeton/internal/gitstore/object"
)

// state is what one look at the folder found. It is never changed.
type state struct {
	packs      []*Pack // the newest first
	alternates []*DB
	seen       os.FileInfo // of objects/pack; nil when there was none
	at         time.Time   // when the look began
}

// found is where an object is: in a pack, which is acquired, or loose.
type found struct {
	pack   *Pack
	offset int64
	loose  string // the path of the file
}

func (f found) release() {
	if f.pack != nil {
		f.pack.release()
	}
}

func (f found) info() (Info, error) {
	if f.pack == nil {
		return looseInfo(f.loose)
	}
	return f.pack.info(f.offset)
}

func (f found) read(limit int64) (object.Kind, []byte, error) {
	if f.pack == nil {
		return looseRead(f.loose, limit)
	}
	return f.pack.read(f.offset, limit)
}

// find looks for an object: in the packs, loose, behind the alternates, and then
// once more in what has come since, unless fresh is false.
func (db *DB) find(h Hash, fresh bool) (found, error) {
	if db.under != nil {
		if f, ok, err := db.front.find(h); ok || err != nil {
			return f, err
		}
		return db.under.find(h, fresh)
	}
	// More than once, since packs may go between a look and their opening.
	for range maxLooks {
		// In this order: the state is then no older than the version.
		version := db.version()
		s := db.state.Load()
		gone := false // a pack that the look saw
		if s != nil {
			f, err := db.findIn(s, h, true)
			if gone = errors.Is(err, fs.ErrNotExist); !errors.Is(err, ErrNotFound) && !gone || !fresh {
				return f, err
			}
		}
		if _, err := db.rescan(); err != nil {
			return found{}, err
		}
		// Somebody else may have looked in between: what counts is whether it is
		// still what was searched.
		if s != nil && !gone && db.version() == version {
			break
		}
	}
	return found{}, ErrNotFound
}

// maxLooks bounds how often a folder that changes all the time is looked at for
// one object.
const maxLooks = 20

// version counts the changes that looks have found, here and in the alternates.
func (db *DB) version() uint64 {
	n := db.changes.Load()
	if s := db.state.Load(); s != nil {
		for _, a := range s.alternates {
			n += a.version()
		}
	}
	return n
}

// findQuick looks only where the last look at the folder saw something, and
// finds nothing rather than look again.
func (db *DB) findQuick(h Hash, loose bool) (found, error) {
	if db.under != nil {
		if f, ok, err := db.front.find(h); ok || err != nil {
			return f, err
		}
		return db.under.findQuick(h, loose)
	}
	s := db.state.Load()
	if s == nil {
		var err error
		if s, err = db.rescan(); err != nil {
			return found{}, err
		}
	}
	if len(s.packs) == 0 && len(s.alternates) == 0 && !loose {
		return found{}, nil
	}
	f, err := db.findIn(s, h, loose)
	if errors.Is(err, ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return found{}, nil
	}
	return f, err
}

func (p *Pack) find(h Hash) (found, bool, error) {
	x, err := p.acquire()
	if err != nil {
		return found{}, false, err
	}
	if i, ok := x.find(&h); ok {
		if _, err := p.bytes(); err != nil {
			p.release()
			return found{}, false, err
		}
		return found{pack: p, offset: x.offset(i)}, true, nil
	}
	p.release()
	return found{}, false, nil
}

// findIn fails with fs.ErrNotExist when a pack is gone and the object was not
// found elsewhere.
func (db *DB) findIn(s *state, h Hash, loose bool) (found, error) {
	missing := error(ErrNotFound)
	last := db.hit.Load()
	if last != nil {
		f, ok, err := last.find(h)
		if ok {
			return f, nil
		}
		if err != nil {
			missing = err
			db.hit.CompareAndSwap(last, nil)
		}
	}
	for _, p := range s.packs {
		if p == last {
			continue
		}
		f, ok, err := p.find(h)
		if ok {
			db.hit.Store(p)
			return f, nil
		}
		if err != nil {
			missing = err // another pack may have it all the same
		}
	}
	if loose {
		if path := db.loosePath(h); fileExists(path) {
			return found{loose: path}, nil
		}
	}
	for _, a := range s.alternates {
		f, err := a.find(h, false)
		if !errors.Is(err, ErrNotFound) {
			return f, err
		}
	}
	return found{}, missing
}

func fileExists(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode().IsRegular()
}

func (db *DB) loosePath(h Hash) string {
	id := string(h.ID(db.format))
	return db.dir + "/" + id[:2] + "/" + id[2:]
}

// settled is how old a folder's time stamp must be before an equal one means
// equal content: file systems stamp in ticks.
const settled = 2 * time.Second

// rescan looks at the folder again, unless nothing can have changed in it.
func (db *DB) rescan() (*state, error) {
	db.scan.Lock()
	defer db.scan.Unlock()
	old := db.state.Load()
	dir := filepath.Join(db.dir, "pack")
	now := db.pool.now()
	fi, err := os.Stat(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && old != nil && old.seen != nil && os.SameFile(fi, old.seen) &&
		fi.ModTime().Equal(old.seen.ModTime()) && old.at.Sub(fi.ModTime()) > settled {
		rescanAll(old.alternates)
		return old, nil
	}
	s := &state{seen: fi, at: now}
	if s.packs, err = db.listPacks(dir, old); err != nil {
		return nil, err
	}
	s.alternates = db.readAlternates(old)
	rescanAll(s.alternates)
	db.state.Store(s)
	if old == nil || !slices.Equal(old.packs, s.packs) || !slices.Equal(old.alternates, s.alternates) {
		db.changes.Add(1) // only now: see find
	}
	if old == nil {
		return s, nil
	}
	for _, p := range old.packs {
		if !slices.Contains(s.packs, p) {
			db.hit.CompareAndSwap(p, nil)
			p.retire()
		}
	}
	return s, nil
}

func rescanAll(dbs []*DB) {
	for _, a := range dbs {
		_, _ = a.rescan() // what cannot be looked at has nothing
	}
}

// listPacks reads the names in objects/pack. A pack that was there before stays
// the same.
func (db *DB) listPacks(dir string, old *state) ([]*Pack, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	known := map[string]*Pack{}
	if old != nil {
		for _, p := range old.packs {
			known[p.path] = p
		}
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	var out []*Pack
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".idx")
		if !ok || !strings.HasPrefix(name, "pack-") || !names[name+".pack"] {
			continue // without its pack an index is nothing
		}
		path := filepath.Join(dir, name)
		p := known[path]
		if p == nil {
			fi, err := os.Stat(path + ".pack")
			if err != nil || !fi.Mode().IsRegular() {
				continue
			}
			p = db.pool.newPack(path, db.format)
			p.made = fi.ModTime()
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b *Pack) int { return b.made.Compare(a.made) })
	return out, nil
}

// maxAlternates bounds what one file may name, and how deep they may lead.
const maxAlternates = 5

// readAlternates opens the databases that objects/info/alternates names, if they
// are inside the pool's root: what is outside belongs to somebody else.
func (db *DB) readAlternates(old *state) []*DB {
	if db.pool.root == "" || db.depth == maxAlternates {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(db.dir, "info", "alternates"))
	if err != nil {
		return nil
	}
	var out []*DB
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(out) == maxAlternates {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(db.dir, line)
		}
		dir, err := filepath.EvalSymlinks(line)
		if err != nil || !strings.HasPrefix(dir, db.pool.root+"/") || dir == db.dir {
			continue
		}
		out = append(out, db.alternate(old, dir))
	}
	return out
}

func (db *DB) alternate(old *state, dir string) *DB {
	if old != nil {
		for _, a := range old.alternates {
			if a.dir == dir {
				return a
			}
		}
	}
	a := db.pool.Open(dir, db.format)
	a.depth = db.depth + 1
	return a
}

// Close lets go of all files. The database may be used afterwards.
func (db *DB) Close() {
	if db.under != nil {
		return
	}
	s := db.state.Swap(nil)
	db.hit.Store(nil)
	if s == nil {
		return
	}
	for _, p := range s.packs {
		p.retire()
	}
	for _, a := range s.alternates {
		a.Close()
	}
}

// Refresh looks at the folder again, as if an object had been missed. Who has
// added or removed packs may call it; readers find out by themselves.
func (db *DB) Refresh() error {
	if db.under != nil {
		return db.under.Refresh()
	}
	_, err := db.rescan()
	return err
}

// Added tells of a pack that the caller has just put into the folder, by its name
// without an ending, so that the objects in it are found without a look at the
// folder.
func (db *DB) Added(name string) {
	db.scan.Lock()
	defer db.scan.Unlock()
	old := db.state.Load()
	if old == nil {
		return // the first look will see it
	}
	path := filepath.Join(db.dir, "pack", name)
	fi, err := os.Lstat(path + ".pack")
	if err != nil || slices.ContainsFunc(old.packs, func(p *Pack) bool { return p.path == path }) {
		return
	}
	p := db.pool.newPack(path, db.format)
	p.made = fi.ModTime()
	s := *old // it has not seen the folder as it is now: who misses something looks
	s.packs = append([]*Pack{p}, old.packs...)
	db.state.Store(&s)
	db.changes.Add(1)
}

// Packs returns the packs that the last look found, the newest first.
func (db *DB) Packs() ([]*Pack, error) {
	if db.under != nil {
		under, err := db.under.Packs()
		return append([]*Pack{db.front}, under...), err
	}
	if s := db.state.Load(); s != nil {
		return s.packs, nil
	}
	s, err := db.rescan()
	if err != nil {
		return nil, err
	}
	return s.packs, nil
}
