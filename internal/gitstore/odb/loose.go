package odb

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"jeton/internal/gitstore/object"
)

var (
	errLoose = fmt.Errorf("%w: a loose object is malformed", ErrCorrupt)
	// errWent is of a loose object that was packed and pruned since it was found:
	// whoever may look again finds it in the pack.
	errWent = fmt.Errorf("%w: it was loose, and is not any more", ErrNotFound)
)

// whileWent looks again for as long as what was found loose went meanwhile.
func whileWent(look func() error) (err error) {
	for range maxLooks {
		if err = look(); !errors.Is(err, errWent) {
			break
		}
	}
	return err
}

// maxHead is longer than the head of any loose object: "commit SIZE\x00".
const maxHead = 32

type loose struct {
	f    *os.File
	z    io.ReadCloser
	info Info
	rest []byte // of the content, read together with the head
}

func openLoose(path string) (*loose, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errWent
	}
	if err != nil {
		return nil, err
	}
	l := &loose{f: f}
	if err := l.head(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loose) head() error {
	var err error
	if l.z, err = zlib.NewReader(l.f); err != nil {
		return errLoose
	}
	var buf [maxHead]byte
	n, err := io.ReadFull(l.z, buf[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return errLoose
	}
	head, rest, ok := bytes.Cut(buf[:n], []byte{0})
	kind, size, ok2 := bytes.Cut(head, []byte{' '})
	l.info.Kind = object.Kind(kind)
	l.info.Size, err = strconv.ParseInt(string(size), 10, 64)
	switch l.info.Kind {
	case object.KindCommit, object.KindTree, object.KindBlob, object.KindTag:
	default:
		ok = false
	}
	if !ok || !ok2 || err != nil || l.info.Size < int64(len(rest)) {
		return errLoose
	}
	l.rest = bytes.Clone(rest)
	return nil
}

func (l *loose) close() { _ = l.f.Close() }

func looseInfo(path string) (Info, error) {
	l, err := openLoose(path)
	if err != nil {
		return Info{}, err
	}
	defer l.close()
	return l.info, nil
}

func looseRead(path string, limit int64) (object.Kind, []byte, error) {
	l, err := openLoose(path)
	if err != nil {
		return "", nil, err
	}
	defer l.close()
	if l.info.Size > limit {
		return "", nil, ErrTooLarge
	}
	data := make([]byte, l.info.Size)
	n := copy(data, l.rest)
	if _, err := io.ReadFull(l.z, data[n:]); err != nil {
		return "", nil, errLoose
	}
	var one [1]byte
	if n, err := l.z.Read(one[:]); n != 0 || !errors.Is(err, io.EOF) {
		return "", nil, errLoose
	}
	return l.info.Kind, data, nil
}
