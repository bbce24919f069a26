package account_test

import (
	"errors"
	"testing"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.start(t)
		a := h.create(t, "fact")
		for range 2 {
			if f, err := h.Facts(t.Context(), d, a.ID); err != nil || f != (account.Facts{Login: "fact"}) {
				t.Fatalf("Facts = %+v, %v", f, err)
			}
		}
		if !h.Cached(a.ID) {
			t.Errorf("facts are not kept")
		}
		if err := h.Suspend(t.Context(), right.Operator(), a.ID); err != nil {
			t.Fatal(err)
		}
		if f, err := h.Facts(t.Context(), d, a.ID); err != nil || !f.Suspended {
			t.Errorf("right after the suspension Facts = %+v, %v", f, err)
		}
		if err := h.remove(t, a.ID); err != nil {
			t.Fatal(err)
		}
		_, err := h.Facts(t.Context(), d, a.ID)
		wantProblem(t, err, problem.NotFound, "")
	})
}

// A look-up that began before a change and ends after it fills nothing.
func TestFacts_generation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.start(t)
	a := h.create(t, "racer")
	err := h.FillAround(t.Context(), a.ID, func() {
		if err := h.Suspend(t.Context(), right.Operator(), a.ID); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.Cached(a.ID) {
		t.Errorf("facts from before the suspension are kept after it")
	}
	if f, err := h.Facts(t.Context(), h.db, a.ID); err != nil || !f.Suspended {
		t.Errorf("Facts = %+v, %v; want suspended", f, err)
	}
	if err := h.FillAround(t.Context(), a.ID, func() {}); err != nil || !h.Cached(a.ID) {
		t.Errorf("without a change between, nothing was kept (%v)", err)
	}
}

// What a transaction sees may never be committed, so it fills nothing.
func TestFacts_transaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.start(t)
	undo := errors.New("undo")
	var a account.Account
	err := h.db.Write(t.Context(), func(tx *db.Tx) (err error) {
		if a, err = h.CreateTx(t.Context(), tx, right.Operator(), account.NewAccount{Login: "never"}); err != nil {
			return err
		}
		if _, err := h.Facts(t.Context(), tx, a.ID); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if h.Cached(a.ID) {
		t.Errorf("facts of an account that never was are kept")
	}
}

// While changes cannot be heard, the database is asked.
func TestFacts_notFresh(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.create(t, "careful")
	if _, err := h.Facts(t.Context(), h.db, a.ID); err != nil {
		t.Fatal(err)
	}
	if h.Cached(a.ID) {
		t.Errorf("facts are kept though changes are not heard")
	}
}

func BenchmarkReserved(b *testing.B) {
	for b.Loop() {
		account.Reserved("octocat-and-friends")
	}
}

// TestKnown: every change of what is known is seen by the next question.
func TestKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	h.start(t)
	a := h.create(t, "known")
	change := func(name string, f func() error) {
		if _, err := h.Known(t.Context(), h.db, a.ID); err != nil || !h.Cached(a.ID) {
			t.Fatalf("before %s: not kept, %v", name, err)
		}
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := h.Known(t.Context(), h.db, a.ID)
		want, wantErr := h.ByID(t.Context(), h.db, a.ID)
		if err != nil || wantErr != nil || got != want {
			t.Errorf("after %s it is known as %+v, and is %+v", name, got, want)
		}
	}
	var second account.Email
	change("a profile", func() error {
		_, err := h.UpdateProfile(t.Context(), right.Operator(), a.ID, account.Profile{Name: "New"})
		return err
	})
	change("a second address", func() (err error) {
		second, err = h.AddEmail(t.Context(), right.Operator(), a.ID, "second@example.com")
		return err
	})
	change("its verification", func() error { return h.MarkVerified(t.Context(), right.Operator(), a.ID, second.ID, true) })
	change("another primary address", func() error { return h.SetPrimary(t.Context(), right.Operator(), a.ID, second.ID) })
	change("a login", func() error {
		_, err := h.Rename(t.Context(), right.Operator(), a.ID, "renamed")
		return err
	})
	change("a suspension", func() error { return h.Suspend(t.Context(), right.Operator(), a.ID) })
}
