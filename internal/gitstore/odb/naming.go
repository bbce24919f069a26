package odb

import (
	"runtime/debug"
	"slices"

	"jeton/internal/gitstore/object"
)

// naming names and checks the objects of the first pass. Those of a small pack
// at once; otherwise in another goroutine, some at a time, while the next ones
// come.
type naming struct {
	x     *indexer
	z     *inflater
	own   *namer
	delta []byte // room for a delta

	fill *batch
	work chan *batch // nil until the pack is not small
	back chan *batch // those that are done
	made int
	end  chan struct{}
}

// batch is some objects in one buffer.
type batch struct {
	buf  []byte
	list []named
	err  error
}

type named struct {
	item     int
	offset   int64
	kind     uint8
	from, to int
	id       Hash
}

const (
	batchBytes = 256 << 10
	batches    = 3
)

func newNaming(x *indexer) *naming {
	return &naming{x: x, z: x.pool.inflaters.get(), fill: &batch{}}
}

func (n *naming) namer() *namer {
	if n.own == nil {
		n.own = newNamer(n.x.Format)
	}
	return n.own
}

// room returns a place for an object of so many bytes, valid until add.
func (n *naming) room(size int) []byte {
	b := n.fill
	if b.buf == nil {
		b.buf = make([]byte, 0, max(size, 4<<10))
	}
	// Growing may move what is in the batch; its objects are places, not slices.
	b.buf = slices.Grow(b.buf, size)
	return b.buf[len(b.buf) : len(b.buf)+size]
}

// add takes an object that stands in the room.
func (n *naming) add(i int, kind uint8, data []byte) error {
	b := n.fill
	from := len(b.buf)
	b.buf = b.buf[:from+len(data)]
	b.list = append(b.list, named{item: i, offset: n.x.items[i].offset, kind: kind, from: from, to: len(b.buf)})
	if n.x.in.file == nil || n.x.Workers == 1 {
		return n.here()
	}
	if len(b.buf) < batchBytes {
		return nil
	}
	return n.hand()
}

// here names what is in the batch in this goroutine.
func (n *naming) here() error {
	b := n.fill
	n.x.nameBatch(n.namer(), b)
	n.take(b)
	return b.err
}

// hand gives the batch to the other goroutine, and takes an empty one.
func (n *naming) hand() error {
	if n.work == nil {
		n.work, n.back, n.end = make(chan *batch, batches), make(chan *batch, batches), make(chan struct{})
		n.made = 1
		go func() {
			defer close(n.end)
			namer := newNamer(n.x.Format)
			for b := range n.work {
				n.x.nameBatch(namer, b)
				n.back <- b
			}
		}()
	}
	n.work <- n.fill
	if n.made < batches {
		n.made++
		n.fill = &batch{}
		return nil
	}
	n.fill = <-n.back
	err := n.fill.err
	n.take(n.fill)
	return err
}

// take notes the names that a batch got, and empties it.
func (n *naming) take(b *batch) {
	for i := range b.list {
		n.x.items[b.list[i].item].id = b.list[i].id
	}
	b.list = b.list[:0]
	if b.buf = b.buf[:0]; cap(b.buf) > 2*batchBytes {
		b.buf = nil
	}
}

// finish waits for everything.
func (n *naming) finish() error {
	n.x.pool.inflaters.put(n.z)
	err := n.here()
	if n.work == nil {
		return err
	}
	close(n.work)
	<-n.end
	close(n.back)
	for b := range n.back {
		if err == nil {
			err = b.err
		}
		n.take(b)
	}
	return err
}

func (x *indexer) nameBatch(namer *namer, b *batch) {
	defer guard(debug.SetPanicOnFault(true), &b.err)
	if b.err != nil {
		return
	}
	for i := range b.list {
		o := &b.list[i]
		if o.id, b.err = x.name(namer, kindOf(o.kind), b.buf[o.from:o.to], o.offset); b.err != nil {
			return
		}
	}
}

// name names an object, and has it checked.
func (x *indexer) name(namer *namer, kind object.Kind, data []byte, offset int64) (Hash, error) {
	id, err := namer.name(kind, data)
	if err != nil {
		return id, &PackError{Reason: Collision, ID: id, Offset: offset, Detail: err.Error()}
	}
	if err := x.compare(id, kind, int64(len(data)), data); err != nil {
		return id, err
	}
	if x.Check == nil {
		return id, nil
	}
	o := Object{ID: id, Kind: kind, Size: int64(len(data)), Data: data}
	if kind == object.KindBlob && o.Size > StreamedSize {
		o.Data = nil
	}
	return id, x.Check(o)
}
