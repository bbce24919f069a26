package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"time"
)

// Folder is a Store in a folder: the bytes of the key abcdef… are the file
// ab/cd/abcdef…. Nothing outside of the folder is reached, whatever links
// somebody puts into it.
type Folder struct{ root *os.Root }

const (
	tmpName = "tmp" // three letters: no group of keys has the name
	// syncEvery is how much is written before it is sent on its way to the disk,
	// so that the sync at the end of a large file does not hold everybody up.
	syncEvery = 32 << 20
)

// OpenFolder opens the store in dir, which is made if it is missing, readable
// by its owner alone.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for large files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder for large files: %w", err)
	}
	return &Folder{root: root}, nil
}

// Close lets go of the folder.
func (f *Folder) Close() error { return f.root.Close() }

func place(key string) (string, error) {
	if !ValidKey(key) {
		return "", errors.New("blob: not a key")
	}
	return path.Join(key[:2], key[2:4], key), nil
}

// Put implements Store.
func (f *Folder) Put(ctx context.Context, key string, size int64, r io.Reader) (n int64, err error) {
	to, err := place(key)
	if err != nil {
		return 0, err
	}
	tmp, file, err := f.create()
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			if rerr := f.root.Remove(tmp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}()
	n, err = fill(ctx, file, r)
	if err == nil && size >= 0 && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = file.Sync()
	}
	if err = join(err, file.Close()); err != nil {
		return n, err
	}
	return n, f.publish(tmp, to)
}

// join keeps an error as it is when there is no other.
func join(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}

func (f *Folder) create() (string, *os.File, error) {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	name := path.Join(tmpName, hex.EncodeToString(b[:]))
	for range 2 {
		file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return name, file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		if err := f.root.MkdirAll(tmpName, 0o700); err != nil {
			return "", nil, err
		}
	}
	return "", nil, fs.ErrNotExist
}

// fill copies until io.EOF or the end of ctx.
func fill(ctx context.Context, file *os.File, r io.Reader) (n int64, err error) {
	buf := make([]byte, 256<<10)
	var unsynced int
	for {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		got, err := r.Read(buf)
		if got > 0 {
			if _, werr := file.Write(buf[:got]); werr != nil {
				return n, werr
			}
			n += int64(got)
			if unsynced += got; unsynced >= syncEvery {
				unsynced = 0
				if serr := file.Sync(); serr != nil {
					return n, serr
				}
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// publish gives the file its name. The folders above it are made durable with
// it, whoever made them: a name in a folder that is lost is lost as well.
func (f *Folder) publish(tmp, to string) error {
	dir := path.Dir(to)
	err := f.root.Rename(tmp, to)
	if errors.Is(err, fs.ErrNotExist) {
		if err = f.root.MkdirAll(dir, 0o700); err == nil {
			err = f.root.Rename(tmp, to)
		}
	}
	if err != nil {
		return err
	}
	for _, name := range []string{dir, path.Dir(dir), "."} {
		if err := f.syncDir(name); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) syncDir(name string) error {
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openFile is a Reader.
type openFile struct {
	*os.File
	size int64
}

// Size implements Reader.
func (o *openFile) Size() int64 { return o.size }

// Open implements Store.
func (f *Folder) Open(_ context.Context, key string) (Reader, error) {
	name, err := place(key)
	if err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, missing(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("blob: not a plain file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &openFile{file, info.Size()}, nil
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	return err
}

// Stat implements Store.
func (f *Folder) Stat(_ context.Context, key string) (Info, error) {
	name, err := place(key)
	if err != nil {
		return Info{}, err
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return Info{}, missing(err)
	}
	return Info{Key: key, Size: info.Size(), At: info.ModTime()}, nil
}

// Remove implements Store.
func (f *Folder) Remove(_ context.Context, key string) error {
	name, err := place(key)
	if err != nil {
		return err
	}
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// All implements Store. What lies in the folder and is none of its own is
// passed over.
func (f *Folder) All(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone since its folder was read
			}
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if d.IsDir() {
				if name == tmpName {
					return fs.SkipDir
				}
				return nil
			}
			if own, err := place(d.Name()); err != nil || own != name || !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(Info{Key: d.Name(), Size: info.Size(), At: info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// Sweep implements Store.
func (f *Folder) Sweep(ctx context.Context, before time.Time) (int, error) {
	entries, err := fs.ReadDir(f.root.FS(), tmpName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		if err != nil || info.ModTime().After(before) {
			continue
		}
		if err := f.root.RemoveAll(path.Join(tmpName, e.Name())); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
