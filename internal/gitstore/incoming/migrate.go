package incoming

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/disk"
)

// halfPrefix begins the names of packs and indexes that are being written where
// packs are. git takes no notice of them, and its own upkeep removes old ones.
const halfPrefix = "tmp_"

// staleHalf is how old a file that was never finished must be for its writer to
// be surely gone: it is written and named in one go.
const staleHalf = time.Hour

// Give has the repository take the objects, unless git's rules refuse one of them: who
// publishes calls it right before refs move. They are durable when it returns.
func (in *Push) Give() error {
	if err := in.verdict(); err != nil {
		return err
	}
	return disk.Worded(in.migrate())
}

// migrate brings the pack into the repository: durable first, and its index
// last, since an index makes git believe in the pack. Three syncs are needed
// and made: of the pack, of its index and of the folder that gets them. That
// the folder itself is there was made durable with the repository.
func (in *Push) migrate() error {
	if in.pack == nil {
		return nil
	}
	before := in.repo.PacksChanged()
	to := filepath.Join(in.repo.Dir, "objects", "pack")
	names, sizes, err := in.durable(to)
	if err != nil {
		return err
	}
	name, err := ownName(to, in.pack.Name)
	if err != nil {
		return err
	}
	for i, ext := range []string{".pack", ".idx"} {
		if err := os.Rename(names[i], filepath.Join(to, name+ext)); err != nil {
			return err
		}
	}
	if err := disk.Sync(to); err != nil {
		return err
	}
	in.repo.Grew(sizes, before)
	db, err := in.repo.Objects()
	if err == nil {
		db.Added(name)
	}
	return err
}

// durable returns the synced files of the pack and its index, and how large they
// are together. Those that are in memory are written.
func (in *Push) durable(dir string) (names [2]string, size int64, err error) {
	pack, idx := in.pack.Files()
	if pack != nil {
		if names[0], err = writeHalf(dir, pack); err != nil {
			return names, 0, err
		}
		if names[1], err = writeHalf(dir, idx); err != nil {
			return names, 0, errors.Join(err, os.Remove(names[0]))
		}
		return names, int64(len(pack) + len(idx)), nil
	}
	for i, ext := range []string{".pack", ".idx"} {
		names[i] = in.pack.Path + ext
		if err := disk.Sync(names[i]); err != nil {
			return names, 0, err
		}
		fi, err := os.Lstat(names[i])
		if err != nil {
			return names, 0, err
		}
		size += fi.Size()
	}
	return names, size, nil
}

// writeHalf writes a durable file whose name nobody believes in.
func writeHalf(dir string, data []byte) (string, error) {
	f, err := os.CreateTemp(dir, halfPrefix+"pack_")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o444)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// RemoveHalfPacks removes from a repository what a crash left of packs that were being written.
func RemoveHalfPacks(r *bare.Repo) error {
	dir := filepath.Join(r.Dir, "objects", "pack")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), halfPrefix) {
			continue
		}
		fi, err := e.Info()
		if err != nil || r.Now().Sub(fi.ModTime()) < staleHalf {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ownName is the name under which a push's pack comes to lie in a folder. Where
// the same pack was pushed before, it gets another one: that which is there may
// be about to be removed by a repack, together with what of it was out of reach
// when that began. Upkeep joins the two.
func ownName(dir, name string) (string, error) {
	there := false
	for _, ext := range []string{".idx", ".pack"} { // as git removes them
		_, err := os.Lstat(filepath.Join(dir, name+ext))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		there = there || err == nil
	}
	if !there {
		return name, nil
	}
	fresh := make([]byte, (len(name)-len("pack-"))/2)
	if _, err := rand.Read(fresh); err != nil {
		return "", err
	}
	return "pack-" + hex.EncodeToString(fresh), nil
}
