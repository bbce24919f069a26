//go:build !linux

package gitstore

// fullDisk is not known here: a git that says why it could not write tells it.
func fullDisk(string) bool { return false }
