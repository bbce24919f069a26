package gitstore

import (
	"context"
	"slices"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
)

// Sizes tells how many bytes those of ids have that a ref of refs reaches. The
// others are not in it, be they there or not.
func (r *Repo) Sizes(ctx context.Context, refs *Refs, ids []object.ID) (map[object.ID]int64, error) {
	out := make(map[object.ID]int64, len(ids))
	bad, err := r.Unreachable(ctx, refs, ids)
	if err != nil {
		return nil, err
	}
	hidden := make(map[object.ID]bool, len(bad))
	for _, id := range bad {
		hidden[id] = true
	}
	ask := slices.DeleteFunc(slices.Clone(ids), func(id object.ID) bool { return hidden[id] })
	err = r.bare.Infos(ctx, ask, func(id object.ID, in odb.Info) { out[id] = in.Size })
	return out, err
}
