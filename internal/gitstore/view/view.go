// Package view is what pages and answers show of a repository: files, histories,
// comparisons, tags, archives. All of it begins at refs that somebody may see, and
// nothing is told of what those do not reach.
package view

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/share"
	"jeton/internal/problem"
)

// maxInMemory is up to what size a file is read whole rather than by git: 64 of
// them may be on their way to slow clients.
const maxInMemory = 1 << 20

// View is the state of a repository at one commit, open for reading by one
// goroutine. It holds one slot and one deadline; Close gives them back. Its errors
// are problem.NotFound for what is not there, problem.TooLarge, and
// problem.Unavailable when the time is over.
type View struct {
	Refs   *ref.Snapshot
	Ref    string // the full name of the ref that was asked for; empty for a commit's id
	Commit object.Commit

	repo   *bare.Repo
	reach  *reach.Finder
	shared *Shared
	ctx    context.Context
	done   func()
}

// Shared is what the views of all repositories share.
type Shared struct {
	Files    share.Slots   // of files that are sent as they are
	Archives *share.Pool   // of archives that are written
	Time     time.Duration // for one of those
}

// Source is what a view is of.
type Source struct {
	Repo   *bare.Repo
	Reach  *reach.Finder
	Shared *Shared
}

// Open opens a repository as refs show it, without any revision: the view has a
// Commit once At was called. ctx bounds what is read of it, and Close calls done.
func Open(ctx context.Context, of Source, refs *ref.Snapshot, done func()) *View {
	return &View{Refs: refs, repo: of.Repo, reach: of.Reach, shared: of.Shared, ctx: ctx, done: done}
}

// ErrEmpty is what At returns for a repository without any commit on the
// branch that HEAD names, when no revision was asked for.
var ErrEmpty = problem.New(problem.NotFound, "this repository is empty", "Push a first commit to it.")

func noRevision() error {
	return problem.New(problem.NotFound, "there is no such branch, tag or commit in this repository", "")
}

func noPath() error {
	return problem.New(problem.NotFound, "there is no such file or folder at this point of the history", "")
}

// AtPath moves the view to what a URL names as "REVISION/PATH", where a revision may
// hold slashes, and returns the path.
func (v *View) AtPath(rest string) (path string, err error) {
	rev, path := v.split(strings.Trim(rest, "/"))
	return path, v.resolve(rev)
}

// Close gives back what the view holds. It may be called more than once.
func (v *View) Close() {
	if v.done != nil {
		v.done()
		v.done = nil
	}
}

// split finds the shortest beginning of rest that is a ref. What is none begins
// with a commit's id, which has no slash.
func (v *View) split(rest string) (rev, path string) {
	for i := 0; i <= len(rest); i++ {
		if i < len(rest) && rest[i] != '/' {
			continue
		}
		if _, ok := v.find(rest[:i]); ok {
			return rest[:i], strings.Trim(rest[i:], "/")
		}
	}
	rev, path, _ = strings.Cut(rest, "/")
	return rev, path
}

func (v *View) find(name string) (ref.Ref, bool) {
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "", "refs/"} {
		if ref, ok := v.Refs.Get(prefix + name); ok {
			return ref, true
		}
	}
	return ref.Ref{}, false
}

func (v *View) resolve(rev string) error {
	if rev == "" || rev == "HEAD" {
		ref, ok := v.Refs.Default()
		if !ok {
			return ErrEmpty
		}
		return v.at(ref.Name, ref.Commit())
	}
	if ref, ok := v.find(rev); ok {
		return v.at(ref.Name, ref.Commit())
	}
	rev = strings.ToLower(rev)
	if len(rev) < 7 || len(rev) > 64 || !object.IsHex(rev) {
		return noRevision()
	}
	id, ok, err := v.repo.Abbreviated(rev)
	if err != nil {
		return err
	}
	if ok {
		ok, err = v.reach.Commit(v.ctx, v.Refs, id)
	}
	if err != nil {
		return err
	}
	if !ok {
		return noRevision()
	}
	return v.at("", id)
}

func (v *View) at(ref string, id object.ID) error {
	v.Ref = ref
	c, err := v.commit(id)
	v.Commit = c
	return err
}

// commit reads one commit. One with a message past all reason is still shown,
// without it.
func (v *View) commit(id object.ID) (object.Commit, error) {
	data, err := v.repo.Read(v.ctx, id, object.KindCommit, bare.MaxCommit)
	if problem.Is(err, problem.TooLarge) {
		return object.Commit{ID: id, Message: "(the message is too large to show)"}, nil
	}
	if err != nil {
		return object.Commit{}, err
	}
	return object.ParseCommit(id, data)
}

// Tag reads the annotated tag that the view's Ref is, and returns false when it
// is a branch or a light tag.
func (v *View) Tag() (object.Tag, bool, error) {
	ref, _ := v.Refs.Get(v.Ref)
	if ref.Peeled == "" {
		return object.Tag{}, false, nil
	}
	return v.tagObject(ref)
}

// Tree is one folder.
type Tree struct {
	Entries   []object.Entry // in git's order
	Total     int            // how many there are, which may be more
	Truncated bool
}

// Tree lists a folder, "" for the topmost, with at most limit entries.
func (v *View) Tree(path string, limit int) (Tree, error) {
	e, err := v.Entry(path)
	if err != nil {
		return Tree{}, err
	}
	if !e.Mode.IsDir() {
		return Tree{}, noPath()
	}
	data, err := v.tree(e.ID)
	if err != nil {
		return Tree{}, err
	}
	var t Tree
	err = object.ParseTree(v.Refs.Format, data, func(e object.Entry) bool {
		t.Total++
		if len(t.Entries) < limit {
			t.Entries = append(t.Entries, e)
		}
		return true
	})
	t.Truncated = t.Total > len(t.Entries)
	return t, err
}

func (v *View) tree(id object.ID) ([]byte, error) {
	return v.repo.Read(v.ctx, id, object.KindTree, bare.MaxTree)
}

// Entry finds what is at a path. The topmost folder is the path "".
func (v *View) Entry(path string) (object.Entry, error) {
	e := object.Entry{Mode: object.ModeDir, ID: v.Commit.Tree}
	if path = strings.Trim(path, "/"); path == "" {
		return e, nil
	}
	parts := strings.Split(path, "/")
	if len(parts) > 500 {
		return e, noPath()
	}
	for _, part := range parts {
		if !e.Mode.IsDir() {
			return e, noPath()
		}
		data, err := v.tree(e.ID)
		if err != nil {
			return e, err
		}
		found := false
		err = object.ParseTree(v.Refs.Format, data, func(x object.Entry) bool {
			if x.Name == part {
				e, found = x, true
			}
			return !found
		})
		if err != nil {
			return e, err
		}
		if !found {
			return e, noPath()
		}
	}
	return e, nil
}

// Blob is one file or symbolic link.
type Blob struct {
	object.Entry
	Size int64
}

// Blob finds the file or symbolic link at a path, and its size.
func (v *View) Blob(path string) (Blob, error) {
	e, err := v.Entry(path)
	if err != nil {
		return Blob{}, err
	}
	if !e.Mode.IsFile() && !e.Mode.IsSymlink() {
		return Blob{}, noPath()
	}
	db, err := v.repo.Objects()
	if err != nil {
		return Blob{}, err
	}
	in, err := db.Info(e.ID)
	if errors.Is(err, odb.ErrNotFound) || err == nil && in.Kind != object.KindBlob {
		return Blob{}, noPath()
	}
	if err != nil {
		return Blob{}, err
	}
	return Blob{Entry: e, Size: in.Size}, nil
}

// Read returns a file's content when it has at most limit bytes, and
// problem.TooLarge otherwise.
func (v *View) Read(b Blob, limit int64) ([]byte, error) {
	if b.Size > limit {
		return nil, run.TooLarge("the file")
	}
	return v.repo.Read(v.ctx, b.ID, object.KindBlob, limit)
}

// ReadHead returns at most limit bytes of a file's beginning.
func (v *View) ReadHead(b Blob, limit int64) ([]byte, error) {
	if b.Size <= limit {
		return v.Read(b, limit)
	}
	if b.Size <= maxInMemory {
		data, err := v.Read(b, maxInMemory)
		return data[:min(limit, int64(len(data)))], err
	}
	p, err := v.repo.Start(v.ctx, run.Command{Name: "cat-file", Flags: []run.Flag{"blob", run.Flag(b.ID)}})
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	var buf bytes.Buffer
	_, err = io.Copy(&buf, io.LimitReader(p.Stdout, limit))
	if cause := v.ctx.Err(); cause != nil {
		return nil, run.Worded(cause)
	}
	return buf.Bytes(), err
}

// Stream opens a file of any size. It outlives the view: ctx ends it, and its
// Close must be called. Clones need not wait for it.
func (v *View) Stream(ctx context.Context, b Blob) (io.ReadCloser, error) {
	release, err := v.shared.Files.Take(ctx, 0)
	if err != nil {
		return nil, err
	}
	if b.Size <= maxInMemory {
		data, err := v.Read(b, maxInMemory)
		if err != nil {
			release()
			return nil, err
		}
		return &small{Reader: bytes.NewReader(data), done: release}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.shared.Time)
	p, err := v.repo.Start(ctx, run.Command{Name: "cat-file", Flags: []run.Flag{"blob", run.Flag(b.ID)}})
	if err != nil {
		cancel()
		release()
		return nil, err
	}
	return &stream{p: p, left: b.Size, done: func() { cancel(); release() }}, nil
}

// small is a file that was read at once.
type small struct {
	*bytes.Reader
	done func()
}

// Close gives back the slot.
func (s *small) Close() error {
	s.done()
	return nil
}

// stream reads exactly as many bytes as were promised, or fails.
type stream struct {
	p    *run.Process
	left int64
	done func()
}

// Read reads on.
func (s *stream) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.p.Stdout.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	if errors.Is(err, io.EOF) && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close ends the process.
func (s *stream) Close() error {
	s.p.Stop()
	s.done()
	return nil
}
