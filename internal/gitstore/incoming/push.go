// Package incoming is a push on its way to a repository: its objects in memory or in
// quarantine, checked by git's strict rules, held against what the refs reach, and asked
// what it would change. It moves no ref.
package incoming

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/graph"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
)

// Push is a push on its way: objects in memory, or in a quarantine folder
// that nothing else looks into, until Publish gives them to the repository. Close must be
// called, and removes what was not published. It is for one goroutine.
type Push struct {
	repo   *bare.Repo
	finder *reach.Finder
	shared *Shared
	who    share.Who
	dir    string // the quarantine, relative to the repository; empty: there is none
	lock   *os.File
	done   []func() // gives back the slots
	format object.Format
	enters bool // it has its slot for the checks

	pack  *odb.Incoming // nil when it brings no objects
	table *graph.Table  // what it brings, and what that refers to; nil like pack
	seen  seen          // what was noticed while the pack came in
	look  Look          // sees every object; nil: nobody does
	near  []wire.Update // what the push wants of the refs, as a hint
	reach *reached      // what of the above is in reach; nil until it was asked
}

// Shared is what the pushes to all repositories share.
type Shared struct {
	PackBytes   int64       // the largest pack
	ObjectBytes int64       // the largest object
	PackObjects int64       // the most objects
	Receives    *share.Pool // of pushes whose objects are on their way
	Checks      *share.Pool // of pushes that are checked

	large sync.Mutex // held for an object that is whole in memory though it is large
	links sync.Pool  // of *graph.Links
}

// borrow gives an empty list of links; see giveBack.
func (s *Shared) borrow() *graph.Links {
	links, ok := s.links.Get().(*graph.Links)
	if !ok {
		links = new(graph.Links)
	}
	links.Reset()
	return links
}

func (s *Shared) giveBack(links *graph.Links) { s.links.Put(links) }

// Source is where a push goes to.
type Source struct {
	Repo   *bare.Repo
	Reach  *reach.Finder
	Shared *Shared
}

// receiveWait and checkWait are how long a push waits for its slots. Before it
// is checked it has sent all that it brings, which is worth some patience.
const receiveWait, checkWait = 30 * time.Second, 2 * time.Minute

// Begin begins a push. It waits a moment for a slot, and fails with
// problem.Unavailable or problem.TooMany when there is none.
func Begin(ctx context.Context, to Source, who share.Who) (*Push, error) {
	format, err := to.Repo.Format()
	if err != nil {
		return nil, err
	}
	release, err := to.Shared.Receives.Take(ctx, who, receiveWait)
	if err != nil {
		return nil, err
	}
	return &Push{repo: to.Repo, finder: to.Reach, shared: to.Shared, who: who, done: []func(){release}, format: format}, nil
}

// quarantine makes the folder, and holds a lock in it that dies with this
// process: who finds the lock free may remove the folder. A push whose objects
// fit in memory has none, unless git is asked about them.
func (in *Push) quarantine() error {
	path, err := os.MkdirTemp(filepath.Join(in.repo.Dir, "objects"), bare.IncomingPrefix)
	if err != nil {
		return disk.Worded(err)
	}
	in.dir = filepath.Join("objects", filepath.Base(path))
	in.lock, err = os.OpenFile(filepath.Join(path, bare.OwnerLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return disk.Worded(err)
	}
	return syscall.Flock(int(in.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func (in *Push) path() string { return filepath.Join(in.repo.Dir, in.dir) }

// packs returns the folder of the quarantine for packs, which it makes.
func (in *Push) packs() (string, error) {
	if in.dir == "" {
		if err := in.quarantine(); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(in.path(), "pack")
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", disk.Worded(err)
	}
	return dir, nil
}

// env makes git see what the push brings, and the repository behind it.
func (in *Push) env() ([]string, error) {
	if in.pack == nil {
		return nil, nil
	}
	if in.pack.Path == "" {
		dir, err := in.packs()
		if err == nil {
			err = in.pack.Save(dir)
		}
		if err != nil {
			return nil, disk.Worded(err)
		}
	}
	return []string{"GIT_OBJECT_DIRECTORY=" + in.dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES=objects"}, nil
}

// Close removes what was not published.
func (in *Push) Close() error {
	var err error
	if in.dir != "" {
		err = os.RemoveAll(in.path())
		in.dir = ""
	}
	if in.pack != nil {
		in.pack.Pack.Close()
		in.pack = nil
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
func (in *Push) enter(ctx context.Context) error {
	if in.enters {
		return nil
	}
	release, err := in.shared.Checks.Take(ctx, in.who, checkWait)
	if err != nil {
		return err
	}
	in.done, in.enters = append(in.done, release), true
	return nil
}
