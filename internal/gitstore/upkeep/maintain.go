// Package upkeep tends one repository: few packs with one index and a bitmap, refs in one
// file, and nothing of what killed processes left. When whose turn comes is for gitstore to say.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/draft"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/problem"
)

// Wish is what a maintenance is asked for. The zero value does what the
// state of the repository asks for, which may be nothing.
type Wish struct {
	Full  bool // repack everything into one pack, due or not
	Prune bool // and drop what has been unreachable for the time of grace
	// Grace is for how long an object must have been out of reach before it may be
	// dropped. It must be longer than any push takes.
	Grace time.Duration
}

// kindOfWork is what a maintenance does to the packs.
type kindOfWork int

const (
	noWork     kindOfWork = iota
	gatherWork            // join the packs of single pushes with each other
	joinWork              // join the small packs, cover all by one index with a bitmap
	fullWork              // one pack of everything in reach, another of the rest
)

// The thresholds. To gather the packs of a few pushes costs some 20 ms of the
// processor, however large the repository is. A bitmap costs what its history
// is long (0.3 s for 8,000 commits and 86,000 objects), and saves each clone
// seven eighths of its cost; what was pushed since, a clone counts by itself. So
// the bitmap is renewed when that has grown to a sixteenth.
const (
	joinPacks     = 16       // packs that the index does not cover
	joinShare     = 16       // the index covers at least so many times what it does not
	bitmapBytes   = 64 << 10 // from this size on a repository has a bitmap
	joinLoose     = 256      // objects that have a file each
	packLooseRefs = 64       // refs that have a file each
	fullEvery     = 7 * 24 * time.Hour
	tempAge       = time.Hour       // of files that a killed git left
	packTime      = 5 * time.Minute // the most that the refs are locked to be packed
)

// due says what a repository needs, and why in words for its page.
func (v *survey) due(last *record, now time.Time) (kindOfWork, string) {
	switch {
	case !last.Full.IsZero() && now.Sub(last.Full) >= fullEvery && (v.cruft > 0 || v.loose > 0 || v.newest.After(last.Full)):
		return fullWork, "a week has passed since everything was repacked"
	case v.loose >= joinLoose:
		return joinWork, "many objects have a file each"
	case v.bitmap && v.apartSize >= bitmapBytes && v.apartSize*joinShare >= v.bytes-v.apartSize:
		return joinWork, "pushes have brought much"
	case v.apart >= joinPacks && (!v.bitmap || len(v.covered) == 0 || v.apartSize*joinShare >= v.bytes-v.apartSize):
		return joinWork, "pushes have left many packs"
	case v.apart >= joinPacks:
		return gatherWork, "pushes have left many packs"
	case !v.bitmap && v.bytes >= bitmapBytes && v.newest.After(last.At):
		// A history without a commit in reach gets none, so one attempt must do
		// until there is something new.
		return joinWork, "there is no bitmap yet"
	}
	return noWork, ""
}

// Begin takes the lock that keeps two maintenances of a repository apart; End gives it
// back. It fails with problem.Conflict while another process tends it. The programs
// that are started have the lock too: a server that is killed leaves a git that still
// works, and the lock is free only when that has ended.
func Begin(r *bare.Repo) (*Tending, error) {
	lock, err := takeLock(r)
	if err != nil {
		return nil, err
	}
	return &Tending{repo: r, lock: lock}, nil
}

func takeLock(r *bare.Repo) (*os.File, error) {
	dir := filepath.Join(r.Dir, bare.OwnFolder)
	if err := os.Mkdir(dir, 0o700); err == nil {
		// A push that finds it takes it for durable.
		if err := disk.Sync(r.Dir); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, bare.Gone(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, disk.Worded(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, problem.Wrap(err, problem.Conflict, "This repository is being maintained already.", "Wait until that has ended.")
	}
	return f, nil
}

// End gives the lock back. After an interruption only closing it does: a program that
// still ends has it until then. Otherwise it is let go of by name, since any program
// that is just being started has it for a moment.
func (t *Tending) End(ctx context.Context) {
	if ctx.Err() == nil {
		_ = syscall.Flock(int(t.lock.Fd()), syscall.LOCK_UN)
	}
	_ = t.lock.Close()
}

// Tending is one maintenance under way, for one goroutine.
type Tending struct {
	repo  *bare.Repo
	lock  *os.File
	last  record
	grace time.Duration
}

// Maintain tends the repository: refs in one file, few packs with one index, a
// bitmap and a commit-graph, and nothing of what killed processes left. What a
// crash left of moves of refs must have been completed. It may run beside everything
// else, since:
//
//   - A pack is removed only by git repack, which removes those that it listed
//     at its start and whose objects it has written again, synced. A pack that a
//     push publishes meanwhile was not listed. incoming never counts on a pack of
//     the same name that is there already: that one may be listed.
//   - New packs get their names before old ones lose theirs, in one folder,
//     which file systems keep in order over a loss of power. A process that has
//     an old index open finds the pack gone and looks again, as git does, or
//     has it mapped, where it stays until it is let go of.
//   - What is dropped has been out of reach for the time of grace at least: all
//     packs but the cruft pack are given the time of this run, so an object goes
//     into the cruft pack with the time at which it was first seen out of reach,
//     not with that of its push. A push may refer only to objects of its own
//     pack, which git did not list, and to objects that a ref reached when it
//     was checked; if that ref went at once, they still have the time of grace,
//     and a push has far less (see Wish.Grace).
//   - git pack-refs takes git's own locks, each for as long as a push of that
//     ref would, and a ref is in packed-refs before its file goes. It has no
//     lower priority than a push that may wait for it.
//   - The lock of Begin is for maintenance alone: no push or fetch takes it.
func (t *Tending) Maintain(ctx context.Context, m Wish) error {
	t.last, t.grace = readRecord(t.repo), m.Grace
	rec, err := t.run(ctx, m)
	if ctx.Err() != nil {
		return ctx.Err() // interrupted: the next one begins anew
	}
	if werr := writeRecord(t.repo, rec); werr != nil {
		err = errors.Join(err, disk.Worded(werr))
	}
	return err
}

func (t *Tending) run(ctx context.Context, m Wish) (record, error) {
	now := t.repo.Now()
	rec := t.last
	rec.Version, rec.Did, rec.Failed = 1, "", ""
	if rec.Full.IsZero() {
		rec.Full = now // the week begins
	}
	did, full, err := t.work(ctx, m, now)
	if err = disk.Worded(err); err != nil {
		rec.Failed = err.Error()
	}
	if full {
		rec.Full = now
	}
	rec.Did, rec.At = did, t.repo.Now()
	rec.Took = rec.At.Sub(now)
	return rec, err
}

// work returns what was done in words, and whether everything was repacked.
func (t *Tending) work(ctx context.Context, m Wish, now time.Time) (did string, full bool, err error) {
	if err := t.tidy(now); err != nil {
		return "", false, err
	}
	v, err := look(t.repo)
	if err != nil {
		return "", false, err
	}
	if err := draft.Sweep(t.repo); err != nil {
		return "", false, err
	}
	work, _ := v.due(&t.last, now)
	prune := work == fullWork || m.Prune
	if m.Full || m.Prune {
		work = fullWork
	}
	done := []string{}
	if v.looseRefs >= packLooseRefs || work == fullWork && v.looseRefs > 0 {
		packed, err := t.PackRefs(ctx)
		if err != nil {
			return "", false, err
		}
		if packed {
			done = append(done, "packed the refs")
		}
	}
	if v.packs == 0 && v.loose == 0 {
		work = noWork
	}
	switch work {
	case gatherWork:
		err = t.gather(ctx, v.covered)
		done = append(done, "gathered the packs of pushes")
	case joinWork:
		err = t.join(ctx)
		done = append(done, "joined the packs")
	case fullWork:
		err = t.repack(ctx, prune, now)
		done = append(done, "repacked everything")
	}
	return strings.Join(done, ", "), work == fullWork && err == nil, err
}

// PackRefs puts the refs into one file. It takes a moment and is not
// interrupted, for pushes wait for the lock that a killed git leaves. It reports
// false when somebody else has the lock: another time will do.
func (t *Tending) PackRefs(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), packTime)
	defer cancel()
	err := t.git(ctx, run.Command{Name: "pack-refs", Flags: []run.Flag{"--all", "--prune"}})
	if run, ok := errors.AsType[*run.Error](err); ok && strings.Contains(run.Stderr, ".lock': File exists") {
		return false, nil
	}
	if ctx.Err() != nil { // killed after all
		_, rerr := ref.RemoveLocks(t.repo.Dir, nil, t.repo.Now(), 0)
		err = errors.Join(err, rerr)
	}
	return err == nil, err
}

// gather joins the packs that the index does not cover, and leaves those that it
// covers as they are, the index and its bitmap with them.
func (t *Tending) gather(ctx context.Context, covered []string) error {
	flags := []run.Flag{"-q", "-d", "--geometric=4"}
	for _, pack := range covered {
		flags = append(flags, run.Flag("--keep-pack="+pack+".pack"))
	}
	return t.gitRepack(ctx, flags)
}

// join makes few packs of many: each at least twice as large as all smaller
// ones together, so that an object is written again a logarithmic number of
// times, however often is pushed.
func (t *Tending) join(ctx context.Context) error {
	if err := t.commitGraph(ctx, "--split"); err != nil {
		return err
	}
	return t.gitRepack(ctx, []run.Flag{"-q", "-d", "--geometric=2", "--write-midx", "--write-bitmap-index"})
}

// repack writes everything in reach into one pack and the rest into a cruft
// pack, without what has been there for the time of grace.
func (t *Tending) repack(ctx context.Context, prune bool, now time.Time) error {
	if err := t.commitGraph(ctx, "--split=replace"); err != nil {
		return err
	}
	flags := []run.Flag{"-q", "-d", "--cruft", "--write-midx", "--write-bitmap-index"}
	if prune {
		if err := t.freshen(now); err != nil {
			return err
		}
		flags = append(flags, run.Flag(fmt.Sprintf("--cruft-expiration=@%d +0000", now.Add(-t.grace).Unix())))
	}
	return t.gitRepack(ctx, flags)
}

// repackTries is how often a repack begins again that met a pack of a push just
// between its pack and its index, which come in this order, as git's own do. It has
// changed nothing by then.
const repackTries = 3

func (t *Tending) gitRepack(ctx context.Context, flags []run.Flag) error {
	for i := 1; ; i++ {
		err := t.git(ctx, run.Command{Name: "repack", Flags: flags})
		run, ok := errors.AsType[*run.Error](err)
		if !ok || i == repackTries || !strings.Contains(run.Stderr, "could not find pack") {
			return err
		}
	}
}

// commitGraph writes what makes walks over the history quick, with the filters
// that make the history of a path quick for some of the commits each time.
func (t *Tending) commitGraph(ctx context.Context, how run.Flag) error {
	return t.git(ctx, run.Command{Name: "commit-graph", Flags: []run.Flag{"write", "--no-progress", "--reachable", how, "--changed-paths", "--max-new-filters=2000"}})
}

// git runs a program of low priority, on one processor, with bounded memory.
func (t *Tending) git(ctx context.Context, c run.Command) error {
	c.Low, c.Files = c.Name != "pack-refs", []*os.File{t.lock}
	c.Config = []string{
		"pack.threads", "1", "pack.windowMemory", "64m", "pack.deltaCacheSize", "32m", "pack.writeBitmapLookupTable", "true",
		"core.bigFileThreshold", "32m", "core.packedGitLimit", "256m", "core.packedGitWindowSize", "32m",
	}
	_, err := t.repo.Output(ctx, c, 1<<20)
	return err
}

// freshen gives everything but the cruft packs the time of this run.
func (t *Tending) freshen(now time.Time) error {
	objects := filepath.Join(t.repo.Dir, "objects")
	return eachFile(objects, func(dir, name string, _ fs.FileInfo) error {
		path := filepath.Join(dir, name)
		pack, isPack := strings.CutSuffix(path, ".pack")
		if isPack {
			if _, err := os.Lstat(pack + ".mtimes"); err == nil {
				return nil
			}
		} else if len(filepath.Base(dir)) != 2 {
			return nil
		}
		return os.Chtimes(path, now, now)
	})
}

// eachFile calls f for the packs' files and the loose objects of a repository.
// What goes away meanwhile is no error.
func eachFile(objects string, f func(dir, name string, fi fs.FileInfo) error) error {
	folders, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	for _, d := range folders {
		if !d.IsDir() || len(d.Name()) != 2 && d.Name() != "pack" {
			continue
		}
		dir := filepath.Join(objects, d.Name())
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range files {
			fi, err := e.Info()
			if err == nil && fi.Mode().IsRegular() {
				err = f(dir, e.Name(), fi)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// tidy removes what killed processes left: temporary files, locks and
// quarantines. Whoever still works on one touches it more often than tempAge,
// holds its lock, or, as maintenance, the lock that we have.
func (t *Tending) tidy(now time.Time) error {
	objects := filepath.Join(t.repo.Dir, "objects")
	remove := func(path string, fi fs.FileInfo, age time.Duration) error {
		if now.Sub(fi.ModTime()) < age {
			return nil
		}
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	err := eachFile(objects, func(dir, name string, fi fs.FileInfo) error {
		if strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, ".tmp-") {
			return remove(filepath.Join(dir, name), fi, tempAge)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, lock := range []string{"pack/multi-pack-index.lock", "info/commit-graph.lock", "info/commit-graphs/commit-graph-chain.lock"} {
		path := filepath.Join(objects, filepath.FromSlash(lock))
		if fi, err := os.Lstat(path); err == nil {
			// Of any age: who could hold one would have our lock.
			if err := remove(path, fi, math.MinInt64); err != nil {
				return err
			}
		}
	}
	if _, err := ref.RemoveLocks(t.repo.Dir, nil, t.repo.Now(), tempAge); err != nil {
		return err
	}
	err = filepath.WalkDir(filepath.Join(t.repo.Dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, ".lock") {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return nil
		}
		return remove(path, fi, tempAge)
	})
	if err != nil {
		return err
	}
	return t.tidyQuarantines(objects, now)
}

func (t *Tending) tidyQuarantines(objects string, now time.Time) error {
	entries, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(objects, e.Name())
		fi, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), bare.IncomingPrefix) || now.Sub(fi.ModTime()) < tempAge || disk.InUse(filepath.Join(dir, bare.OwnerLock)) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
