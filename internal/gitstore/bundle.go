package gitstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/keep"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/run"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// When bundles are made.
const (
	renewBundle  = time.Hour   // after so long, if refs have moved since
	retryBundle  = time.Minute // after a failure, or one that no longer holds
	bundleRefs   = 200_000     // the most that one may name
	bundleShare  = 4           // all together take at most one part in so many of the disk's room
	bundleSuffix = ".bundle"
)

// Bundle is a file with everything that branches and tags reached at one time.
// A client takes it first and fetches the rest.
type Bundle struct {
	Name string // of the file
	Made time.Time
	path string
	size int64       // bytes
	tips []object.ID // what the file's refs name
}

// bundler makes and renews bundles of large repositories that are cloned: one
// at a time, at the lowest priority.
type bundler struct {
	s     *Store
	dir   string
	least int64
	due   chan *Repo
	ended chan struct{}
	made  func(*Repo) // for tests: a repository was gone through
	spare int64       // bytes of the disk that stay free
	free  func(dir string) (bytes int64, known bool)

	mu    sync.Mutex
	repos map[id.Repo]*bundled // guarded by mu
	bytes int64                // of all bundles; guarded by mu
}

// bundled is what is known of one repository's bundles.
type bundled struct {
	due     bool
	asked   time.Time // the last time that somebody cloned
	tried   time.Time // the last time
	version string    // of the refs then
	list    []*Bundle // the newest first; an older one for those who still take it
	judged  map[*Bundle]verdict
	judging chan struct{} // holds one while somebody finds a verdict out
}

func newBundled() *bundled {
	return &bundled{judged: map[*Bundle]verdict{}, judging: make(chan struct{}, 1)}
}

// verdict says whether a bundle held for one state of the refs.
type verdict struct {
	version string
	holds   bool
}

func newBundler(s *Store, dir string, least, spare int64) *bundler {
	if spare == 0 {
		spare = keep.DefaultSpare
	}
	b := &bundler{s: s, dir: dir, least: least, spare: spare, free: keep.Free, due: make(chan *Repo, popularAtMost), ended: make(chan struct{}), repos: map[id.Repo]*bundled{}}
	go b.run()
	return b
}

func (b *bundler) close() { <-b.ended }

func (b *bundler) run() {
	defer close(b.ended)
	for {
		select {
		case <-b.s.ctx.Done():
			return
		case r := <-b.due:
			if err := b.work(b.s.ctx, r); err != nil && b.s.ctx.Err() == nil {
				b.s.log.Warn("a bundle was not made", "repository", int64(r.bare.ID), "err", err)
			}
			if b.made != nil {
				b.made(r)
			}
		}
	}
}

// asked has a repository that is cloned looked at, if that is due.
func (b *bundler) asked(r *Repo, refs *Refs) {
	if b == nil {
		return
	}
	now := b.s.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.repos[r.bare.ID]
	if one == nil {
		one = newBundled()
		b.repos[r.bare.ID] = one
	}
	one.asked = now
	wait := renewBundle
	if len(one.list) == 0 || !one.judged[one.list[0]].holds {
		wait = retryBundle
	}
	if one.due || !one.tried.IsZero() && (now.Sub(one.tried) < wait || one.version == refs.Version) {
		return
	}
	select {
	case b.due <- r:
		one.due = true
	default:
	}
}

// work makes a repository's bundle anew, if it is large enough for one.
func (b *bundler) work(ctx context.Context, r *Repo) error {
	refs, err := r.Refs(ctx)
	version := ""
	if err == nil {
		version = refs.Version
	}
	var made *Bundle
	if size, serr := r.Size(); err == nil && serr == nil && size >= b.least && !refs.Empty() && b.room(r.bare.ID, size) {
		made, err = b.make(ctx, r, size)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.repos[r.bare.ID]
	if one == nil || !b.s.Exists(r.bare.ID) { // deleted meanwhile
		return errors.Join(err, b.drop(r.bare.ID))
	}
	one.due, one.tried, one.version = false, b.s.now(), version
	if made == nil {
		return err
	}
	one.list = slices.Insert(one.list, 0, made)
	b.bytes += made.size
	for len(one.list) > 2 {
		b.dropLast(one)
	}
	return nil
}

// dropLast removes a repository's oldest bundle. The caller holds mu.
func (b *bundler) dropLast(one *bundled) {
	old := one.list[len(one.list)-1]
	one.list = one.list[:len(one.list)-1]
	delete(one.judged, old)
	b.bytes -= old.size
	_ = os.Remove(old.path)
}

// room reports whether there is room for a bundle of so many bytes, for which
// those go that nobody has asked for for longest. Pushes need the disk more.
func (b *bundler) room(repo id.Repo, need int64) bool {
	_ = os.MkdirAll(b.dir, 0o700) // or its disk is not known; make tells why it fails
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		free, known := b.free(b.dir)
		if !known || free-need >= b.spare && b.bytes+need <= (free+b.bytes)/bundleShare {
			return true
		}
		var victim *bundled
		for number, one := range b.repos {
			if number != repo && len(one.list) > 0 && (victim == nil || one.asked.Before(victim.asked)) {
				victim = one
			}
		}
		if victim == nil {
			return false
		}
		b.dropLast(victim)
	}
}

func (b *bundler) folder(repo id.Repo) string {
	return filepath.Join(b.dir, strconv.FormatInt(int64(repo), 10))
}

// make has git write one, of a repository of so many bytes.
func (b *bundler) make(ctx context.Context, r *Repo, size int64) (_ *Bundle, err error) {
	if err := os.MkdirAll(b.folder(r.bare.ID), 0o700); err != nil {
		return nil, disk.Worded(err)
	}
	var name [16]byte
	_, _ = rand.Read(name[:]) // never fails since Go 1.24
	out := &Bundle{Name: hex.EncodeToString(name[:]) + bundleSuffix, Made: b.s.now()}
	out.path = filepath.Join(b.folder(r.bare.ID), out.Name)
	f, err := os.OpenFile(out.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, disk.Worded(err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(out.path)
		}
	}()
	p, err := r.bare.Start(ctx, run.Command{Name: "bundle", Flags: []run.Flag{"create", "--quiet", "-", "--branches", "--tags"}, Config: uploadConfig[:]})
	if err != nil {
		return nil, err
	}
	p.Yield(true)
	// What is out of reach is not in it, so it is hardly ever larger than that.
	if out.size, err = io.Copy(f, io.LimitReader(p.Stdout, 2*size+1<<20)); err == nil && out.size == 2*size+1<<20 {
		err = errors.New("the bundle is much larger than its repository")
	}
	if err != nil {
		p.Stop()
		return nil, disk.Worded(err)
	}
	if err := p.Wait(); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	out.tips, err = bundleTips(f)
	return out, err
}

// bundleTips reads what a bundle's refs name (gitformat-bundle(5)).
func bundleTips(r io.Reader) ([]object.ID, error) {
	in := bufio.NewReader(r)
	var tips []object.ID
	for n := 0; n < bundleRefs; n++ {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case n == 0 && strings.HasPrefix(line, "# v"), strings.HasPrefix(line, "@"):
			continue
		case line == "":
			return tips, nil
		}
		hex, _, _ := strings.Cut(line, " ")
		tip, ok := object.ParseID(hex)
		if !ok {
			return nil, errors.New("the bundle needs other objects, or is none")
		}
		tips = append(tips, tip)
	}
	return nil, errors.New("the bundle names too many refs")
}

func (b *bundler) forget(repo id.Repo) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.drop(repo)
}

// drop forgets a repository and removes its bundles, one that is not counted yet
// among them. The caller holds mu.
func (b *bundler) drop(repo id.Repo) error {
	if one := b.repos[repo]; one != nil {
		for len(one.list) > 0 {
			b.dropLast(one)
		}
	}
	delete(b.repos, repo)
	return os.RemoveAll(b.folder(repo))
}

// Bundles returns the bundles of the repository that may be given to who sees
// refs now: those of which every ref is still in reach. The newest comes first.
// None of them starts git, unless refs have moved since they were asked for. Then
// one of those who ask does, and meanwhile there is no bundle for the others.
func (r *Repo) Bundles(ctx context.Context, refs *Refs) ([]*Bundle, error) {
	return r.bundles(ctx, refs, false)
}

func (r *Repo) bundles(ctx context.Context, refs *Refs, wait bool) ([]*Bundle, error) {
	b := r.store.bundle
	if b == nil || refs.Part { // a bundle names all refs, those too that only some may see
		return nil, nil
	}
	b.mu.Lock()
	one := b.repos[r.bare.ID]
	var list []*Bundle
	if one != nil {
		list = slices.Clone(one.list)
	}
	b.mu.Unlock()
	var out []*Bundle
	for _, bundle := range list {
		holds, err := b.holds(ctx, r, refs, one, bundle, wait)
		if err != nil {
			return nil, err
		}
		if holds {
			out = append(out, bundle)
		}
	}
	return out, nil
}

// holds reports whether a bundle may be given to who sees refs. When somebody else
// is finding it out it says no, unless it shall wait for that.
func (b *bundler) holds(ctx context.Context, r *Repo, refs *Refs, one *bundled, bundle *Bundle, wait bool) (bool, error) {
	known := func() (verdict, bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		v := one.judged[bundle]
		return v, v.version == refs.Version
	}
	if v, ok := known(); ok {
		return v.holds, nil
	}
	if wait {
		select {
		case one.judging <- struct{}{}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	} else {
		select {
		case one.judging <- struct{}{}:
		default:
			return false, nil
		}
	}
	defer func() { <-one.judging }()
	if v, ok := known(); ok {
		return v.holds, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reach.Time)
	defer cancel()
	holds, err := r.reach.All(ctx, refs, bundle.tips)
	if err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(one.list, bundle) {
		one.judged[bundle] = verdict{refs.Version, holds}
	}
	return holds, nil
}

// OpenBundle opens a bundle of that name for reading, if it may be given to who
// sees refs now. Otherwise it fails with problem.NotFound.
func (r *Repo) OpenBundle(ctx context.Context, refs *Refs, name string) (*os.File, *Bundle, error) {
	list, err := r.bundles(ctx, refs, true)
	if err != nil {
		return nil, nil, err
	}
	for _, bundle := range list {
		if bundle.Name != name {
			continue
		}
		if f, err := os.Open(bundle.path); err == nil {
			return f, bundle, nil
		}
	}
	return nil, nil, problem.New(problem.NotFound, "That bundle is not there any more.", "Clone without --bundle-uri: the repository has everything.")
}
