package gitstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"jeton/internal/gitstore/disk"
	"jeton/internal/gitstore/share"
	"jeton/internal/problem"
)

// Spool is a request that was read to its end: in memory when it is small, in
// an unnamed file when it is large.
type Spool struct {
	small   []byte
	file    *os.File
	release func()
	users   atomic.Int32 // beside the first
}

// spoolMemory is more than most requests have.
const spoolMemory = 64 << 10

// Spool reads r to its end. More than the limit for requests is
// problem.TooLarge. Of files there are as many at a time as of fetches, and
// each actor has a share of them.
func (s *Store) Spool(ctx context.Context, who share.Who, r io.Reader) (*Spool, error) {
	head, err := io.ReadAll(io.LimitReader(r, spoolMemory))
	if err != nil {
		return nil, err
	}
	if len(head) < spoolMemory {
		return &Spool{small: head}, nil
	}
	release, err := s.spools.Take(ctx, who, 15*time.Second)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.tempDir(), "request-")
	if err != nil {
		release()
		return nil, disk.Worded(err)
	}
	sp := &Spool{file: f, release: release}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = f.Write(head)
	}
	var n int64
	if err == nil {
		n, err = io.Copy(f, io.LimitReader(r, s.limits.RequestBytes-spoolMemory+1))
	}
	if err == nil && n > s.limits.RequestBytes-spoolMemory {
		err = problem.New(problem.TooLarge, "The request is too large.", "")
	}
	if err != nil {
		return nil, errors.Join(disk.Worded(err), sp.Close())
	}
	return sp, nil
}

// Reader returns a reader from the beginning. Only one may be in use.
func (s *Spool) Reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.small), nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

// share has the request stay until one more Close.
func (s *Spool) share() { s.users.Add(1) }

// Close gives back the memory or the file.
func (s *Spool) Close() error {
	if s.file == nil || s.users.Add(-1) >= 0 {
		return nil
	}
	s.release()
	return s.file.Close()
}
