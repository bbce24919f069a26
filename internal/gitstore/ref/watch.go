package ref

import "path/filepath"

const (
	// watchAfter is how often in a row a reading is found unchanged by the stamps
	// before the kernel is asked to watch what it rests on.
	watchAfter = 8
	// mostWatched bounds the folders that are watched for all repositories of a
	// process. An account has 8,192 on old systems, and a kilobyte of the kernel's
	// memory goes into each.
	mostWatched = 4096
)

// guard stands for the folders of one reading. It is broken by whatever happens
// in them, for good.
type guard struct{ broken bool } // guarded by the mu of its Watch

// current reports whether everything is still as r has it.
func (d *DB) current(r *reading) bool {
	if g := r.guard.Load(); g != nil {
		if d.watch.quiet(g) {
			return true
		}
		if r.guard.CompareAndSwap(g, nil) {
			r.asked.Store(0)
		}
	}
	if !r.holds() {
		return false
	}
	if d.watch != nil && r.asked.Add(1) == watchAfter {
		d.setGuard(r)
	}
	return true
}

// setGuard has the kernel watch what r rests on. The stamps are looked at once
// more when it does: what happens later breaks the guard.
func (d *DB) setGuard(r *reading) {
	folders := []string{d.dir, filepath.Join(d.dir, "refs")} // of the files, and of folders that are not there yet
	for i := range r.watched {
		if w := &r.watched[i]; w.stamp.isDir() {
			folders = append(folders, w.path)
		}
	}
	if g := d.watch.begin(folders); g != nil && r.holds() {
		r.guard.Store(g)
	}
}
