package gitstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore/share"
	"jeton/internal/id"
)

// TestSpool_share: no actor fills the disk with requests that never become a
// fetch, and small ones need no file.
func TestSpool_share(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{Fetches: 4}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	spool := func(ctx context.Context, account id.Account, size int) (*Spool, error) {
		return s.Spool(ctx, share.Who{Account: account}, strings.NewReader(strings.Repeat("x", size)))
	}
	const large = 2 << 20
	var open []*Spool
	for range 3 {
		sp, err := spool(ctx, 1, large)
		if err != nil {
			break
		}
		open = append(open, sp)
	}
	if len(open) != 2 {
		t.Errorf("one account had %d of 4 large requests on the disk", len(open))
	}
	for who, size := range map[id.Account]int{1: 1000, 2: large} {
		sp, err := spool(t.Context(), who, size)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, sp)
	}
	for _, sp := range open {
		if err := sp.Close(); err != nil {
			t.Error(err)
		}
	}
	if s.spools.Taken() != 0 {
		t.Errorf("%d slots are still held", s.spools.Taken())
	}
}
