package keep

import "syscall"

// Free returns how many bytes of dir's disk an ordinary process may still use, and
// false when that is not known.
func Free(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
