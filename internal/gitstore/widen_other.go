//go:build !linux

package gitstore

import "io"

func widen(io.Reader) {}
