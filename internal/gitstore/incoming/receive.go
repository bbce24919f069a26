package incoming

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// seen is what was noticed about the objects of a pack while it came in.
type seen struct {
	watched string      // the name of an entry, to be looked out for
	met     atomic.Bool // a tree has one of that name

	mu       sync.Mutex // guards what follows
	bad      *badObject // the first object that git's rules refuse
	specials map[odb.Hash]object.Special
	largest  int64
	streamed []odb.Hash // blobs that were never whole in memory
}

// badObject is an object that git's rules refuse.
type badObject struct {
	id  odb.Hash
	err error
}

// Index reads a pack to its end, checks every object in it by git's strict
// rules and writes its index. What can be told to the client comes as a
// problem of kind Invalid or TooLarge. progress, if not nil, gets lines about
// the work.
func (in *Push) Index(ctx context.Context, pack io.Reader, progress io.Writer) error {
	var head [12]byte
	if _, err := io.ReadFull(pack, head[:]); err != nil {
		return packError(err, "the pack is cut short")
	}
	version := binary.BigEndian.Uint32(head[4:])
	if string(head[:4]) != "PACK" || version != 2 && version != 3 {
		return problem.New(problem.Invalid, "that is no pack", "")
	}
	n, limits := int64(binary.BigEndian.Uint32(head[8:])), in.shared
	if n > limits.PackObjects {
		return in.tooMany(n)
	}
	if n == 0 {
		return nil
	}
	db, err := in.repo.Objects()
	if err != nil {
		return err
	}
	in.table = graph.NewTable(in.format, int(n)+maxOutside)
	told := &progressLines{w: progress, begun: time.Now()}
	got, err := odb.Index(ctx, io.MultiReader(bytes.NewReader(head[:]), pack), odb.IndexOptions{
		Place:      in.packs,
		Format:     in.format,
		DB:         db,
		MaxBytes:   limits.PackBytes,
		MaxObject:  in.maxObject(),
		MaxObjects: limits.PackObjects,
		Check:      in.check,
		// While the client still sends there is no slot to take: a slow client
		// must not keep others from theirs.
		Received: func() error { return in.enter(ctx) },
		Progress: told.line,
	})
	if err != nil {
		in.table = nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return in.indexError(err)
	}
	told.end()
	if in.pack = got; got.Pack == nil {
		in.pack, in.table = nil, nil
		return nil
	}
	// What a delta against an object out of reach makes must not be told.
	if len(got.Bases) == 0 {
		if err := in.verdict(); err != nil {
			return err
		}
	}
	return in.lookAtStreamed()
}

// maxObject bounds an object in memory. Files past the limit are let in so far
// that they can be told of by their names.
func (in *Push) maxObject() int64 { return max(in.shared.ObjectBytes, 1<<30) + 1<<20 }

// db returns the repository's objects with those of the push before them.
func (in *Push) db() (*odb.DB, error) {
	db, err := in.repo.Objects()
	if err == nil && in.pack != nil {
		db = db.Layer(in.pack.Pack)
	}
	return db, err
}

// check looks at one object while its content is at hand. What is wrong with it
// is remembered, not returned: whether it may be told is known only later. Only
// objects that refer to more than a push may end it at once.
func (in *Push) check(o odb.Object) error {
	links := in.shared.borrow()
	defer in.shared.giveBack(links)
	add := func(l object.Link) { links.Add(l.ID, l.Kind) }
	var err error
	switch o.Kind {
	case object.KindCommit:
		err = object.CheckCommit(in.format, o.Data, add)
	case object.KindTag:
		err = object.CheckTag(in.format, o.Data, add)
	case object.KindTree:
		err = object.CheckTree(in.format, o.Data, func(e *object.RawEntry) {
			if kind := e.Kind(); kind != "" {
				links.Add(e.ID, kind)
			}
			if string(e.Name) == in.seen.watched {
				in.seen.met.Store(true)
			}
			if e.Special != 0 {
				in.seen.special(graph.EntryHash(e), e.Special, in.table.Most())
			}
		})
	}
	if (o.Kind == object.KindCommit || o.Kind == object.KindTag) && o.Size > bare.MaxWords {
		err = &object.Violation{ID: "tooLarge", Text: "a commit or tag of more than " + bare.SizeText(bare.MaxWords)}
	}
	if !in.table.Add(&o.ID, o.Kind, links) {
		return errOutside
	}
	in.seen.note(&o, err)
	if in.look != nil && o.Kind != object.KindTree && o.Data != nil && o.Size <= in.shared.ObjectBytes {
		in.look(o.Kind, o.ID.ID(in.format), o.Data)
	}
	return nil
}

// special notes a file that clients obey, of at most so many: the tree that names
// more is refused for that.
func (s *seen) special(id odb.Hash, special object.Special, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.specials == nil {
		s.specials = map[odb.Hash]object.Special{}
	}
	if len(s.specials) < most {
		s.specials[id] |= special
	}
}

func (s *seen) note(o *odb.Object, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, o.Size)
	if o.Kind == object.KindBlob && o.Data == nil && o.Size > 0 {
		s.streamed = append(s.streamed, o.ID)
	}
	if err != nil && s.bad == nil {
		s.bad = &badObject{id: o.ID, err: err}
	}
}

// Bytes is what the pack takes on the disk, with the bases that complete it and
// without its index.
func (in *Push) Bytes() int64 {
	if in.pack == nil {
		return 0
	}
	return in.pack.Bytes
}

// verdict is what git's rules have against the objects, in git's words.
func (in *Push) verdict() error {
	in.seen.mu.Lock()
	bad := in.seen.bad
	in.seen.mu.Unlock()
	if bad == nil {
		return nil
	}
	text := "object " + string(bad.id.ID(in.format)) + ": " + bad.err.Error()
	return problem.Wrap(bad.err, problem.Invalid, printable.Line(text, 260), "Rewrite the commits that hold it: git fsck --strict in your clone finds it.")
}

// checkSpecials looks into the files that clients obey, wherever they are.
// Those that are not in the pack must be in reach.
func (in *Push) checkSpecials(ctx context.Context, lost map[odb.Hash]bool) error {
	if len(in.seen.specials) == 0 {
		return nil
	}
	db, err := in.db()
	if err != nil {
		return err
	}
	for id, special := range in.seen.specials {
		if lost[id] {
			continue // nothing that refers to it is taken
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		kind, data, err := db.ReadHash(id, object.MaxSpecialBytes)
		if errors.Is(err, odb.ErrTooLarge) {
			data, err = make([]byte, object.MaxSpecialBytes+1), nil
		}
		if errors.Is(err, odb.ErrNotFound) || err == nil && kind != "" && kind != object.KindBlob {
			continue // what refers to it as a file is refused for that
		}
		if err == nil {
			err = object.CheckSpecial(special, data)
		}
		if _, ok := errors.AsType[*object.Violation](err); ok {
			in.seen.bad = &badObject{id: id, err: err}
			return in.verdict()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lookAtStreamed shows the blobs to look that were too large to be whole in
// memory while they came, one at a time in the whole store.
func (in *Push) lookAtStreamed() error {
	if in.look == nil || len(in.seen.streamed) == 0 {
		return nil
	}
	db, err := in.db()
	if err != nil {
		return err
	}
	for _, id := range in.seen.streamed {
		err := func() error {
			in.shared.large.Lock()
			defer in.shared.large.Unlock()
			kind, data, err := db.ReadHash(id, in.shared.ObjectBytes)
			if errors.Is(err, odb.ErrTooLarge) {
				return nil // it is refused anyway
			}
			if err == nil {
				in.look(kind, id.ID(in.format), data)
			}
			return err
		}()
		if err != nil {
			return err
		}
	}
	return nil
}

func packError(err error, public string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.Wrap(err, problem.Invalid, public, "")
	}
	return err
}

func (in *Push) tooMany(n int64) error {
	return problem.New(problem.TooLarge, fmt.Sprintf("pack has %d objects, more than the %d that this server takes", n, in.shared.PackObjects), "Push the history in parts.")
}

// indexError words a failure for the client.
func (in *Push) indexError(err error) error {
	bad, ok := errors.AsType[*odb.PackError](err)
	if !ok {
		return disk.Worded(packError(err, "the pack is cut short"))
	}
	limits := in.shared
	tooLarge := func(public, remedy string) error {
		return &problem.Error{Kind: problem.TooLarge, Public: public, Remedy: remedy, Err: err}
	}
	public := "the pack is damaged"
	switch bad.Reason {
	case odb.LimitBytes:
		return tooLarge("pack exceeds maximum allowed size of "+bare.SizeText(limits.PackBytes), "Push the history in parts, the oldest commits first.")
	case odb.LimitObject:
		return tooLarge("an object exceeds the maximum size of "+bare.SizeText(limits.ObjectBytes), "")
	case odb.LimitTotal:
		return tooLarge("the pack unpacks to too much", "Push the history in parts, the oldest commits first.")
	case odb.LimitCount:
		return in.tooMany(bad.Value)
	case odb.MissingBase:
		return errors.Join(errUnconnected, err) // the same as for one out of reach
	case odb.Truncated:
		public = "the pack is cut short"
	case odb.Duplicate:
		public = "the pack holds an object twice"
	case odb.Differs:
		public = "an object differs from one of the same name that is here"
	case odb.Collision:
		public = "an object is part of a SHA-1 collision attack"
	}
	return problem.Wrap(err, problem.Invalid, public, "")
}

// progressLines tells of the work as git does, once it takes long enough to be
// waited for.
type progressLines struct {
	w     io.Writer
	begun time.Time
	last  time.Time
	total int
}

const (
	progressAfter = 500 * time.Millisecond
	progressEvery = 200 * time.Millisecond
)

func (p *progressLines) line(done, total int) {
	now := time.Now()
	if p.w == nil || total == 0 || now.Sub(p.begun) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.total = now, total
	// It never fails: progress is not worth a push.
	_, _ = fmt.Fprintf(p.w, "Resolving deltas: %3d%% (%d/%d)\r", 100*done/total, done, total)
}

func (p *progressLines) end() {
	if p.total > 0 {
		_, _ = fmt.Fprintf(p.w, "Resolving deltas: 100%% (%d/%d), done.\n", p.total, p.total)
	}
}
