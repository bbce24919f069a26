package token

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/narrow"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// house is a token room on a real database, with one account.
type house struct {
	policies *policy.Room
	*Room
	owner id.Account
	now   time.Time
	keys  *keys.Ring
	audit *audit.Log
}

func newHouse(t testing.TB, d *db.DB) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	ring, err := keys.Open(t.Context(), keys.Options{Dir: t.TempDir() + "/keys", DB: d})
	if err != nil {
		t.Fatal(err)
	}
	bus := change.New(change.Options{DB: d})
	if err := bus.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	h.keys, h.audit = ring, audit.New(audit.Options{DB: d, Now: now})
	accounts := account.New(account.Options{DB: d, Change: bus, Audit: h.audit, Now: now})
	a, err := accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "ada", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	h.owner = a.ID
	h.policies = policy.New(policy.Options{DB: d, Change: bus, Audit: h.audit, Now: now})
	h.Room = New(Options{DB: d, Keys: ring, Change: bus, Audit: h.audit, Policies: h.policies, Now: now})
	return h
}

func scopes(t testing.TB, names ...string) right.ScopeSet {
	t.Helper()
	set, err := right.ParseScopes(names)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (h *house) create(t testing.TB, note string, expires time.Time, names ...string) (Token, secret.Value) {
	t.Helper()
	tok, plain, err := h.Create(t.Context(), right.Operator(), h.owner, NewToken{Note: note, Scopes: scopes(t, names...), ExpiresAt: expires})
	if err != nil {
		t.Fatal(err)
	}
	return tok, plain
}

func why(t testing.TB, err error) Why {
	t.Helper()
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		t.Fatalf("got the error %v, want a refusal", err)
	}
	return refused.Why
}

func TestLife(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx := t.Context()
		tok, plain := h.create(t, "  ci  ", h.now.Add(24*time.Hour), "repo", "public_repo")
		if tok.Note != "ci" || tok.Scopes.String() != "repo" {
			t.Errorf("made %q with %q, want ci with repo", tok.Note, tok.Scopes)
		}
		for range 2 { // from the database, then from memory
			v, err := h.Verify(ctx, plain)
			if err != nil || v.Token != tok.ID || v.Account != h.owner {
				t.Fatalf("Verify = %+v, %v", v, err)
			}
		}
		if _, err := h.Update(ctx, right.Operator(), h.owner, tok.ID, "deploy", scopes(t, "public_repo")); err != nil {
			t.Fatal(err)
		}
		if v, err := h.Verify(ctx, plain); err != nil || v.Scopes.String() != "public_repo" || v.Note != "deploy" {
			t.Errorf("after an edit Verify = %+v, %v", v, err)
		}
		_, newer, err := h.Regenerate(ctx, right.Operator(), h.owner, tok.ID, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Verify(ctx, plain); why(t, err) != Unknown {
			t.Errorf("the old secret gives %v", err)
		}
		if v, err := h.Verify(ctx, newer); err != nil || v.Token != tok.ID || !v.ExpiresAt.IsZero() {
			t.Errorf("the new secret gives %+v, %v", v, err)
		}
		if _, err := h.Revoke(ctx, right.Operator(), h.owner, tok.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Verify(ctx, newer); why(t, err) != Revoked {
			t.Errorf("a revoked token gives %v", err)
		}
		if _, err := h.ByID(ctx, h.owner, tok.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("a revoked token is still listed: %v", err)
		}
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, plain := h.create(t, "short", h.now.Add(time.Hour))
	if _, err := h.Verify(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Hour)
	_, err := h.Verify(t.Context(), plain) // from memory
	if why(t, err) != Expired {
		t.Errorf("at its end the token gives %v", err)
	}
	h.cache.clear()
	_, err = h.Verify(t.Context(), plain) // from the database
	if refused, _ := errors.AsType[*Refused](err); refused == nil || refused.Why != Expired || refused.Token.ID != tok.ID || refused.Token.Note != "short" {
		t.Errorf("at its end the token gives %v", err)
	}
	if list, err := h.List(t.Context(), h.owner, Personal); err != nil || len(list) != 1 || !list[0].Expired(h.now) {
		t.Errorf("List = %+v, %v; want the expired token", list, err)
	}
}

func TestCreate_refuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		taken, _ := h.create(t, "taken", time.Time{})
		cases := map[string]struct {
			n    NewToken
			want string
		}{
			"blank":     {NewToken{Note: " \t"}, "Note can't be blank"},
			"taken":     {NewToken{Note: "taken"}, "Note has already been taken"},
			"long":      {NewToken{Note: strings.Repeat("x", 256)}, "Note is too long (maximum is 255 bytes)"},
			"not UTF-8": {NewToken{Note: "\xff"}, "Note must be valid UTF-8"},
			"past":      {NewToken{Note: "x", ExpiresAt: h.now}, "The expiration must be in the future"},
		}
		for name, c := range cases {
			_, _, err := h.Create(t.Context(), right.Operator(), h.owner, c.n)
			if p := problem.Of(err); p == nil || p.Kind != problem.Invalid || p.Public != c.want || p.Field == "" {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
		if _, err := h.Revoke(t.Context(), right.Operator(), h.owner, taken.ID); err != nil {
			t.Fatal(err)
		}
		h.create(t, "taken", time.Time{}) // the note is free again
	})
}

func TestOthersToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, plain := h.create(t, "mine", time.Time{})
	other := h.owner + 1
	if _, err := h.Update(t.Context(), right.Operator(), other, tok.ID, "stolen", 0); !problem.Is(err, problem.NotFound) {
		t.Errorf("Update by another account: %v", err)
	}
	if _, err := h.Revoke(t.Context(), right.Operator(), other, tok.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("Revoke by another account: %v", err)
	}
	if _, _, err := h.Regenerate(t.Context(), right.Operator(), other, tok.ID, time.Time{}); !problem.Is(err, problem.NotFound) {
		t.Errorf("Regenerate by another account: %v", err)
	}
	if _, err := h.Verify(t.Context(), plain); err != nil {
		t.Error(err)
	}
}

// TestVerify_interleaving forces the order in which a look-up begins before a
// revocation and would fill the cache after it.
func TestVerify_interleaving(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, plain := h.create(t, "race", time.Time{})
	_, digest := h.keys.Digest(digestLabel, []byte(plain.Reveal()))
	generation := h.cache.generation.Load()
	found, err := byDigest(t.Context(), h.o.DB, digest) // the look-up has read …
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Revoke(t.Context(), right.Operator(), h.owner, tok.ID); err != nil { // … the token ends …
		t.Fatal(err)
	}
	h.cache.put(digest, &Verified{Token: found.ID, Account: found.Account}, generation) // … and the look-up goes on.
	if h.cache.get(&digest) != nil {
		t.Fatal("the answer from before the revocation is in the cache")
	}
	if _, err := h.Verify(t.Context(), plain); why(t, err) != Revoked {
		t.Errorf("after the revocation: %v", err)
	}
}

// TestVerify_databaseLost: what is remembered is not believed once changes
// can't be heard, and nothing is allowed that can't be checked.
func TestVerify_databaseLost(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h := newHouse(t, d)
	_, plain := h.create(t, "x", time.Time{})
	if _, err := h.Verify(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := h.Verify(t.Context(), plain)
		if err != nil {
			if _, refused := errors.AsType[*Refused](err); refused {
				t.Errorf("a token that can't be checked is called bad: %v", err)
			}
			return
		}
		select {
		case <-deadline:
			t.Fatal("a remembered token is still good five seconds after the database was lost")
		case <-tick.C:
		}
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, plain := h.create(t, "old key", time.Time{})
		next, err := h.keys.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Verify(t.Context(), plain); err != nil {
			t.Fatalf("after the rotation: %v", err)
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var key int64
		if err := d.QueryRow(t.Context(), `SELECT key_id FROM tokens WHERE id = $1`, tok.ID).Scan(&key); err != nil || key != next {
			t.Errorf("the token is digested under key %d (%v), want %d", key, err, next)
		}
		h.cache.clear()
		if _, err := h.Verify(t.Context(), plain); err != nil {
			t.Errorf("re-digested: %v", err)
		}
	})
}

func TestUsed_latest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, _ := h.create(t, "used", time.Time{})
		for _, u := range []Use{
			{At: h.now.Add(time.Minute), Address: "192.0.2.2", Client: "git/2.39.5", Repo: "ada/hello", Action: "repo.push"},
			{At: h.now, Address: "192.0.2.1", Client: "git/2.39.5", Repo: "ada/hello", Action: "repo.fetch"}, // came late
		} {
			err := d.Write(t.Context(), func(tx *db.Tx) error { return h.UsedTx(t.Context(), tx, map[Holder]Use{{Token: tok.ID}: u}) })
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := h.ByID(t.Context(), h.owner, tok.ID)
		if err != nil || got.LastUse.Action != "repo.push" || got.LastUse.Address != "192.0.2.2" || !got.LastUse.At.Equal(h.now.Add(time.Minute)) {
			t.Errorf("LastUse = %+v, %v", got.LastUse, err)
		}
	})
}

func TestRevokeAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	var plains []secret.Value
	for _, note := range []string{"a", "b", "c"} {
		_, p := h.create(t, note, time.Time{})
		if _, err := h.Verify(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		plains = append(plains, p)
	}
	if n, err := h.RevokeAll(t.Context(), right.Operator(), h.owner, Personal); n != 3 || err != nil {
		t.Fatalf("RevokeAll = %d, %v", n, err)
	}
	for _, p := range plains {
		if _, err := h.Verify(t.Context(), p); why(t, err) != Revoked {
			t.Errorf("after Revoke all: %v", err)
		}
	}
}

// TestVerify_allocatesNothing: a verification from memory is on every request's
// way.
func TestVerify_allocatesNothing(t *testing.T) {
	h := newHouse(t, dbtest.Open(t))
	_, plain := h.create(t, "hit", time.Time{}, "repo")
	ctx := t.Context()
	if _, err := h.Verify(ctx, plain); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1000, func() {
		if _, err := h.Verify(ctx, plain); err != nil {
			t.Error(err)
		}
	})
	if n >= 1 && !raceEnabled {
		t.Errorf("a verification allocates %v times", n)
	}
}

func TestCache_bounded(t *testing.T) {
	t.Parallel()
	c := newCache(shards * 4)
	for i := range 10_000 {
		var d [32]byte
		d[0], d[1], d[2] = byte(i), byte(i>>8), byte(i>>16)
		c.put(d, &Verified{Token: id.Token(i + 1)}, 0)
	}
	n, m := 0, 0
	for i := range c.shard {
		n += len(c.shard[i].byDigest)
		m += len(c.shard[i].byID)
	}
	if n > shards*4 || n != m {
		t.Errorf("the cache holds %d answers and %d names, want at most %d and as many", n, m, shards*4)
	}
}

// TestStored: nothing that is stored gives the token away.
func TestStored(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h := newHouse(t, d)
	tok, plain := h.create(t, "x", time.Time{})
	var dump strings.Builder
	if err := d.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump.String(), plain.Reveal()) || strings.Contains(dump.String(), plain.Reveal()[4:30]) {
		t.Error("the token stands in the database")
	}
	var lookup, chain []byte
	if err := d.QueryRow(t.Context(), `SELECT lookup_id, chain_key FROM tokens WHERE id = $1`, tok.ID).Scan(&lookup, &chain); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(lookup, narrow.Lookup(plain)) {
		t.Error("the lookup id is not the one that the token's holder computes")
	}
	if opened, err := h.keys.Open(chainPurpose, chain, lookup); err != nil || !bytes.Equal(opened, narrow.Key(plain)) {
		t.Errorf("the sealed chain key does not open to the one that the holder computes: %v", err)
	}
	if !strings.Contains(dump.String(), lastEight(plain)) {
		t.Error("the last eight characters are not in the dump: it looks at nothing")
	}
}

// million fills the database with a million live tokens, far more than the
// cache holds.
func million(b *testing.B) (*house, []secret.Value) {
	b.Helper()
	h := newHouse(b, dbtest.Open(b))
	var plains []secret.Value
	const total, batch = 1_000_000, 50_000
	for done := 0; done < total; done += batch {
		err := h.o.DB.Write(b.Context(), func(tx *db.Tx) error {
			for i := range batch {
				plain := Generate(Personal)
				m := material{lookup: narrow.Lookup(plain)}
				m.key, m.digest = h.keys.Digest(digestLabel, []byte(plain.Reveal()))
				if _, err := insert(b.Context(), tx, Token{Account: h.owner, Note: plain.Reveal()[20:], LastEight: lastEight(plain), CreatedAt: h.now}, m); err != nil {
					return err
				}
				if i%100 == 0 {
					plains = append(plains, plain)
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return h, plains
}

func BenchmarkVerify(b *testing.B) {
	if testing.Short() {
		b.Skip("a million tokens take a minute to make")
	}
	h, plains := million(b)
	ctx := context.Background()
	b.Run("hit", func(b *testing.B) {
		for _, p := range plains {
			if _, err := h.Verify(ctx, p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := h.Verify(ctx, plains[i%len(plains)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			h.cache.clear()
			if _, err := h.Verify(ctx, plains[i%len(plains)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("unknown", func(b *testing.B) {
		unknown := Generate(Personal)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Verify(ctx, unknown); err == nil {
				b.Fatal("verified")
			}
		}
	})
}

// BenchmarkVerify_hit measures a verification from memory beside a reused HMAC
// of the same input: the ratio holds on any machine.
func BenchmarkVerify_hit(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	_, plain := h.create(b, "hit", time.Time{}, "repo")
	if _, err := h.Verify(b.Context(), plain); err != nil {
		b.Fatal(err)
	}
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Verify(b.Context(), plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hmac", func(b *testing.B) {
		mac := hmac.New(sha256.New, make([]byte, 32))
		in, sum := []byte(plain.Reveal()), make([]byte, 0, 32)
		b.ReportAllocs()
		for b.Loop() {
			mac.Reset()
			mac.Write(in)
			sum = mac.Sum(sum[:0])
		}
	})
	b.Run("digest", func(b *testing.B) {
		in := []byte(plain.Reveal())
		b.ReportAllocs()
		for b.Loop() {
			h.keys.Digest(digestLabel, in)
		}
	})
}
