package attack

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// drawn is a key for one rotation.
func drawn() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *scene) rotate(t *testing.T, plain, key, more string) (int, map[string]any) {
	t.Helper()
	a := s.Do(t, "POST", "/api/v3/user/token/rotate", `{"idempotency_key":"`+key+`"`+more+`}`, bearer(plain))
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Text), &v); err != nil {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	return a.StatusCode, v
}

// rotated has the token rotate itself and returns the new secret.
func (s *scene) rotated(t *testing.T, plain, key string) string {
	t.Helper()
	code, v := s.rotate(t, plain, key, "")
	if code != 200 {
		t.Fatalf("%d %v", code, v)
	}
	return v["token"].(string)
}

// logged counts the lines of ada's security log about something.
func (s *scene) logged(t *testing.T, action string) (n int) {
	t.Helper()
	if err := s.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM audit_events WHERE account_id = $1 AND action = $2`, s.ada.ID, action).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestR1_TheftOfAnOldSecret: who has the old secret alone does not get the new one,
// has what it gave until the window ends, and leaves a line with each try.
func TestR1_TheftOfAnOldSecret(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	old := s.token(t, s.ada, "everything", "repo")
	key := drawn()
	plain := s.rotated(t, old, key)
	for i := range 5 {
		if code, v := s.rotate(t, old, drawn(), ""); code != 409 || strings.Contains(fmt.Sprint(v), plain[4:30]) {
			t.Errorf("try %d: %d %v", i, code, v)
		}
	}
	if n := s.logged(t, "oauth_access.rotate_refused"); n != 5 {
		t.Errorf("the owner's log has %d lines about 5 tries", n)
	}
	s.Advance(token.DefaultWindow)
	if code, v := s.rotate(t, old, key, ""); code != 401 || v["token"] != nil {
		t.Errorf("after the window: %d %v", code, v)
	}
	for name, header := range carriers(old) {
		for _, path := range reads[7:] {
			want(t, name+", "+path, s.Do(t, "GET", path, "", header), 401)
		}
	}
	want(t, "the new one", s.Do(t, "GET", "/api/v3/user", "", bearer(plain)), 200)
	s.unharmed(t, "after the theft")
}

// TestR2_ReplayOfARotation: an answer is repeated for who has both the key of the
// request and a secret, and for nobody who has one of them.
func TestR2_ReplayOfARotation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	old, key := s.token(t, s.ada, "everything", "repo"), drawn()
	plain := s.rotated(t, old, key)
	if again := s.rotated(t, old, key); again != plain {
		t.Error("the same key gives another secret")
	}
	// The key alone, with another token of the same person or of somebody else.
	for _, other := range []string{s.token(t, s.ada, "another", "repo"), s.token(t, s.eve, "eve's", "repo")} {
		if got := s.rotated(t, other, key); got == plain {
			t.Error("the key alone gives the secret")
		}
	}
	a := s.Do(t, "POST", "/api/v3/user/token/rotate", `{"idempotency_key":"`+key+`"}`)
	want(t, "the key without a token", a, 401)
	session := s.session(t, s.ada)
	want(t, "the key with a session", s.Do(t, "POST", "/api/v3/user/token/rotate", `{"idempotency_key":"`+key+`"}`, cookie(session)), 401)
}

// TestR3_WhatAFreezeStops: an old secret that comes late stops the new one and what
// was narrowed from it, on every door; a token lifts that in no way, and a person
// with a recent sign-in does with one click.
func TestR3_WhatAFreezeStops(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, old := s.Token(t, s.ada, "everything", "repo")
	child := func(plain string) string {
		c, err := narrow.Cut(secret.New(plain), narrow.NewNode(), "step", "read")
		if err != nil {
			t.Fatal(err)
		}
		return c.Reveal()
	}
	oldChild := child(old)
	session := s.session(t, s.ada)
	s.warm(t, old, session)
	plain := s.rotated(t, old, drawn())
	newChild := child(plain)
	clone := func(as string) (string, int) {
		return s.Git(t, "ada", as).Try(t, "clone", "-q", s.URL()+"/ada/shut.git", "clone")
	}
	for name, one := range map[string]string{"old": old, "narrowed from the old": oldChild, "new": plain, "narrowed from the new": newChild} {
		if out, code := clone(one); code != 0 {
			t.Errorf("within the window, %s: %s", name, out)
		}
	}
	s.Advance(token.DefaultWindow + time.Hour)
	session = s.session(t, s.ada)
	// What was narrowed from the old secret ends with it, and is no alarm.
	if out, code := clone(oldChild); code == 0 || !strings.Contains(out, "ended with the secret") {
		t.Errorf("narrowed from the old: %s", out)
	}
	if out, code := clone(plain); code != 0 {
		t.Errorf("the new: %s", out)
	}
	out, code := clone(old)
	page := fmt.Sprintf("%s/settings/tokens/%d", s.URL(), tok.ID)
	if code == 0 || !strings.Contains(out, "was rotated on") || !strings.Contains(out, page) {
		t.Errorf("the old: %s", out)
	}
	s.everywhere(t, plain, session, 403, 200, 303)
	for name, one := range map[string]string{"new": plain, "narrowed from the new": newChild} {
		if out, code := clone(one); code == 0 || !strings.Contains(out, "frozen") || !strings.Contains(out, page) {
			t.Errorf("frozen, %s: %s", name, out)
		}
	}
	push := s.Git(t, "ada", plain)
	push.Run(t, "init", "-q")
	push.Commit(t, "a", "b", "c")
	if out, code := push.Try(t, "push", s.URL()+"/ada/shut.git", "HEAD:other"); code == 0 || !strings.Contains(out, "frozen") {
		t.Errorf("a push: %s", out)
	}
	if code, v := s.rotate(t, plain, drawn(), ""); code != 403 {
		t.Errorf("a frozen token rotates itself: %d %v", code, v)
	}
	unfreeze := fmt.Sprintf("/settings/tokens/%d/unfreeze", tok.ID)
	for _, one := range []string{old, plain, newChild} {
		want(t, "a token unfreezes", s.post(t, unfreeze, url.Values{}, bearer(one)), 403)
	}
	want(t, "somebody else unfreezes", s.post(t, unfreeze, url.Values{}, cookie(s.session(t, s.eve))), 404)
	want(t, "the owner", s.post(t, unfreeze, url.Values{}, cookie(session)), 303)
	for name, one := range map[string]string{"new": plain, "narrowed from the new": newChild} {
		if out, code := clone(one); code != 0 {
			t.Errorf("unfrozen, %s: %s", name, out)
		}
	}
	if _, code := clone(old); code == 0 {
		t.Error("the old one works again")
	}
}

// TestR4_FreezingIsBounded: an old leak stops nobody for ever: once for each
// rotation, within 30 days of it, and not once the owner has spoken.
func TestR4_FreezingIsBounded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, old := s.Token(t, s.ada, "everything", "repo")
	plain := s.rotated(t, old, drawn())
	use := func(plain string) int {
		return s.Do(t, "GET", "/api/v3/repos/ada/shut", "", bearer(plain)).StatusCode
	}
	s.Advance(token.DefaultWindow + time.Minute)
	if use(old) != 401 || use(plain) != 200 {
		t.Errorf("what was under way has frozen the token: %d", use(plain))
	}
	s.Advance(time.Hour)
	if use(old) != 401 || use(plain) != 403 {
		t.Errorf("the late use of the old secret has frozen nothing: %d", use(plain))
	}
	if _, err := s.Tokens.Unfreeze(t.Context(), right.Operator(), s.ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if use(old) != 401 || use(plain) != 200 {
			t.Fatal("a thief freezes the token again and again")
		}
	}
	next := s.rotated(t, plain, drawn())
	s.Advance(token.FreezeWithin)
	if use(old) != 401 || use(plain) != 401 || use(next) != 200 {
		t.Errorf("30 days after the rotation the old secret still freezes: %d", use(next))
	}
	if n := s.logged(t, "oauth_access.freeze"); n != 1 {
		t.Errorf("the log has %d freezes", n)
	}
}

// TestR5_GuessingTheKey: keys that were not drawn are not taken, and a token that
// was rotated says nothing about how near a guess is.
func TestR5_GuessingTheKey(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	old := s.token(t, s.ada, "everything", "repo")
	for _, key := range []string{"", strings.Repeat("0", 32), strings.Repeat("ab", 16), "0123456789abcdef", drawn() + "00", "not hexadecimal"} {
		if code, v := s.rotate(t, old, key, ""); code != 422 {
			t.Errorf("the key %q: %d %v", key, code, v)
		}
	}
	key := drawn()
	s.rotated(t, old, key)
	near := key[:31] + map[bool]string{true: "1", false: "0"}[key[31] == '0']
	_, one := s.rotate(t, old, near, "")
	_, other := s.rotate(t, old, drawn(), "")
	if fmt.Sprint(one) != fmt.Sprint(other) {
		t.Errorf("a near key is told apart: %v, %v", one, other)
	}
	// Neither may a token that is not a person's own, or that was narrowed, rotate.
	child, err := narrow.Cut(secret.New(s.token(t, s.ada, "root", "repo")), narrow.NewNode(), "step")
	if err != nil {
		t.Fatal(err)
	}
	for name, plain := range map[string]string{"narrowed": child.Reveal(), "an application's": s.OAuthToken(t, s.ada, right.GitHubCLI, "repo")} {
		if code, v := s.rotate(t, plain, drawn(), ""); code != 403 || !strings.Contains(fmt.Sprint(v["message"]), "Only a personal access token") {
			t.Errorf("%s: %d %v", name, code, v)
		}
	}
}
