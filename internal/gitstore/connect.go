package gitstore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// maxOutside bounds how many objects a push may refer to that are neither in
// its pack nor in the trees next to it.
const maxOutside = 1 << 18

// errUnconnected means that something a push needs is missing, or is there but
// out of the client's reach, which must look the same.
var errUnconnected = problem.New(problem.Invalid, "missing necessary objects", "")

// LargeFile is an object of a push past a size limit.
type LargeFile struct {
	ID   object.ID
	Path string // where the push has it; empty when it is in no tree
	Size int64
}

// CheckBases fails with problem.Invalid when the pack holds deltas against
// objects that no visible ref reaches: by such a delta a client could have the
// content of an object whose name is all that it knows. git completed the pack
// by the bases that it found on disk; they stand at its end. It is the first of
// the checks, and waits for the slot that they take.
func (in *Incoming) CheckBases(ctx context.Context, refs *Refs) error {
	if err := in.enter(ctx); err != nil {
		return err
	}
	if in.index == nil || in.index.n == in.declared {
		return nil
	}
	bad, err := in.repo.Unreachable(ctx, refs, in.index.last(in.index.n-in.declared))
	if err == nil && len(bad) > 0 {
		err = errUnconnected
	}
	return err
}

// maxLarge is how many files past each limit CheckSizes names.
const maxLarge = 100

// CheckSizes returns the files of the pack that are larger than warn, and among
// them those that are larger than limit; of each kind the first hundred.
// Objects other than blobs count only past limit.
func (in *Incoming) CheckSizes(ctx context.Context, warn, limit int64) ([]LargeFile, error) {
	// Everything but a blob is bounded by what the checks before this can
	// take, and a pack of a few bytes can hold no large object that is not a
	// delta; both kinds are asked for all the same, since asking is cheap.
	if in.index == nil {
		return nil, nil
	}
	cat, err := in.repo.catFile(ctx, in.env())
	if err != nil {
		return nil, err
	}
	defer cat.close()
	var over, between []LargeFile
	err = cat.batch(in.brought(), "", func(id object.ID, o objectInfo) {
		switch {
		case o.Size > limit && len(over) < maxLarge:
			over = append(over, LargeFile{ID: id, Size: o.Size})
		case o.Size > warn && o.Size <= limit && o.Kind == object.KindBlob && len(between) < maxLarge:
			between = append(between, LargeFile{ID: id, Size: o.Size})
		}
	})
	return append(over, between...), err
}

// Connected checks that everything that the tips reach is in the pack, or
// reachable from a visible ref. It returns the tips for which that does not
// hold. Paths, if not nil, has ids as its keys and is filled in with where the
// push has them.
func (in *Incoming) Connected(ctx context.Context, refs *Refs, tips []object.ID, paths map[object.ID]string) (bad []object.ID, err error) {
	err = in.connected(ctx, refs, tips, paths)
	if !errors.Is(err, errUnconnected) {
		return nil, err
	}
	if len(tips) == 1 || len(tips) > 64 {
		return tips, nil
	}
	for _, tip := range tips {
		err := in.connected(ctx, refs, []object.ID{tip}, nil)
		if errors.Is(err, errUnconnected) {
			bad = append(bad, tip)
		} else if err != nil {
			return nil, err
		}
	}
	return bad, nil
}

func (in *Incoming) connected(ctx context.Context, refs *Refs, tips []object.ID, paths map[object.ID]string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	names := flag("--no-object-names")
	if len(paths) > 0 {
		names = "--object-names"
	}
	p, err := in.repo.store.start(ctx, in.repo.dir, command{
		name:  "rev-list",
		flags: []flag{"--objects", names, "--stdin"},
		stdin: revisions(tips, refs),
		env:   in.env(),
	})
	if err != nil {
		return err
	}
	outside, err := in.outside(p.stdout, paths)
	if err != nil {
		p.stop()
		return err
	}
	if err := p.wait(); err != nil {
		if run, ok := errors.AsType[*runError](err); ok {
			return errors.Join(errUnconnected, run)
		}
		return err
	}
	unreachable, err := in.repo.Unreachable(ctx, refs, outside)
	if err == nil && len(unreachable) > 0 {
		err = errUnconnected
	}
	return err
}

// outside reads what rev-list lists and keeps what is not in the pack. To be on
// disk is not enough: it must be in the client's reach.
func (in *Incoming) outside(r io.Reader, paths map[object.ID]string) ([]object.ID, error) {
	var out []object.ID
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		hex, name, _ := strings.Cut(line[:len(line)-1], " ")
		id := object.ID(hex)
		if known, asked := paths[id]; asked && known == "" {
			paths[id] = name
		}
		if in.index.has(id) {
			continue
		}
		if len(out) >= maxOutside {
			return nil, problem.New(problem.TooLarge, "this push refers to too many objects that it does not bring", "")
		}
		out = append(out, id)
	}
}

// revisions is the standard input for "the tips, without what refs reach".
func revisions(tips []object.ID, refs *Refs) io.Reader {
	var b strings.Builder
	for _, id := range tips {
		b.WriteString(string(id) + "\n")
	}
	last := object.ID("")
	for _, ref := range refs.All() {
		if ref.ID != last {
			b.WriteString("^" + string(ref.ID) + "\n")
		}
		last = ref.ID
	}
	return strings.NewReader(b.String())
}

// Kinds tells what kind of object each id is, "" for one that is neither here
// nor in the push.
func (in *Incoming) Kinds(ctx context.Context, ids []object.ID) (map[object.ID]object.Kind, error) {
	out := make(map[object.ID]object.Kind, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	cat, err := in.repo.catFile(ctx, in.env())
	if err != nil {
		return nil, err
	}
	defer cat.close()
	err = cat.batch(slices.Values(ids), "", func(id object.ID, o objectInfo) { out[id] = o.Kind })
	return out, err
}
