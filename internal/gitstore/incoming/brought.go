package incoming

import (
	"context"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// LargeFile is an object of a push past a size limit.
type LargeFile struct {
	ID   object.ID
	Path string // where the push has it; empty when it is in no tree
	Size int64
}

// maxLarge is how many files past each limit CheckSizes names.
const maxLarge = 100

// CheckSizes returns the files of the pack that are larger than warn, and among
// them those that are larger than limit; of each kind the first hundred.
// Objects other than blobs count only past limit.
func (in *Push) CheckSizes(ctx context.Context, warn, limit int64) ([]LargeFile, error) {
	if in.pack == nil || in.seen.largest <= warn {
		return nil, nil
	}
	db, err := in.db()
	if err != nil {
		return nil, err
	}
	var over, between []LargeFile
	for _, kind := range []object.Kind{object.KindBlob, object.KindTree, object.KindCommit, object.KindTag} {
		for _, h := range in.table.Of(kind) {
			info, err := db.InfoHash(h)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			switch {
			case info.Size > limit && len(over) < maxLarge:
				over = append(over, LargeFile{ID: h.ID(in.format), Size: info.Size})
			case info.Size > warn && info.Size <= limit && kind == object.KindBlob && len(between) < maxLarge:
				between = append(between, LargeFile{ID: h.ID(in.format), Size: info.Size})
			}
		}
	}
	return append(over, between...), nil
}

// through calls visit for every object of the pack that a tip reaches, each
// once, with the path at which it was come upon, and for what these refer to
// outside. It ends when visit returns false.
func (in *Push) through(ctx context.Context, tip object.ID, visit func(h odb.Hash, path string) bool) error {
	db, err := in.db()
	if err != nil {
		return err
	}
	start, ok := odb.ParseHash(tip)
	if !ok {
		return nil
	}
	type stop struct {
		id   odb.Hash
		path string
	}
	seen := map[odb.Hash]bool{}
	stack := []stop{{id: start}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[at.id] {
			continue
		}
		seen[at.id] = true
		if !visit(at.id, at.path) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		switch in.kind(at.id) {
		case object.KindCommit:
			head, err := graph.Commit(db, at.id)
			if err != nil {
				return err
			}
			stack = append(stack, stop{id: head.Tree})
			for _, p := range head.Parents {
				stack = append(stack, stop{id: p})
			}
		case object.KindTree:
			err := graph.Each(db, at.id, func(e *object.RawEntry) bool {
				if e.Kind() != "" {
					path := string(e.Name)
					if at.path != "" {
						path = at.path + "/" + path
					}
					stack = append(stack, stop{graph.EntryHash(e), path})
				}
				return true
			})
			if err != nil {
				return err
			}
		case object.KindTag:
			_, data, err := db.ReadHash(at.id, bare.MaxTree)
			if err != nil {
				return err
			}
			_ = object.CheckTag(in.format, data, func(l object.Link) {
				var h odb.Hash
				copy(h[:], l.ID)
				stack = append(stack, stop{id: h})
			})
		}
	}
	return nil
}

func (in *Push) kind(h odb.Hash) object.Kind {
	if in.table == nil {
		return ""
	}
	return in.table.Kind(h)
}

// touches reports whether a tip reaches any of what is lost.
func (in *Push) touches(ctx context.Context, tip object.ID, lost map[odb.Hash]bool) (bool, error) {
	found := false
	err := in.through(ctx, tip, func(h odb.Hash, _ string) bool {
		found = lost[h]
		return !found
	})
	return found, err
}

// locate fills in where the push has some objects.
func (in *Push) locate(ctx context.Context, tips []object.ID, paths map[object.ID]string) error {
	left := map[odb.Hash]bool{}
	for id := range paths {
		if h, ok := odb.ParseHash(id); ok {
			left[h] = true
		}
	}
	for _, tip := range tips {
		err := in.through(ctx, tip, func(h odb.Hash, path string) bool {
			if left[h] && path != "" {
				delete(left, h)
				paths[h.ID(in.format)] = path
			}
			return len(left) > 0
		})
		if err != nil || len(left) == 0 {
			return err
		}
	}
	return nil
}
