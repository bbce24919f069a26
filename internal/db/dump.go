package db

import (
	"context"
	"errors"
	"io"
)

// Dump is not written yet.
func (d *DB) Dump(ctx context.Context, w io.Writer) error { return errors.New("dump: not there yet") }
