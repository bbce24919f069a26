package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
)

// Upload is a fetch whose request was read and checked.
type Upload struct {
	Version wire.Version
	Request io.Reader // the whole request, as the client sent it
	Out     io.Writer // flushed after each piece, if it can be
}

// uploadConfig is what git upload-pack may do. It may serve any object by id,
// since CheckFetch has looked at every one; refs that are not for clients stay
// hidden from it; and of the filters only those that look at kind and size.
var uploadConfig = [...]string{
	"uploadpack.allowFilter", "true",
	"uploadpack.allowAnySHA1InWant", "true",
	"uploadpack.keepAlive", "5",
	"uploadpackfilter.allow", "false",
	"uploadpackfilter.blob:none.allow", "true",
	"uploadpackfilter.blob:limit.allow", "true",
	"uploadpackfilter.tree.allow", "true",
	"uploadpackfilter.object:type.allow", "true",
	"uploadpackfilter.combine.allow", "true",
	"transfer.hideRefs", "refs/",
	"transfer.hideRefs", "!refs/heads/",
	"transfer.hideRefs", "!refs/tags/",
	"transfer.hideRefs", "!refs/notes/",
	"transfer.advertiseSID", "false",
}

// CheckFetch looks at everything that a request names: each wanted object must
// be reachable from a ref of refs, each named ref be one of them. The error is
// problem.Invalid in the words of git.
func (r *Repo) CheckFetch(ctx context.Context, refs *Refs, f *wire.Fetch) error {
	for _, name := range f.DeepenNot {
		if !resolves(refs, name) {
			return problem.Newf(problem.Invalid, "git upload-pack: ambiguous deepen-not: %s", shown(name))
		}
	}
	bad, err := r.Unreachable(ctx, refs, f.Wants)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return problem.Newf(problem.Invalid, "upload-pack: not our ref %s", bad[0])
	}
	return r.checkUnshallow(ctx, refs, f)
}

// checkUnshallow looks at the ends of a shallow history of which the client
// wants all that lies behind: git hands out the parents of each, whether a ref
// reaches it or not. With any smaller depth it walks from the wants alone, and
// an end whose branch was replaced does no harm.
func (r *Repo) checkUnshallow(ctx context.Context, refs *Refs, f *wire.Fetch) error {
	if !f.Unshallow {
		return nil
	}
	bad, err := r.Unreachable(ctx, refs, f.Shallow)
	if err != nil || len(bad) == 0 {
		return err
	}
	return problem.New(problem.Invalid, fmt.Sprintf("upload-pack: your shallow clone ends at %s, which no branch or tag here reaches any more", bad[0]),
		"Clone again, or fetch with --depth in place of --unshallow.")
}

// resolves reports whether git would find name among the visible refs alone.
func resolves(refs *Refs, name string) bool {
	if name == "HEAD" {
		return true
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/"} {
		full := prefix + name
		if _, ok := refs.Get(full); ok && object.Visible(full) {
			return true
		}
	}
	return false
}

func shown(s string) string {
	q := fmt.Sprintf("%+q", s[:min(len(s), 200)])
	return q[1 : len(q)-1]
}

// FetchSlot waits a moment for one of the slots for fetches: git does not come
// again by itself.
func (s *Store) FetchSlot(ctx context.Context, who Who) (release func(), err error) {
	return s.fetches.take(ctx, who, 30*time.Second)
}

// UploadPack answers a fetch. The caller has checked it by CheckFetch and holds
// a slot.
func (r *Repo) UploadPack(ctx context.Context, u Upload) error {
	ctx, cancel := context.WithTimeout(ctx, r.store.limits.FetchTime)
	defer cancel()
	c := command{
		name:   "upload-pack",
		flags:  []flag{"--stateless-rpc", "--strict"},
		args:   []string{"."},
		config: uploadConfig[:],
		stdin:  u.Request,
	}
	switch u.Version {
	case wire.V1:
		c.env = []string{"GIT_PROTOCOL=version=1"}
	case wire.V2:
		c.env = []string{"GIT_PROTOCOL=version=2"}
	}
	p, err := r.store.start(ctx, r.dir, c)
	if err != nil {
		return err
	}
	if err := copyFlushing(u.Out, p.stdout); err != nil {
		p.stop()
		if cause := ctx.Err(); cause != nil {
			return readError(cause)
		}
		return err
	}
	return p.wait()
}

// copyFlushing copies and flushes whenever the source pauses, so that progress
// is seen as it happens and a large pack goes out in large pieces.
func copyFlushing(w io.Writer, r io.Reader) error {
	flusher, _ := w.(interface{ Flush() })
	buf := make([]byte, 128<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
			if flusher != nil && n < 16<<10 {
				flusher.Flush()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Spool is a request that was read to its end: in memory when it is small, in
// an unnamed file when it is large.
type Spool struct {
	small   string
	file    *os.File
	release func()
}

// spoolMemory is more than most requests have.
const spoolMemory = 64 << 10

// Spool reads r to its end. More than the limit for requests is
// problem.TooLarge. Of files there are as many at a time as of fetches, and
// each actor has a share of them.
func (s *Store) Spool(ctx context.Context, who Who, r io.Reader) (*Spool, error) {
	var head strings.Builder
	n, err := io.Copy(&head, io.LimitReader(r, spoolMemory))
	if err != nil {
		return nil, err
	}
	if n < spoolMemory {
		return &Spool{small: head.String()}, nil
	}
	release, err := s.spools.take(ctx, who, 15*time.Second)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.tempDir(), "request-")
	if err != nil {
		release()
		return nil, diskError(err)
	}
	sp := &Spool{file: f, release: release}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.WriteString(f, head.String())
	}
	if err == nil {
		n, err = io.Copy(f, io.LimitReader(r, s.limits.RequestBytes-spoolMemory+1))
	}
	if err == nil && n > s.limits.RequestBytes-spoolMemory {
		err = problem.New(problem.TooLarge, "The request is too large.", "")
	}
	if err != nil {
		return nil, errors.Join(diskError(err), sp.Close())
	}
	return sp, nil
}

// Reader returns a reader from the beginning. Only one may be in use.
func (s *Spool) Reader() (io.Reader, error) {
	if s.file == nil {
		return strings.NewReader(s.small), nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

// Close gives back the memory or the file.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	s.release()
	return s.file.Close()
}
