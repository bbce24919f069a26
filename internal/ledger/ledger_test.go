package ledger_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/chain"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/ledger"
	"jeton/internal/policy"
	"jeton/internal/right"
	"jeton/internal/token"
)

// house is the rooms around the ledger, with a clock.
type house struct {
	*ledger.Room
	db     *db.DB
	keys   *keys.Ring
	chain  *chain.Chain
	audit  *audit.Log
	tokens *token.Room
	owner  id.Account
	now    time.Time
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	h := &house{db: d, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	var err error
	if h.keys, err = keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d}); err != nil {
		t.Fatal(err)
	}
	h.chain = chain.New(chain.Options{DB: d, Keys: h.keys, Now: now})
	h.audit = audit.New(audit.Options{DB: d, Chain: h.chain, Now: now})
	bus := change.New(change.Options{DB: d, Socket: filepath.Join(t.TempDir(), "s")})
	t.Cleanup(bus.Close)
	h.tokens = token.New(token.Options{DB: d, Keys: h.keys, Change: bus, Audit: h.audit, Policies: policy.New(policy.Options{DB: d, Change: bus, Audit: h.audit}), Now: now})
	h.Room = ledger.New(ledger.Options{DB: d, Chain: h.chain, Audit: h.audit, Tokens: h.tokens, Now: now})
	a, err := account.New(account.Options{DB: d, Change: bus, Audit: h.audit, Now: now}).Create(t.Context(), right.Operator(), account.NewAccount{Login: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	h.owner = a.ID
	return h
}

func (h *house) token(t *testing.T, note string) token.Token {
	t.Helper()
	tok, _, err := h.tokens.Create(t.Context(), right.Operator(), h.owner, token.NewToken{Note: note})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (h *house) use(tok id.Token, name, client, result string) {
	h.Begin(h.about(tok, name, client)).End(result, 10, 1000)
}

func (h *house) about(tok id.Token, name, client string) ledger.Use {
	return ledger.Use{Token: tok, Account: h.owner, Action: right.RepoFetch, Repo: 1, Owner: "ada", Name: name, Address: netip.MustParseAddr("192.0.2.7"), Client: client}
}

func (h *house) flush(t *testing.T) {
	t.Helper()
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// seal lets the lines ripen and links them.
func (h *house) seal(t *testing.T) {
	t.Helper()
	h.flush(t)
	h.now = h.now.Add(2 * time.Minute)
	if err := h.chain.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// verify returns what is found, a line each.
func (h *house) verify(t *testing.T, head *chain.Head) (chain.Report, string) {
	t.Helper()
	r, err := h.chain.Verify(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.String())
	}
	return r, strings.Join(out, "\n")
}

func (h *house) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := h.db.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), query, args...); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) number(t *testing.T, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := h.db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsesAreFoldedAndTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok := h.token(t, "ci")
		for range 3 {
			h.use(tok.ID, "engine", "git/2.39.5", ledger.Done)
		}
		h.use(tok.ID, "engine", "git/2.39.5", "refused: no right")
		h.flush(t)
		h.now = h.now.Add(30 * time.Second)
		h.use(tok.ID, "engine", "git/2.39.5", ledger.Done) // the same line still
		h.flush(t)
		h.now = h.now.Add(45 * time.Second)
		h.use(tok.ID, "engine", "git/2.39.5", ledger.Done) // a new one
		h.flush(t)
		got, err := h.List(t.Context(), tok.ID, 0, 10)
		if err != nil || len(got) != 3 {
			t.Fatalf("%d lines, %v", len(got), err)
		}
		if first := got[2]; first.Times != 4 && got[1].Times != 4 {
			t.Errorf("not folded: %+v", got)
		}
		if got[0].Repo != "ada/engine" || got[0].Address != "192.0.2.7" || got[0].Client != "git/2.39.5" || got[0].Action != "repo.fetch" || got[0].Sent != 1000 || got[0].Received != 10 {
			t.Errorf("%+v", got[0])
		}
		latest, err := h.tokens.ByID(t.Context(), h.owner, tok.ID)
		if err != nil || !latest.LastUse.At.Equal(h.now) || latest.LastUse.Repo != "ada/engine" {
			t.Errorf("the token's latest use is %+v, %v", latest.LastUse, err)
		}
		h.seal(t)
		if r, found := h.verify(t, nil); found != "" || r.Waiting != 0 || r.Links < 5 {
			t.Errorf("%+v\n%s", r, found)
		}
	})
}

// TestLongUse: what takes longer than a second is known of before it ends, so that
// a server that is killed loses no more than that.
func TestLongUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok := h.token(t, "clone")
	u := h.about(tok.ID, "engine", "git")
	u.Action, u.Repo, u.Owner, u.Name = 0, 0, "", ""
	x := h.Begin(u)
	x.About(right.RepoFetch, 1, "ada", "engine")
	h.flush(t)
	h.flush(t)
	got, _ := h.List(t.Context(), tok.ID, 0, 10)
	if len(got) != 1 || got[0].Result != ledger.UnderWay || got[0].Repo != "ada/engine" {
		t.Fatalf("%+v", got)
	}
	x.End(ledger.Done, 1, 2)
	h.flush(t)
	if got, _ = h.List(t.Context(), tok.ID, 0, 10); len(got) != 2 || got[0].Result != ledger.Done || got[1].Times != 1 {
		t.Fatalf("%+v", got)
	}
}

func TestTooManyLines(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, other := h.token(t, "names"), h.token(t, "other")
	for i := range 5000 {
		h.use(tok.ID, fmt.Sprintf("r%d", i), "x", "refused: hidden")
	}
	h.use(other.ID, "engine", "x", ledger.Done)
	h.flush(t)
	if n := h.number(t, `SELECT COUNT(1) FROM token_uses WHERE token_id = $1`, int64(tok.ID)); n != 3601 {
		t.Errorf("%d lines of one token", n)
	}
	if n := h.number(t, `SELECT SUM(times) FROM token_uses WHERE token_id = $1`, int64(tok.ID)); n != 5000 {
		t.Errorf("%d uses are told of 5000", n)
	}
	if n := h.number(t, `SELECT COUNT(1) FROM token_uses WHERE token_id = $1 AND repo = 'ada/engine'`, int64(other.ID)); n != 1 {
		t.Errorf("another token has %d lines", n)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		old, dead, live := h.token(t, "old"), h.token(t, "dead"), h.token(t, "live")
		for _, tok := range []token.Token{old, dead, live} {
			h.use(tok.ID, "engine", "git", ledger.Done)
			h.Let(tok.ID, right.RepoFetch, false)
		}
		h.seal(t)
		head, _, err := h.chain.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.tokens.Revoke(t.Context(), right.Operator(), h.owner, dead.ID); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(89 * 24 * time.Hour)
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_uses`); n != 3 {
			t.Fatalf("%d uses are left too early", n)
		}
		h.now = h.now.Add(2 * 24 * time.Hour)
		h.use(live.ID, "engine", "git", ledger.Done)
		h.flush(t)
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_uses WHERE token_id = $1`, int64(dead.ID)); n != 0 {
			t.Errorf("%d uses of a token that was deleted 91 days ago", n)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_actions WHERE token_id = $1`, int64(dead.ID)); n != 0 {
			t.Errorf("%d actions of it", n)
		}
		h.now = h.now.Add(310 * 24 * time.Hour) // the first use is older than 400 days
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_uses`); n != 1 {
			t.Errorf("%d uses are left", n)
		}
		h.seal(t)
		r, found := h.verify(t, &head)
		if found != "" || r.Trimmed != 3 {
			t.Errorf("%+v\n%s", r, found)
		}
		lines, err := h.audit.List(t.Context(), audit.Query{Action: "site.trim_log"})
		if err != nil || len(lines) != 2 || lines[1].Detail["rule"] != fmt.Sprintf("token %d was deleted more than 90 days ago", dead.ID) || lines[0].Detail["lines"] != "2" {
			t.Errorf("%+v, %v", lines, err)
		}
		h.exec(t, `DELETE FROM audit_events WHERE id = $1`, int64(lines[0].ID))
		if _, found := h.verify(t, nil); !strings.Contains(found, fmt.Sprintf("line %d of the security log", lines[0].ID)) {
			t.Errorf("the line about the trimming is gone, found %q", found)
		}
	})
}

// TestRetention_account: with an account go the uses of its tokens.
func TestRetention_account(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok := h.token(t, "ci")
		h.use(tok.ID, "engine", "git", ledger.Done)
		h.flush(t)
		err := d.Write(t.Context(), func(tx *db.Tx) error { return h.tokens.DeleteAllTx(t.Context(), tx, right.Operator(), h.owner) })
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Trim(t.Context()); err != nil { // the line may grow still: it is left for the next time
			t.Fatal(err)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_uses`); n != 1 {
			t.Errorf("%d lines", n)
		}
		h.seal(t)
		if err := h.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := h.number(t, `SELECT COUNT(1) FROM token_uses`); n != 0 {
			t.Errorf("%d uses are left of an account that is gone", n)
		}
		h.seal(t)
		if r, found := h.verify(t, nil); found != "" || r.Trimmed != 1 {
			t.Errorf("%+v\n%s", r, found)
		}
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok := h.token(t, "ci")
		actor := right.Actor{Account: h.owner, Login: "ada", Kind: right.ClassicToken, Token: tok.ID, Note: "ci"}
		for i := range 3 {
			h.now = h.now.Add(time.Hour)
			h.use(tok.ID, fmt.Sprint("r", i), "=cmd()", ledger.Done)
			h.flush(t)
			err := h.audit.RecordAlone(t.Context(), audit.Entry{Action: "git.push", Actor: actor, Account: 999, Repo: 1, Target: "bob/engine",
				Detail: map[string]string{"refs": "1", "ref1": "refs/heads/main 0a→0b"}})
			if err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		if err := h.Export(t.Context(), &out, audit.CSV, h.owner, tok.ID); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 8 { // headings, three of each, and the token's creation
			t.Fatalf("%d lines, %v", len(rows), err)
		}
		if rows[7][6] != "oauth_access.create" || rows[1][6] != "git.push" && rows[2][6] != "git.push" {
			t.Errorf("%q", rows)
		}
		for i := 2; i < len(rows); i++ {
			if rows[i][3] > rows[i-1][3] {
				t.Errorf("line %d is newer than the one before", i)
			}
		}
		if text := fmt.Sprint(rows); !strings.Contains(text, "'=cmd()") || !strings.Contains(text, "refs/heads/main 0a→0b") {
			t.Errorf("%s", text)
		}
		if err := h.Export(t.Context(), &out, audit.JSONLines, h.owner, tok.ID); err != nil || strings.Count(out.String(), "\n") != 7 {
			t.Errorf("%s, %v", out.String(), err)
		}
		// In pages, nothing is missing or told twice.
		seen, at, more := 0, ledger.Place{}, true
		for more {
			var page []ledger.Moment
			if page, at, more, err = h.History(t.Context(), h.owner, tok.ID, at, 2); err != nil {
				t.Fatal(err)
			}
			seen += len(page)
		}
		if seen != 7 {
			t.Errorf("%d lines in pages of two", seen)
		}
	})
}

// BenchmarkUse is what a request pays.
func BenchmarkUse(b *testing.B) {
	d := dbtest.Open(b)
	ring, err := keys.Open(b.Context(), keys.Options{Dir: filepath.Join(b.TempDir(), "keys"), DB: d})
	if err != nil {
		b.Fatal(err)
	}
	c := chain.New(chain.Options{DB: d, Keys: ring})
	log := audit.New(audit.Options{DB: d, Chain: c})
	bus := change.New(change.Options{DB: d, Socket: filepath.Join(b.TempDir(), "s")})
	b.Cleanup(bus.Close)
	r := ledger.New(ledger.Options{DB: d, Chain: c, Audit: log, Tokens: token.New(token.Options{DB: d, Keys: ring, Change: bus, Audit: log, Policies: policy.New(policy.Options{DB: d, Change: bus, Audit: log})})})
	u := ledger.Use{Token: 1, Account: 1, Address: netip.MustParseAddr("192.0.2.7"), Client: "git/2.39.5"}
	b.Run("use", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				x := r.Begin(u)
				x.About(right.RepoFetch, 1, "ada", "engine")
				x.End(ledger.Done, 1, 2)
			}
		})
	})
	b.Run("let", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.Let(1, right.RepoFetch, true)
			}
		})
	})
}
