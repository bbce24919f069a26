package signin_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/problem"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

func TestCheckPasswordRules(t *testing.T) {
	t.Parallel()
	bad := []string{"", "short", "ninechars", strings.Repeat("x1Y", 100), "bad\x00byte....", "not\xfftext....",
		"aaaaaaaaaaaa", "abababababab", "abcabcabcabc", "1234123412341", "1234567890", "0987654321", "12345678901234567890",
		"qwertyuiop", "poiuytrewq", "qwerty12345", "abcdefghijkl", "1qaz2wsx3edc", "asdfghjkl123", "!@#$%^&*()",
		"Password123", "password1234!", "P@ssw0rd123", "passwordpassword", "PASSW0RD!!", "iloveyou123", "letmein2024", "welcome2026!",
		"Summer2026!", "administrator", "football1234", "changeme!!", "correcthorsebatterystaple", "q1w2e3r4t5y6", "1q2w3e4r5t",
		"octocat2026", "Octocat!!!", "octocatoctocat", "octo@example.com", "OCTO@example.com", "sunshine99", "princess2025", "superman!1"}
	for _, p := range bad {
		if err := signin.CheckPasswordRules(secret.New(p), "octocat", "octo@example.com"); problem.Of(err) == nil || problem.Of(err).Field != "password" {
			t.Errorf("password %q: %v, want a problem of the password", p, err)
		}
	}
	for _, p := range []string{good, "correct zebra staple", "Tr0ub4dor&3x", "xk3!vbq9Lp", "日本語のパスワードです", "my octocat likes tea", "love 83917264 moon",
		strings.Repeat("abc1 ", 2) + "and so on", "ünïcödé wörds"} {
		if err := signin.CheckPasswordRules(secret.New(p), "octocat", "octo@example.com"); err != nil {
			t.Errorf("password %q: %v, want none", p, err)
		}
	}
}

// Whatever is random and long enough is taken: nobody has to please a rule.
func TestCheckPasswordRules_random(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 15, 60).Draw(t, "random")
		seen := map[byte]bool{}
		for _, b := range raw {
			seen[b] = true
		}
		if len(seen) < 10 {
			t.Skip("not random")
		}
		p := base64.RawURLEncoding.EncodeToString(raw)
		if err := signin.CheckPasswordRules(secret.New(p), "octocat"); err != nil {
			t.Fatalf("password %q: %v", p, err)
		}
	})
}

func TestParseBearer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "raw")
		s := base64.RawURLEncoding.EncodeToString(raw)
		if !signin.ParseBearer(secret.New(s)) {
			t.Fatalf("%q is no bearer value", s)
		}
		// No other spelling of the same bytes is one.
		last := s[:len(s)-1] + string(rapid.SampledFrom([]byte("BCDFGHJKLNOPRSTVWXZabdefhijlmnpqrtuvxyz123579-_")).Draw(t, "last"))
		for _, other := range []string{last, s + "=", s + "A", s[1:], " " + s, s + "\n", strings.Repeat("=", 43)} {
			if signin.ParseBearer(secret.New(other)) {
				t.Fatalf("%q is a bearer value", other)
			}
		}
	})
}

func TestReveals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := signin.NewReveals(nil)
		r.Put(1, "token", secret.New("first"))
		r.Put(1, "token", secret.New("second"))
		if v, ok := r.Take(2, "token"); ok {
			t.Errorf("another session got %q", v.Reveal())
		}
		if _, ok := r.Take(1, "link"); ok {
			t.Errorf("another key got something")
		}
		if v, ok := r.Take(1, "token"); !ok || v.Reveal() != "second" {
			t.Errorf("Take = %q, %v; want the last one", v.Reveal(), ok)
		}
		if v, ok := r.Take(1, "token"); ok {
			t.Errorf("the second Take got %q", v.Reveal())
		}

		r.Put(1, "token", secret.New("late"))
		<-time.After(59 * time.Second)
		r.Put(1, "other", secret.New("later"))
		<-time.After(time.Second)
		synctest.Wait()
		if n := r.Len(); n != 1 {
			t.Errorf("after a minute %d secrets are in memory, want the later one", n)
		}
		if v, ok := r.Take(1, "token"); ok {
			t.Errorf("after a minute Take got %q", v.Reveal())
		}
		if _, ok := r.Take(1, "other"); !ok {
			t.Errorf("a secret of one second ago is gone")
		}
		for i := range signin.MaxReveals + 10 {
			<-time.After(time.Millisecond)
			r.Put(3, strings.Repeat("x", i), secret.New("v"))
		}
		if n := r.Len(); n != signin.MaxReveals {
			t.Errorf("%d secrets are kept, want %d", n, signin.MaxReveals)
		}
		if _, ok := r.Take(3, ""); ok {
			t.Errorf("the oldest was kept")
		}
		if _, ok := r.Take(3, strings.Repeat("x", signin.MaxReveals+9)); !ok {
			t.Errorf("the newest was dropped")
		}
	})
}

// The given clock decides, whatever the timer does.
func TestReveals_clock(t *testing.T) {
	t.Parallel()
	c := &clock{t: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)}
	r := signin.NewReveals(c.now)
	r.Put(1, "token", secret.New("v"))
	c.add(time.Minute)
	if _, ok := r.Take(1, "token"); ok {
		t.Errorf("a secret of a minute ago was given out")
	}
}
