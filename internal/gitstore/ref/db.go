// Package ref reads and moves the refs of one bare repository, in the files in
// which git keeps them: HEAD, packed-refs, and a file for each under refs/.
// Another program, git above all, may work on the same files at any time: what
// it did is seen by the next reading, and its locks are respected as it respects
// ours. The package must never start a process, look into an object, or decide
// who may move what.
package ref

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"jeton/internal/gitstore/object"
)

// Peel fills in what each id finally names, if it is an annotated tag, and ""
// if it is none or not there.
type Peel func(ctx context.Context, ids []object.ID, into map[object.ID]object.ID) error

// roots are the folders of the refs that clients may see.
var roots = [...]string{"refs/heads/", "refs/notes/", "refs/tags/"}

// DB is the refs of one repository. It is safe for concurrent use.
type DB struct {
	dir    string
	format object.Format
	peel   Peel
	watch  *Watch // nil: the stamps alone say what has changed

	// last is the newest reading. As long as nothing that it watches has
	// another stamp, it is answered from without a lock.
	last atomic.Pointer[reading]

	mu     sync.Mutex // guards what follows
	head   headFile
	packed packedFile
	tops   [len(roots)]*folder
	loose  []Ref                   // of the newest snapshot
	peeled map[object.ID]object.ID // of the loose refs
}

// reading is a snapshot with what it rests on.
type reading struct {
	snap    *Snapshot
	watched []watched
	packed  int  // packedFile.times
	sure    bool // no change since can have left every stamp as it was

	asked atomic.Int32          // how often it was found unchanged by its stamps
	guard atomic.Pointer[guard] // while it is not broken, there is no need to look at the stamps
}

type watched struct {
	path  string
	stamp stamp
}

// Open returns the refs of the bare repository in dir. It reads nothing. All
// repositories of a process share one watch; without one, nil, they are looked
// at each time.
func Open(dir string, format object.Format, peel Peel, watch *Watch) *DB {
	d := &DB{dir: dir, format: format, peel: peel, watch: watch}
	d.head.path, d.packed.path = filepath.Join(dir, "HEAD"), filepath.Join(dir, "packed-refs")
	for i, name := range roots {
		d.tops[i] = &folder{name: name, path: filepath.Join(dir, filepath.FromSlash(name))}
	}
	return d
}

// Kept returns the newest snapshot without a look at the files, or nil.
func (d *DB) Kept() *Snapshot {
	if last := d.last.Load(); last != nil {
		return last.snap
	}
	return nil
}

// Snapshot reads the refs as they are now. When nothing has changed, that costs
// a stat for HEAD, packed-refs and each folder below refs/, or, of a repository
// that is watched, one look whether anything has happened. The error is
// fs.ErrNotExist when there is no repository.
func (d *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if last := d.last.Load(); last != nil && last.sure && d.current(last) {
		return last.snap, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refresh(ctx)
}

// holds reports whether everything has its stamp still.
func (r *reading) holds() bool {
	for i := range r.watched {
		w := &r.watched[i]
		if s, err := look(w.path); err != nil || s != w.stamp {
			return false
		}
	}
	return true
}

// refresh reads anew what has changed or may have.
func (d *DB) refresh(ctx context.Context) (*Snapshot, error) {
	last := d.last.Load()
	headMoved, err := d.head.refresh()
	if err != nil {
		return nil, err
	}
	// git moves a ref from its own file to packed-refs in this order, and deletes
	// it in the other, so reading in this order never misses one.
	looseMoved := false
	for _, top := range d.tops {
		changed, err := top.refresh(d.format)
		if err != nil {
			return nil, err
		}
		looseMoved = looseMoved || changed
	}
	if err := d.packed.refresh(d.format); err != nil {
		return nil, err
	}
	packedMoved := last == nil || d.packed.times != last.packed
	r := &reading{packed: d.packed.times, sure: d.head.sure && d.packed.sure}
	r.watched = append(r.watched, watched{d.head.path, d.head.stamp})
	empty := 0
	for _, top := range d.tops {
		empty += top.watch(r)
	}
	r.watched = append(r.watched, watched{d.packed.path, d.packed.stamp})
	if last != nil && !headMoved && !looseMoved && !packedMoved {
		r.snap = last.snap
	} else if r.snap, err = d.build(ctx, last, packedMoved); err != nil {
		d.forget()
		return nil, err
	}
	if empty > maxEmpty {
		for _, top := range d.tops {
			top.tidy(now())
		}
	}
	d.last.Store(r)
	return r.snap, nil
}

// forget has everything read again: what was read was not made use of.
func (d *DB) forget() {
	d.last.Store(nil)
	d.head.sure, d.packed.stamp, d.packed.sure, d.loose = false, stamp{mode: 1}, false, nil
}

// build makes a snapshot of what was read.
func (d *DB) build(ctx context.Context, last *reading, packedMoved bool) (*Snapshot, error) {
	var loose []Ref
	for _, top := range d.tops {
		loose = top.collect(loose)
	}
	sortRefs(loose)
	if err := d.peelAll(ctx, loose); err != nil {
		return nil, err
	}
	s := &Snapshot{Format: d.format, Head: d.head.target, list: merge(loose, d.packed.visible)}
	if last != nil && !packedMoved {
		s.digest(last.snap, moved(d.loose, loose))
	} else {
		s.digest(nil, nil)
	}
	d.loose = loose
	if last != nil && last.snap.Version == s.Version {
		return last.snap, nil // and the answers that it keeps
	}
	return s, nil
}

// peelAll fills in the peeled ids of loose refs, and of packed ones when the
// file does not tell them. What was asked once is remembered as long as a ref
// names it.
func (d *DB) peelAll(ctx context.Context, loose []Ref) error {
	lists := [][]Ref{loose}
	if !d.packed.peeled {
		lists = append(lists, d.packed.visible)
	}
	next := map[object.ID]object.ID{}
	var ask []object.ID
	for _, list := range lists {
		for i := range list {
			id := list[i].ID
			if strings.HasPrefix(list[i].Name, "refs/heads/") {
				continue // a branch is a commit
			}
			if _, twice := next[id]; twice {
				continue
			}
			p, known := d.peeled[id]
			next[id] = p
			if !known {
				ask = append(ask, id)
			}
		}
	}
	if len(ask) > 0 {
		if err := d.peel(ctx, ask, next); err != nil {
			return err
		}
	}
	for i, list := range lists {
		if i == 1 { // readers of an older snapshot may hold the list
			list = append([]Ref(nil), list...)
			d.packed.visible = list
		}
		for i := range list {
			if p := next[list[i].ID]; p != "" {
				list[i].Peeled = p
			}
		}
	}
	d.peeled = next
	return nil
}
