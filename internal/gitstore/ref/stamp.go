package ref

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// stamp tells one state of a file or folder from another. The zero stamp is
// that of what is not there.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds
	mode         uint32
}

func (s *stamp) exists() bool { return s.mode != 0 }
func (s *stamp) isDir() bool  { return s.mode&unix.S_IFMT == unix.S_IFDIR }
func (s *stamp) isFile() bool { return s.mode&unix.S_IFMT == unix.S_IFREG }

// look returns the stamp of path itself, even if it is a symbolic link. What is
// not there is no error.
func look(path string) (stamp, error) {
	var st unix.Stat_t
	for {
		err := unix.Lstat(path, &st)
		switch err {
		case nil:
			return stamp{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), mode: uint32(st.Mode)}, nil
		case unix.EINTR:
			continue
		case unix.ENOENT, unix.ENOTDIR:
			return stamp{}, nil
		}
		return stamp{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
}

// A file system stamps in ticks, of 1 to 10 milliseconds here and of whole
// seconds elsewhere: two changes within one have the same stamp. slack is more
// than any difference between the clocks of two processors.
const (
	slack      = int64(20 * time.Millisecond)
	coarseTick = int64(2 * time.Second)
)

// now reads the clock by which Linux stamps files, which stands still during a
// tick, and does so a little longer when a machine is starved.
func now() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts) != nil {
		return 0 // nothing is sure then
	}
	return ts.Nano()
}

// sure reports whether every change after read, an instant before which the
// stamp was taken and the content read, gives another stamp. The time of change
// counts: unlike that of modification nobody can set it.
func (s *stamp) sure(read int64) bool {
	if !s.exists() {
		return true
	}
	if s.ctime%int64(time.Second) == 0 {
		return read-s.ctime > coarseTick
	}
	return read-s.ctime > slack
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
