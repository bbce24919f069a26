package crash

import (
	"slices"
	"testing"
	"time"

	"jeton/internal/ledger"
	"jeton/internal/right"
)

func did(moments []ledger.Moment, action string) bool {
	return slices.ContainsFunc(moments, func(m ledger.Moment) bool { return m.Action == action })
}

// TestLedger_killed: a server that is killed loses the uses of its last second at
// most, what a push moved is known at once, and the chain holds afterwards.
func TestLedger_killed(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	h.start(t)
	h.commit(t, "a.txt", "a")
	h.must(t, h.clone, "push", "-q", h.url, "HEAD:refs/heads/main")
	answered := time.Now()
	if moments, _, _, err := core.Ledger.History(t.Context(), 1, 1, ledger.Place{}, 50); err != nil || !did(moments, "git.push") {
		t.Errorf("the push was answered and is not recorded: %+v, %v", moments, err)
	}
	written := func() bool {
		moments, _, _, err := core.Ledger.History(t.Context(), 1, 1, ledger.Place{}, 50)
		return err == nil && did(moments, right.RepoPush.String())
	}
	for !written() { // the server writes each second
		if time.Since(answered) > 20*time.Second {
			t.Fatal("the use is not written")
		}
	}
	t.Logf("written after %s", time.Since(answered))
	h.must(t, h.clone, "ls-remote", h.url) // this one may be lost
	h.kill()
	if !written() {
		t.Error("what was written is gone")
	}
	h.start(t)
	h.must(t, h.clone, "ls-remote", h.url)
	r, err := core.Chain.Verify(t.Context(), nil)
	if err != nil || len(r.Findings) > 0 || r.Links == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
