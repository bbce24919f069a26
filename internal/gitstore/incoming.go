package gitstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

const (
	incomingPrefix = "incoming-"
	ownerLock      = "owner.lock"
)

// Incoming is a push on its way: objects in a quarantine folder that nothing
// else looks into, until Publish gives them to the repository. Close must be
// called, and removes what was not published. It is for one goroutine.
type Incoming struct {
	repo   *Repo
	who    Who
	dir    string // the quarantine, relative to the repository
	lock   *os.File
	done   []func() // gives back the slots
	format object.Format
	enters bool // it has its slot for the checks

	declared int        // objects that the client said it sends
	index    *packIndex // nil when there are none
	look     Look       // sees every object; nil: nobody does
}

// receiveWait and checkWait are how long a push waits for its slots. Before it
// is checked it has sent all that it brings, which is worth some patience.
const receiveWait, checkWait = 30 * time.Second, 2 * time.Minute

// Incoming begins a push. It waits a moment for a slot, and fails with
// problem.Unavailable or problem.TooMany when there is none.
func (r *Repo) Incoming(ctx context.Context, who Who) (*Incoming, error) {
	if err := r.recover(ctx); err != nil {
		return nil, err
	}
	format, err := r.Format()
	if err != nil {
		return nil, err
	}
	release, err := r.store.receives.take(ctx, who, receiveWait)
	if err != nil {
		return nil, err
	}
	in := &Incoming{repo: r, who: who, done: []func(){release}, format: format}
	if err := in.quarantine(); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// quarantine makes the folder, and holds a lock in it that dies with this
// process: who finds the lock free may remove the folder.
func (in *Incoming) quarantine() error {
	path, err := os.MkdirTemp(filepath.Join(in.repo.dir, "objects"), incomingPrefix)
	if err != nil {
		return diskError(err)
	}
	in.dir = filepath.Join("objects", filepath.Base(path))
	in.lock, err = os.OpenFile(filepath.Join(path, ownerLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return diskError(err)
	}
	return syscall.Flock(int(in.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return problem.Wrap(err, problem.Unavailable, "The server's disk is full.", "Ask its administrator to make room, then push again.")
	}
	return err
}

func (in *Incoming) path() string { return filepath.Join(in.repo.dir, in.dir) }

// env makes git see the quarantine, and the repository behind it.
func (in *Incoming) env() []string {
	return []string{"GIT_OBJECT_DIRECTORY=" + in.dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES=objects"}
}

// Close removes what was not published.
func (in *Incoming) Close() error {
	var err error
	if in.dir != "" {
		err = os.RemoveAll(in.path())
		in.dir = ""
	}
	if in.index != nil {
		err = errors.Join(err, in.index.close())
		in.index = nil
	}
	if in.lock != nil {
		err = errors.Join(err, in.lock.Close())
		in.lock = nil
	}
	for _, done := range in.done {
		done()
	}
	in.done = nil
	return err
}

// enter takes a slot for the work on what has come. While the client still sends
// there is none to take: a slow client must not keep others from theirs.
func (in *Incoming) enter(ctx context.Context) error {
	if in.enters {
		return nil
	}
	release, err := in.repo.store.pushes.take(ctx, in.who, checkWait)
	if err != nil {
		return err
	}
	in.done, in.enters = append(in.done, release), true
	return nil
}

// Index reads a pack to its end, checks every object in it by git's strict
// rules and writes its index. What can be told to the client comes as a
// problem of kind Invalid or TooLarge. progress, if not nil, gets lines about
// the work.
func (in *Incoming) Index(ctx context.Context, pack io.Reader, progress io.Writer) error {
	var head [12]byte
	if _, err := io.ReadFull(pack, head[:]); err != nil {
		return packError(err, "the pack is cut short")
	}
	version := binary.BigEndian.Uint32(head[4:])
	if string(head[:4]) != "PACK" || version != 2 && version != 3 {
		return problem.New(problem.Invalid, "that is no pack", "")
	}
	in.declared = int(binary.BigEndian.Uint32(head[8:]))
	if int64(in.declared) > in.repo.store.limits.PackObjects {
		return problem.New(problem.TooLarge, fmt.Sprintf("pack has %d objects, more than the %d that this server takes", in.declared, in.repo.store.limits.PackObjects), "Push the history in parts.")
	}
	if in.declared == 0 {
		return nil
	}
	name, err := in.indexPack(ctx, io.MultiReader(bytes.NewReader(head[:]), pack), progress)
	if err != nil {
		return err
	}
	if in.index, err = openPackIndex(filepath.Join(in.path(), "pack", "pack-"+string(name)+".idx"), in.format); err != nil {
		return err
	}
	return in.inspect(ctx)
}

func packError(err error, public string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.Wrap(err, problem.Invalid, public, "")
	}
	return err
}

// allocLimit bounds a single allocation of git: a delta of a few bytes may
// claim a result of any size. git also needs tables of that order for packs
// with millions of objects.
func (in *Incoming) allocLimit() int64 { return max(in.repo.store.limits.ObjectBytes, 1<<30) + 1<<20 }

func (in *Incoming) indexPack(ctx context.Context, pack io.Reader, progress io.Writer) (object.ID, error) {
	c := command{
		name:   "index-pack",
		flags:  []flag{"--stdin", "--fix-thin", "--strict", flag(fmt.Sprintf("--max-input-size=%d", in.repo.store.limits.PackBytes))},
		env:    append(in.env(), fmt.Sprintf("GIT_ALLOC_LIMIT=%d", in.allocLimit())),
		config: []string{"core.bigFileThreshold", "32m", "core.packedGitLimit", "256m", "core.packedGitWindowSize", "32m"},
		pipeIn: true,
	}
	if progress != nil {
		c.flags = append(c.flags, "--show-resolving-progress", "--report-end-of-input")
		c.stderr = &progressFilter{w: progress}
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := in.repo.store.start(running, in.repo.dir, c)
	if err != nil {
		return "", err
	}
	copied := make(chan error, 1)
	go func() {
		err := feed(p.stdin, pack, func() error { return in.enter(running) })
		if err != nil {
			cancel() // half a pack is of no use
		}
		copied <- err
	}()
	out, _ := io.ReadAll(io.LimitReader(p.stdout, 4096))
	err = p.wait()
	cerr := <-copied // the reader is the caller's again only then
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if cerr != nil {
		return "", packError(cerr, "the pack is cut short")
	}
	if err != nil {
		return "", in.indexError(err)
	}
	kind, name, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	id, ok := in.format.ParseID(name)
	if kind != "pack" || !ok {
		return "", fmt.Errorf("git index-pack printed %q", out)
	}
	return id, nil
}

// heldBack is how much of a pack feed keeps to itself: some of the checksum at
// its end, without which git does not begin the work that costs something.
const heldBack = 16

// feed copies r to a program until either ends, and calls last before the last
// bytes. The error is r's or last's alone: what the program thinks of it, its
// exit code tells.
func feed(w io.WriteCloser, r io.Reader, last func() error) error {
	defer func() { _ = w.Close() }()
	buf := make([]byte, 64<<10)
	have := 0
	for {
		n, err := r.Read(buf[have:])
		have += n
		if errors.Is(err, io.EOF) {
			if err := last(); err != nil {
				return err
			}
			_, _ = w.Write(buf[:have])
			return nil
		}
		if err != nil {
			return err
		}
		if n := have - heldBack; n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil
			}
			have = copy(buf, buf[n:have])
		}
	}
}

// indexError words a failure for the client. git's own text is passed on only
// where it speaks of the client's objects, never where it may name our files.
func (in *Incoming) indexError(err error) error {
	run, ok := errors.AsType[*runError](err)
	if !ok {
		return err
	}
	limits := in.repo.store.limits
	text := run.stderr
	switch {
	case strings.Contains(text, "No space left on device"), strings.Contains(text, "Disk quota exceeded"):
		return diskError(errors.Join(syscall.ENOSPC, err))
	case strings.Contains(text, "maximum allowed size"):
		return &problem.Error{Kind: problem.TooLarge, Public: fmt.Sprintf("pack exceeds maximum allowed size of %s", size(limits.PackBytes)), Remedy: "Push the history in parts, the oldest commits first.", Err: err}
	case strings.Contains(text, "over limit"):
		return &problem.Error{Kind: problem.TooLarge, Public: fmt.Sprintf("an object exceeds the maximum size of %s", size(limits.ObjectBytes)), Err: err}
	case strings.Contains(text, "early EOF"), strings.Contains(text, "unexpected disconnect"):
		return problem.Wrap(err, problem.Invalid, "the pack is cut short", "")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if obj, ok := strings.CutPrefix(line, "error: object "); ok {
			return problem.Wrap(err, problem.Invalid, "object "+printable.Line(obj, 200), "Rewrite the commits that hold it: git fsck --strict in your clone finds it.")
		}
	}
	for _, known := range []struct{ in, out string }{
		{"did not receive expected object", "missing necessary objects"},
		{"missing blob object", "missing necessary objects"},
		{"unresolved delta", "the pack has deltas against objects that are not here"},
		{"COLLISION", "an object differs from one of the same name that is here"},
	} {
		if strings.Contains(text, known.in) {
			return problem.Wrap(err, problem.Invalid, known.out, "")
		}
	}
	if run.code == 128 {
		return problem.Wrap(err, problem.Invalid, "the pack is damaged", "")
	}
	return err
}

func size(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}

// progressFilter passes on the lines of git that tell of progress.
type progressFilter struct {
	w   io.Writer
	buf []byte
}

// Write never fails: progress is not worth a push.
func (f *progressFilter) Write(p []byte) (int, error) {
	f.buf = append(f.buf, p...)
	for {
		i := bytes.IndexAny(f.buf, "\r\n")
		if i < 0 {
			break
		}
		if bytes.HasPrefix(f.buf, []byte("Resolving deltas: ")) {
			_, _ = f.w.Write(f.buf[:i+1])
		}
		f.buf = f.buf[i+1:]
	}
	f.buf = slices.Clone(f.buf[:min(len(f.buf), 1000)])
	return len(p), nil
}
