package draft

import (
	"compress/zlib"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"

	"jeton/internal/gitstore/object"
)

// Pack returns a pack of what tips need of the draft and of what its account made
// before; what is in the repository already is left out. The reader must be
// closed.
func (d *Draft) Pack(tips []object.ID) (io.ReadCloser, error) {
	list, err := d.needed(tips)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(d.writePack(w, list)) }() // it ends with the reader
	return r, nil
}

// Published forgets what the last Pack had of what was made before: a ref reaches
// it now.
func (d *Draft) Published() { d.made.drop(d.packed) }

// needed walks from the tips over what is not in the repository.
func (d *Draft) needed(tips []object.ID) ([]object.ID, error) {
	var out []object.ID
	d.packed = nil
	seen := map[object.ID]bool{}
	next := append([]object.ID{}, tips...)
	for len(next) > 0 {
		one := next[len(next)-1]
		next = next[:len(next)-1]
		o, isFresh := d.fresh[one]
		if seen[one] || !isFresh && !d.names[one] {
			continue
		}
		seen[one] = true
		if !isFresh {
			var err error
			if o, err = d.made.read(one); err != nil {
				return nil, err
			}
			d.packed = append(d.packed, one)
		}
		out = append(out, one)
		links(d.Format(), o, func(l object.ID) { next = append(next, l) })
	}
	return out, nil
}

// links calls f for what an object refers to.
func links(format object.Format, o Object, f func(object.ID)) {
	switch o.Kind {
	case object.KindCommit:
		if c, err := object.ParseCommit(o.ID, o.Data); err == nil {
			f(c.Tree)
			for _, p := range c.Parents {
				f(p)
			}
		}
	case object.KindTag:
		if t, err := object.ParseTag(o.ID, o.Data); err == nil {
			f(t.Target)
		}
	case object.KindTree:
		// It was checked when it was added.
		_ = object.ParseTree(format, o.Data, func(e object.Entry) bool {
			f(e.ID)
			return true
		})
	}
}

var packKinds = map[object.Kind]byte{object.KindCommit: 1, object.KindTree: 2, object.KindBlob: 3, object.KindTag: 4}

// writePack writes whole objects, without deltas: what is made one at a time is
// small, and upkeep packs it again.
func (d *Draft) writePack(w io.Writer, list []object.ID) error {
	var sum hash.Hash = sha1.New()
	if d.Format() == object.SHA256 {
		sum = sha256.New()
	}
	both := io.MultiWriter(w, sum)
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(list)))
	if _, err := both.Write(head); err != nil {
		return err
	}
	for _, one := range list {
		o, ok := d.fresh[one]
		if !ok {
			var err error
			if o, err = d.made.read(one); err != nil {
				return err
			}
		}
		if err := writeEntry(both, o); err != nil {
			return err
		}
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// writeEntry writes the kind and size as gitformat-pack has them, and the content.
func writeEntry(w io.Writer, o Object) error {
	n := uint64(len(o.Data))
	b := []byte{packKinds[o.Kind]<<4 | byte(n&15)}
	for n >>= 4; n > 0; n >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(n&127))
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	z := zlib.NewWriter(w)
	_, err := z.Write(o.Data)
	return errors.Join(err, z.Close())
}
