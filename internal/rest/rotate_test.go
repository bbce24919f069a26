package rest_test

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/token"
)

func rotation(more string) string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return `POST /user/token/rotate {"idempotency_key":"` + hex.EncodeToString(b[:]) + `"` + more + `}`
}

// TestRotate: what the route takes and gives; internal/token and internal/attack
// have the rest.
func TestRotate(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	s.Repo(t, ada, "engine", true)
	for _, fine := range []bool{false, true} {
		end := s.Now().Add(20 * 24 * time.Hour)
		plain := ""
		if !fine {
			_, plain = s.TokenUntil(t, ada, "classic", end, "repo")
		} else {
			_, plain = s.FineToken(t, ada, token.NewFine{Name: "fine", Owner: ada.ID, Access: token.AllOf, ExpiresAt: end}, "contents=read")
		}
		old := client{t, s, bearer(plain)}
		for more, says := range map[string]string{
			`,"window":59`: "window is between", `,"window":604801`: "window is between", `,"window":-1`: "window is between", `,"window":9223372036854775807`: "window is between",
			`,"expires_at":"soon"`: "RFC 3339", `,"expires_at":"2001-01-01T00:00:00Z"`: "in the future", `,"expires_at":"2999-01-01T00:00:00Z"`: "does not lengthen its own life",
		} {
			old.want(422, rotation(more), says)
		}
		old.want(422, "POST /user/token/rotate {}", "idempotency_key")
		old.want(400, `POST /user/token/rotate []`)
		a := old.want(200, rotation(`,"window":3600,"close_at_first_use":true`), `"close_at_first_use":true`)
		v := object(t, a)
		next := str(t, v, "token")
		if a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(next, plain[:4]) || str(t, v, "token_last_eight") != next[len(next)-8:] {
			t.Errorf("%v, %v", a.Header, v)
		}
		old.want(200, "GET /repos/ada/engine/branches")
		newer := client{t, s, bearer(next)}
		got := newer.want(200, "GET /repos/ada/engine/branches").Header.Get("Github-Authentication-Token-Expiration")
		if until, err := time.Parse("2006-01-02 15:04:05 MST", got); err != nil || until.Sub(end).Abs() > time.Minute {
			t.Errorf("the new one ends %q, the old one would have %v", got, end)
		}
		old.want(401, "GET /repos/ada/engine/branches", "was rotated on")
		newer.want(200, rotation(`,"window":60,"expires_at":"`+s.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"`))
		newer.want(409, rotation(""), "another idempotency_key")
		got = newer.want(200, "GET /user").Header.Get("Github-Authentication-Token-Expiration")
		if until, err := time.Parse("2006-01-02 15:04:05 MST", got); err != nil || until.After(s.Now().Add(time.Minute)) {
			t.Errorf("within its window the old one ends %q", got)
		}
	}
}
