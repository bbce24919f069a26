package gitstore

import (
	"context"
	"errors"
	"strings"

	"jeton/internal/gitstore/object"
)

// reachCache remembers which objects are reachable from one state of the refs.
type reachCache struct{}

// commitReachable reports whether a visible ref reaches a commit.
func (r *Repo) commitReachable(ctx context.Context, refs *Refs, id object.ID) (bool, error) {
	var in strings.Builder
	for _, ref := range refs.All() {
		if ref.ID == id || ref.Peeled == id {
			return true, nil
		}
		in.WriteString("^" + string(ref.ID) + "\n")
	}
	if refs.Empty() {
		return false, nil
	}
	in.WriteString(string(id) + "\n")
	out, err := r.store.output(ctx, r.dir, command{
		name:  "rev-list",
		flags: []flag{"--max-count=1", "--stdin"},
		stdin: strings.NewReader(in.String()),
	}, 1000)
	if _, failed := errors.AsType[*runError](err); failed {
		return false, nil // it names no commit, or one that is broken
	}
	return err == nil && len(out) == 0, err
}
