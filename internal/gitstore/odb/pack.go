package odb

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"jeton/internal/gitstore/object"
)

// Pack is one pack with its index. Its files are mapped when it is needed, and
// let go of when nobody has used it for a while. It is safe for concurrent use.
type Pack struct {
	pool   *Pool
	path   string // without ".pack" and ".idx"
	memory bool   // idx and data are not mapped, and stay
	format object.Format
	key    uint64       // names it in the cache
	made   time.Time    // when its file was written, or freshened
	used   atomic.Int64 // when it was released last, in nanoseconds

	mu      sync.Mutex
	users   int    // guarded by mu
	retired bool   // its files are gone, or nobody needs it; guarded by mu
	idx     *index // nil while closed; guarded by mu, valid for users
	data    []byte // nil while closed; the same
}

func (p *Pool) newPack(path string, format object.Format) *Pack {
	return &Pack{pool: p, path: path, format: format, key: p.keys.Add(1)}
}

// OpenPack returns the pack of the two files that path with ".pack" and ".idx"
// names, wherever they are. Close must be called.
func (p *Pool) OpenPack(path string, format object.Format) (*Pack, error) {
	pack := p.newPack(path, format)
	if _, err := pack.acquire(); err != nil {
		return nil, err
	}
	pack.release()
	return pack, nil
}

// Close lets go of the files as soon as nobody reads them any more.
func (p *Pack) Close() { p.retire() }

// acquire opens the index, if it is not open, and keeps it so until release.
func (p *Pack) acquire() (*index, error) {
	p.mu.Lock()
	if p.idx != nil {
		p.users++
		p.mu.Unlock()
		return p.idx, nil
	}
	data, err := mapFile(p.path + ".idx")
	if err == nil {
		if p.idx, err = newIndex(data, p.format.Size()); err != nil {
			_ = syscall.Munmap(data)
		}
	}
	if err == nil {
		p.users++
		p.used.Store(p.pool.now().UnixNano())
	}
	x := p.idx
	p.mu.Unlock()
	if err == nil {
		p.pool.opened(p)
	}
	return x, err
}

func (p *Pack) release() {
	p.used.Store(p.pool.now().UnixNano())
	p.mu.Lock()
	p.users--
	last := p.retired && p.users == 0
	if last {
		p.unmap()
	}
	p.mu.Unlock()
	if last {
		p.pool.forget(p)
	}
}

// retire has the files let go of with the last user.
func (p *Pack) retire() {
	p.mu.Lock()
	p.retired = true
	idle := p.users == 0
	if idle {
		p.unmap()
	}
	p.mu.Unlock()
	if idle {
		p.pool.forget(p)
	}
}

// closeIdle lets go of the files if nobody uses them. It never waits.
func (p *Pack) closeIdle() bool {
	if !p.mu.TryLock() {
		return false
	}
	defer p.mu.Unlock()
	if p.users > 0 {
		return false
	}
	p.unmap()
	return true
}

// unmap is called with mu held and without users.
func (p *Pack) unmap() {
	if p.memory {
		return
	}
	if p.idx != nil {
		_ = syscall.Munmap(p.idx.data)
	}
	if p.data != nil {
		_ = syscall.Munmap(p.data)
	}
	p.idx, p.data = nil, nil
}

// bytes returns the content of the pack file, without the checksum at its end.
// It is valid until release.
func (p *Pack) bytes() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := p.format.Size()
	if p.data == nil {
		data, err := mapFile(p.path + ".pack")
		if err != nil {
			return nil, err
		}
		// The checksum of the pack stands in its index too: a cheap proof that
		// the two belong together.
		sum := p.idx.data[len(p.idx.data)-2*size : len(p.idx.data)-size]
		if len(data) < packHead+size || string(data[:4]) != "PACK" || !bytes.Equal(data[len(data)-size:], sum) {
			_ = syscall.Munmap(data)
			return nil, fmt.Errorf("%w: a pack does not fit its index", ErrCorrupt)
		}
		p.data = data
	}
	return p.data[:len(p.data)-size], nil
}

// mapFile maps a whole file for reading. The mapping outlives the file.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() == 0 || fi.Size() != int64(int(fi.Size())) {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, fi.Name(), fi.Size())
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(fi.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", fi.Name(), err)
	}
	return data, nil
}

// Len returns how many objects the pack has.
func (p *Pack) Len() (int, error) {
	x, err := p.acquire()
	if err != nil {
		return 0, err
	}
	defer p.release()
	return x.n, nil
}

// Has reports whether the pack holds an object.
func (p *Pack) Has(h Hash) (bool, error) {
	x, err := p.acquire()
	if err != nil {
		return false, err
	}
	defer p.release()
	_, ok := x.find(&h)
	return ok, nil
}

// Hashes goes through the ids of all objects, sorted. A pack that cannot be
// opened has none; OpenPack tells.
func (p *Pack) Hashes() iter.Seq[Hash] {
	return func(yield func(Hash) bool) {
		x, err := p.acquire()
		if err != nil {
			return
		}
		defer p.release()
		for i := range x.n {
			if !yield(x.hash(i)) {
				return
			}
		}
	}
}

// Last returns the n objects that stand last in the pack, the last of them last.
func (p *Pack) Last(n int) ([]Hash, error) {
	x, err := p.acquire()
	if err != nil || n <= 0 {
		return nil, err
	}
	defer p.release()
	type place struct {
		offset int64
		i      int
	}
	order := make([]place, x.n)
	for i := range order {
		order[i] = place{x.offset(i), i}
	}
	slices.SortFunc(order, func(a, b place) int { return int(min(1, max(-1, a.offset-b.offset))) })
	out := make([]Hash, 0, min(n, x.n))
	for _, o := range order[max(0, x.n-n):] {
		out = append(out, x.hash(o.i))
	}
	return out, nil
}
