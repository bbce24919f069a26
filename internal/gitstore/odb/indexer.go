package odb

import (
	"context"
	"errors"
	"io"
)

// Index reads a pack to its end, checks it, and writes it and its index.
func Index(_ context.Context, _ io.Reader, _ IndexOptions) (*Incoming, error) {
	return nil, errors.New("odb: not written yet")
}
