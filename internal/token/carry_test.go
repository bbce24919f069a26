package token

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// foreignSecret draws a token as Gitea and Gogs do, or Soft Serve.
func foreignSecret(from string) secret.Value {
	b := make([]byte, 20)
	_, _ = rand.Read(b)
	if from == SoftServe {
		return secret.New("ss_" + hex.EncodeToString(b))
	}
	return secret.New(hex.EncodeToString(b))
}

// kept is what another system keeps of plain.
func kept(t testing.TB, from, note string, plain secret.Value, end time.Time) NewCarried {
	t.Helper()
	n := NewCarried{From: from, Note: note, Scopes: scopes(t, "repo"), ExpiresAt: end, Scheme: SHA256, CreatedAt: end.Add(-time.Hour * 24 * 900)}
	if from == Gitea {
		s := plain.Reveal()
		n.Scheme, n.Salt, n.LastEight = PBKDF2, rand.Text()[:10], s[len(s)-8:]
	}
	var err error
	if n.Digest, err = n.Scheme.Digest(plain, n.Salt); err != nil {
		t.Fatal(err)
	}
	return n
}

func (h *house) carry(t testing.TB, n NewCarried) Token {
	t.Helper()
	out, err := h.tryCarry(t, n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *house) tryCarry(t testing.TB, n NewCarried) (out Token, err error) {
	t.Helper()
	err = h.o.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
		out, err = h.CarryTx(t.Context(), tx, right.Operator(), h.owner, n)
		return err
	})
	return out, err
}

func (h *house) foreignRows(t testing.TB) (n int) {
	t.Helper()
	if err := h.o.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM foreign_tokens`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCarry: a token of another system is verified by what that kept, once, and from
// then on as any other.
func TestCarry(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		end := h.now.Add(90 * 24 * time.Hour)
		for _, from := range []string{Gitea, Gogs, SoftServe} {
			plain := foreignSecret(from)
			if _, err := h.Verify(t.Context(), plain); why(t, err) != Malformed {
				t.Errorf("%s: before it was brought: %v", from, err)
			}
			made := h.carry(t, kept(t, from, "ci "+from, plain, end))
			if n := h.foreignRows(t); n != 1 {
				t.Fatalf("%d rows wait", n)
			}
			tried := h.foreign.tried.Load()
			for range 3 {
				v, err := h.Verify(t.Context(), plain)
				if err != nil || v.Token != made.ID || v.Carried != from || !v.ExpiresAt.Equal(end) || v.Scopes != made.Scopes || v.LastEight != lastEight(plain) {
					t.Fatalf("%s: %+v, %v", from, v, err)
				}
			}
			if got := h.foreign.tried.Load() - tried; from == Gitea && got != 1 || from != Gitea && got != 0 {
				t.Errorf("%s: %d slow digests, want one of Gitea's alone", from, got)
			}
			h.cache.clear()
			if v, err := h.Verify(t.Context(), plain); err != nil || v.Token != made.ID {
				t.Errorf("%s: from the database: %v", from, err)
			}
			if n := h.foreignRows(t); n != 0 {
				t.Errorf("%s: %d rows are left", from, n)
			}
			if got := h.deeds(t); !strings.HasPrefix(got, "oauth_access.first_use oauth_access.create") {
				t.Errorf("the log has %s", got)
			}
			if got, err := h.ByID(t.Context(), h.owner, made.ID); err != nil || got.Carried != from || got.LastEight != lastEight(plain) {
				t.Errorf("%s: %+v, %v", from, got, err)
			}
			if _, err := h.Verify(t.Context(), foreignSecret(from)); why(t, err) != Malformed {
				t.Errorf("%s: another: %v", from, err)
			}
			h.now = h.now.Add(time.Minute)
		}
		for _, s := range []string{strings.Repeat("g", 40), strings.Repeat("a", 39), strings.Repeat("A", 40), "ss_" + strings.Repeat("a", 39), "SS_" + strings.Repeat("a", 40), ""} {
			if foreignForm(s) {
				t.Errorf("%q has another system's form", s)
			}
		}
	})
}

// TestCarry_ends: the ways in which a token that was brought over ends.
func TestCarry_ends(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		end := h.now.Add(90 * 24 * time.Hour)
		carry := func(note string) (Token, secret.Value) {
			plain := foreignSecret(Gitea)
			return h.carry(t, kept(t, Gitea, note, plain, end)), plain
		}
		refused := func(what string, plain secret.Value, want Why) {
			t.Helper()
			if _, err := h.Verify(t.Context(), plain); why(t, err) != want {
				t.Errorf("%s: %v", what, err)
			}
		}
		unused, unusedPlain := carry("revoked unused")
		if _, err := h.RevokeAny(t.Context(), right.Operator(), h.owner, unused.ID); err != nil {
			t.Fatal(err)
		}
		refused("revoked before its first use", unusedPlain, Malformed)
		used, usedPlain := carry("revoked used")
		if _, err := h.Verify(t.Context(), usedPlain); err != nil {
			t.Fatal(err)
		}
		if _, err := h.RevokeAny(t.Context(), right.Operator(), h.owner, used.ID); err != nil {
			t.Fatal(err)
		}
		refused("revoked after its first use", usedPlain, Revoked)

		again, againPlain := carry("regenerated")
		fresh, plain, err := h.Regenerate(t.Context(), right.Operator(), h.owner, again.ID, end)
		if err != nil || fresh.Carried != "" {
			t.Fatal(fresh, err)
		}
		refused("the secret before a regeneration", againPlain, Malformed)
		if v, err := h.Verify(t.Context(), plain); err != nil || v.Carried != "" {
			t.Errorf("the new secret: %+v, %v", v, err)
		}

		for _, first := range []bool{false, true} { // the old secret is used before it is rotated, or not
			turned, turnedPlain := carry(fmt.Sprint("rotated ", first))
			if first {
				if _, err := h.Verify(t.Context(), turnedPlain); err != nil {
					t.Fatal(err)
				}
			}
			rotated, err := h.Rotate(t.Context(), right.Operator(), h.owner, turned.ID, Rotation{Window: time.Hour, ExpiresAt: end})
			if err != nil || rotated.Token.Carried != "" {
				t.Fatal(rotated.Token, err)
			}
			if v, err := h.Verify(t.Context(), turnedPlain); err != nil || !v.Old {
				t.Errorf("the old secret within the window: %+v, %v", v, err)
			}
			if v, err := h.Verify(t.Context(), rotated.Plain); err != nil || v.Old || v.Carried != "" {
				t.Errorf("the new secret: %+v, %v", v, err)
			}
			h.now = h.now.Add(2 * time.Hour)
			refused("the old secret after the window", turnedPlain, Replaced)
		}

		itself, itselfPlain := carry("rotates itself")
		v, err := h.Verify(t.Context(), itselfPlain)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParseRequestKey("0123456789abcdef0123456789abcdef")
		if err != nil {
			t.Fatal(err)
		}
		actor := right.Actor{Account: h.owner, Token: itself.ID, Kind: right.ClassicToken}
		rotated, err := h.RotateItself(t.Context(), actor, itselfPlain, key, Rotation{Window: time.Hour})
		if err != nil || rotated.Token.ExpiresAt.Sub(h.now) > 91*24*time.Hour {
			t.Errorf("by itself: it ends %v, %v; it ended %v", rotated.Token.ExpiresAt, err, v.ExpiresAt)
		}

		_, late := carry("late")
		_, never := carry("never")
		h.now = end.Add(time.Second)
		refused("after its end", late, Expired)
		if err := h.EndCarried(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused("after its end, swept", never, Malformed)
		if n := h.foreignRows(t); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		_, gone := func() (Token, secret.Value) {
			plain := foreignSecret(Gogs)
			return h.carry(t, kept(t, Gogs, "gone", plain, h.now.Add(time.Hour))), plain
		}()
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return h.DeleteAllTx(t.Context(), tx, right.Operator(), h.owner) }); err != nil {
			t.Fatal(err)
		}
		refused("of an account that was deleted", gone, Malformed)
		if n := h.foreignRows(t); n != 0 {
			t.Errorf("%d rows are left of a deleted account", n)
		}
	})
}

// TestCarry_together: of two who use a token for the first time at once both are let
// in, and it is noted once.
func TestCarry_together(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		for i, from := range []string{Gitea, SoftServe} {
			plain := foreignSecret(from)
			made := h.carry(t, kept(t, from, fmt.Sprint(i), plain, h.now.Add(time.Hour)))
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					if v, err := h.Verify(t.Context(), plain); err != nil || v.Token != made.ID {
						t.Errorf("%s: %v", from, err)
					}
				})
			}
			all.Wait()
			if n := strings.Count(h.deeds(t), "first_use"); n != i+1 {
				t.Errorf("%s: %d first uses are noted", from, n)
			}
		}
	})
}

// TestCarry_bound: strings that end as a token of Gitea's does cost no more than a
// network may have computed, whatever comes.
func TestCarry_bound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	plain := foreignSecret(Gitea)
	h.carry(t, kept(t, Gitea, "ci", plain, h.now.Add(time.Hour)))
	from := func(address string) *event.Event { return &event.Event{Address: netip.MustParseAddr(address)} }
	guess := func(i int) secret.Value { return secret.New(fmt.Sprintf("%032x%s", i, lastEight(plain))) }
	flood := event.With(t.Context(), from("192.0.2.1"))
	malformed, unavailable := 0, 0
	for i := range 500 {
		_, err := h.Verify(flood, guess(i))
		switch {
		case problem.Is(err, problem.Unavailable):
			unavailable++
		case why(t, err) == Malformed:
			malformed++
		}
	}
	if n := h.foreign.tried.Load(); n != int64(slowRate().Burst) || malformed != slowRate().Burst || unavailable != 500-slowRate().Burst {
		t.Errorf("%d were computed, %d told that they are none, %d to try again", n, malformed, unavailable)
	}
	if _, err := h.Verify(flood, foreignSecret(Gitea)); why(t, err) != Malformed {
		t.Errorf("one with another ending, from the same network: %v", err)
	}
	if _, err := h.Verify(event.With(t.Context(), from("192.0.2.2")), plain); err != nil {
		t.Errorf("the token, from another network: %v", err)
	}
	if _, err := h.Verify(flood, plain); err != nil {
		t.Errorf("the token once it was used, from the same network: %v", err)
	}

	// Many at once wait in line, and no two are computed at the same time.
	other := foreignSecret(Gitea)
	h.carry(t, kept(t, Gitea, "other", other, h.now.Add(time.Hour)))
	// The same line, in which nobody loses patience on a machine that is busy.
	h.foreign.line = limit.NewLine(limit.LineOptions{PerKey: 1, Total: 1, Waiting: waiting, Wait: time.Minute})
	leave, err := h.foreign.line.Enter(t.Context(), "somebody")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	results := make(chan error, 40)
	for i := range 40 {
		all.Go(func() {
			_, err := h.Verify(event.With(t.Context(), from("192.0.2.3")), secret.New(fmt.Sprintf("%032x%s", i, lastEight(other))))
			results <- err
		})
	}
	for range 40 - waiting { // those who find no place in line are told so at once
		if err := <-results; !problem.Is(err, problem.TooMany) && !problem.Is(err, problem.Unavailable) {
			t.Errorf("more than may wait: %v", err)
		}
	}
	leave()
	all.Wait()
	for range waiting {
		if err := <-results; why(t, err) != Malformed {
			t.Errorf("who waited: %v", err)
		}
	}
}

// TestCarry_alike: of many that end alike the first few are tried, and no more.
func TestCarry_alike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	var all []secret.Value
	for i := range maxCandidates + 2 {
		all = append(all, secret.New(fmt.Sprintf("%032xdeadbeef", i)))
		h.carry(t, kept(t, Gitea, fmt.Sprint(i), all[i], h.now.Add(time.Hour)))
	}
	if _, err := h.Verify(t.Context(), secret.New(strings.Repeat("f", 32)+"deadbeef")); why(t, err) != Malformed {
		t.Errorf("a wrong one: %v", err)
	}
	if n := h.foreign.tried.Load(); n != maxCandidates {
		t.Errorf("%d were computed, want %d", n, maxCandidates)
	}
	if _, err := h.Verify(t.Context(), all[maxCandidates]); why(t, err) != Malformed {
		t.Errorf("beyond the bound: %v", err)
	}
	if _, err := h.Verify(t.Context(), all[0]); err != nil {
		t.Errorf("the first: %v", err)
	}
	if _, err := h.Verify(t.Context(), all[maxCandidates]); err != nil {
		t.Errorf("beyond the bound, once there is room: %v", err)
	}
}

// TestCarry_refuses: what can be no token of another system's.
func TestCarry_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	good := func() NewCarried { return kept(t, Gitea, "ci", foreignSecret(Gitea), h.now.Add(time.Hour)) }
	for name, change := range map[string]func(*NewCarried){
		"no end": func(n *NewCarried) { n.ExpiresAt = time.Time{} }, "over": func(n *NewCarried) { n.ExpiresAt = h.now }, "too long": func(n *NewCarried) { n.ExpiresAt = h.now.Add(CarryFor + time.Second) },
		"no salt": func(n *NewCarried) { n.Salt = "" }, "long salt": func(n *NewCarried) { n.Salt = strings.Repeat("s", 65) }, "short digest": func(n *NewCarried) { n.Digest = n.Digest[:49] },
		"no digest": func(n *NewCarried) { n.Digest = nil }, "no scheme": func(n *NewCarried) { n.Scheme = "md5" }, "no ending": func(n *NewCarried) { n.LastEight = "" }, "note": func(n *NewCarried) { n.Note = " " },
		"limits": func(n *NewCarried) { n.Limits = []right.Limit{{Name: "unheard-of"}} },
	} {
		n := good()
		change(&n)
		if _, err := h.tryCarry(t, n); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := good()
	h.carry(t, n)
	if _, err := h.tryCarry(t, n); !problem.Is(err, problem.Conflict) {
		t.Errorf("the same twice: %v", err)
	}
	n = good()
	n.Note, n.CreatedAt = strings.Repeat("é", 127), h.now.Add(time.Hour)
	h.carry(t, n)
	m := good()
	m.Note = n.Note
	if got := h.carry(t, m); !strings.HasSuffix(got.Note, " (from Gitea, 2)") || len(got.Note) > maxNote || strings.ContainsRune(got.Note, '�') {
		t.Errorf("the note is %q", got.Note)
	}
	if got, err := h.ByID(t.Context(), h.owner, 3); err == nil && got.CreatedAt.After(h.now) {
		t.Errorf("it was made in the future")
	}
}
