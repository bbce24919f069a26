package odb

import (
	"errors"
	"os"
	"testing"

	"jeton/internal/gitstore/object"
)

// testdata/shattered.bin is the beginning of one of the two files of the first
// SHA-1 collision (shattered.io, 2017), up to where they are equal again. There
// is no public collision of two git objects, so the head of an object is left
// out here.
func TestCollisionIsDetected(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/shattered.bin")
	if err != nil {
		t.Fatal(err)
	}
	n := newNamer(object.SHA1)
	n.h.Reset()
	_, _ = n.Write(data)
	if _, err := n.end(); !errors.Is(err, ErrCollision) {
		t.Errorf("got %v", err)
	}
	if _, err := n.name(object.KindBlob, data); err != nil {
		t.Errorf("the alarm stays on: %v", err)
	}
}
