package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// topDir is FS_TOPDIR_FL of linux/fs.h, chattr's +T.
const topDir = 0x00020000

// Spread tells the file system, if it is an ext4, that the folders which are made
// in dir have nothing to do with each other: each gets a place of its own on the
// disk. Without that all repositories share one table of free inodes with each
// other and with their neighbours' temporary files, and an ext4 without a journal
// goes through everything that was removed in the last minute whenever a file is
// made.
func Spread(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil && flags&topDir == 0 {
		_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topDir)) // other file systems refuse it
	}
}
