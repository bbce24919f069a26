package odb

import (
	"bytes"
	"fmt"
	"os"

	"jeton/internal/gitstore/object"
)

// arena keeps deltas of the first pass for the second, as long as all of a pool
// together keep no more than maxKept bytes.
type arena struct {
	pool   *Pool
	blocks [][]byte
	bytes  int64
}

const (
	arenaBlock = 1 << 18
	maxKept    = 64 << 20
	maxBlocks  = 1 << 12 // a place must fit 32 bits
)

// put returns where the delta is kept, or 0.
func (a *arena) put(delta []byte) uint32 {
	if len(delta) > arenaBlock/8 || len(delta) == 0 {
		return 0
	}
	n := len(a.blocks) - 1
	if n < 0 || cap(a.blocks[n])-len(a.blocks[n]) < len(delta) {
		size := arenaBlock
		if n < 0 {
			size = max(1024, len(delta)) // most pushes are small
		}
		if len(a.blocks) == maxBlocks {
			return 0
		}
		if a.pool.kept.Add(int64(size)) > maxKept {
			a.pool.kept.Add(-int64(size))
			return 0
		}
		a.bytes += int64(size)
		a.blocks = append(a.blocks, make([]byte, 0, size))
		n++
	}
	at := len(a.blocks[n])
	a.blocks[n] = append(a.blocks[n], delta...)
	return uint32(n*arenaBlock+at) + 1
}

func (a *arena) get(place uint32, size int64) []byte {
	place--
	at := int(place % arenaBlock)
	return a.blocks[place/arenaBlock][at : at+int(size)]
}

func (a *arena) free() {
	a.pool.kept.Add(-a.bytes)
	a.blocks, a.bytes = nil, 0
}

// probe finds out whether an object of the same name is in the repository, and
// then whether it is the same. A collision that nobody's detection knows would
// be found out here, at the price of a look-up. It is safe for concurrent use.
type probe struct {
	db    *DB
	loose [256]bool // the folders of loose objects that exist
}

// look prepares for many questions.
func (p *probe) look(count int) {
	for i := range p.loose {
		p.loose[i] = true
	}
	if p.db == nil || count < 32 {
		return
	}
	db := p.db
	for db.under != nil {
		db = db.under
	}
	if s := db.state.Load(); s != nil && len(s.alternates) > 0 {
		return
	}
	entries, err := os.ReadDir(db.dir)
	if err != nil {
		return
	}
	clear(p.loose[:])
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "%02x", &n); err == nil && len(e.Name()) == 2 {
			p.loose[n] = true
		}
	}
}

// compare fails when the repository has another object of that name. Large blobs
// are compared by their size alone.
func (x *indexer) compare(id Hash, kind object.Kind, size int64, data []byte) error {
	if x.seen.db == nil {
		return nil
	}
	f, ok, err := x.seen.find(id)
	if !ok || err != nil {
		return err
	}
	defer f.release()
	in, err := f.info()
	if err != nil {
		return err
	}
	same := in == Info{kind, size}
	if same && data != nil && size <= StreamedSize {
		_, have, err := f.read(size)
		if err != nil {
			return err
		}
		same = bytes.Equal(have, data)
	}
	if !same {
		return &PackError{Reason: Differs, ID: id, Detail: "an object differs from the one of that name here"}
	}
	return nil
}

func (p *probe) find(h Hash) (found, bool, error) {
	f, err := p.db.findQuick(h, p.loose[h[0]])
	if err != nil {
		return found{}, false, err
	}
	return f, f.pack != nil || f.loose != "", nil
}
