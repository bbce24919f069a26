package signin_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"jeton/internal/audit"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

const wrong = "wrong wrong wrong"

// TestSignIn_spray: one network that tries ever other logins is slowed down,
// leaves next to nothing in the database, and hinders nobody elsewhere, nor
// whom it has let in before.
func TestSignIn_spray(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.person(t, "regular", false)
	h.person(t, "stranger", false)
	here := from(t, "192.0.2.1")
	if _, _, err := h.SignIn(here, "regular", secret.New(good)); err != nil {
		t.Fatal(err)
	}
	const many = 1500
	var refused error
	tried := 0
	for ; tried < many && refused == nil; tried++ {
		_, _, err := h.SignIn(here, fmt.Sprintf("guess-%d", tried), secret.New(wrong))
		if !problem.Is(err, problem.Unauthenticated) {
			refused = err
		}
	}
	wantProblem(t, refused, problem.TooMany, "")
	if p := problem.Of(refused); p.After < 1 || p.Remedy == "" || tried < 600 {
		t.Errorf("after %d tries: %+v", tried, p)
	}
	before := h.Hashes()
	_, _, err := h.SignIn(here, "guess-more", secret.New(wrong))
	wantProblem(t, err, problem.TooMany, "")
	_, _, err = h.SignIn(here, "stranger", secret.New(good))
	wantProblem(t, err, problem.TooMany, "") // exists or not: the same
	if n := h.Hashes() - before; n != 0 {
		t.Errorf("refused tries computed %d hashes", n)
	}
	if _, _, err := h.SignIn(here, "regular", secret.New(good)); err != nil {
		t.Errorf("who has signed in from there before: %v", err)
	}
	if _, _, err := h.SignIn(from(t, "192.0.2.2"), "stranger", secret.New(good)); err != nil {
		t.Errorf("another network: %v", err)
	}
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := h.lines(t, 0)
	if len(lines) != 1 {
		t.Fatalf("%d tries of unknown logins left %d lines, want 1", tried, len(lines))
	}
	if l := lines[0]; l.Action != "user.failed_login" || l.Address != "192.0.2.1" || l.Detail["attempts"] != fmt.Sprint(tried-1) {
		t.Errorf("%+v", l)
	}
	h.clock.add(time.Hour)
	if _, _, err := h.SignIn(here, "stranger", secret.New(good)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// TestSignIn_classroom: a class behind one address gets in although everybody
// mistypes the password twice.
func TestSignIn_classroom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	ctx := from(t, "192.0.2.1")
	const class = 200
	for i := range class {
		h.person(t, fmt.Sprintf("student-%d", i), false)
	}
	for range 2 {
		for i := range class {
			_, _, err := h.SignIn(ctx, fmt.Sprintf("student-%d", i), secret.New(wrong))
			wantProblem(t, err, problem.Unauthenticated, "")
		}
	}
	for i := range class {
		if _, _, err := h.SignIn(ctx, fmt.Sprintf("student-%d", i), secret.New(good)); err != nil {
			t.Fatalf("student %d: %v", i, err)
		}
	}
}

// TestSignIn_crowd: one network cannot take every place in the queue for a
// password's hash.
func TestSignIn_crowd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.person(t, "elsewhere", false)
	h.options.Waiters = 8
	h.Room = signin.New(h.options)
	free := h.Hold()
	inside := h.Slots() + 8
	crowd, cancel := context.WithCancel(from(t, "192.0.2.1"))
	errs := make(chan error, 2*inside)
	for i := range 2 * inside {
		go func() {
			_, _, err := h.SignIn(crowd, fmt.Sprintf("guess-%d", i), secret.New(wrong))
			errs <- err
		}()
	}
	turned := 2*inside - inside/2
	for range turned {
		wantProblem(t, <-errs, problem.Unavailable, "")
	}
	done := make(chan error)
	go func() {
		_, _, err := h.SignIn(from(t, "192.0.2.2"), "elsewhere", secret.New(good))
		done <- err
	}()
	for h.Waiting() <= inside/2 {
		select {
		case err := <-done:
			t.Fatalf("somebody elsewhere is turned away: %v", err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	for range inside / 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	free()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPurge_failures: what is known of tries of unknown logins is forgotten
// after 90 days; an account's own log keeps its lines.
func TestPurge_failures(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "known", false)
		try := func(login string) {
			_, _, err := h.SignIn(from(t, "192.0.2.1"), login, secret.New(wrong))
			wantProblem(t, err, problem.Unauthenticated, "")
		}
		try("known")
		try("nobody")
		if err := h.audit.RecordAlone(t.Context(), audit.Entry{Action: "site.kept"}); err != nil {
			t.Fatal(err)
		}
		count := func() (site, own int) {
			if err := errors.Join(h.Flush(t.Context()), h.Purge(t.Context())); err != nil {
				t.Fatal(err)
			}
			return len(h.lines(t, 0)), len(h.lines(t, a.ID))
		}
		site, own := count()
		if site != 2 {
			t.Fatalf("the site's log has %d lines", site)
		}
		h.clock.add(89 * 24 * time.Hour)
		try("nobody")
		if got, _ := count(); got != 3 {
			t.Errorf("after 89 days the site's log has %d lines", got)
		}
		h.clock.add(2 * 24 * time.Hour)
		if got, kept := count(); got != 3 || kept != own { // one says how many were trimmed
			t.Errorf("after 91 days the site's log has %d lines, want 3; the account's %d of %d", got, kept, own)
		}
	})
}
