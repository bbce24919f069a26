package incoming_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/share"
)

// countdown is a context that ends when it was asked so often.
type countdown struct {
	context.Context
	left int
}

// Err implements context.Context.
func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestPush_ends: a look at many files, or at a commit's many parents, ends when
// the push does.
func TestPush_ends(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	var merge strings.Builder
	merge.WriteString("commit-tree -m merge HEAD^{tree}")
	for i := range 60 {
		gittest.Write(t, b.dir, fmt.Sprintf("d%d/.gitmodules", i), fmt.Sprintf("[submodule \"x%d\"]\n\tpath = x\n\turl = https://example.com/%d\n", i, i))
		gittest.Write(t, b.dir, "d/file", fmt.Sprint(i))
		merge.WriteString(" -p " + string(gittest.Commit(t, b.dir, fmt.Sprint(i))))
	}
	gittest.Write(t, b.dir, "d/file", "another")
	gittest.Commit(t, b.dir, "the last")
	tip := object.ID(gittest.Git(t, b.dir, strings.Fields(merge.String())...))
	u := b.update(t, "refs/heads/main", string(tip))
	in, err := b.Incoming(t.Context(), share.Who{Account: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := in.Index(t.Context(), bytes.NewReader(b.pack(t, u)), nil); err != nil {
		t.Fatal(err)
	}
	refs, err := b.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := in.CheckBases(&countdown{t.Context(), 20}, refs); !errors.Is(err, context.Canceled) {
		t.Errorf("the files that clients obey: %v", err)
	}
	if err := in.CheckBases(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	// Once for each commit, and once for each parent of the last.
	counting := &countdown{t.Context(), 1000}
	if _, err := in.Introduced(counting, refs, []object.ID{tip}, "d"); err != nil {
		t.Fatal(err)
	}
	if asked := 1000 - counting.left; asked < 61+61+60 { // the walk to the known ones, each commit, each parent
		t.Errorf("the context is looked at %d times", asked)
	}
}
