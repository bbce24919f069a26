package keep

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// spliceFlags are SPLICE_F_MOVE and SPLICE_F_NONBLOCK of splice(2).
const spliceFlags = 1 | 2

// splice moves at most n bytes from a pipe to the end of file, in the kernel:
// the program never sees them. It waits until there are some, and returns
// io.EOF at the pipe's end. Any other error leaves the bytes in the pipe.
func splice(file, pipe *os.File, n int) (int, error) {
	from, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	to, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var moved int64
	var failed error
	err = from.Read(func(in uintptr) bool {
		werr := to.Control(func(out uintptr) {
			for {
				moved, failed = syscall.Splice(int(in), nil, int(out), nil, n, spliceFlags)
				if !errors.Is(failed, syscall.EINTR) {
					return
				}
			}
		})
		if werr != nil {
			failed = werr
		}
		return !errors.Is(failed, syscall.EAGAIN)
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, failed
	case moved == 0:
		return 0, io.EOF
	}
	return int(moved), nil
}
