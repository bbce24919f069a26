// Package gitstore keeps the bare repositories and is, by its package run, the only
// place that starts git. A repository lives in a folder named by its number and stays
// one that git itself can read. Nothing here decides who may do what: callers ask
// the gate first. Nothing from outside reaches a path, an option or a shell:
// repositories are named by number, and what comes from clients goes to git on
// its standard input or after --end-of-options.
package gitstore

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/incoming"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/odb"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/view"
	"jeton/internal/id"
	"jeton/internal/outbound"
	"jeton/internal/problem"
)

// Limits bounds what one request may cost. A zero field takes its default.
type Limits struct {
	PackBytes    int64         // the largest pack that a push may bring; 4 GiB
	ObjectBytes  int64         // the largest object in it; 1 GiB
	PackObjects  int64         // the most objects in it; 2 million
	Commands     int           // the most refs that one push may move; 100,000
	RefName      int           // the longest name of a ref in a push, in bytes; 512
	RequestBytes int64         // the largest fetch request, inflated; 64 MiB
	Readers      int           // pages and API answers that read a repository at a time; 8
	Files        int           // files that are sent as they are at a time; 64
	Fetches      int           // clones and fetches at a time; 32
	Archives     int           // archives that are written at a time; 8
	Receives     int           // pushes whose objects are on their way at a time; 64
	Pushes       int           // pushes that are checked at a time; 16
	ReadTime     time.Duration // for one page's or answer's reading; 15 s
	FetchTime    time.Duration // for one fetch; 1 h
	PushTime     time.Duration // for one push; 1 h
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.PackBytes, 4<<30)
	orDefault(&l.ObjectBytes, 1<<30)
	orDefault(&l.PackObjects, 2_000_000)
	orDefault(&l.Commands, 100_000)
	orDefault(&l.RefName, 512)
	orDefault(&l.RequestBytes, 64<<20)
	orDefault(&l.Readers, 8)
	orDefault(&l.Files, 64)
	orDefault(&l.Fetches, 32)
	orDefault(&l.Archives, 8)
	orDefault(&l.Receives, 64)
	orDefault(&l.Pushes, 16)
	orDefault(&l.ReadTime, 15*time.Second)
	orDefault(&l.FetchTime, time.Hour)
	orDefault(&l.PushTime, time.Hour)
	return l
}

// Options says where the repositories are. Dir is required.
type Options struct {
	Dir    string       // the folder of the repositories, made when missing
	Git    string       // the git program; empty finds it in PATH
	Log    *slog.Logger // nil discards
	Limits Limits
	// Outbound is how an import reaches other machines; nil reaches the public
	// Internet.
	Outbound *outbound.Client
	Now      func() time.Time // nil is time.Now
	Upkeep   UpkeepOptions
}

// Store is the set of all repositories. It is safe for concurrent use.
type Store struct {
	dir    string
	git    *run.Git
	log    *slog.Logger
	limits Limits
	now    func() time.Time

	outbound *outbound.Client

	readers         share.Slots
	views           view.Shared
	fetches, spools *share.Pool
	objects         *odb.Pool
	watch           *ref.Watch // over the folders of refs
	incoming        incoming.Shared
	recorder        Recorder
	moved           []func(*Repo)
	fetching
	upkeep   *keeper
	measured func(context.Context, id.Repo, int64) error

	repos repoSet
}

// MinVersion is the oldest git that the store works with.
const MinVersion = run.MinVersion

// Open checks git's version and the folder. It fails with problem.Unavailable
// and a remedy when git is missing or too old.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		panic("gitstore: Options.Dir is required")
	}
	s := &Store{log: o.Log, limits: o.Limits.withDefaults(), now: o.Now}
	if s.outbound = o.Outbound; s.outbound == nil {
		s.outbound = outbound.New(outbound.Options{})
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.readers = make(share.Slots, s.limits.Readers)
	s.fetches, s.spools = share.NewPool("clones and fetches", s.limits.Fetches), share.NewPool("large requests", s.limits.Fetches)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.views = view.Shared{Files: make(share.Slots, s.limits.Files), Archives: share.NewPool("archives", s.limits.Archives), Time: s.limits.FetchTime}
	s.incoming.PackBytes, s.incoming.ObjectBytes, s.incoming.PackObjects = s.limits.PackBytes, s.limits.ObjectBytes, s.limits.PackObjects
	s.incoming.Receives, s.incoming.Checks = share.NewPool("pushes", s.limits.Receives), share.NewPool("pushes", s.limits.Pushes)
	git, err := run.Find(o.Git)
	if err != nil {
		return nil, err
	}
	s.git = git
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	s.dir = dir
	for _, d := range []string{dir, s.tempDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, problem.Wrap(err, problem.Unavailable, "the repositories' folder cannot be made", "Check the owner and the free space of the data folder.")
		}
	}
	disk.Spread(s.tempDir())
	// Links in the way to the folder are resolved once, so that git and we
	// always speak of the same place.
	if s.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	s.git.SetHome(s.tempDir())
	s.objects = odb.NewPool(odb.Options{Root: s.dir})
	s.watch = ref.NewWatch()
	s.upkeep = newKeeper(o.Upkeep)
	s.onMoved(s.upkeep.pushed)
	return s, nil
}

// onMoved has f called after refs of a repository have moved. It must be called
// before the store is used; f must return at once.
func (s *Store) onMoved(f func(*Repo)) { s.moved = append(s.moved, f) }

func (s *Store) tellMoved(r *Repo) {
	for _, f := range s.moved {
		f(r)
	}
}

// GitVersion returns the version of git that was found.
func (s *Store) GitVersion() string { return s.git.Version() }

// Dir returns the folder of the repositories.
func (s *Store) Dir() string { return s.dir }

// Limits returns the limits in force.
func (s *Store) Limits() Limits { return s.limits }

func (s *Store) tempDir() string { return filepath.Join(s.dir, "tmp") }

func (s *Store) path(repo id.Repo) string {
	n := int64(repo)
	return filepath.Join(s.dir, strconv.FormatInt(n/1000, 10), strconv.FormatInt(n, 10)+".git")
}

// Repo returns the repository of that number. It reads nothing: a repository
// that is not there fails when it is used. All who use one at the same time have
// the same.
func (s *Store) Repo(repo id.Repo) *Repo {
	return s.repos.get(repo, func() *Repo { return s.open(repo) })
}

func (s *Store) open(repo id.Repo) *Repo {
	b := &bare.Repo{ID: repo, Dir: s.path(repo), Git: s.git, Pool: s.objects, Now: s.now}
	return &Repo{store: s, bare: b, reach: reach.New(b)}
}

// Create makes an empty repository whose HEAD names defaultBranch, which need
// not exist. It fails with problem.Conflict when the number is taken.
func (s *Store) Create(ctx context.Context, repo id.Repo, format object.Format, defaultBranch string) error {
	dir, err := s.prepare(ctx, format, defaultBranch)
	if err != nil {
		return err
	}
	return s.install(dir, repo)
}

// prepare makes an empty repository in the temporary folder.
func (s *Store) prepare(ctx context.Context, format object.Format, defaultBranch string) (_ string, err error) {
	defer func() { err = disk.Worded(err) }()
	if !format.Valid() {
		return "", problem.Field("format", "the object format must be sha1 or sha256")
	}
	if !object.CheckBranchName(defaultBranch) {
		return "", problem.Field("default_branch", "that is not a name that a branch can have")
	}
	dir, err := os.MkdirTemp(s.tempDir(), "new-")
	if err != nil {
		return "", err
	}
	_, err = s.git.Output(ctx, dir, run.Command{
		Name:  "init",
		Flags: []run.Flag{"--quiet", "--bare", "--template=", "--object-format=" + run.Flag(format), "--initial-branch=" + run.Flag(defaultBranch)},
	}, 4096)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Mkdir(filepath.Join(dir, bare.OwnFolder), 0o700); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// install syncs a prepared repository and gives it its place.
func (s *Store) install(dir string, repo id.Repo) error {
	err := s.move(dir, repo)
	if err != nil {
		return errors.Join(disk.Worded(err), os.RemoveAll(dir))
	}
	return nil
}

func (s *Store) move(dir string, repo id.Repo) error {
	if repo <= 0 {
		panic("gitstore: a repository needs a positive number")
	}
	if err := disk.SyncTree(dir); err != nil {
		return err
	}
	target := s.path(repo)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if _, err := os.Lstat(target); err == nil {
		return problem.New(problem.Conflict, "a repository of that number is there already", "")
	}
	if err := os.Rename(dir, target); err != nil {
		return err
	}
	return errors.Join(disk.Sync(filepath.Dir(target)), disk.Sync(s.dir))
}

// Delete removes a repository: first out of the way in one step, then from the
// disk. A repository that is not there is no error.
func (s *Store) Delete(_ context.Context, repo id.Repo) error {
	if r := s.repos.forget(repo); r != nil {
		r.bare.Close()
	}
	dir, err := os.MkdirTemp(s.tempDir(), "deleted-")
	if err != nil {
		return err
	}
	err = os.Rename(s.path(repo), filepath.Join(dir, "repository.git"))
	if err == nil {
		err = disk.Sync(filepath.Dir(s.path(repo)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	s.forgetFetches(repo) // now that nothing more can be made of it
	s.upkeep.forget(repo) // a repack would write what is being removed
	return errors.Join(err, disk.RemoveAll(dir))
}

// Exists reports whether a repository of that number is on disk.
func (s *Store) Exists(repo id.Repo) bool {
	fi, err := os.Lstat(s.path(repo))
	return err == nil && fi.IsDir()
}

// IDs lists the repositories on disk in ascending order, so that a caller can
// find those that no row of the database names.
func (s *Store) IDs() ([]id.Repo, error) {
	var out []id.Repo
	groups, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		n, err := strconv.ParseInt(g.Name(), 10, 64)
		if err != nil || n < 0 {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(s.dir, g.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			number, isRepo := strings.CutSuffix(e.Name(), ".git")
			repo, ok := id.Parse[id.Repo](number)
			if isRepo && ok && int64(repo)/1000 == n {
				out = append(out, repo)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// Sweep removes what interrupted work left in the temporary folder longer ago
// than age, and returns how much it removed.
func (s *Store) Sweep(age time.Duration) (int, error) {
	dir := s.tempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || s.now().Sub(fi.ModTime()) < age || disk.InUse(filepath.Join(dir, e.Name(), bare.OwnFolder, bare.OwnerLock)) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
