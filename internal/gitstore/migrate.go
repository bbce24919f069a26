package gitstore

import (
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
	for _, ext := range []string{".pack", ".idx"} {
		// A pack is named by its content. One that was pushed before is replaced
		// by the same, which is new to whoever removes what has long been useless.
		from := in.pack.Path + ext
		if err := os.Rename(from, filepath.Join(to, filepath.Base(from))); err != nil {
			return err
		}
	}
	if err := syncDir(to); err != nil {
		return err
	}
	in.repo.grew(added, before)
	return nil
}
