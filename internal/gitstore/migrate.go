package gitstore

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
)

// migrate moves the pack into the repository: durable first, and its index
// last, since an index makes git believe in the pack. Three syncs are needed
// and made: of the pack, of its index and of the folder that gets them. That
// the folder itself is there was made durable with the repository.
func (in *Incoming) migrate() error {
	if in.pack == nil {
		return nil
	}
	before := in.repo.packsChanged()
	to := filepath.Join(in.repo.dir, "objects", "pack")
	added := in.pack.Bytes
	for _, ext := range []string{".pack", ".idx"} {
		if err := syncFile(in.pack.Path + ext); err != nil {
			return err
		}
	}
	if fi, err := os.Lstat(in.pack.Path + ".idx"); err == nil {
		added += fi.Size()
	}
	name, err := ownName(to, filepath.Base(in.pack.Path))
	if err != nil {
		return err
	}
	for _, ext := range []string{".pack", ".idx"} {
		if err := os.Rename(in.pack.Path+ext, filepath.Join(to, name+ext)); err != nil {
			return err
		}
	}
	if err := syncDir(to); err != nil {
		return err
	}
	in.repo.grew(added, before)
	return nil
}

// ownName is the name under which a push's pack comes to lie in a folder. Where
// the same pack was pushed before, it gets another one: that which is there may
// be about to be removed by a repack, together with what of it was out of reach
// when that began. Upkeep joins the two.
func ownName(dir, name string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, name+".*")) // name is "pack-" and hexadecimal
	if err != nil || len(found) == 0 {
		return name, err
	}
	fresh := make([]byte, (len(name)-len("pack-"))/2)
	if _, err := rand.Read(fresh); err != nil {
		return "", err
	}
	return "pack-" + hex.EncodeToString(fresh), nil
}
