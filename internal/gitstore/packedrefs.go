package gitstore

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// manyRefs is from how many new refs on they are written to packed-refs at
// once: git would make two files for each.
const manyRefs = 32

// allNew reports whether updates make refs and do nothing else.
func allNew(updates []wire.Update) bool {
	return !slices.ContainsFunc(updates, func(u wire.Update) bool { return !u.Old.IsZero() || u.Deletes() })
}

var errRefsLocked = errors.New("packed-refs is locked")

// packedWriter replaces packed-refs in one step, as git's own pack-refs does.
type packedWriter struct {
	path string
	lock *os.File
}

// lockPacked takes git's lock on packed-refs. errRefsLocked means that somebody
// holds it.
func (r *Repo) lockPacked() (*packedWriter, error) {
	path := filepath.Join(r.dir, "packed-refs")
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, errRefsLocked
	}
	return &packedWriter{path: path, lock: f}, err
}

func (w *packedWriter) abort() error {
	return errors.Join(w.lock.Close(), os.Remove(w.path+".lock"))
}

// packedLine is one ref of the file with the line after it, if it is a tag.
type packedLine struct{ name, text string }

// add writes the file anew with more refs in it, and makes it durable.
func (w *packedWriter) add(updates []wire.Update, peeled map[object.ID]object.ID) error {
	lines, err := readPackedLines(w.path)
	if err != nil {
		return errors.Join(err, w.abort())
	}
	for _, u := range updates {
		text := string(u.New) + " " + u.Name + "\n"
		if p := peeled[u.New]; p != "" {
			text += "^" + string(p) + "\n"
		}
		lines = append(lines, packedLine{u.Name, text})
	}
	// What is added is no ref that exists, but the file may hold an old value of
	// one that was deleted and never pruned: the newest, which stands last, wins.
	slices.SortStableFunc(lines, func(a, b packedLine) int { return strings.Compare(a.name, b.name) })
	out := bufio.NewWriterSize(w.lock, 256<<10)
	_, _ = out.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i, l := range lines {
		if i+1 < len(lines) && lines[i+1].name == l.name {
			continue
		}
		_, _ = out.WriteString(l.text)
	}
	if err := errors.Join(out.Flush(), w.lock.Sync()); err != nil {
		return errors.Join(err, w.abort())
	}
	if err := errors.Join(w.lock.Close(), os.Rename(w.path+".lock", w.path)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

// readPackedLines reads the file as it is, with the refs that are not for
// clients. It fails when git wrote it in an older form, without all peeled tags.
func readPackedLines(path string) ([]packedLine, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(data[:min(len(data), 200)]), " fully-peeled ") {
		return nil, errOldPacked
	}
	var out []packedLine
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "^") && len(out) > 0 {
			out[len(out)-1].text += line
			continue
		}
		_, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || !strings.HasSuffix(line, "\n") {
			return nil, errOldPacked
		}
		out = append(out, packedLine{name, line})
	}
	return out, nil
}

var errOldPacked = errors.New("packed-refs has an old form")

// transactNew is transact for many refs that are all new. It reports false when
// git should do it: somebody holds the lock, or the file has an old form.
func (r *Repo) transactNew(ctx context.Context, updates []wire.Update, head string, event []byte) (*journal, bool, error) {
	peeled := map[object.ID]object.ID{}
	var ask []object.ID
	for _, u := range updates {
		if !strings.HasPrefix(u.Name, "refs/heads/") {
			ask = append(ask, u.New)
		}
	}
	if err := r.peel(ctx, ask, peeled); err != nil {
		return nil, true, err
	}
	w, err := r.lockPacked()
	if errors.Is(err, errRefsLocked) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, diskError(err)
	}
	j, err := r.writeJournal(updates, head, event)
	if err != nil {
		return nil, true, errors.Join(diskError(err), w.abort())
	}
	err = w.add(updates, peeled)
	if errors.Is(err, errOldPacked) {
		return nil, false, j.remove()
	}
	if err != nil {
		r.store.log.WarnContext(ctx, "packed-refs was not written; the refs are completed from their journal", "repository", int64(r.id), "err", err)
	}
	j, err = r.settled(ctx, j)
	return j, true, err
}
