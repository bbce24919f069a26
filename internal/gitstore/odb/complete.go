package odb

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"jeton/internal/gitstore/object"
)

// complete finds the bases that a thin pack left out, adds them to the pack and
// resolves what hangs on them, in the order in which the deltas came.
func (x *indexer) complete() error {
	waiting := slices.Clone(x.refs)
	slices.SortFunc(waiting, func(a, b refDelta) int { return cmp.Compare(a.item, b.item) })
	w := newWorker(x)
	defer w.done()
	for _, r := range waiting {
		if atomic.LoadUint32(&x.items[r.item].claim) != 0 {
			continue
		}
		if err := x.addBase(w, r.base); err != nil {
			return err
		}
	}
	if int(x.resolved.Load()) == x.deltas {
		return nil
	}
	for _, r := range waiting {
		if x.items[r.item].claim == 0 {
			return &PackError{Reason: MissingBase, ID: r.base, Offset: x.items[r.item].offset, Detail: "the base of a delta is missing"}
		}
	}
	return &PackError{Reason: MissingBase, Detail: "the base of a delta is missing"}
}

// addBase adds an object of the repository to the pack, if it is there.
func (x *indexer) addBase(w *worker, id Hash) (err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	if x.DB == nil {
		return nil
	}
	kind, data, z, err := x.DB.whole(id, x.baseLimit())
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if errors.Is(err, ErrTooLarge) {
		return &PackError{Reason: LimitObject, Limit: x.baseLimit(), ID: id, Detail: "the base of a delta is too large"}
	}
	if err != nil {
		return err
	}
	t := typeOf(kind)
	head := entryHeader(t, int64(len(data)))
	cut := int64(-1)
	if len(x.bases) == 0 {
		cut = x.end
	}
	it := item{id: id, offset: x.in.size(), size: int64(len(data)), raw: t, kind: t, parent: -1}
	if cut >= 0 {
		it.offset = cut
	}
	it.crc = crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, z)
	if err := x.in.append(cut, head, z); err != nil {
		return err
	}
	x.bases = append(x.bases, id)
	x.items = append(x.items, it)
	x.first, x.next, x.heavy = append(x.first, -1), append(x.next, -1), append(x.heavy, -1)
	// The worker frees what it works on, and must not use again what the cache
	// of the database may hold.
	w.want(int64(len(data)))
	return w.tree(len(x.items)-1, data[:len(data):len(data)], 0)
}

func (x *indexer) baseLimit() int64 {
	if x.MaxObject > 0 {
		return min(max(x.MaxObject, StreamedSize), maxObject)
	}
	return maxObject
}

// base reads an object that was added once more.
func (x *indexer) base(id Hash) ([]byte, error) {
	_, data, err := x.DB.ReadHash(id, x.baseLimit())
	return bytes.Clone(data), err
}

// whole reads an object together with its compressed form, which is taken from
// where it is when it is no delta there.
func (db *DB) whole(id Hash, limit int64) (kind object.Kind, data, z []byte, err error) {
	err = whileWent(func() (err error) {
		kind, data, z, err = db.wholeOnce(id, limit)
		return err
	})
	return kind, data, z, err
}

func (db *DB) wholeOnce(id Hash, limit int64) (kind object.Kind, data, z []byte, err error) {
	f, err := db.find(id, true)
	if err != nil {
		return "", nil, nil, err
	}
	defer f.release()
	if f.pack != nil {
		if kind, data, z, err = f.pack.whole(f.offset, limit); err != nil || z != nil {
			return kind, data, z, err
		}
	}
	if kind, data, err = f.read(limit); err != nil {
		return "", nil, nil, err
	}
	data = bytes.Clone(data) // the cache may have it
	z, err = db.pool.deflaters.deflate(data)
	return kind, data, z, err
}

func (p *Pack) whole(offset, limit int64) (kind object.Kind, data, z []byte, err error) {
	all, err := p.bytes()
	if err != nil {
		return "", nil, nil, err
	}
	e, rest, base, err := p.at(all, offset)
	if err != nil || base != 0 {
		return "", nil, nil, err
	}
	if e.size > limit {
		return "", nil, nil, ErrTooLarge
	}
	d := p.pool.inflaters.get()
	defer p.pool.inflaters.put(d)
	data = make([]byte, e.size)
	n, err := d.inflate(data, rest, true)
	if err != nil {
		return "", nil, nil, errInflate
	}
	return kindOf(e.kind), data, bytes.Clone(rest[:n]), nil
}

func typeOf(kind object.Kind) uint8 {
	switch kind {
	case object.KindCommit:
		return typeCommit
	case object.KindTree:
		return typeTree
	case object.KindTag:
		return typeTag
	}
	return typeBlob
}

// entryHeader is the head of an entry that is no delta.
func entryHeader(t uint8, size int64) []byte {
	c := t<<4 | byte(size&15)
	var out []byte
	for size >>= 4; size != 0; size >>= 7 {
		out = append(out, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(out, c)
}

// deflaters keeps compressors between uses: each has buffers of half a MiB.
type deflaters struct{ pool sync.Pool }

// deflate compresses fast rather than well: upkeep packs everything anew.
func (p *deflaters) deflate(data []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(data)/2 + 64)
	w, ok := p.pool.Get().(*zlib.Writer)
	if ok {
		w.Reset(&out)
	} else {
		var err error
		if w, err = zlib.NewWriterLevel(&out, zlib.BestSpeed); err != nil {
			return nil, err
		}
	}
	_, err := w.Write(data)
	err = errors.Join(err, w.Close())
	p.pool.Put(w)
	return out.Bytes(), err
}

// sort returns the items in the order of their names.
func (x *indexer) sort() ([]int32, error) {
	type key struct {
		prefix uint64
		item   int32
	}
	keys := make([]key, len(x.items))
	for i := range keys {
		keys[i] = key{binary.BigEndian.Uint64(x.items[i].id[:]), int32(i)}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(x.items[a.item].id[:], x.items[b.item].id[:])
	})
	out := make([]int32, len(keys))
	for i, k := range keys {
		out[i] = k.item
		if i > 0 && x.items[k.item].id == x.items[out[i-1]].id {
			return nil, &PackError{Reason: Duplicate, ID: x.items[k.item].id, Offset: x.items[k.item].offset, Detail: "it has an object twice"}
		}
	}
	return out, nil
}

// encode makes the index (gitformat-pack, version 2).
func (x *indexer) encode(order []int32, packSum []byte) []byte {
	n := len(order)
	large := 0
	for i := range x.items {
		if x.items[i].offset > 1<<31-1 {
			large++
		}
	}
	out := make([]byte, 0, idxHead+idxFanout+n*(x.idSize+8)+8*large+2*x.idSize)
	out = append(out, idxMagic...)
	at := 0
	for b := range 256 {
		for at < n && int(x.items[order[at]].id[0]) <= b {
			at++
		}
		out = binary.BigEndian.AppendUint32(out, uint32(at))
	}
	for _, i := range order {
		out = append(out, x.items[i].id[:x.idSize]...)
	}
	for _, i := range order {
		out = binary.BigEndian.AppendUint32(out, x.items[i].crc)
	}
	var far []int64
	for _, i := range order {
		off := x.items[i].offset
		if off > 1<<31-1 {
			far = append(far, off)
			off = 1<<31 | int64(len(far)-1)
		}
		out = binary.BigEndian.AppendUint32(out, uint32(off))
	}
	for _, off := range far {
		out = binary.BigEndian.AppendUint64(out, uint64(off))
	}
	out = append(out, packSum...)
	sum := newSum(x.Format)
	_, _ = sum.Write(out)
	return sum.Sum(out)
}
