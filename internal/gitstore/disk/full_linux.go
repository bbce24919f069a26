package disk

import "syscall"

// leastRoom is with how few bytes left a disk counts as full, when a git says
// that it could not write and not why.
const leastRoom = 256 << 10

// Full reports whether the disk of dir has no room left.
func Full(dir string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && int64(s.Bavail)*s.Bsize < leastRoom
}
