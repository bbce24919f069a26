package signin_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
)

func (h *house) link(t *testing.T, by right.Actor, kind signin.LinkKind, f signin.For) secret.Value {
	t.Helper()
	link, _, err := h.NewLink(t.Context(), by, kind, f, 0)
	if err != nil {
		t.Fatalf("make %s link: %v", kind, err)
	}
	return link
}

func (h *house) wantGone(t *testing.T, link secret.Value, why string) {
	t.Helper()
	if l, err := h.PeekLink(t.Context(), link); !problem.Is(err, problem.NotFound) {
		t.Errorf("%s: PeekLink = %+v, %v; want it gone", why, l, err)
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, op := t.Context(), right.Operator()
		replaced := h.link(t, op, signin.Setup, signin.For{})
		link := h.link(t, op, signin.Setup, signin.For{})
		h.wantGone(t, replaced, "a replaced link")
		if l, err := h.PeekLink(ctx, link); err != nil || l.Kind != signin.Setup || l.ExpiresAt.Sub(l.CreatedAt) != time.Hour {
			t.Errorf("PeekLink = %+v, %v", l, err)
		}
		// A mistake in the form leaves the link as it is.
		for field, use := range map[string][3]string{
			"login":    {"settings", "a@example.com", good},
			"email":    {"admin1", "nonsense", good},
			"password": {"admin1", "a@example.com", "short"},
		} {
			_, _, err := h.UseSetup(ctx, link, use[0], use[1], secret.New(use[2]))
			wantProblem(t, err, problem.Invalid, field)
		}
		bearer, s, err := h.UseSetup(ctx, link, "chief", "chief@example.com", secret.New(good))
		if err != nil || !s.SiteAdmin {
			t.Fatalf("UseSetup = %+v, %v", s, err)
		}
		h.wantOpen(t, bearer, "the first administrator's session")
		h.enter(t, "chief")
		_, _, err = h.UseSetup(ctx, link, "second", "second@example.com", secret.New(good))
		wantProblem(t, err, problem.NotFound, "")
		_, _, err = h.NewLink(ctx, op, signin.Setup, signin.For{}, 0)
		wantProblem(t, err, problem.Conflict, "")
	})
}

func TestSetup_end(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	link := h.link(t, right.Operator(), signin.Setup, signin.For{})
	h.clock.add(time.Hour)
	h.wantGone(t, link, "after an hour")
	link = h.link(t, right.Operator(), signin.Setup, signin.For{})
	h.person(t, "somebody", true)
	h.wantGone(t, link, "when there is an account")
	_, _, err := h.UseSetup(t.Context(), link, "late", "late@example.com", secret.New(good))
	wantProblem(t, err, problem.NotFound, "")
}

// Whoever has no link makes the server compute nothing.
func TestLink_noWork(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	before := h.Hashes()
	for _, link := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, _, err := h.UseSetup(t.Context(), secret.New(link), "chief", "chief@example.com", secret.New(good))
		wantProblem(t, err, problem.NotFound, "")
		_, err = h.UseReset(t.Context(), secret.New(link), secret.New(good))
		wantProblem(t, err, problem.NotFound, "")
	}
	if n := h.Hashes() - before; n != 0 {
		t.Errorf("%d hashes were computed for nobody", n)
	}
}

// Many uses of one link at once make one account.
func TestLink_race(t *testing.T) {
	t.Parallel()
	for _, kind := range []signin.LinkKind{signin.Setup, signin.Invite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { raceForLink(t, newHouse(t, d), kind) })
		})
	}
}

func raceForLink(t *testing.T, h *house, kind signin.LinkKind) {
	link := h.link(t, right.Operator(), kind, signin.For{})
	use := h.UseInvite
	if kind == signin.Setup {
		use = h.UseSetup
	}
	const n = 6
	var errs [n]error
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			login := fmt.Sprintf("%s-%d", kind, i)
			_, _, errs[i] = use(t.Context(), link, login, login+"@example.com", secret.New(good))
		})
	}
	wg.Wait()
	if got := h.count(t); got != 1 || wins(t, errs[:]) != 1 {
		t.Errorf("%d uses of one %s link at once made %d accounts (%v)", n, kind, got, errs)
	}
}

func (h *house) count(t *testing.T) int {
	t.Helper()
	n, err := h.accounts.Count(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wins counts those that succeeded; the others must have found the link gone.
func wins(t *testing.T, errs []error) int {
	t.Helper()
	n := 0
	for _, err := range errs {
		if err == nil {
			n++
		} else if !problem.Is(err, problem.NotFound) {
			t.Errorf("got %v, want the link gone", err)
		}
	}
	return n
}

// Two links to set up, used at the same time, make one administrator. The rooms
// never let two exist, so the second is put into the table by hand.
func TestSetup_twoLinks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		one := h.link(t, right.Operator(), signin.Setup, signin.For{})
		h.exec(t, `UPDATE signin_links SET kind = 'kept' WHERE kind = 'setup'`)
		two := h.link(t, right.Operator(), signin.Setup, signin.For{})
		h.exec(t, `UPDATE signin_links SET kind = 'setup' WHERE kind = 'kept'`)
		var errs [2]error
		var wg sync.WaitGroup
		for i, link := range []secret.Value{one, two} {
			wg.Go(func() {
				login := fmt.Sprintf("chief-%d", i)
				_, _, errs[i] = h.UseSetup(t.Context(), link, login, login+"@example.com", secret.New(good))
			})
		}
		wg.Wait()
		if n := h.count(t); n != 1 || wins(t, errs[:]) != 1 {
			t.Errorf("two links made %d accounts (%v)", n, errs)
		}
	})
}

func (h *house) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := h.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx := t.Context()
		h.person(t, "chief", true)
		_, chief := h.enter(t, "chief")
		_, _, err := h.NewLink(ctx, actor(chief), signin.Invite, signin.For{Email: "CHIEF@example.com"}, 0)
		wantProblem(t, err, problem.Invalid, "email")
		link := h.link(t, actor(chief), signin.Invite, signin.For{Email: "new@example.com"})
		if l, err := h.PeekLink(ctx, link); err != nil || l.Kind != signin.Invite || l.Email != "new@example.com" || l.By != chief.Account {
			t.Errorf("PeekLink = %+v, %v", l, err)
		}
		// A link is good for its own kind alone (M2).
		_, _, err = h.UseSetup(ctx, link, "newcomer", "x@example.com", secret.New(good))
		wantProblem(t, err, problem.NotFound, "")
		_, err = h.UseReset(ctx, link, secret.New(good))
		wantProblem(t, err, problem.NotFound, "")
		// The address comes from the database, not from the form (M1).
		_, s, err := h.UseInvite(ctx, link, "newcomer", "other@example.com", secret.New(good))
		if err != nil || s.SiteAdmin {
			t.Fatalf("UseInvite = %+v, %v", s, err)
		}
		if a, err := h.accounts.ByID(ctx, d, s.Account); err != nil || a.Email != "new@example.com" || a.Verified {
			t.Errorf("account is %+v, %v", a, err)
		}
		h.wantGone(t, link, "a used link")

		late := h.link(t, actor(chief), signin.Invite, signin.For{})
		h.clock.add(7 * 24 * time.Hour)
		h.wantGone(t, late, "after a week")
		revoked := h.link(t, actor(chief), signin.Invite, signin.For{})
		kept := h.link(t, actor(chief), signin.Invite, signin.For{})
		list, err := h.ListLinks(ctx)
		if err != nil || len(list) != 2 {
			t.Fatalf("ListLinks = %+v, %v; want two", list, err)
		}
		if err := h.RevokeLink(ctx, actor(chief), list[1].ID); err != nil {
			t.Fatal(err)
		}
		h.wantGone(t, revoked, "a revoked link")
		// B12: what an administrator made ends with their office.
		h.person(t, "deputy", true)
		if err := h.accounts.SetSiteAdmin(ctx, right.Operator(), chief.Account, false); err != nil {
			t.Fatal(err)
		}
		h.wantGone(t, kept, "a link of somebody who is no administrator any more")
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, op := t.Context(), right.Operator()
		a := h.person(t, "forgetful", false)
		bearer, _ := h.enter(t, "forgetful")
		h.wantOpen(t, bearer, "before")
		replaced := h.link(t, op, signin.Reset, signin.For{Account: a.ID})
		link := h.link(t, op, signin.Reset, signin.For{Account: a.ID})
		h.wantGone(t, replaced, "a replaced link")
		if l, err := h.PeekLink(ctx, link); err != nil || l.Login != "forgetful" || l.Account != a.ID {
			t.Errorf("PeekLink = %+v, %v", l, err)
		}
		_, err := h.UseReset(ctx, link, secret.New("forgetful1"))
		wantProblem(t, err, problem.Invalid, "password")
		const fresh = "another four words entirely"
		if got, err := h.UseReset(ctx, link, secret.New(fresh)); err != nil || got.ID != a.ID {
			t.Fatalf("UseReset = %+v, %v", got, err)
		}
		h.wantEnded(t, bearer, "after the reset")
		_, _, err = h.SignIn(ctx, "forgetful", secret.New(good))
		wantProblem(t, err, problem.Unauthenticated, "")
		if _, _, err := h.SignIn(ctx, "forgetful", secret.New(fresh)); err != nil {
			t.Errorf("the new password: %v", err)
		}
		_, err = h.UseReset(ctx, link, secret.New(good))
		wantProblem(t, err, problem.NotFound, "")

		// B6: a reset changes nothing of an account's state.
		link = h.link(t, op, signin.Reset, signin.For{Account: a.ID})
		if err := h.accounts.Suspend(ctx, op, a.ID); err != nil {
			t.Fatal(err)
		}
		h.wantGone(t, link, "a link from before the suspension")
		link = h.link(t, op, signin.Reset, signin.For{Account: a.ID})
		if _, err := h.UseReset(ctx, link, secret.New(good)); err != nil {
			t.Fatal(err)
		}
		_, _, err = h.SignIn(ctx, "forgetful", secret.New(good))
		wantProblem(t, err, problem.Forbidden, "")

		_, _, err = h.NewLink(ctx, op, signin.Reset, signin.For{Account: 999}, 0)
		wantProblem(t, err, problem.NotFound, "")
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx := t.Context()
		a := h.person(t, "user1", false)
		other, _ := h.enter(t, "user1")
		own, s := h.enter(t, "user1")
		h.wantOpen(t, other, "before")
		link := h.link(t, right.Operator(), signin.Reset, signin.For{Account: a.ID})
		const fresh = "another four words entirely"
		wantProblem(t, h.ChangePassword(ctx, actor(s), secret.New("wrong wrong wrong"), secret.New(fresh)), problem.Invalid, "old_password")
		wantProblem(t, h.ChangePassword(ctx, actor(s), secret.New(good), secret.New("user1@example.com")), problem.Invalid, "password")
		if err := h.ChangePassword(ctx, actor(s), secret.New(good), secret.New(fresh)); err != nil {
			t.Fatal(err)
		}
		h.wantOpen(t, own, "the own session")
		h.wantEnded(t, other, "another session")
		h.wantGone(t, link, "a link for a new password")
		if _, _, err := h.SignIn(ctx, "user1", secret.New(fresh)); err != nil {
			t.Errorf("the new password: %v", err)
		}
	})
}

// Two changes at once from the same old password: one wins.
func TestChangePassword_race(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.person(t, "user1", false)
		_, s := h.enter(t, "user1")
		var errs [2]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				errs[i] = h.ChangePassword(t.Context(), actor(s), secret.New(good), secret.New(fmt.Sprintf("quite another one %d", i)))
			})
		}
		wg.Wait()
		// The one that comes late may also find the old password wrong already.
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("two changes at once gave %v, want one success", errors.Join(errs[:]...))
		}
	})
}

func TestDeletedAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.person(t, "leaver", false)
		bearer, _ := h.enter(t, "leaver")
		h.wantOpen(t, bearer, "before")
		link := h.link(t, right.Operator(), signin.Reset, signin.For{Account: a.ID})
		err := h.db.Write(t.Context(), func(tx *db.Tx) error {
			return h.accounts.DeleteTx(t.Context(), tx, right.Operator(), a.ID)
		})
		if err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, bearer, "a deleted account's session")
		h.wantGone(t, link, "a deleted account's link")
		if has, err := h.HasPassword(t.Context(), id.Account(a.ID)); has || err != nil {
			t.Errorf("HasPassword = %v, %v; want none left", has, err)
		}
		_, _, err = h.SignIn(t.Context(), "leaver", secret.New(good))
		wantProblem(t, err, problem.Unauthenticated, "")
	})
}
