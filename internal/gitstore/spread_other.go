//go:build !linux

package gitstore

func spread(string) {}
