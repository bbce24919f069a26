package gitstore

import (
	"context"
	"io"
	"iter"

	"jeton/internal/gitstore/object"
)

// Look is called with each object that a push brings, while its content is at
// hand: blobs, commits and tags. data is the callee's for the call alone. It may
// be called from several goroutines.
type Look func(kind object.Kind, id object.ID, data []byte)

// Inspect has Index show every new object to look. Call it before Index.
// Objects past the store's size limit are left out: they are refused anyway.
func (in *Incoming) Inspect(look Look) { in.look = look }

// brought are the objects that the client sent: those with which git completed
// a thin pack stand at its end, and are none.
func (in *Incoming) brought() iter.Seq[object.ID] {
	return func(yield func(object.ID) bool) {
		if in.index == nil {
			return
		}
		foreign := map[object.ID]bool{}
		if n := in.index.n - in.declared; n > 0 {
			for _, id := range in.index.last(n) {
				foreign[id] = true
			}
		}
		for id := range in.index.ids {
			if !foreign[id] && !yield(id) {
				return
			}
		}
	}
}

// inspect shows the objects to look, by asking git for their content.
func (in *Incoming) inspect(ctx context.Context) error {
	if in.look == nil || in.index == nil {
		return nil
	}
	cat, err := in.repo.catFile(ctx, in.env())
	if err != nil {
		return err
	}
	defer cat.close()
	var list []objectInfo
	err = cat.batch(in.brought(), "", func(id object.ID, o objectInfo) {
		if o.Kind != object.KindTree && !o.Missing && o.Size <= in.repo.store.limits.ObjectBytes {
			list = append(list, o)
		}
	})
	if err != nil {
		return err
	}
	ids := func(yield func(object.ID) bool) {
		for _, o := range list {
			if !yield(o.ID) {
				return
			}
		}
	}
	var buf []byte
	return cat.contents(ids, func(o objectInfo, r io.Reader) error {
		if int64(cap(buf)) < o.Size {
			buf = make([]byte, o.Size)
		}
		buf = buf[:o.Size]
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		in.look(o.Kind, o.ID, buf)
		return nil
	})
}
