package signin_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

func TestSession_end(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.person(t, "user1", false)
		idle, _ := h.enter(t, "user1")
		used, _ := h.enter(t, "user1")
		for range 12 { // 84 days, each week a visit
			h.clock.add(7 * 24 * time.Hour)
			h.wantOpen(t, used, "a session in use")
		}
		h.wantEnded(t, idle, "an idle session")
		h.clock.add(6*24*time.Hour - time.Second)
		h.wantOpen(t, used, "a second before the end")
		h.clock.add(time.Second)
		h.wantEnded(t, used, "after ninety days")
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := h.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM signin_sessions`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d sessions left after Purge, %v", n, err)
		}
	})
}

func TestSession_seen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "user1", false)
		bearer, s := h.enter(t, "user1")
		h.clock.add(13 * 24 * time.Hour)
		h.wantOpen(t, bearer, "on the thirteenth day")
		want := h.clock.now()
		list, err := h.ListSessions(t.Context(), a.ID)
		if err != nil || len(list) != 1 || !list[0].SeenAt.Equal(want) {
			t.Errorf("before it is written ListSessions = %+v, %v; want seen at %v", list, err, want)
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A restarted server knows it as well.
		h.Room = signin.New(h.options)
		h.clock.add(13 * 24 * time.Hour)
		if got := h.wantOpen(t, bearer, "after a restart"); got.ID != s.ID {
			t.Errorf("session is %d, want %d", got.ID, s.ID)
		}
	})
}

func TestSession_cacheAndChange(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "user1", false)
		one, s1 := h.enter(t, "user1")
		two, s2 := h.enter(t, "user1")
		three, _ := h.enter(t, "user1")
		for _, b := range []secret.Value{one, two, three} {
			h.wantOpen(t, b, "at first")
			if !h.Cached(b) {
				t.Errorf("a session in use is not kept")
			}
		}
		if err := h.EndSession(t.Context(), actor(s1), a.ID, s2.ID); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, two, "an ended session")
		wantProblem(t, h.EndSession(t.Context(), actor(s1), a.ID, s2.ID), problem.NotFound, "")
		other := h.person(t, "other", false)
		wantProblem(t, h.EndSession(t.Context(), right.Operator(), other.ID, s1.ID), problem.NotFound, "")
		if n, err := h.EndOthers(t.Context(), actor(s1)); n != 1 || err != nil {
			t.Errorf("EndOthers = %d, %v; want 1", n, err)
		}
		h.wantEnded(t, three, "another session")
		h.wantOpen(t, one, "the own session")
		if err := h.SignOut(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, one, "a session that was signed out")
		if err := h.SignOut(t.Context(), one); err != nil {
			t.Errorf("signing out twice: %v", err)
		}
		got := h.actions(t, a.ID)
		if want := []string{"user.end_session", "user.end_other_sessions", "user.logout"}; !slices.Equal(got[len(got)-3:], want) {
			t.Errorf("log ends with %q, want %q", got, want)
		}
	})
}

// A look-up that began before a session ended cannot bring it back.
func TestSession_generation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.person(t, "user1", false)
	bearer, s := h.enter(t, "user1")
	err := h.FillAround(t.Context(), bearer, func() {
		if err := h.EndSession(t.Context(), right.Operator(), a.ID, s.ID); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	h.wantEnded(t, bearer, "after a late look-up")
	bearer, _ = h.enter(t, "user1")
	if err := h.FillAround(t.Context(), bearer, func() {}); err != nil || !h.Cached(bearer) {
		t.Errorf("without a change between, nothing was kept (%v)", err)
	}
}

// What another process changes is heard, and without hearing nothing is trusted.
func TestSession_otherProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.person(t, "user1", false)
	bearer, _ := h.enter(t, "user1")
	h.wantOpen(t, bearer, "at first")
	h.bus.Close() // deaf from now on
	err := h.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM signin_sessions WHERE account_id = $1`, a.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.skew.Store(int64(2 * time.Second))
	h.wantEnded(t, bearer, "a session that another process ended")
}

func TestSession_bounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.person(t, "user1", false)
	first, _ := h.enter(t, "user1")
	h.wantOpen(t, first, "at first")
	for range signin.MaxSessions {
		h.clock.add(time.Second)
		h.enter(t, "user1")
	}
	h.wantEnded(t, first, "the oldest of too many")
	if list, err := h.ListSessions(t.Context(), a.ID); err != nil || len(list) != signin.MaxSessions {
		t.Errorf("%d sessions, %v; want %d", len(list), err, signin.MaxSessions)
	}
}

func TestSession_keyRotation(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.person(t, "user1", false)
		bearer, s := h.enter(t, "user1")
		old := h.keys.Current()
		if _, err := h.keys.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.wantOpen(t, bearer, "after a rotation"); got.ID != s.ID {
			t.Errorf("session is %d, want %d", got.ID, s.ID)
		}
		var n int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM signin_sessions WHERE key_id = $1`, old).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d sessions are still digested with the old key, %v", n, err)
		}
		h.wantOpen(t, bearer, "digested anew")
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.person(t, "user1", false)
		bearer, s := h.enter(t, "user1")
		h.clock.add(3 * time.Hour)
		a := actor(h.wantOpen(t, bearer, "after three hours"))
		if a.Recent(h.clock.now()) {
			t.Fatalf("a sign-in of three hours ago is recent")
		}
		wantProblem(t, h.Confirm(t.Context(), s, secret.New("wrong wrong wrong")), problem.Invalid, "password")
		if err := h.Confirm(t.Context(), s, secret.New(good)); err != nil {
			t.Fatal(err)
		}
		if a = actor(h.wantOpen(t, bearer, "confirmed")); !a.Recent(h.clock.now()) {
			t.Errorf("after Confirm the sign-in is of %v, now is %v", a.Confirmed, h.clock.now())
		}
		if err := h.SignOut(t.Context(), bearer); err != nil {
			t.Fatal(err)
		}
		wantProblem(t, h.Confirm(t.Context(), s, secret.New(good)), problem.Unauthenticated, "")
		for range 5 {
			_ = h.Confirm(t.Context(), s, secret.New("wrong wrong wrong"))
		}
		wantProblem(t, h.Confirm(t.Context(), s, secret.New(good)), problem.TooMany, "")
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.person(t, "user1", false)
	bearer, _ := h.enter(t, "user1")
	h.clock.add(time.Hour)
	h.wantOpen(t, bearer, "later")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := h.Run(ctx); err != nil {
		t.Fatalf("Run: %v", err)
	}
	var seen int64
	if err := h.db.QueryRow(t.Context(), `SELECT seen_at FROM signin_sessions`).Scan(&seen); err != nil || !db.Time(seen).Equal(h.clock.now()) {
		t.Errorf("at the end of Run the session was seen at %v, %v", db.Time(seen), err)
	}
}

func BenchmarkSession(b *testing.B) {
	h := newHouse(b, dbtest.Open(b))
	h.person(b, "user1", false)
	bearer, _ := h.enter(b, "user1")
	for b.Loop() {
		if _, err := h.Session(b.Context(), bearer); err != nil {
			b.Fatal(err)
		}
	}
}
