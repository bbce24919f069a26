package odb

import (
	"bytes"
	"errors"
	"runtime/debug"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

const (
	// manyBytes is how much one goroutine holds before it must be the only one
	// of the pool that holds so much.
	manyBytes = 64 << 20
	// mostBytes is how much it keeps of objects that it will need again; past
	// it they are built again. What it works on comes on top: a base, a delta
	// and the result.
	mostBytes = 512 << 20
)

// link notes which deltas each item has, as far as that is known by offsets.
// The one with the most below it comes last: when it is gone into, its base is
// needed no more, so that no more than log2 of the objects are held at a time.
func (x *indexer) link() {
	n := len(x.items)
	all := make([]int32, 3*n)
	x.first, x.next, x.heavy = all[:n], all[n:2*n], all[2*n:]
	weight := make([]int32, n)
	for i := range all {
		all[i] = -1
	}
	for i := n - 1; i >= 0; i-- {
		weight[i]++
		p := x.items[i].parent
		if p < 0 {
			continue
		}
		weight[p] += weight[i]
		if h := x.heavy[p]; h < 0 || weight[i] > weight[h] {
			x.heavy[p] = int32(i)
		}
		x.next[i], x.first[p] = x.first[p], int32(i)
	}
}

// named returns the deltas whose base has that name.
func (x *indexer) named(id *Hash) []refDelta {
	if len(x.refs) == 0 {
		return nil
	}
	from := sort.Search(len(x.refs), func(i int) bool { return bytes.Compare(x.refs[i].base[:], id[:]) >= 0 })
	to := from
	for to < len(x.refs) && x.refs[to].base == *id {
		to++
	}
	return x.refs[from:to]
}

// resolveAll resolves what hangs on the objects that came whole.
func (x *indexer) resolveAll() error {
	workers := min(x.Workers, 1+x.deltas/64)
	var at atomic.Int64
	var failed atomic.Bool
	work := func() error {
		w := newWorker(x)
		defer w.done()
		for {
			i := int(at.Add(1)) - 1
			if i >= len(x.items) || failed.Load() {
				return nil
			}
			if x.items[i].delta() {
				continue
			}
			if err := w.root(i); err != nil {
				failed.Store(true)
				return err
			}
		}
	}
	if workers == 1 {
		return work()
	}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = work() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// worker resolves deltas. It is for one goroutine.
type worker struct {
	x     *indexer
	z     *inflater
	namer *namer
	delta []byte   // room for a delta
	spare [][]byte // buffers to use again
	live  int64    // bytes of objects that it holds
	alone bool     // it holds pool.big
}

func newWorker(x *indexer) *worker {
	return &worker{x: x, z: x.pool.inflaters.get(), namer: newNamer(x.Format)}
}

func (w *worker) done() {
	w.x.pool.inflaters.put(w.z)
	w.calm()
}

// calm gives back the right to hold much.
func (w *worker) calm() {
	if w.alone {
		w.alone = false
		w.delta, w.spare = nil, nil
		w.x.pool.big.Unlock()
	}
}

// want notes that so many bytes more will be held.
func (w *worker) want(size int64) {
	w.live += size
	if w.live > manyBytes && !w.alone {
		w.x.pool.big.Lock()
		w.alone = true
	}
}

func (w *worker) buffer(size int64) []byte {
	for i, b := range w.spare {
		if int64(cap(b)) >= size && int64(cap(b)) <= 4*size+4096 {
			w.spare = slices.Delete(w.spare, i, i+1)
			return b[:size]
		}
	}
	return make([]byte, size, size+size/8+64)
}

// free gives back an object.
func (w *worker) free(data []byte) {
	w.live -= int64(len(data))
	if data != nil && len(w.spare) < 8 && cap(data) < 1<<20 {
		w.spare = append(w.spare, data)
	}
}

// root resolves everything that hangs on an object that came whole.
func (w *worker) root(i int) (err error) {
	defer guard(debug.SetPanicOnFault(true), &err)
	it := &w.x.items[i]
	if !it.late && !w.children(i) {
		return nil
	}
	if err := w.x.ctx.Err(); err != nil {
		return err
	}
	data, err := w.object(i)
	if err != nil {
		return err
	}
	if it.late {
		if it.id, err = w.x.name(w.namer, kindOf(it.kind), data, it.offset); err != nil {
			return err
		}
	}
	err = w.tree(i, data, 0)
	w.calm()
	return err
}

func (w *worker) children(i int) bool {
	return w.x.first[i] >= 0 || len(w.x.named(&w.x.items[i].id)) > 0
}

// object inflates an entry that is no delta.
func (w *worker) object(i int) ([]byte, error) {
	it := &w.x.items[i]
	if it.offset >= int64(len(w.x.src)) {
		w.want(it.size)
		return w.x.base(it.id) // it was added
	}
	w.want(it.size)
	data := w.buffer(it.size)
	return data, w.inflate(data, it)
}

func (w *worker) inflate(dst []byte, it *item) error {
	src := w.x.src[it.offset:]
	e, err := parseEntry(src, w.x.idSize)
	if err == nil {
		_, err = w.z.inflate(dst, src[e.n:], false)
	}
	if errors.Is(err, errShort) {
		err = errInflate // the file is not what came
	}
	return err
}

// tree resolves the deltas that hang on an item, whose content it takes over.
func (w *worker) tree(i int, data []byte, depth int) error {
	if depth > maxDepth {
		return &PackError{Reason: Malformed, Offset: w.x.items[i].offset, Detail: "a chain of deltas is too long"}
	}
	for {
		kids := w.kids(i)
		if len(kids) == 0 {
			w.free(data)
			return nil
		}
		for k, c := range kids {
			if data == nil {
				var err error
				if data, err = w.again(i); err != nil {
					return err
				}
			}
			out, err := w.apply(int(c), i, data)
			if err != nil {
				return err
			}
			if k == len(kids)-1 {
				w.free(data)
				i, data = int(c), out
				break
			}
			if !w.children(int(c)) {
				w.free(out)
				continue
			}
			if w.live > mostBytes {
				w.free(data)
				data = nil
			}
			if err := w.tree(int(c), out, depth+1); err != nil {
				return err
			}
		}
		if depth++; depth > maxDepth {
			return &PackError{Reason: Malformed, Offset: w.x.items[i].offset, Detail: "a chain of deltas is too long"}
		}
	}
}

// kids lists the deltas of an item, the one with the most below it last. It
// claims those that name their base: with an object that is there twice there
// would be two to resolve them.
func (w *worker) kids(i int) []int32 {
	x := w.x
	var out []int32
	for _, r := range x.named(&x.items[i].id) {
		if atomic.CompareAndSwapUint32(&x.items[r.item].claim, 0, 1) {
			x.items[r.item].parent = int32(i)
			out = append(out, r.item)
		}
	}
	for c := x.first[i]; c >= 0; c = x.next[c] {
		if c != x.heavy[i] {
			out = append(out, c)
		}
	}
	if x.heavy[i] >= 0 {
		out = append(out, x.heavy[i])
	}
	return out
}

// patch builds what a delta makes of its base.
func (w *worker) patch(c int, base []byte) ([]byte, error) {
	it := &w.x.items[c]
	var delta []byte
	if it.keep > 0 {
		delta = w.x.arena.get(it.keep, it.size)
	} else {
		w.want(it.size)
		w.delta = slices.Grow(w.delta[:0], int(it.size))[:it.size]
		delta = w.delta
		err := w.inflate(delta, it)
		w.live -= it.size
		if err != nil {
			return nil, err
		}
	}
	_, size, _, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	w.want(size)
	out, err := applyDelta(base, delta, w.buffer(size))
	if err != nil {
		return nil, &PackError{Reason: Malformed, Offset: it.offset, Detail: "a delta does not fit its base"}
	}
	return out, nil
}

// apply resolves one delta, and has the result checked.
func (w *worker) apply(c, parent int, base []byte) ([]byte, error) {
	x := w.x
	it := &x.items[c]
	out, err := w.patch(c, base)
	if err != nil {
		return nil, err
	}
	it.kind = x.items[parent].kind
	if it.kind != typeBlob && len(out) > maxStructure {
		return nil, &PackError{Reason: LimitObject, Limit: maxStructure, Value: int64(len(out)), Offset: it.offset, Detail: "an object is too large"}
	}
	if it.id, err = x.name(w.namer, kindOf(it.kind), out, it.offset); err != nil {
		return nil, err
	}
	done := x.resolved.Add(1)
	if done%256 == 0 {
		if err := x.ctx.Err(); err != nil {
			return nil, err
		}
		x.progress(int(done))
	}
	return out, nil
}

func (x *indexer) progress(done int) {
	if x.Progress == nil || !x.telling.TryLock() {
		return
	}
	defer x.telling.Unlock()
	if done > x.told {
		x.told = done
		x.Progress(done, x.deltas)
	}
}

// again builds an object that was let go of because there was too much.
func (w *worker) again(i int) ([]byte, error) {
	x := w.x
	var chain []int
	for ; x.items[i].delta(); i = int(x.items[i].parent) {
		chain = append(chain, i)
	}
	data, err := w.object(i)
	for k := len(chain) - 1; k >= 0 && err == nil; k-- {
		var out []byte
		if out, err = w.patch(chain[k], data); err == nil {
			w.free(data)
			data = out
		}
		// Work that deltas of a few bytes could cause without end.
		if x.spent.Add(int64(len(data)))+x.total > x.maxTotal() {
			return nil, x.tooMuch()
		}
	}
	return data, err
}
