package bare

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A remembered size is counted anew after so many pushes or so long: what else
// changes in the folder, refs and logs, is little.
const (
	sizePushes = 256
	sizeAge    = 10 * time.Minute
)

// sizeMemo is a size that was counted, with what pushes added since. The zero
// memo knows nothing.
type sizeMemo struct {
	bytes  int64
	known  bool
	pushes int
	at     time.Time // when it was counted
	packs  time.Time // when the folder of packs last changed by our knowledge
}

// Size returns how many bytes the repository takes on disk: counted, or
// remembered and brought up to date by each push.
func (r *Repo) Size() (int64, error) {
	r.mu.Lock()
	memo := r.size
	r.mu.Unlock()
	if memo.known && memo.pushes < sizePushes && r.Now().Sub(memo.at) < sizeAge && memo.packs.Equal(r.PacksChanged()) {
		return memo.bytes, nil
	}
	memo = sizeMemo{known: true, at: r.Now(), packs: r.PacksChanged()}
	err := filepath.WalkDir(r.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // moved or pruned while we looked
			}
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), IncomingPrefix) {
			return fs.SkipDir // what is on its way may never be kept
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			memo.bytes += fi.Size()
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	r.size = memo
	r.mu.Unlock()
	return memo.bytes, nil
}

// PacksChanged tells when the folder of packs last changed: upkeep, and whoever
// works on the repository with plain git, changes it too.
func (r *Repo) PacksChanged() time.Time {
	fi, err := os.Stat(filepath.Join(r.Dir, "objects", "pack"))
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

// Grew notes that a push added so many bytes. before is PacksChanged from right
// before it.
func (r *Repo) Grew(bytes int64, before time.Time) {
	after := r.PacksChanged()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.size.packs.Equal(before) {
		r.size.known = false
		return
	}
	r.size.bytes += bytes
	r.size.pushes++
	r.size.packs = after
}
