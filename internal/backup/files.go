package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/ref"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// folder is where a repository lies below dir.
func folder(dir string, n id.Repo) string {
	return filepath.Join(dir, strconv.FormatInt(int64(n)/1000, 10), strconv.FormatInt(int64(n), 10)+".git")
}

// attempts is how often the objects are looked through when upkeep moves them
// away under our hands.
const attempts = 20

// copyRepo copies a repository, or brings a copy up to date, and returns how
// many refs it has. The refs are read first, as one state; objects are only
// ever added to a repository or moved within it, so that the objects of those
// refs are all found afterwards. The refs are written last.
func copyRepo(ctx context.Context, s *gitstore.Store, n id.Repo, to string) (int, error) {
	from := folder(s.Dir(), n)
	refs, err := steadyRefs(ctx, s.Repo(n), filepath.Join(from, "jeton"))
	if err != nil {
		return 0, err
	}
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "jeton"} {
		if err := os.MkdirAll(filepath.Join(to, filepath.FromSlash(d)), 0o700); err != nil {
			return 0, err
		}
	}
	for i := 0; ; i++ {
		moved, err := copyObjects(ctx, filepath.Join(from, "objects"), filepath.Join(to, "objects"))
		if err != nil {
			return 0, err
		}
		if !moved {
			break
		}
		if i == attempts {
			return 0, problem.New(problem.Unavailable, "the repository's files keep moving", "Try again later.")
		}
	}
	if err := copyFile(filepath.Join(from, "config"), filepath.Join(to, "config")); err != nil {
		return 0, gone(err)
	}
	if err := writeSynced(filepath.Join(to, "HEAD"), []byte("ref: "+refs.Head+"\n")); err != nil {
		return 0, err
	}
	var packed bytes.Buffer
	if err := ref.WritePacked(&packed, refs.All()); err != nil {
		return 0, err
	}
	return len(refs.All()), errors.Join(writeSynced(filepath.Join(to, "packed-refs"), packed.Bytes()), syncDirs(to))
}

// settle is how long steadyRefs waits for a push to end. One moves its refs in
// milliseconds; a journal that stays longer has moved them already and waits
// for its event to be recorded.
const settle = 2 * time.Second

// steadyRefs reads the refs while no push moves any: the server is another
// process, so a reading could fall between the refs of one push. A push has a
// journal in the folder own from before its first ref moves until after its
// last.
func steadyRefs(ctx context.Context, r *gitstore.Repo, own string) (*gitstore.Refs, error) {
	deadline := time.Now().Add(settle)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		before, quiet, err := journals(own)
		if err != nil {
			return nil, err
		}
		first, err := r.Refs(ctx)
		if err != nil {
			return nil, err
		}
		second, err := r.Refs(ctx)
		if err != nil {
			return nil, err
		}
		after, still, err := journals(own)
		if err != nil {
			return nil, err
		}
		same := first.Version == second.Version && first.Head == second.Head
		if same && (quiet && still && before.Equal(after) || time.Now().After(deadline)) {
			return first, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// journals reports when the folder last changed, and whether no journal is in it.
func journals(own string) (time.Time, bool, error) {
	info, err := os.Stat(own)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, true, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	names, err := filepath.Glob(filepath.Join(own, "journal-*"))
	return info.ModTime(), len(names) == 0, err
}

// gone turns the disappearance of a repository into problem.NotFound.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return problem.Wrap(err, problem.NotFound, "the repository's data is missing", "")
	}
	return err
}

// copyObjects copies the objects that the copy has not yet. It reports whether
// a file vanished before it was copied: its objects are elsewhere then, and the
// folder must be looked through once more. Loose objects come before packs,
// because that is the way in which objects move. Packs are opened before anything
// is copied: what upkeep removes meanwhile is still read to its end, so that no
// upkeep is too quick for a slow copy.
func copyObjects(ctx context.Context, from, to string) (moved bool, err error) {
	loose, err := looseObjects(from)
	if err != nil {
		return false, gone(err)
	}
	packs, err := packFiles(filepath.Join(from, "pack"))
	if err != nil {
		return false, gone(err)
	}
	held := map[string]*os.File{}
	defer func() {
		for _, f := range held {
			_ = f.Close()
		}
	}()
	for _, rel := range packs {
		if has(to, rel) || len(held) == maxHeld {
			continue
		}
		f, err := os.Open(filepath.Join(from, rel))
		switch {
		case err == nil:
			held[rel] = f
		case errors.Is(err, fs.ErrNotExist):
			moved = true
		default:
			return false, err
		}
	}
	for _, rel := range append(loose, packs...) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if has(to, rel) {
			continue // an object's file never changes its content
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return false, err
		}
		var err error
		if f := held[rel]; f != nil {
			err = copyOpen(f, target)
		} else {
			err = copyFile(filepath.Join(from, rel), target)
		}
		if errors.Is(err, fs.ErrNotExist) {
			moved = true
		} else if err != nil {
			return false, err
		}
	}
	return moved, nil
}

// maxHeld is how many files of packs are held open while others are copied.
const maxHeld = 256

func has(dir, rel string) bool {
	_, err := os.Lstat(filepath.Join(dir, rel))
	return err == nil
}

func looseObjects(dir string) ([]string, error) {
	groups, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range groups {
		if len(g.Name()) != 2 || !isHex(g.Name()) {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(dir, g.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if isHex(e.Name()) {
				out = append(out, filepath.Join(g.Name(), e.Name()))
			}
		}
	}
	return out, nil
}

// packFiles lists the packs with their indexes after them: a pack counts from
// the moment that its index is there. What git can make again is left out.
func packFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".idx")
		if ok && strings.HasPrefix(base, "pack-") {
			out = append(out, filepath.Join("pack", base+".pack"), filepath.Join("pack", e.Name()))
		}
	}
	return out, nil
}

func isHex(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// copyFile copies a plain file, synced; to is there whole or not at all.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return copyOpen(in, to)
}

func copyOpen(in *os.File, to string) error {
	return put(to, func(out *os.File) error {
		_, err := io.Copy(out, in)
		return err
	})
}

func writeSynced(path string, text []byte) error {
	return put(path, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// put writes a file beside its place, syncs it, and gives it its name.
func put(path string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".copy-*") // mode 0600
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// copyTree copies the plain files of a folder, which may be missing.
func copyTree(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".new-") {
			return nil
		}
		return copyFile(path, filepath.Join(to, rel))
	})
	return errors.Join(err, syncDirs(to))
}

// syncDirs makes the names below dir durable; the files are already.
func syncDirs(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
