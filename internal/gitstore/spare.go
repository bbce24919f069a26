package gitstore

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"jeton/internal/gitstore/disk"
)

// sparePrefix begins the names of files that were journals and will be again. To
// make a file for each push and to remove it costs some file systems more than
// most of a small push: ext4 without a journal of its own goes through all that
// was removed in the last minute to find a free inode.
//
// When the machine loses its power, such a file may be found under any name that
// it had since its folder was last synced, and with any mixture of what it held
// since it was last synced itself. An accepted journal is whole: both were done
// before its refs moved, and nothing was written since. Under the name of an
// accepted journal with another content, a part of one, or none, it was taken for
// the next journal, so that the push of its name had been recorded before; the next
// one had not been accepted. Each content has the number of its name, to tell.
const sparePrefix = "spare-"

const (
	maxSpares = 4       // of a repository
	spareSize = 4 << 10 // bytes of a journal whose file is kept, at most
)

// padded is a journal's content, at least as long as any that the file held
// before. A file that never grows has nothing but its content to be synced.
func padded(data []byte) []byte {
	return append(data, bytes.Repeat([]byte(" "), max(0, spareSize-len(data)))...)
}

// of reports whether the entry is what a file of that name was accepted with.
func (e *journalEntry) of(path string) bool {
	return e.Version == 1 || e.Version > 1 && e.Number == number(path)
}

// retire ends a journal that is recorded. Its file is kept, without what it says
// of a person.
func (j *journal) retire() error {
	if j.size > spareSize || j.repo.spareCount() >= maxSpares {
		return j.remove()
	}
	err := j.rename(sparePrefix)
	if err == nil {
		_, err = j.file.WriteAt(padded(nil), 0)
	}
	if err != nil {
		return errors.Join(err, j.remove())
	}
	if err := disk.LetGo(j.file); err != nil {
		return err
	}
	j.repo.mu.Lock()
	defer j.repo.mu.Unlock()
	j.repo.spares = append(j.repo.spares, j.path)
	return nil
}

func (r *Repo) spareCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spares)
}

// takeSpare returns a spare file, locked, or nil when there is none.
func (r *Repo) takeSpare() (*os.File, error) {
	r.mu.Lock()
	n := len(r.spares) - 1
	if n < 0 {
		r.mu.Unlock()
		return nil, nil
	}
	path := r.spares[n]
	r.spares = r.spares[:n]
	r.mu.Unlock()
	return disk.OpenOwned(path)
}

// renumber makes a spare file one of a journal that is not accepted, with a number
// that none had before.
func (j *journal) renumber() error { return j.become(newPrefix + rand.Text()) }

func isSpare(path string) bool { return strings.HasPrefix(filepath.Base(path), sparePrefix) }
