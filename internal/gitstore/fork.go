package gitstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
	"jeton/internal/gitstore/run"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// Fork says what a copy of a repository shall have.
type Fork struct {
	DefaultBranchOnly bool // and no tags
	// Flat, if not nil, makes the commit that stands alone on each branch, with the
	// tree of the branch's tip; then there are no tags.
	Flat func(tree object.ID) []byte
}

// Fork makes a repository with the branches and tags that another one has now,
// and its objects without copying them: a pack never changes, so both have it by
// a name of their own (a hard link), and each can be pushed to, repacked and
// deleted as if the other were not there. There are no alternates, so neither
// ever reads in the other's folder. Unreachable objects in a shared pack lie in
// the fork's folder as well; what may be fetched, seen or referred to is decided
// by the refs of each (see Unreachable), and upkeep drops them.
//
// It fails with problem.Conflict when the number is taken.
func (s *Store) Fork(ctx context.Context, from, to id.Repo, f Fork) (Imported, error) {
	if s.Exists(to) {
		return Imported{}, problem.New(problem.Conflict, "a repository of that number is there already", "")
	}
	origin := s.Repo(from)
	// The refs first: what they name was published before, and stays.
	refs, err := origin.Refs(ctx)
	if err != nil {
		return Imported{}, err
	}
	list := f.pick(refs)
	branch := refs.DefaultBranch()
	if !object.CheckBranchName(branch) {
		branch = "main"
	}
	im := Imported{Format: refs.Format, DefaultBranch: branch, Empty: len(list) == 0}
	// One that borrows its objects has not got them to share.
	if _, err := os.Lstat(filepath.Join(origin.bare.Dir, "objects", "info", "alternates")); err == nil {
		return Imported{}, problem.New(problem.Conflict, "this repository borrows objects of another one and can't be forked", "Clone it, and push the clone to a new repository.")
	}
	dir, err := s.prepare(ctx, refs.Format, branch)
	if err != nil {
		return Imported{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what was installed is elsewhere
	lock, err := os.OpenFile(filepath.Join(dir, bare.OwnFolder, bare.OwnerLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return Imported{}, disk.Worded(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return Imported{}, err
	}
	if len(list) > 0 {
		if err := shareObjects(ctx, filepath.Join(origin.bare.Dir, "objects"), filepath.Join(dir, "objects"), refs.Format); err != nil {
			return Imported{}, disk.Worded(err)
		}
		if f.Flat != nil {
			if list, err = s.flatten(dir, refs.Format, list, f.Flat); err != nil {
				return Imported{}, disk.Worded(err)
			}
		}
		var packed bytes.Buffer
		err := ref.WritePacked(&packed, list)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "packed-refs"), packed.Bytes(), 0o600)
		}
		if err != nil {
			return Imported{}, disk.Worded(err)
		}
		if err := s.checkTips(ctx, dir, refs.Format, list); err != nil {
			return Imported{}, err
		}
	}
	if err := os.Remove(filepath.Join(dir, bare.OwnFolder, bare.OwnerLock)); err != nil {
		return Imported{}, err
	}
	if err := s.install(dir, to); err != nil {
		return Imported{}, err
	}
	s.upkeep.pushed(s.Repo(to))
	return im, nil
}

// pick returns the refs that the fork shall have, sorted by name.
func (f Fork) pick(refs *Refs) []Ref {
	if f.DefaultBranchOnly {
		if head, ok := refs.Default(); ok && strings.HasPrefix(head.Name, "refs/heads/") {
			return []Ref{head}
		}
		return nil
	}
	if f.Flat != nil {
		return refs.Branches()
	}
	return append(append([]Ref{}, refs.Branches()...), refs.Tags()...)
}

// checkTips fails unless every ref's object is in dir.
func (s *Store) checkTips(ctx context.Context, dir string, format object.Format, refs []Ref) error {
	db := s.objects.Open(filepath.Join(dir, "objects"), format)
	defer db.Close()
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return run.Worded(err)
		}
		switch ok, err := db.Has(r.ID); {
		case err != nil:
			return err
		case !ok:
			return errors.New("a ref names an object that was not shared")
		}
	}
	return nil
}

// shareRounds is how often the origin's folder is gone through while a repack
// keeps moving what is in it.
const shareRounds = 20

// shareObjects gives dir to the loose objects and packs of from. Loose ones
// first: they move into packs, never back. A pack may be replaced by another
// while the folder is read, so that neither is met; the folder is gone through
// until it holds no pack that is new. At the end of each round all that was
// there at its begin is shared, under its own name or in what replaced it.
func shareObjects(ctx context.Context, from, to string, format object.Format) error {
	shared := map[string]bool{}
	for i := range shareRounds {
		if i > 1 { // something moves: let it get on
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(i) * 5 * time.Millisecond):
			}
		}
		fresh, lost, err := shareRound(from, to, shared)
		if err != nil {
			return err
		}
		if fresh+lost == 0 {
			// Nor is there anything new in a folder that is not there any more.
			if _, err := os.Lstat(from); err != nil {
				return bare.Gone(err)
			}
			return shareMidx(filepath.Join(from, "pack"), filepath.Join(to, "pack"), format)
		}
	}
	return problem.New(problem.Unavailable, "The repository is being repacked.", "Try again in a moment.")
}

// shareRound shares what is not yet, and returns how many files it shared and
// how many went away under its hands.
func shareRound(from, to string, shared map[string]bool) (fresh, lost int, err error) {
	folders, err := os.ReadDir(from)
	if err != nil {
		return 0, 0, bare.Gone(err)
	}
	share := func(dir, name string) error {
		at := filepath.Join(dir, name)
		if shared[at] {
			return nil
		}
		err := linkOrCopy(filepath.Join(from, at), filepath.Join(to, at))
		if errors.Is(err, fs.ErrNotExist) {
			lost++
			return nil
		}
		if err == nil {
			shared[at] = true
			fresh++
		}
		return err
	}
	// "pack" sorts after the folders of loose objects.
	for _, d := range folders {
		if !d.IsDir() || len(d.Name()) != 2 && d.Name() != "pack" {
			continue
		}
		files, err := os.ReadDir(filepath.Join(from, d.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fresh, lost, err
		}
		if err := os.MkdirAll(filepath.Join(to, d.Name()), 0o700); err != nil {
			return fresh, lost, err
		}
		// An index makes git believe in its pack: ours appears once it is whole,
		// since nobody knows of this folder yet.
		for _, f := range files {
			if sharedFile(d.Name(), f.Name()) {
				if err := share(d.Name(), f.Name()); err != nil {
					return fresh, lost, err
				}
			}
		}
	}
	return fresh, lost, dropHalves(filepath.Join(to, "pack"), shared)
}

// sharedFile reports whether a file of a folder of objects never changes.
func sharedFile(dir, name string) bool {
	if dir != "pack" {
		return !strings.HasPrefix(name, "tmp_")
	}
	ext := filepath.Ext(name)
	return strings.HasPrefix(name, "pack-") && (ext == ".pack" || ext == ".idx" || ext == ".rev" || ext == ".mtimes")
}

// dropHalves removes what is left of packs of which a part went away before it
// was shared.
func dropHalves(packs string, shared map[string]bool) error {
	for at := range shared {
		dir, name := filepath.Split(at)
		base := strings.TrimSuffix(name, filepath.Ext(name))
		if dir != "pack/" || shared["pack/"+base+".pack"] && shared["pack/"+base+".idx"] {
			continue
		}
		if err := os.Remove(filepath.Join(packs, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		delete(shared, at)
	}
	return nil
}

// shareMidx shares the multi-pack index and its bitmap, so that a fork is as
// quick as its origin at once. It is left away when it covers a pack that is not
// shared, or changes meanwhile: upkeep makes another.
func shareMidx(from, to string, format object.Format) error {
	index := filepath.Join(to, "multi-pack-index")
	err := linkOrCopy(filepath.Join(from, "multi-pack-index"), index)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := upkeep.ReadMidx(to, format)
	if err == nil {
		for pack := range m.Packs {
			if _, serr := os.Lstat(filepath.Join(to, pack+".idx")); serr != nil {
				err = serr
			}
		}
	}
	if err == nil {
		err = linkOrCopy(filepath.Join(from, m.BitmapFile()), filepath.Join(to, m.BitmapFile()))
	}
	if err != nil {
		return os.Remove(index)
	}
	return nil
}

// linkOrCopy gives a file a second name, or, where the file system can't, makes
// a copy.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	return copyObject(from, to)
}

func copyObject(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
