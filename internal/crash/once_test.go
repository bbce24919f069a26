package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"jeton/internal/audit"
)

// TestRecordedOnce: a journal that is back after a crash, though its push had
// been recorded, is not recorded again; that of another push is. That a journal is
// gone is not synced: this is what makes it needless.
func TestRecordedOnce(t *testing.T) {
	t.Parallel()
	h, core := newWatched(t)
	h.start(t)
	h.commit(t, "README.md", "# Hello\n")
	h.must(t, h.clone, "push", "-q", h.url, "main")
	h.kill()
	lines, err := core.Audit.List(t.Context(), audit.Query{Whole: true, Action: "git.push"})
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	head := h.must(t, h.clone, "rev-parse", "HEAD")
	zero := fmt.Sprintf("%040d", 0)
	for i, c := range []struct {
		what, request, old string
		prefix             string
		want               int
	}{
		{"the same, its refs noted to have moved", lines[0].Request, zero, "moved-", 1},
		{"the same", lines[0].Request, zero, "journal-", 1},
		{"of another request", "another", zero, "moved-", 2},
		{"of another move", lines[0].Request, head, "moved-", 3},
		{"of another move, once more", lines[0].Request, head, "moved-", 3},
	} {
		event, err := json.Marshal(map[string]any{"at": lines[0].At, "account": lines[0].ActorID, "login": "ada", "token": lines[0].Token, "address": lines[0].Address, "request": c.request})
		if err != nil {
			t.Fatal(err)
		}
		name := c.prefix + fmt.Sprint(i)
		journal, err := json.Marshal(map[string]any{"version": 2, "number": fmt.Sprint(i), "event": event,
			"updates": []any{map[string]any{"name": []byte("refs/heads/main"), "old": c.old, "new": head}}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(h.disk, "jeton", name)
		if err := os.WriteFile(path, journal, 0o600); err != nil {
			t.Fatal(err)
		}
		h.start(t)
		h.refs(t)
		h.kill()
		now, err := core.Audit.List(t.Context(), audit.Query{Whole: true, Action: "git.push"})
		if err != nil || len(now) != c.want {
			t.Errorf("%s: %d lines, want %d: %v", c.what, len(now), c.want, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the journal is there still", c.what)
		}
	}
}
