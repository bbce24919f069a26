package signin_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/event"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "Octocat", false)
		for _, login := range []string{"octoCAT", " octocat ", "OCTOCAT@example.com"} {
			bearer, s, err := h.SignIn(from(t, "192.0.2.7"), login, secret.New(good))
			if err != nil {
				t.Fatalf("SignIn(%q): %v", login, err)
			}
			got := h.wantOpen(t, bearer, login)
			if got != s || got.Account != a.ID || got.Login != "Octocat" || got.Address != "192.0.2.7" || got.Client != "test browser" {
				t.Errorf("session is %+v, want %+v of the account", got, s)
			}
		}
		want := []string{"user.create", "user.change_password", "user.login", "user.login", "user.login"}
		if got := h.actions(t, a.ID); !slices.Equal(got, want) {
			t.Errorf("log has %q, want %q", got, want)
		}
		// What is stored opens nothing.
		var digest []byte
		if err := d.QueryRow(t.Context(), `SELECT digest FROM signin_sessions ORDER BY id LIMIT 1`).Scan(&digest); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, secret.New(string(digest)), "a digest from the database")
		h.wantEnded(t, secret.New(""), "no bearer")
		h.wantEnded(t, secret.New(strings.Repeat("A", 43)), "an unknown bearer")
	})
}

// J6: a wrong password and an unknown login are not told apart, neither by the
// answer nor by the work.
func TestSignIn_sameAnswer(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "known", false)
		bare, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "bare"})
		if err != nil {
			t.Fatal(err)
		}
		tries := []struct{ login, password string }{
			{"known", "not the password"},
			{"known@example.com", "not the password"},
			{"unknown", "not the password"},
			{"unknown@example.com", "not the password"},
			{"hunter2 is my password", "known"},
			{"bare", "not the password"},
			{"known", strings.Repeat("x", 100_000)},
			{"", ""},
		}
		var answers []string
		for _, c := range tries {
			before, lines := h.Hashes(), len(h.written(t))
			_, _, err := h.SignIn(t.Context(), c.login, secret.New(c.password))
			answers = append(answers, fmt.Sprintf("%+v", *problem.Of(err)))
			if n := h.Hashes() - before; n != 1 {
				t.Errorf("SignIn(%q) computed %d hashes, want 1", c.login, n)
			}
			if n := len(h.written(t)) - lines; n != 0 {
				t.Errorf("SignIn(%q) wrote %d lines before its answer, which an unknown login does not", c.login, n)
			}
		}
		if n := len(h.allLines(t)); n != 5 { // of the two accounts, and one for the rest
			t.Errorf("%d lines, want 5", n)
		}
		if len(slices.Compact(answers)) != 1 || !strings.Contains(answers[0], "Incorrect username or password.") {
			t.Errorf("answers are %q, want one", answers)
		}
		for _, l := range h.allLines(t) {
			if text := fmt.Sprintf("%+v", l); strings.Contains(text, "unknown") || strings.Contains(text, "hunter2") || strings.Contains(text, "not the password") {
				t.Errorf("the log keeps what was typed: %s", text)
			}
		}
		for _, id := range []account.Account{a, bare} {
			if got := h.actions(t, id.ID); !slices.Contains(got, "user.failed_login") {
				t.Errorf("the log of %s has %q, want the failed sign-in", id.Login, got)
			}
		}
	})
}

// allLines returns every failed sign-in, whosoever it is.
func (h *house) allLines(t *testing.T) []audit.Line {
	t.Helper()
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h.written(t)
}

// written returns the failed sign-ins that are in the database by now.
func (h *house) written(t *testing.T) []audit.Line {
	t.Helper()
	lines, err := h.audit.List(t.Context(), audit.Query{Whole: true, Action: "user.failed_login", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestSignIn_slowDown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.person(t, "target", false)
		h.person(t, "neighbour", false)
		ctx := from(t, "192.0.2.1")
		fail := func(ctx context.Context, login string) error {
			_, _, err := h.SignIn(ctx, login, secret.New("wrong wrong wrong"))
			return err
		}
		for range 5 {
			wantProblem(t, fail(ctx, "target"), problem.Unauthenticated, "")
			wantProblem(t, fail(ctx, "nobody-here"), problem.Unauthenticated, "")
		}
		before := h.Hashes()
		err := fail(ctx, "TARGET")
		wantProblem(t, err, problem.TooMany, "")
		if p := problem.Of(err); p.After < 1 || p.Remedy == "" {
			t.Errorf("refusal %+v doesn't say how long to wait", p)
		}
		// What doesn't exist is slowed down alike.
		if got := fail(ctx, "nobody-here"); got == nil || got.Error() != err.Error() {
			t.Errorf("an unknown login gives %v, a known one %v", got, err)
		}
		if n := h.Hashes() - before; n != 0 {
			t.Errorf("refused attempts computed %d hashes", n)
		}
		// The right password waits too; other accounts and addresses don't.
		_, _, err = h.SignIn(ctx, "target", secret.New(good))
		wantProblem(t, err, problem.TooMany, "")
		if _, _, err := h.SignIn(ctx, "neighbour", secret.New(good)); err != nil {
			t.Errorf("another account from that address: %v", err)
		}
		if _, _, err := h.SignIn(from(t, "192.0.2.2"), "target", secret.New(good)); err != nil {
			t.Errorf("the account from another address: %v", err)
		}
		h.clock.add(time.Minute)
		if _, _, err := h.SignIn(ctx, "target", secret.New(good)); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		// One /64 is one person.
		for i := range 5 {
			wantProblem(t, fail(from(t, fmt.Sprintf("2001:db8::%d", i+1)), "target"), problem.Unauthenticated, "")
		}
		wantProblem(t, fail(from(t, "2001:db8::ffff"), "target"), problem.TooMany, "")
	})
}

// Breaking an attempt off must not wipe the failures before it away.
func TestSignIn_brokenOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.person(t, "target", false)
	for range 4 {
		_, _, _ = h.SignIn(t.Context(), "target", secret.New("wrong wrong wrong"))
	}
	free := h.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := h.SignIn(ctx, "target", secret.New("wrong wrong wrong"))
		done <- err
	}()
	for h.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("broken off attempt gives %v", err)
	}
	free()
	_, _, err := h.SignIn(t.Context(), "target", secret.New(good))
	wantProblem(t, err, problem.TooMany, "")
}

// Many attempts at once get no further than one after the other.
func TestSignIn_atOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.person(t, "target", false)
	before := h.Hashes()
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() { _, _, _ = h.SignIn(t.Context(), "target", secret.New("wrong wrong wrong")) })
	}
	wg.Wait()
	if n := h.Hashes() - before; n > 5 {
		t.Errorf("%d guesses were looked at, want at most 5", n)
	}
}

func TestSignIn_busy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.options.Waiters = 1
	h.Room = signin.New(h.options)
	free := h.Hold()
	n := h.Slots() + 1 // as many as may be inside
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, n+1)
	for i := range n + 1 {
		go func() {
			at := event.With(ctx, &event.Event{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
			_, _, err := h.SignIn(at, fmt.Sprintf("user-%d", i), secret.New(good))
			errs <- err
		}()
	}
	err := <-errs // one too many
	wantProblem(t, err, problem.Unavailable, "")
	if problem.Of(err).After == 0 {
		t.Errorf("%v doesn't say when to come back", err)
	}
	cancel()
	for range n {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("a waiter whose request ended got %v", err)
		}
	}
	free()
}

func TestSignIn_suspended(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "sleeper", false)
		bearer, _ := h.enter(t, "sleeper")
		h.wantOpen(t, bearer, "before the suspension")
		if err := h.accounts.Suspend(t.Context(), right.Operator(), a.ID); err != nil {
			t.Fatal(err)
		}
		_, err := h.Session(t.Context(), bearer)
		wantProblem(t, err, problem.Forbidden, "")
		_, _, err = h.SignIn(t.Context(), "sleeper", secret.New("wrong wrong wrong"))
		wantProblem(t, err, problem.Unauthenticated, "")
		_, _, err = h.SignIn(t.Context(), "sleeper", secret.New(good))
		wantProblem(t, err, problem.Forbidden, "")
		if err := h.accounts.Unsuspend(t.Context(), right.Operator(), a.ID); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, bearer, "after the suspension was lifted")
		h.enter(t, "sleeper")
	})
}

// A session that exists although its account is suspended opens nothing.
func TestSession_suspended(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.person(t, "sleeper", false)
	bearer, _ := h.enter(t, "sleeper")
	err := h.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE accounts SET suspended_at = 1 WHERE id = $1`, a.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Session(t.Context(), bearer)
	wantProblem(t, err, problem.Forbidden, "")
}

func TestSignIn_rehash(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "old", false)
		stored := func() string {
			var s string
			if err := d.QueryRow(t.Context(), `SELECT hash FROM signin_passwords WHERE account_id = $1`, a.ID).Scan(&s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		if got := stored(); !strings.HasPrefix(got, "$argon2id$v=19$m=64,t=1,p=1$") {
			t.Fatalf("stored %q", got)
		}
		h.options.Cost = signin.Cost{Memory: 128, Passes: 1, Lanes: 1}
		h.Room = signin.New(h.options)
		h.enter(t, "old")
		again := stored()
		if !strings.HasPrefix(again, "$argon2id$v=19$m=128,t=1,p=1$") {
			t.Errorf("after a sign-in at another cost the hash is %q", again)
		}
		h.enter(t, "old")
		if stored() != again {
			t.Errorf("a hash at the present cost was replaced")
		}
	})
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.options.Cost = signin.Cost{}
	r := signin.New(h.options)
	hash, err := r.HashPassword(t.Context(), secret.New("caf\u00e9 au lait, s'il vous"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash.Unfold(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the usual cost is %q", hash.Unfold())
	}
	// The same letters composed in another way are the same password.
	if ok, old, err := r.CheckHash(t.Context(), hash.Unfold(), secret.New("cafe\u0301 au lait, s'il vous")); !ok || old || err != nil {
		t.Errorf("check = %v, %v, %v; want right and not old", ok, old, err)
	}
	for _, phc := range []string{"x", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA"} {
		if ok, _, err := r.CheckHash(t.Context(), phc, secret.New(good)); ok || err == nil {
			t.Errorf("damaged hash %q gives %v, %v", phc, ok, err)
		}
	}
}

// What happens to the account while a sign-in's hash is computed wins.
func TestSignIn_overtaken(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "user1", false)
		fresh, err := h.HashPassword(t.Context(), secret.New("another four words entirely"))
		if err != nil {
			t.Fatal(err)
		}
		overtake := func(between func() error) error {
			free := h.Hold()
			done := make(chan error)
			go func() {
				_, _, err := h.SignIn(t.Context(), "user1", secret.New(good))
				done <- err
			}()
			for h.Waiting() == 0 { // it has read the hash by then
				runtime.Gosched()
			}
			if err := between(); err != nil {
				t.Error(err)
			}
			free()
			return <-done
		}
		err = overtake(func() error { return h.accounts.Suspend(t.Context(), right.Operator(), a.ID) })
		wantProblem(t, err, problem.Forbidden, "")
		if err := h.accounts.Unsuspend(t.Context(), right.Operator(), a.ID); err != nil {
			t.Fatal(err)
		}
		err = overtake(func() error {
			return d.Write(t.Context(), func(tx *db.Tx) error { return h.SetPasswordTx(t.Context(), tx, a.ID, fresh) })
		})
		wantProblem(t, err, problem.Unauthenticated, "")
		if list, err := h.ListSessions(t.Context(), a.ID); err != nil || len(list) != 0 {
			t.Errorf("sessions %+v, %v; want none", list, err)
		}
	})
}
