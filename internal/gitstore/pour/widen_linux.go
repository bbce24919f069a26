package pour

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// setPipeSize is F_SETPIPE_SZ of fcntl(2).
const setPipeSize = 1031

// Widen lets a pipe hold pipeBytes, if the system allows it.
func Widen(pipe io.Reader) {
	f, ok := pipe.(*os.File)
	if !ok {
		return
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, pipeBytes)
	})
}

// fionread is FIONREAD of ioctl(2).
const fionread = 0x541B

// waiting returns how many bytes there are in a pipe; less than 0 when the system
// does not tell.
func waiting(pipe *os.File) int {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return -1
	}
	var n int32
	bad := syscall.Errno(0)
	err = raw.Control(func(fd uintptr) {
		_, _, bad = syscall.Syscall(syscall.SYS_IOCTL, fd, fionread, uintptr(unsafe.Pointer(&n)))
	})
	if err != nil || bad != 0 {
		return -1
	}
	return int(n)
}
