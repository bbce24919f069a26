package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	keepFiles = 30 * 24 * time.Hour
	maxFiles  = 10_000
	ending    = ".eml"
)

// Folder keeps mails as files, for a site without a mail server.
type Folder struct {
	dir, from string

	mu sync.Mutex
	n  int // files, as far as is known; guarded by mu
}

// NewFolder returns the folder, which is made when it is needed.
func NewFolder(dir, from string) *Folder { return &Folder{dir: dir, from: from} }

// String names the folder, without its place on the machine.
func (f *Folder) String() string { return "the folder " + filepath.Base(f.dir) + " in the data folder" }

// Check makes the folder.
func (f *Folder) Check(context.Context) error { return os.MkdirAll(f.dir, 0o700) }

// Send writes the mail to a file, whole or not at all. Sent again it is the same file.
func (f *Folder) Send(ctx context.Context, m Mail) error {
	text, err := render(m, f.from)
	if err != nil {
		return err
	}
	if err := f.Check(ctx); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.dir, ".new-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(f.dir, filepath.Base(m.Name)+ending))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write a mail: %w", err), os.Remove(file.Name()))
	}
	f.mu.Lock()
	f.n++
	full := f.n > maxFiles+maxFiles/10
	f.mu.Unlock()
	if full {
		return f.Trim(m.At)
	}
	return nil
}

// Trim removes what is older than 30 days, and beyond 10,000 the oldest.
func (f *Folder) Trim(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for old mails: %w", err)
	}
	type file struct {
		name string
		at   time.Time
	}
	var files []file
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), ending) && !strings.HasPrefix(e.Name(), ".new-") {
			continue
		}
		files = append(files, file{e.Name(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int { return b.at.Compare(a.at) })
	f.n = len(files)
	for i, one := range files {
		if i < maxFiles && now.Sub(one.at) < keepFiles {
			continue
		}
		if err := os.Remove(filepath.Join(f.dir, one.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old mail: %w", err)
		}
		f.n--
	}
	return nil
}
