package keep

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// partSuffix ends the names of files that are not whole, or not yet synced.
const partSuffix = ".part"

// errUnread ends what nobody reads and the disk does not take.
var errUnread = errors.New("nobody reads this fetch any more")

// errLate ends a reader for whom others have waited long enough.
var errLate = errors.New("others read this fetch much faster, and there is no room to keep it for a slow reader")

// flight is an answer that is being made. Its bytes go to a file, from which
// everybody reads at their own pace. When the disk takes no more, the rest is
// handed on from memory, piece by piece, as fast as the slowest reader whom the
// others need not wait for too long: then nobody can join any more.
type flight struct {
	cache  *Cache
	key    Key
	by     string // its maker
	ctx    context.Context
	cancel context.CancelFunc
	unkept bool // the repository was deleted; guarded by cache.mu

	mu       sync.Mutex
	file     *os.File // guarded by mu, as all that follows
	path     string
	reserved int64
	size     int64 // bytes in the file
	end      int64 // bytes so far
	spilled  bool
	tail     []byte        // what follows the file, from tailAt on
	tailAt   int64         // in memory while spilled
	moved    chan struct{} // closed and replaced when anything changed
	done     bool
	err      error
	readers  map[*Reader]struct{}
	orphan   *time.Timer
	made     chan struct{} // closed when done
}

func newFlight(c *Cache, key Key, by string) *flight {
	return &flight{cache: c, key: key, by: by, moved: make(chan struct{}), made: make(chan struct{}), readers: map[*Reader]struct{}{}}
}

// tell wakes everybody. The caller holds mu.
func (f *flight) tell() {
	close(f.moved)
	f.moved = make(chan struct{})
}

// join adds a reader.
func (f *flight) join() *Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &Reader{cache: f.cache, flight: f}
	f.readers[r] = struct{}{}
	if f.orphan != nil {
		f.orphan.Stop()
		f.orphan = nil
	}
	return r
}

// part takes a reader away. When it was the last, the answer is made on for a
// while: whoever asks next will want it.
func (f *flight) part(r *Reader) {
	f.mu.Lock()
	delete(f.readers, r)
	f.tell()
	var left int64
	switch {
	case len(f.readers) > 0:
	case f.done:
		left = f.closeFile()
	case f.spilled:
		f.cancel()
	default:
		f.orphan = time.AfterFunc(f.cache.o.Orphan, f.cancel)
	}
	f.mu.Unlock()
	f.cache.giveBack(f.by, left)
}

// wait returns how the making ended.
func (f *flight) wait() error {
	<-f.made
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// run makes the answer and keeps it if it came to its end.
func (f *flight) run(s Source, release func()) {
	defer f.cancel()
	f.open()
	err := s.Make(f.ctx, f)
	release()
	f.finish(err, err == nil && (s.Holds == nil || s.Holds()))
}

// open makes the file; without one, everything goes through memory.
func (f *flight) open() {
	path := f.cache.file(f.key)
	var file *os.File
	var err error
	for range 3 { // somebody may delete the folder between the two
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil || !f.cache.spare() {
			break
		}
		if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		f.cache.o.Log.Warn("a fetch can't be kept", "err", err)
	}
	if file == nil {
		f.spill()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file, f.path = file, path
}

// spareEvery is after how many bytes the disk's room is looked at again.
const spareEvery = 32 << 20

// Write takes the next bytes of the answer.
func (f *flight) Write(b []byte) (int, error) {
	n := 0
	if f.keeping(int64(len(b))) {
		var err error
		n, err = f.file.Write(b) // only this goroutine writes
		f.mu.Lock()
		f.size += int64(n)
		f.end = f.size
		f.tell()
		f.mu.Unlock()
		if err == nil {
			return n, nil
		}
		f.cache.o.Log.Warn("a fetch can't be kept", "err", err)
		f.spill()
	}
	if err := f.hand(b[n:]); err != nil {
		return n, err
	}
	return len(b), nil
}

// keeping reports whether the next n bytes go to the file.
func (f *flight) keeping(n int64) bool {
	f.mu.Lock()
	spilled, size := f.spilled, f.size
	f.mu.Unlock()
	if spilled {
		return false
	}
	if !f.cache.reserve(f.by, n) || size/spareEvery != (size+n)/spareEvery && !f.cache.spare() {
		f.spill()
		return false
	}
	f.mu.Lock()
	f.reserved += n
	f.mu.Unlock()
	return true
}

// spill takes the answer out of the cache: nobody joins, and what is in the
// file stays there for those who read it.
func (f *flight) spill() {
	c := f.cache
	c.mu.Lock()
	if c.flights[f.key] == f {
		delete(c.flights, f.key)
	}
	c.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spilled = true
	if f.path != "" {
		_ = os.Remove(f.path)
	}
}

// hand gives bytes from memory to everybody and returns when all have them.
func (f *flight) hand(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tail, f.tailAt = b, f.end
	f.end += int64(len(b))
	f.tell()
	var late <-chan time.Time // once somebody has this piece and waits for the others
	for {
		if len(f.readers) == 0 {
			return errUnread
		}
		behind := f.behind()
		if len(behind) == 0 {
			f.tail = nil
			return nil
		}
		if late == nil && len(behind) < len(f.readers) {
			timer := time.NewTimer(f.cache.o.Patience)
			defer timer.Stop()
			late = timer.C
		}
		moved := f.moved
		f.mu.Unlock()
		select {
		case <-moved:
			f.mu.Lock()
		case <-late:
			f.mu.Lock()
			for _, r := range f.behind() {
				r.late = true
				delete(f.readers, r)
			}
			f.tell()
		case <-f.ctx.Done():
			f.mu.Lock()
			return f.ctx.Err()
		}
	}
}

// behind returns the readers that have not got everything. The caller holds mu.
func (f *flight) behind() (out []*Reader) {
	for r := range f.readers {
		if r.at < f.end {
			out = append(out, r)
		}
	}
	return out
}

// finish ends the flight: an answer that is whole is kept, and found from now
// on.
func (f *flight) finish(err error, whole bool) {
	c := f.cache
	c.mu.Lock()
	f.mu.Lock()
	keep := whole && !f.spilled && !f.unkept && c.flights[f.key] == f
	if c.flights[f.key] == f {
		delete(c.flights, f.key)
	}
	if keep {
		e := &entry{key: f.key, by: f.by, path: f.path, size: f.size, cost: cost(f.size), touched: time.Now()}
		c.take(f.by, e.cost-f.reserved)
		f.reserved = 0
		c.add(e)
		c.settleLater(e)
	} else if f.path != "" {
		_ = os.Remove(f.path)
	}
	f.done, f.err = true, err
	if f.orphan != nil {
		f.orphan.Stop()
	}
	var left int64
	if len(f.readers) == 0 {
		left = f.closeFile()
	}
	f.tell()
	close(f.made)
	f.mu.Unlock()
	c.mu.Unlock()
	c.giveBack(f.by, left)
}

// closeFile closes the file when nobody needs it, and returns how much of the
// cache's room is free with that. The caller holds mu.
func (f *flight) closeFile() int64 {
	if f.file == nil {
		return 0
	}
	_ = f.file.Close()
	f.file = nil
	n := f.reserved
	f.reserved = 0
	return n
}

func cost(size int64) int64 { return (size + block - 1) / block * block }
