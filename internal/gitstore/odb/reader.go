package odb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

// reader takes in a pack. What it reads is in a window: of a small pack all of
// it, and otherwise what has not been parsed; the rest is in a file.
type reader struct {
	r   io.Reader
	max int64 // bytes; 0 is no limit
	dir string

	buf   []byte // the window
	pos   int    // what is before it has been parsed
	begin int64  // where in the pack buf begins
	eof   bool

	sum     hash.Hash // of what has been parsed
	file    *os.File  // nil while the pack is small
	temp    string    // the file's name until it has its own
	wrote   int64     // how much is in the file
	mapping []byte
}

// at is how much has come.
func (r *reader) at() int64 { return r.begin + int64(len(r.buf)) }

// offset is where in the pack the next entry begins.
func (r *reader) offset() int64 { return r.begin + int64(r.pos) }

func (r *reader) window() []byte { return r.buf[r.pos:] }

// minWindow is the least room that a window has.
const minWindow = 4 << 10

// more reads on, until the window has want bytes or the pack ends. It returns
// false when nothing is to come.
func (r *reader) more(want int) (bool, error) {
	before := r.at()
	for !r.eof && len(r.buf)-r.pos < want {
		if err := r.room(want); err != nil {
			return false, err
		}
		n, err := r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if r.max > 0 && r.at() > r.max {
			return false, &PackError{Reason: LimitBytes, Limit: r.max, Detail: "the pack is too large"}
		}
		if errors.Is(err, io.EOF) {
			r.eof = true
		} else if err != nil {
			return false, err
		}
		if r.file != nil {
			if err := r.flush(); err != nil {
				return false, err
			}
		}
	}
	return r.at() > before, nil
}

// room makes place in the window for more, up to want bytes in all.
func (r *reader) room(want int) error {
	if len(r.buf) < cap(r.buf) && cap(r.buf)-r.pos >= want {
		return nil
	}
	if r.file == nil && len(r.buf) >= smallPack {
		if err := r.open(); err != nil {
			return err
		}
	}
	if r.file == nil {
		r.buf = append(make([]byte, 0, max(minWindow, 2*cap(r.buf), r.pos+want)), r.buf...)
		return nil
	}
	rest := r.buf[r.pos:]
	r.begin += int64(r.pos)
	r.pos = 0
	if need := max(want, 2*len(rest), 256<<10); need > cap(r.buf) {
		r.buf = append(make([]byte, 0, need), rest...)
	} else {
		r.buf = append(r.buf[:0], rest...)
	}
	return nil
}

// open makes the file of a pack that is not small.
func (r *reader) open() error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(r.dir, "tmp_pack_")
	if err != nil {
		return err
	}
	r.file, r.temp = f, f.Name()
	return r.flush()
}

// flush writes what has come since the last time.
func (r *reader) flush() error {
	n, err := r.file.Write(r.buf[r.wrote-r.begin:])
	r.wrote += int64(n)
	return err
}

// parsed moves past n bytes of the window.
func (r *reader) parsed(n int) {
	_, _ = r.sum.Write(r.buf[r.pos : r.pos+n])
	r.pos += n
}

// content returns the first size bytes of the pack.
func (r *reader) content(size int64) ([]byte, error) {
	if r.file == nil {
		return r.buf[:size], nil
	}
	if size != int64(int(size)) {
		return nil, errors.New("the pack is too large for this machine")
	}
	data, err := syscall.Mmap(int(r.file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the incoming pack: %w", err)
	}
	r.mapping = data
	return data, nil
}

// append adds to the end of the pack, in place of its checksum when cut is not
// negative: that is where the checksum begins.
func (r *reader) append(cut int64, data ...[]byte) error {
	if r.file == nil {
		if cut >= 0 {
			r.buf = r.buf[:cut:cut] // what is mapped or kept of it must not change
		}
		for _, d := range data {
			r.buf = append(r.buf, d...)
		}
		return nil
	}
	if cut >= 0 {
		r.wrote = cut
	}
	for _, d := range data {
		n, err := r.file.WriteAt(d, r.wrote)
		r.wrote += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) size() int64 {
	if r.file == nil {
		return int64(len(r.buf))
	}
	return r.wrote
}

// save gives the pack its name.
func (r *reader) save(path string) error {
	if r.file == nil {
		return writeFile(path, r.buf)
	}
	if err := r.file.Chmod(0o444); err != nil {
		return err
	}
	err := os.Rename(r.temp, path)
	if err == nil {
		r.temp = ""
	}
	return err
}

func (r *reader) close() error {
	var err error
	if r.mapping != nil {
		err = syscall.Munmap(r.mapping)
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	if r.temp != "" {
		err = errors.Join(err, os.Remove(r.temp))
	}
	return err
}

// seal returns the checksum of the pack. One that has grown gets a new head and
// checksum.
func (r *reader) seal(grown bool, objects int, sum hash.Hash) ([]byte, error) {
	if !grown {
		return r.sum.Sum(nil), nil
	}
	var count [4]byte
	binary.BigEndian.PutUint32(count[:], uint32(objects))
	if r.file == nil {
		copy(r.buf[8:], count[:])
		_, _ = sum.Write(r.buf)
		out := sum.Sum(nil)
		r.buf = append(r.buf, out...)
		return out, nil
	}
	if _, err := r.file.WriteAt(count[:], 8); err != nil {
		return nil, err
	}
	if _, err := io.Copy(sum, io.NewSectionReader(r.file, 0, r.wrote)); err != nil {
		return nil, err
	}
	out := sum.Sum(nil)
	return out, r.append(-1, out)
}

// entryStream reads the window as far as it goes and on, for entries that are
// too large to have in it. It moves past what was read.
type entryStream struct {
	r   *reader
	n   int // of the window, read and not yet moved past
	crc uint32
	err error
}

// ReadByte makes a decompressor take no byte too many.
func (e *entryStream) ReadByte() (byte, error) {
	if e.n == len(e.r.buf)-e.r.pos {
		e.pass()
		if _, err := e.r.more(64 << 10); err != nil {
			e.err = err
			return 0, err
		}
		if len(e.r.window()) == 0 {
			return 0, io.EOF
		}
	}
	e.n++
	return e.r.buf[e.r.pos+e.n-1], nil
}

// Read reads one byte: nobody calls it.
func (e *entryStream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := e.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

func (e *entryStream) pass() {
	e.crc = crc32.Update(e.crc, crc32.IEEETable, e.r.buf[e.r.pos:e.r.pos+e.n])
	e.r.parsed(e.n)
	e.n = 0
}
