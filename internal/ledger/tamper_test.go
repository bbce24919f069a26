package ledger_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/audit"
	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/keys"
	"jeton/internal/ledger"
)

// TestTampering does to the database what somebody with its password could.
func TestTampering(t *testing.T) {
	t.Parallel()
	const use = `SELECT MIN(id) FROM token_uses`
	for name, c := range map[string]struct {
		deed func(t *testing.T, h *house, n int64)
		want string // with N for the number of the first use
	}{
		"changed": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE token_uses SET address = '198.51.100.1' WHERE id = $1`, n)
		}, "line N of the uses of tokens (link L) was changed"},
		"event changed": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE audit_events SET actor_login = 'eve' WHERE id = 2`)
		}, "line 2 of the security log (link "},
		"removed": {func(t *testing.T, h *house, n int64) { h.exec(t, `DELETE FROM token_uses WHERE id = $1`, n) },
			"line N of the uses of tokens (link L) was removed"},
		"removed with its link": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `DELETE FROM chain WHERE log = 2 AND row_id = $1`, n)
			h.exec(t, `DELETE FROM token_uses WHERE id = $1`, n)
		}, "link L of the chain was removed"},
		"link removed": {func(t *testing.T, h *house, n int64) { h.exec(t, `DELETE FROM chain WHERE log = 2 AND row_id = $1`, n) },
			"line N of the uses of tokens was put in: it is in no link"},
		"put in": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `INSERT INTO token_uses (id, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent)
				SELECT 7777, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent FROM token_uses WHERE id = $1`, n)
		}, "line 7777 of the uses of tokens was put in"},
		"put in below": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `INSERT INTO token_uses (id, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent)
				SELECT -5, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent FROM token_uses WHERE id = $1`, n)
		}, "line -5 of the uses of tokens was put in"},
		"put in as if it waited": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `INSERT INTO token_uses (id, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent)
				SELECT 7777, token_id, node, account_id, first_at, last_at, times, action, result, repo_id, repo, address, client, received, sent FROM token_uses WHERE id = $1`, n)
			h.exec(t, `INSERT INTO chain_due (log, row_id, ripe_at, key_id, mac) SELECT 2, 7777, 0, key_id, content FROM chain WHERE log = 2 AND row_id = $1`, n)
			h.seal(t)
		}, "line 7777 of the uses of tokens was changed or put in before it was linked"},
		"swapped": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE token_uses SET id = -1 WHERE id = $1`, n)
			h.exec(t, `UPDATE token_uses SET id = $1 WHERE id = $2`, n, n+1)
			h.exec(t, `UPDATE token_uses SET id = $1 WHERE id = -1`, n+1)
		}, "line N of the uses of tokens (link L) was changed"},
		"renumbered": {func(t *testing.T, h *house, n int64) { h.exec(t, `UPDATE token_uses SET id = 8888 WHERE id = $1`, n) },
			"line 8888 of the uses of tokens was put in"},
		"renumbered with its link": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE token_uses SET id = 8888 WHERE id = $1`, n)
			h.exec(t, `UPDATE chain SET row_id = 8888 WHERE log = 2 AND row_id = $1`, n)
		}, "line 8888 of the uses of tokens (link L) was changed"},
		"links swapped": {func(t *testing.T, h *house, n int64) {
			seq := h.number(t, `SELECT seq FROM chain WHERE log = 2 AND row_id = $1`, n)
			h.exec(t, `UPDATE chain SET seq = -1 WHERE seq = $1`, seq)
			h.exec(t, `UPDATE chain SET seq = $1 WHERE seq = $2`, seq, seq+1)
			h.exec(t, `UPDATE chain SET seq = $1 WHERE seq = -1`, seq+1)
		}, "do not follow from the ones before"},
		"hole closed": {func(t *testing.T, h *house, n int64) {
			seq := h.number(t, `SELECT seq FROM chain WHERE log = 2 AND row_id = $1`, n)
			h.exec(t, `DELETE FROM token_uses WHERE id = $1`, n)
			h.exec(t, `DELETE FROM chain WHERE seq = $1`, seq)
			for last := h.number(t, `SELECT MAX(seq) FROM chain`); seq < last; seq++ {
				h.exec(t, `UPDATE chain SET seq = $1 WHERE seq = $2`, seq, seq+1)
			}
		}, "were changed, renumbered or put in"},
		"removed as if by a rule": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE chain SET gone_by = 1, gone = content WHERE log = 2 AND row_id = $1`, n)
			h.exec(t, `DELETE FROM token_uses WHERE id = $1`, n)
		}, "was removed, and the proof that a rule did so is false"},
		"end cut": {func(t *testing.T, h *house, n int64) {
			last := h.number(t, `SELECT MAX(seq) FROM chain`)
			h.exec(t, `DELETE FROM token_uses WHERE id = (SELECT row_id FROM chain WHERE seq = $1)`, last)
			h.exec(t, `DELETE FROM chain WHERE seq = $1`, last)
		}, "the end was cut off"},
		"begun anew": {func(t *testing.T, h *house, n int64) {
			h.exec(t, `UPDATE token_uses SET address = '198.51.100.1' WHERE id = $1`, n)
			h.exec(t, `DELETE FROM chain`)
			h.seal(t) // takes everything in, as after an update of the program
		}, "is not the one that was saved as the head"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				h := newHouse(t, d)
				tok := h.token(t, "ci")
				for _, repo := range []string{"a", "b", "c", "d"} {
					h.use(tok.ID, repo, "git", ledger.Done)
					h.seal(t)
				}
				head, ok, err := h.chain.Head(t.Context())
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				if parsed, err := chain.ParseHead(head.String() + "\n"); err != nil || parsed != head {
					t.Fatalf("%q is read as %v, %v", head, parsed, err)
				}
				if _, found := h.verify(t, &head); found != "" {
					t.Fatalf("found before anything was done: %s", found)
				}
				n := h.number(t, use)
				link := h.number(t, `SELECT seq FROM chain WHERE log = 2 AND row_id = $1`, n)
				c.deed(t, h, n)
				want := strings.NewReplacer("line N ", fmt.Sprintf("line %d ", n), "link L", fmt.Sprintf("link %d", link)).Replace(c.want)
				if _, found := h.verify(t, &head); !strings.Contains(found, want) {
					t.Errorf("found %q, want %q", found, want)
				}
			})
		})
	}
}

// TestWithoutHead: what was cut off at the end is not seen without a head that
// was saved elsewhere. The manual says so.
func TestWithoutHead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok := h.token(t, "ci")
	h.use(tok.ID, "a", "git", ledger.Done)
	h.seal(t)
	h.exec(t, `DELETE FROM token_uses`)
	h.exec(t, `DELETE FROM chain WHERE log = 2`)
	if _, found := h.verify(t, nil); found != "" {
		t.Errorf("found %q", found)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok := h.token(t, "ci")
		h.use(tok.ID, "a", "git", ledger.Done)
		h.seal(t)
		// Another key under the number that the chain names.
		other := dbtest.Open(t)
		ring, err := keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: other})
		if err != nil {
			t.Fatal(err)
		}
		c := chain.New(chain.Options{DB: d, Keys: ring})
		audit.New(audit.Options{DB: d, Chain: c})
		if r, err := c.Verify(t.Context(), nil); err != nil || len(r.Findings) == 0 {
			t.Errorf("another key finds nothing: %+v, %v", r, err)
		}
		if _, err := h.keys.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.use(tok.ID, "b", "git", ledger.Done)
		h.seal(t)
		if _, found := h.verify(t, nil); found != "" {
			t.Errorf("after a rotation: %s", found)
		}
	})
}

// TestOlderLines: what was logged before there was a chain is taken in, and told.
func TestOlderLines(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		old := audit.New(audit.Options{DB: d}) // without a chain, as the program was before
		for i := range 1203 {
			if err := old.RecordAlone(t.Context(), audit.Entry{Action: "user.login", Target: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		h := newHouse(t, d)
		if err := h.chain.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, found := h.verify(t, nil)
		if found != "" || r.TakenIn != 1203 || r.Begun.IsZero() || r.Links < 1204 {
			t.Errorf("%+v\n%s", r, found)
		}
		if err := h.audit.Trim(t.Context(), 0, "user.login", h.now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if r, found := h.verify(t, nil); found != "" || r.Trimmed != 0 { // written by the machine's clock, later than the test's
			_ = r
		}
		h.exec(t, `UPDATE audit_events SET target = 'x' WHERE target = '700'`)
		if _, found := h.verify(t, nil); !strings.Contains(found, "was changed") {
			t.Errorf("found %q", found)
		}
	})
}

// TestSeveralSeal: several processes write and link at the same time.
func TestSeveralSeal(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		errs := make(chan error, 8)
		for w := range 8 {
			go func() {
				for i := range 25 {
					err := h.audit.RecordAlone(ctx, audit.Entry{Action: "user.login", Target: fmt.Sprint(w, i)})
					if err == nil && w%2 == 0 {
						err = h.chain.Seal(ctx)
					}
					if err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for range 8 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		h.seal(t)
		if r, found := h.verify(t, nil); found != "" || r.Waiting != 0 || r.Links < 200 {
			t.Errorf("%+v\n%s", r, found)
		}
	})
}
