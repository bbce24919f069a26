package main

import (
	"context"
	"path/filepath"

	"jeton/bench/peer"
)

// strange is a token that no measured server knows: another server's has the
// shape, and a right checksum.
func (l *lab) strange(ctx context.Context) (string, error) {
	if l.stranger != "" {
		return l.stranger, nil
	}
	j := &peer.Jeton{Program: l.Program, Data: filepath.Join(l.dir, "elsewhere")}
	if err := j.Enrol(ctx); err != nil {
		return "", err
	}
	l.stranger = j.Password
	return l.stranger, nil
}
