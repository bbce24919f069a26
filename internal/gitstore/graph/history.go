package graph

import (
	"container/heap"
	"context"
	"errors"
	"fmt"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// maxCommit bounds how large a commit is read, in bytes.
const maxCommit = 64 << 20

// Commit reads the head of a commit. It fails with odb.ErrNotFound when there is
// no commit of that id.
func Commit(db *odb.DB, id odb.Hash) (object.Head, error) {
	kind, data, err := db.ReadHash(id, maxCommit)
	if err == nil && kind != object.KindCommit {
		err = odb.ErrNotFound
	}
	if err != nil {
		return object.Head{}, err
	}
	h, ok := object.ParseHead(db.Format(), data)
	if !ok {
		return h, fmt.Errorf("%w: commit %s", odb.ErrCorrupt, id.ID(db.Format()))
	}
	return h, nil
}

// slack is how much younger than its parent, in seconds, a commit's clock may
// say that it is not before a walk by time misses it: a day.
const slack = 24 * 60 * 60

// Ancestors removes from wanted what it meets on a walk from some commits to
// their ancestors, the youngest first. It reads at most limit commits, and goes
// no further than the oldest that is wanted: what is left may be an ancestor all
// the same, unless the walk came to its end, which done says. What is wanted and
// no commit is left.
func Ancestors(ctx context.Context, db *odb.DB, from []odb.Hash, wanted map[odb.Hash]bool, limit int) (done bool, err error) {
	oldest := int64(-1)
	for id := range wanted {
		h, err := Commit(db, id)
		if errors.Is(err, odb.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if oldest < 0 || h.Time < oldest {
			oldest = h.Time
		}
	}
	if oldest < 0 {
		return true, nil
	}
	w := walk{db: db, seen: map[odb.Hash]bool{}, limit: limit}
	for _, id := range from {
		if err := w.push(id); err != nil && !errors.Is(err, odb.ErrNotFound) {
			return false, err
		}
	}
	cut := false
	for len(w.heap) > 0 && len(wanted) > 0 && ctx.Err() == nil {
		c := heap.Pop(&w.heap).(*visited)
		delete(wanted, c.id)
		if c.head.Time < oldest-slack {
			cut = true
			continue
		}
		for _, p := range c.head.Parents {
			if len(w.seen) >= limit {
				return len(wanted) == 0, nil
			}
			if err := w.push(p); err != nil {
				return false, err
			}
		}
	}
	return len(wanted) == 0 || !cut, ctx.Err()
}

type visited struct {
	id   odb.Hash
	head object.Head
}

// walk is a queue of commits, the youngest first, each once.
type walk struct {
	db    *odb.DB
	seen  map[odb.Hash]bool
	limit int
	heap  byTime
}

func (w *walk) push(id odb.Hash) error {
	if w.seen[id] || len(w.seen) >= w.limit {
		return nil
	}
	h, err := Commit(w.db, id)
	if err != nil {
		return err
	}
	w.seen[id] = true
	heap.Push(&w.heap, &visited{id, h})
	return nil
}

type byTime []*visited

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].head.Time > b[j].head.Time }
func (b byTime) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

// Push implements heap.Interface.
func (b *byTime) Push(x any) { *b = append(*b, x.(*visited)) }

// Pop implements heap.Interface.
func (b *byTime) Pop() any {
	old := *b
	last := old[len(old)-1]
	*b = old[:len(old)-1]
	return last
}
