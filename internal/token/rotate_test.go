package token

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/narrow"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

func requestKey(t testing.TB) RequestKey {
	t.Helper()
	var b [16]byte
	_, _ = rand.Read(b[:])
	k, err := ParseRequestKey(hex.EncodeToString(b[:]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// itself is a token's own rotation, as the API does it.
func (h *house) itself(t testing.TB, plain secret.Value, key RequestKey, n Rotation) (Rotated, error) {
	t.Helper()
	v, err := h.Verify(t.Context(), plain)
	if err != nil {
		t.Fatalf("the secret is not good: %v", err)
	}
	if n.Window == 0 {
		n.Window = DefaultWindow
	}
	return h.RotateItself(t.Context(), right.Actor{Account: v.Account, Kind: right.ClassicToken, Token: v.Token, Note: v.Note}, plain, key, n)
}

// deeds are what the log says of the owner's tokens, the newest first.
func (h *house) deeds(t testing.TB) string {
	t.Helper()
	rows, err := h.o.DB.Query(t.Context(), `SELECT action FROM audit_events WHERE account_id = $1 ORDER BY id DESC`, h.owner)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		out = append(out, one)
	}
	return strings.Join(out, " ")
}

func (h *house) good(t testing.TB, plain secret.Value) *Verified {
	t.Helper()
	for range 2 { // from the database, then from memory
		v, err := h.Verify(t.Context(), plain)
		if err != nil {
			t.Fatalf("a secret that must work: %v", err)
		}
		if v.ExpiresAt.IsZero() && v.Old {
			t.Fatal("an old secret without an end")
		}
	}
	v, _ := h.Verify(t.Context(), plain)
	return v
}

// refusedBy presents plain as the gate does, and returns why it is not good.
func (h *house) refusedBy(t testing.TB, plain secret.Value) (why Why, frozen bool) {
	t.Helper()
	v, err := h.Verify(t.Context(), plain)
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		t.Fatalf("Verify = %+v, %v; want a refusal", v, err)
	}
	if refused.Why == Replaced {
		if frozen, err = h.Alarm(t.Context(), refused); err != nil {
			t.Fatal(err)
		}
	}
	return refused.Why, frozen
}

func TestRotateItself(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, old := h.create(t, "ci", h.now.Add(30*24*time.Hour), "repo")
		child, err := narrow.Cut(old, narrow.NewNode(), "step")
		if err != nil {
			t.Fatal(err)
		}
		h.good(t, child)
		key := requestKey(t)
		h.now = h.now.Add(24 * time.Hour)
		first, err := h.itself(t, old, key, Rotation{Window: time.Hour})
		if err != nil || first.Token.ID != tok.ID || first.Plain.Equal(old) || Parse(first.Plain) != nil {
			t.Fatalf("%+v, %v", first.Token, err)
		}
		if end := h.now.Add(30 * 24 * time.Hour); !first.Token.ExpiresAt.Equal(end) || !first.OldEndsAt.Equal(h.now.Add(time.Hour)) {
			t.Errorf("the new one ends %v, the old one %v", first.Token.ExpiresAt, first.OldEndsAt)
		}
		h.now = h.now.Add(10 * time.Minute)
		// The answer was lost: by either secret the same comes back, whatever else is asked.
		for _, by := range []secret.Value{old, first.Plain} {
			again, err := h.itself(t, by, key, Rotation{Window: 2 * time.Hour})
			if err != nil || !again.Plain.Equal(first.Plain) || !again.OldEndsAt.Equal(first.OldEndsAt) || !again.Token.ExpiresAt.Equal(first.Token.ExpiresAt) {
				t.Fatalf("asked again: %+v, %v", again, err)
			}
			if _, err := h.itself(t, by, requestKey(t), Rotation{}); !problem.Is(err, problem.Conflict) {
				t.Errorf("another key: %v", err)
			}
		}
		if got := h.deeds(t); !strings.HasPrefix(got, "oauth_access.rotate_refused oauth_access.rotate_refused oauth_access.rotate oauth_access.create") {
			t.Errorf("the log has %s", got)
		}
		// Both work, what was narrowed from the old one too, and all but the new one
		// until the window ends.
		newer, err := narrow.Cut(first.Plain, narrow.NewNode(), "step")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []secret.Value{old, child} {
			if v := h.good(t, one); !v.Old || !v.ExpiresAt.Equal(first.OldEndsAt) || v.LastEight != tok.LastEight || v.Token != tok.ID {
				t.Errorf("the old secret is %+v", v)
			}
		}
		for _, one := range []secret.Value{first.Plain, newer} {
			if v := h.good(t, one); v.Old || !v.ExpiresAt.Equal(first.Token.ExpiresAt) {
				t.Errorf("the new secret is %+v", v)
			}
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			return h.UsedTx(t.Context(), tx, map[Holder]Use{
				{Token: tok.ID, Old: tok.LastEight}: {At: h.now, Address: "192.0.2.1", Client: "old program"}, {Token: tok.ID}: {At: h.now, Address: "192.0.2.2", Client: "new program"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		still, err := h.OldSecrets(t.Context(), d, tok.ID)
		if o := still[tok.ID]; err != nil || o.LastUse.Client != "old program" || o.LastEight != tok.LastEight || !o.EndsAt.Equal(first.OldEndsAt) {
			t.Errorf("the old secret is shown as %+v, %v", o, err)
		}
		source := Source{Account: h.owner, Token: tok.ID, Ending: tok.LastEight}
		if v, err := h.VerifySource(t.Context(), source); err != nil || !v.ExpiresAt.Equal(first.OldEndsAt) {
			t.Errorf("what was made from the old secret: %+v, %v", v, err)
		}

		h.now = first.OldEndsAt
		if why, frozen := h.refusedBy(t, child); why != Expired && why != Replaced || frozen {
			t.Errorf("what was narrowed from the old secret: %v, frozen %v", why, frozen)
		}
		h.cache.clear()
		if why, frozen := h.refusedBy(t, child); why != Replaced || frozen {
			t.Errorf("what was narrowed from the old secret: %v, frozen %v", why, frozen)
		}
		if _, err := h.VerifySource(t.Context(), source); why(t, err) != Unknown {
			t.Errorf("what was made from the old secret: %v", err)
		}
		// What was under way is no alarm.
		if why, frozen := h.refusedBy(t, old); why != Replaced || frozen {
			t.Errorf("at its end the old secret gives %v, frozen %v", why, frozen)
		}
		h.good(t, first.Plain)
		h.good(t, newer)
		if _, err := h.itself(t, first.Plain, key, Rotation{}); !problem.Is(err, problem.Invalid) {
			t.Errorf("a key from an earlier rotation: %v", err)
		}
	})
}

// TestFreeze: an old secret that comes after its time stops the token, until its
// owner says that it was them, and not for ever.
func TestFreeze(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		tok, old := h.create(t, "ci", time.Time{}, "repo")
		done, err := h.itself(t, old, requestKey(t), Rotation{})
		if err != nil {
			t.Fatal(err)
		}
		child, err := narrow.Cut(done.Plain, narrow.NewNode(), "step")
		if err != nil {
			t.Fatal(err)
		}
		h.good(t, child)
		h.good(t, done.Plain)
		h.good(t, old)
		h.now = done.OldEndsAt.Add(underWay)
		if why, frozen := h.refusedBy(t, old); why != Replaced || !frozen {
			t.Fatalf("%v, frozen %v", why, frozen)
		}
		if why, frozen := h.refusedBy(t, old); why != Replaced || !frozen {
			t.Errorf("once more: %v, frozen %v", why, frozen)
		}
		source := Source{Account: h.owner, Token: tok.ID, Ending: done.Token.LastEight}
		for _, one := range []secret.Value{done.Plain, child} {
			if why, _ := h.refusedBy(t, one); why != Frozen {
				t.Errorf("a frozen token gives %v", why)
			}
		}
		if _, err := h.VerifySource(t.Context(), source); why(t, err) != Frozen {
			t.Errorf("what was made from a frozen token: %v", err)
		}
		if list, err := h.List(t.Context(), h.owner, Personal); err != nil || list[0].FrozenAt.IsZero() {
			t.Errorf("the list does not say it: %v", err)
		}
		if _, err := h.Unfreeze(t.Context(), right.Operator(), h.owner+1, tok.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("somebody else: %v", err)
		}
		if _, err := h.Unfreeze(t.Context(), right.Operator(), h.owner, tok.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Unfreeze(t.Context(), right.Operator(), h.owner, tok.ID); !problem.Is(err, problem.Conflict) {
			t.Errorf("twice: %v", err)
		}
		if got := h.deeds(t); !strings.HasPrefix(got, "oauth_access.unfreeze oauth_access.freeze oauth_access.rotate ") {
			t.Errorf("the log has %s", got)
		}
		// Its use means nothing any more: whoever has it stops nobody.
		if why, frozen := h.refusedBy(t, old); why != Replaced || frozen {
			t.Errorf("settled: %v, frozen %v", why, frozen)
		}
		h.good(t, done.Plain)
		h.good(t, child)

		// Nor long after a rotation.
		next, err := h.itself(t, done.Plain, requestKey(t), Rotation{})
		if err != nil {
			t.Fatal(err)
		}
		rotated := h.now
		h.now = rotated.Add(FreezeWithin)
		if why, frozen := h.refusedBy(t, done.Plain); why != Replaced || frozen {
			t.Errorf("30 days later: %v, frozen %v", why, frozen)
		}
		h.now = rotated.Add(FreezeWithin - time.Second)
		if why, frozen := h.refusedBy(t, done.Plain); why != Replaced || !frozen {
			t.Errorf("a second earlier: %v, frozen %v", why, frozen)
		}
		// A regeneration is the owner's word, too.
		_, fresh, err := h.Regenerate(t.Context(), right.Operator(), h.owner, tok.ID, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		h.good(t, fresh)
		for _, one := range []secret.Value{old, done.Plain} {
			if why, frozen := h.refusedBy(t, one); why != Replaced || frozen {
				t.Errorf("after a regeneration: %v, frozen %v", why, frozen)
			}
		}
		if why, _ := h.refusedBy(t, next.Plain); why != Unknown {
			t.Errorf("a regenerated secret gives %v", why)
		}
		if _, err := h.Revoke(t.Context(), right.Operator(), h.owner, tok.ID); err != nil {
			t.Fatal(err)
		}
		if why, frozen := h.refusedBy(t, done.Plain); why != Revoked || frozen {
			t.Errorf("an old secret of a revoked token gives %v, frozen %v", why, frozen)
		}
	})
}

// TestRotate_regenerated: a regeneration ends both secrets, and no answer is given
// again.
func TestRotate_regenerated(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, old := h.create(t, "ci", time.Time{}, "repo")
	h.good(t, old)
	done, err := h.Rotate(t.Context(), right.Operator(), h.owner, tok.ID, Rotation{Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	h.good(t, old)
	if _, err := h.Rotate(t.Context(), right.Operator(), h.owner, tok.ID, Rotation{Window: time.Hour}); !problem.Is(err, problem.Conflict) {
		t.Errorf("while an old one works: %v", err)
	}
	if _, _, err := h.Regenerate(t.Context(), right.Operator(), h.owner, tok.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if why, frozen := h.refusedBy(t, old); why != Replaced || frozen {
		t.Errorf("the old one gives %v, frozen %v", why, frozen)
	}
	if why, _ := h.refusedBy(t, done.Plain); why != Unknown {
		t.Errorf("the new one gives %v", why)
	}
}

// TestCloseOld: for who alone holds a token, the first use of the new secret ends
// the old one.
func TestCloseOld(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		_, old := h.create(t, "ci", time.Time{}, "repo")
		done, err := h.itself(t, old, requestKey(t), Rotation{Closes: true})
		if err != nil {
			t.Fatal(err)
		}
		if v := h.good(t, old); v.Closes {
			t.Error("the old secret ends itself")
		}
		v := h.good(t, done.Plain)
		if !v.Closes {
			t.Fatal("the new secret does not end the old one")
		}
		for range 2 {
			if err := h.CloseOld(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		if why, frozen := h.refusedBy(t, old); why != Replaced || frozen {
			t.Errorf("the old one gives %v, frozen %v", why, frozen)
		}
		if v := h.good(t, done.Plain); v.Closes {
			t.Error("it would end it again")
		}
		if got := h.deeds(t); strings.Count(got, "end_old_secret") != 1 {
			t.Errorf("the log has %s", got)
		}
		if _, err := h.itself(t, done.Plain, requestKey(t), Rotation{}); err != nil {
			t.Errorf("the next rotation: %v", err)
		}
	})
}

func TestEndOld(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	tok, old := h.create(t, "ci", time.Time{}, "repo")
	done, err := h.itself(t, old, requestKey(t), Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	h.good(t, old)
	for range 2 {
		if _, err := h.EndOld(t.Context(), right.Operator(), h.owner, tok.ID); err != nil {
			t.Fatal(err)
		}
	}
	if why, _ := h.refusedBy(t, old); why != Replaced {
		t.Errorf("the old one gives %v", why)
	}
	h.good(t, done.Plain)
	h.now = h.now.Add(underWay)
	if _, frozen := h.refusedBy(t, old); !frozen {
		t.Error("its use does not freeze")
	}
}

// TestRotateItself_parallel: of many who rotate at once one is first; with one key
// all get the same.
func TestRotateItself_parallel(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		for _, shared := range []bool{true, false} {
			_, old := h.create(t, fmt.Sprint("shared key: ", shared), time.Time{}, "repo")
			v := h.good(t, old)
			key := requestKey(t)
			var wg sync.WaitGroup
			var mu sync.Mutex
			got := map[string]int{}
			for range 8 {
				k := key
				if !shared {
					k = requestKey(t)
				}
				wg.Go(func() {
					out, err := h.RotateItself(context.WithoutCancel(t.Context()), right.Actor{Account: v.Account, Kind: right.ClassicToken, Token: v.Token}, old, k, Rotation{Window: time.Hour})
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						got[out.Plain.Reveal()]++
					case problem.Is(err, problem.Conflict):
						got["refused"]++
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if shared && (len(got) != 1 || got["refused"] != 0) || !shared && (len(got) != 2 || got["refused"] != 7) {
				t.Errorf("shared key %v: %d answers, %d refused", shared, len(got), got["refused"])
			}
		}
	})
}
