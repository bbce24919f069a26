package token

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// TestRotate_nothingWidens: whatever a token may do, and for how long, a rotation
// adds nothing.
func TestRotate_nothingWidens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	fine := right.ParseFine("contents=write")
	made := map[string]secret.Value{}
	for i, life := range []time.Duration{0, time.Hour, 30 * 24 * time.Hour, 300 * 24 * time.Hour, 1000 * 24 * time.Hour} {
		end := time.Time{}
		if life > 0 {
			end = h.now.Add(life)
		}
		limits := []right.Limit{right.ParseLimit("read"), right.ParseLimit("network\n192.0.2.0/24")}
		_, plain, err := h.Create(t.Context(), right.Operator(), h.owner, NewToken{Note: fmt.Sprint("classic ", i), Scopes: scopes(t, "repo", "user"), ExpiresAt: end, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		made[fmt.Sprint("classic ", i)] = plain
		_, plain, err = h.CreateFine(t.Context(), right.Operator(), h.owner, NewFine{Name: fmt.Sprint("fine ", i), Owner: h.owner, Access: Selected, Repos: []id.Repo{7, 9}, Permissions: fine, ExpiresAt: end, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		made[fmt.Sprint("fine ", i)] = plain
	}
	start := h.now
	ends := map[string]time.Time{}
	for round := range 30 {
		for name, plain := range made {
			before, err := h.Verify(t.Context(), plain)
			if refused, over := errors.AsType[*Refused](err); over && refused.Why == Expired {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			was, err := h.ByID(t.Context(), h.owner, before.Token)
			if err != nil {
				t.Fatal(err)
			}
			done, err := h.itself(t, plain, requestKey(t), Rotation{Window: MinWindow})
			if err != nil {
				t.Fatal(err)
			}
			after := h.good(t, done.Plain)
			if after.Scopes != before.Scopes || !reflect.DeepEqual(after.Grant, before.Grant) || after.Account != before.Account || after.Kind != before.Kind {
				t.Errorf("%s: %+v became %+v", name, before, after)
			}
			if is, _ := h.ByID(t.Context(), h.owner, before.Token); !reflect.DeepEqual(is.Limits, was.Limits) || is.Permissions != was.Permissions || !reflect.DeepEqual(is.Repos, was.Repos) || is.Access != was.Access || is.Owner != was.Owner {
				t.Errorf("%s: %+v became %+v", name, was, is)
			}
			life := was.ExpiresAt.Sub(was.secretAt)
			switch {
			case before.ExpiresAt.IsZero():
				if !after.ExpiresAt.IsZero() {
					t.Errorf("%s has an end now", name)
				}
			case after.ExpiresAt.IsZero(), after.ExpiresAt.Sub(h.now) > life, after.ExpiresAt.After(start.Add(ByItself)) && after.ExpiresAt.After(was.ExpiresAt):
				t.Errorf("%s, round %d: %v became %v", name, round, before.ExpiresAt, after.ExpiresAt)
			}
			if old := h.good(t, plain); !before.ExpiresAt.IsZero() && old.ExpiresAt.After(before.ExpiresAt) {
				t.Errorf("%s: the old secret lives longer than before", name)
			}
			made[name], ends[name] = done.Plain, after.ExpiresAt
		}
		h.now = h.now.Add(20 * 24 * time.Hour)
		if round == 0 {
			h.now = start.Add(59 * time.Minute)
		}
	}
	if ends["classic 2"].After(start.Add(ByItself)) {
		t.Errorf("a token of 30 days has kept itself alive until %v", ends["classic 2"])
	}
}

func TestRotateItself_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	_, plain := h.create(t, "ci", h.now.Add(10*24*time.Hour), "repo")
	for name, n := range map[string]Rotation{
		"too short": {Window: MinWindow - 1}, "too long": {Window: MaxWindow + 1}, "past": {ExpiresAt: h.now}, "later": {ExpiresAt: h.now.Add(10*24*time.Hour + time.Second)},
	} {
		if _, err := h.itself(t, plain, requestKey(t), n); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "00", strings.Repeat("0", 32), strings.Repeat("ab", 16), strings.Repeat("z", 32), strings.Repeat("0123456789abcdef", 3)} {
		if _, err := ParseRequestKey(text); !problem.Is(err, problem.Invalid) {
			t.Errorf("%q is taken for a key: %v", text, err)
		}
	}
	done, err := h.itself(t, plain, requestKey(t), Rotation{ExpiresAt: h.now.Add(time.Hour)})
	if err != nil || !done.Token.ExpiresAt.Equal(h.now.Add(time.Hour)) {
		t.Errorf("an earlier end: %v, %v", done.Token.ExpiresAt, err)
	}
	// A chain of rotations has a bound, and not for ever.
	_, plain = h.create(t, "busy", time.Time{}, "repo")
	for i := range maxRotations + 1 {
		if i == maxRotations {
			if _, err := h.itself(t, plain, requestKey(t), Rotation{Window: MinWindow}); !problem.Is(err, problem.TooMany) {
				t.Errorf("rotation %d: %v", i, err)
			}
			h.now = h.now.Add(FreezeWithin)
		}
		done, err := h.itself(t, plain, requestKey(t), Rotation{Window: MinWindow})
		if err != nil {
			t.Fatal(err)
		}
		plain, h.now = done.Plain, h.now.Add(MinWindow)
	}
	var left int
	if err := h.o.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM token_secrets`).Scan(&left); err != nil || left > keptOld+2 {
		t.Errorf("%d old secrets are kept, %v", left, err)
	}
}

// TestRotate_serverKey: after the server's key was rotated the same answer is given.
func TestRotate_serverKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	_, old := h.create(t, "ci", time.Time{}, "repo")
	key := requestKey(t)
	done, err := h.itself(t, old, key, Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.cache.clear()
	for range 2 {
		again, err := h.itself(t, old, key, Rotation{})
		if err != nil || !again.Plain.Equal(done.Plain) {
			t.Fatalf("%v", err)
		}
		h.good(t, again.Plain)
		if err := h.Flush(t.Context()); err != nil { // the new one is digested anew
			t.Fatal(err)
		}
	}
}
