//go:build !linux

package gitstore

import (
	"io"
	"os"
)

func widen(io.Reader) {}

func waiting(*os.File) int { return -1 }
