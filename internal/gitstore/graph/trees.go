package graph

import (
	"context"
	"fmt"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// MaxTree bounds how large a tree is read, in bytes.
const MaxTree = 256 << 20

// maxDepth is how deep folders are followed. git itself, from 2.43 on, goes no
// deeper than 2,048.
const maxDepth = 2048

// Tree returns a tree's content. It fails with odb.ErrNotFound when there is no
// tree of that id.
func Tree(db *odb.DB, id odb.Hash) ([]byte, error) {
	kind, data, err := db.ReadHash(id, MaxTree)
	if err == nil && kind != object.KindTree {
		err = odb.ErrNotFound
	}
	return data, err
}

// Each calls f for each entry of a tree until f returns false.
func Each(db *odb.DB, id odb.Hash, f func(*object.RawEntry) bool) error {
	data, err := Tree(db, id)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		e, rest, ok := object.NextEntry(db.Format(), data)
		if !ok {
			return fmt.Errorf("%w: tree %s", odb.ErrCorrupt, id.ID(db.Format()))
		}
		if !f(&e) {
			return nil
		}
		data = rest
	}
	return nil
}

// EntryHash returns the id of an entry.
func EntryHash(e *object.RawEntry) (h odb.Hash) {
	copy(h[:], e.ID)
	return h
}

// Search looks for objects in trees that are in reach. It may be used for many
// trees: none is read twice.
type Search struct {
	DB   *odb.DB
	Left map[odb.Hash]object.Kind // what was not found yet, and the kind that it must have
	// New reports whether a tree is one of those whose entries are looked for:
	// folders that are not new are not gone into by Beside.
	New   func(odb.Hash) bool
	Limit int // of trees that are read; they count down

	beside map[[2]odb.Hash]bool
	whole  map[odb.Hash]bool
}

// met takes an object of a kind that was met off the list.
func (s *Search) met(id odb.Hash, kind object.Kind) {
	if want, ok := s.Left[id]; ok && want == kind {
		delete(s.Left, id)
	}
}

// Beside meets an old tree and all its entries, and goes into its folders where
// there is a new one at the same path.
func (s *Search) Beside(ctx context.Context, new, old odb.Hash) error {
	if s.beside == nil {
		s.beside = map[[2]odb.Hash]bool{}
	}
	return s.pair(ctx, new, old, 0)
}

type namedTree struct {
	name string
	id   odb.Hash
}

func (s *Search) pair(ctx context.Context, new, old odb.Hash, depth int) error {
	s.met(old, object.KindTree)
	key := [2]odb.Hash{new, old}
	if len(s.Left) == 0 || new == old || !s.New(new) || s.beside[key] || s.Limit <= 0 || depth > maxDepth || ctx.Err() != nil {
		return ctx.Err()
	}
	s.beside[key] = true
	s.Limit--
	var fresh, pairs []namedTree
	err := Each(s.DB, new, func(e *object.RawEntry) bool {
		if e.Mode.IsDir() {
			if id := EntryHash(e); s.New(id) {
				fresh = append(fresh, namedTree{string(e.Name), id})
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	err = Each(s.DB, old, func(e *object.RawEntry) bool {
		id := EntryHash(e)
		s.met(id, e.Kind())
		// Both are in order, by the same rule.
		if e.Mode.IsDir() {
			for i, f := range fresh {
				if f.name == string(e.Name) {
					pairs, fresh = append(pairs, f, namedTree{"", id}), fresh[i+1:]
					break
				}
			}
		}
		return true
	})
	for i := 0; i < len(pairs) && err == nil; i += 2 {
		err = s.pair(ctx, pairs[i].id, pairs[i+1].id, depth+1)
	}
	return err
}

// Whole meets everything in a tree.
func (s *Search) Whole(ctx context.Context, tree odb.Hash) error {
	if s.whole == nil {
		s.whole = map[odb.Hash]bool{}
	}
	stack := []odb.Hash{tree}
	for len(stack) > 0 && len(s.Left) > 0 && s.Limit > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if s.whole[id] {
			continue
		}
		s.whole[id] = true
		s.Limit--
		s.met(id, object.KindTree)
		err := Each(s.DB, id, func(e *object.RawEntry) bool {
			sub := EntryHash(e)
			s.met(sub, e.Kind())
			if e.Mode.IsDir() && !s.whole[sub] {
				stack = append(stack, sub)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}
