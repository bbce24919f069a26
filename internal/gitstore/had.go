package gitstore

import (
	"context"
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/wire"
)

// request returns the request as git may see it: of what the client says that it
// has, and of the ends of its history, only that which a visible ref reaches.
// git looks for such ids among everything on the disk: it would tell that an
// object out of reach is there, and make deltas against it. The caller holds a
// slot.
func (r *Repo) request(ctx context.Context, f *Fetch) (io.Reader, error) {
	in, err := f.Request.Reader()
	if err != nil {
		return nil, err
	}
	in = f.changed(in)
	if f.Want.Haves == 0 && len(f.Want.Shallow) == 0 {
		return in, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reach.Time)
	defer cancel()
	had, err := r.had(ctx, f, in)
	if err != nil {
		return nil, err
	}
	if in, err = f.Request.Reader(); err != nil {
		return nil, err
	}
	return &hadReader{in: pktline.NewReader(f.changed(in)), v2: f.Version == wire.V2, none: "have " + strings.Repeat("0", 2*f.Refs.Format.Size()) + "\n", had: had}, nil
}

// had returns those of the ids that a request names as the client's which the
// refs reach. Others than commits are in it only if a ref names them: clients
// name no others.
func (r *Repo) had(ctx context.Context, f *Fetch, request io.Reader) (map[object.ID]bool, error) {
	c := r.reach.Of(f.Refs)
	had := map[object.ID]bool{}
	left := map[odb.Hash]bool{}
	db, err := r.bare.Objects()
	if err != nil {
		return nil, err
	}
	in := pktline.NewReader(request)
	for end := false; !end; {
		kind, line, err := in.Line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		end = kind == pktline.Flush && f.Version == wire.V2
		id, ok := hadLine(line)
		if !ok {
			continue
		}
		if reachable, known := r.reach.Ask(c, id); known {
			had[id] = reachable
			continue
		}
		h, ok := odb.ParseHash(id)
		if !ok || left[h] {
			continue
		}
		info, err := db.InfoHash(h)
		if err != nil && !errors.Is(err, odb.ErrNotFound) {
			return nil, err
		}
		if err == nil && info.Kind == object.KindCommit {
			left[h] = true
		}
	}
	return had, r.searchHad(ctx, f, db, left, had)
}

// searchHad adds to had those commits of left that the refs reach. What a client
// has is mostly not far behind what it wants.
func (r *Repo) searchHad(ctx context.Context, f *Fetch, db *odb.DB, left map[odb.Hash]bool, had map[object.ID]bool) error {
	if len(left) == 0 {
		return nil
	}
	format := db.Format()
	all := make([]object.ID, 0, len(left))
	for h := range left {
		all = append(all, h.ID(format))
	}
	var from []odb.Hash
	for _, want := range f.Want.Wants[:min(len(f.Want.Wants), reach.NearTips)] {
		if h, ok := odb.ParseHash(want); ok {
			from = append(from, h)
		}
	}
	if _, err := graph.Ancestors(ctx, db, from, left, reach.NearCommits); err != nil {
		return err
	}
	far := make([]object.ID, 0, len(left))
	for h := range left {
		far = append(far, h.ID(format))
	}
	bad, err := r.Unreachable(ctx, f.Refs, far)
	if err != nil {
		return err
	}
	lost := make(map[object.ID]bool, len(bad))
	for _, id := range bad {
		lost[id] = true
	}
	for _, id := range all {
		had[id] = !lost[id]
	}
	r.reach.Remember(r.reach.Of(f.Refs), all, lost)
	return nil
}

// hadLine returns the id that a line of a request names as the client's.
func hadLine(line string) (object.ID, bool) {
	for _, key := range [...]string{"have ", "shallow "} {
		if id, ok := strings.CutPrefix(line, key); ok {
			return object.ID(strings.ToLower(id)), true
		}
	}
	return "", false
}

// hadReader is a request without the ids that had does not hold.
type hadReader struct {
	in   *pktline.Reader
	v2   bool
	none string // a line for an id that no object has
	had  map[object.ID]bool
	out  []byte // to be read
	gone bool   // the line that stands for all that were left out is written
	err  error
}

// Read implements io.Reader.
func (h *hadReader) Read(p []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		h.out, h.err = h.next(h.out[:0])
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

// next appends the next frame to b, or nothing for one that is left out.
func (h *hadReader) next(b []byte) ([]byte, error) {
	kind, payload, err := h.in.Next()
	switch {
	case err != nil:
		return b, err
	case kind == pktline.Flush:
		if h.v2 { // what follows is not read
			err = io.EOF
		}
		return pktline.AppendFlush(b), err
	case kind == pktline.Delim:
		return pktline.AppendDelim(b), nil
	}
	line := string(payload)
	id, ok := hadLine(strings.TrimSuffix(line, "\n"))
	if !ok || h.had[id] {
		return pktline.Append(b, line), nil
	}
	// Who says in version 2 that it has something gets an answer of another form
	// than who has nothing. In the others git answers to what it does not know.
	if !h.v2 || h.gone || !strings.HasPrefix(line, "have ") {
		return b, nil
	}
	h.gone = true
	return pktline.Append(b, h.none), nil
}
