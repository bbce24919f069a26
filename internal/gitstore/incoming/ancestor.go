package incoming

import (
	"context"
	"errors"

	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/run"
)

// Descends reports whether the commit to has from among its ancestors, or is the
// same: whether a move from one to the other takes nothing away. It sees what the
// push brings. An id that is none of a commit descends from nothing.
func (in *Push) Descends(ctx context.Context, from, to object.ID) (bool, error) {
	if from == to {
		return true, nil
	}
	db, err := in.db()
	if err != nil {
		return false, err
	}
	old, ok1 := odb.ParseHash(from)
	new, ok2 := odb.ParseHash(to)
	if !ok1 || !ok2 {
		return false, nil
	}
	left := map[odb.Hash]bool{old: true}
	done, err := graph.Ancestors(ctx, db, []odb.Hash{new}, left, reach.NearCommits)
	if err != nil || len(left) == 0 || done {
		return len(left) == 0, err
	}
	env, err := in.env()
	if err != nil {
		return false, err
	}
	_, err = in.repo.Output(ctx, run.Command{
		Name:  "merge-base",
		Flags: []run.Flag{"--is-ancestor"},
		Args:  []string{string(from), string(to)},
		Env:   env,
	}, 4096)
	if run, ok := errors.AsType[*run.Error](err); ok && run.Code > 0 {
		return false, nil // 1: it is none; 128: one of the two is no commit
	}
	return err == nil, err
}
