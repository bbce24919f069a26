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
	"syscall"
	"time"

	"jeton/internal/gitstore/object"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// When bundles are made.
const (
	renewBundle  = time.Hour   // after so long, if refs have moved since
	retryBundle  = time.Minute // after a failure, or one that no longer holds
	bundleRefs   = 200_000     // the most that one may name
	bundleSuffix = ".bundle"
)

// Bundle is a file with everything that branches and tags reached at one time.
// A client takes it first and fetches the rest.
type Bundle struct {
	Name string // of the file
	Made time.Time
	path string
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

	mu    sync.Mutex
	repos map[id.Repo]*bundled // guarded by mu
}

// bundled is what is known of one repository's bundles.
type bundled struct {
	due     bool
	tried   time.Time // the last time
	version string    // of the refs then
	list    []*Bundle // the newest first; an older one for those who still take it
	judged  map[*Bundle]verdict
}

// verdict says whether a bundle held for one state of the refs.
type verdict struct {
	version string
	holds   bool
}

func newBundler(s *Store, dir string, least int64) *bundler {
	b := &bundler{s: s, dir: dir, least: least, due: make(chan *Repo, popularAtMost), ended: make(chan struct{}), repos: map[id.Repo]*bundled{}}
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
				b.s.log.Warn("a bundle was not made", "repository", int64(r.id), "err", err)
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
	one := b.repos[r.id]
	if one == nil {
		one = &bundled{judged: map[*Bundle]verdict{}}
		b.repos[r.id] = one
	}
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
	if size, serr := r.Size(); err == nil && serr == nil && size >= b.least && !refs.Empty() {
		made, err = b.make(ctx, r)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.repos[r.id]
	if one == nil || !b.s.Exists(r.id) { // deleted meanwhile
		delete(b.repos, r.id)
		return errors.Join(err, os.RemoveAll(b.folder(r.id)))
	}
	one.due, one.tried, one.version = false, b.s.now(), version
	if made == nil {
		return err
	}
	one.list = slices.Insert(one.list, 0, made)
	for len(one.list) > 2 {
		old := one.list[len(one.list)-1]
		one.list = one.list[:len(one.list)-1]
		delete(one.judged, old)
		_ = os.Remove(old.path)
	}
	return nil
}

func (b *bundler) folder(repo id.Repo) string {
	return filepath.Join(b.dir, strconv.FormatInt(int64(repo), 10))
}

// make has git write one.
func (b *bundler) make(ctx context.Context, r *Repo) (_ *Bundle, err error) {
	if err := os.MkdirAll(b.folder(r.id), 0o700); err != nil {
		return nil, diskError(err)
	}
	var name [16]byte
	_, _ = rand.Read(name[:]) // never fails since Go 1.24
	out := &Bundle{Name: hex.EncodeToString(name[:]) + bundleSuffix, Made: b.s.now()}
	out.path = filepath.Join(b.folder(r.id), out.Name)
	f, err := os.OpenFile(out.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(out.path)
		}
	}()
	p, err := r.store.start(ctx, r.dir, command{name: "bundle", flags: []flag{"create", "--quiet", "-", "--branches", "--tags"}, config: uploadConfig[:]})
	if err != nil {
		return nil, err
	}
	_ = syscall.Setpriority(syscall.PRIO_PGRP, p.cmd.Process.Pid, idlePriority)
	if _, err := io.Copy(f, p.stdout); err != nil {
		p.stop()
		return nil, diskError(err)
	}
	if err := p.wait(); err != nil {
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
	delete(b.repos, repo)
	_ = os.RemoveAll(b.folder(repo))
}

// Bundles returns the bundles of the repository that may be given to who sees
// refs now: those of which every ref is still in reach. The newest comes first.
// None of them starts git, unless refs have moved since they were asked for.
func (r *Repo) Bundles(ctx context.Context, refs *Refs) ([]*Bundle, error) {
	b := r.store.bundle
	if b == nil {
		return nil, nil
	}
	b.mu.Lock()
	one := b.repos[r.id]
	var list []*Bundle
	if one != nil {
		list = slices.Clone(one.list)
	}
	b.mu.Unlock()
	var out []*Bundle
	for _, bundle := range list {
		b.mu.Lock()
		v := one.judged[bundle]
		b.mu.Unlock()
		if v.version != refs.Version {
			holds, err := r.inReach(ctx, refs, bundle.tips)
			if err != nil {
				return nil, err
			}
			v = verdict{refs.Version, holds}
			b.mu.Lock()
			one.judged[bundle] = v
			b.mu.Unlock()
		}
		if v.holds {
			out = append(out, bundle)
		}
	}
	return out, nil
}

// OpenBundle opens a bundle of that name for reading, if it may be given to who
// sees refs now. Otherwise it fails with problem.NotFound.
func (r *Repo) OpenBundle(ctx context.Context, refs *Refs, name string) (*os.File, *Bundle, error) {
	list, err := r.Bundles(ctx, refs)
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
