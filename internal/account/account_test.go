package account_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type house struct {
	*account.Room
	db    *db.DB
	bus   *change.Bus
	audit *audit.Log
	clock *clock
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	c := &clock{t: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)}
	h := &house{db: d, clock: c, bus: change.New(change.Options{DB: d}), audit: audit.New(audit.Options{DB: d, Now: c.now})}
	h.Room = account.New(account.Options{DB: d, Change: h.bus, Audit: h.audit, Now: c.now})
	return h
}

// start makes caches be trusted.
func (h *house) start(t *testing.T) {
	t.Helper()
	if err := h.bus.Start(t.Context()); err != nil {
		t.Fatalf("start changes: %v", err)
	}
	t.Cleanup(h.bus.Close)
}

func (h *house) create(t *testing.T, login string) account.Account {
	t.Helper()
	return h.make(t, account.NewAccount{Login: login, Email: login + "@example.com"})
}

func (h *house) make(t *testing.T, n account.NewAccount) account.Account {
	t.Helper()
	a, err := h.Create(t.Context(), right.Operator(), n)
	if err != nil {
		t.Fatalf("create %s: %v", n.Login, err)
	}
	return a
}

func (h *house) actions(t *testing.T, a id.Account) []string {
	t.Helper()
	lines, err := h.audit.List(t.Context(), audit.Query{Account: a, Limit: 100})
	if err != nil {
		t.Fatalf("list log: %v", err)
	}
	var out []string
	for _, l := range slices.Backward(lines) {
		out = append(out, l.Action)
	}
	return out
}

// wantProblem fails unless err is of the kind, and about the field if one is
// given.
func wantProblem(t *testing.T, err error, kind problem.Kind, field string) {
	t.Helper()
	if !problem.Is(err, kind) || problem.Of(err).Field != field {
		t.Fatalf("got error %v, want kind %v on field %q", err, kind, field)
	}
}

func (h *house) remove(t *testing.T, a id.Account) error {
	t.Helper()
	return h.db.Write(t.Context(), func(tx *db.Tx) error {
		return h.DeleteTx(t.Context(), tx, right.Operator(), a)
	})
}

func TestCheckLogin(t *testing.T) {
	t.Parallel()
	good := []string{"a", "A1", "octo-cat", "o-c-t", "0", "42", "x" + strings.Repeat("y", 38)}
	bad := []string{"", "-a", "a-", "a--b", "a_b", "a.b", "a b", "a/b", "ünal", "a\n", "..", "a\x00", "x" + strings.Repeat("y", 39),
		"login", "Settings", "API", "new", "ghost", "operator", "git", "lfs", "password-reset", "ａbc", "a\u200bb"}
	for _, s := range good {
		if err := account.CheckLogin(s); err != nil {
			t.Errorf("CheckLogin(%q) = %v, want none", s, err)
		}
	}
	for _, s := range bad {
		if err := account.CheckLogin(s); !problem.Is(err, problem.Invalid) {
			t.Errorf("CheckLogin(%q) = %v, want an Invalid problem", s, err)
		}
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for _, s := range strings.Fields(`login logout join setup password_reset sessions settings new admin api assets healthz readyz
		metrics about explore search orgs organizations users stars notifications issues pulls raw site help support security
		.well-known git info lfs operator ghost LOGIN Favicon.ico`) {
		if !account.Reserved(s) {
			t.Errorf("%q is not reserved", s)
		}
	}
	for _, s := range []string{"", "octocat", "logi", "login ", "in", "new none", "\nnew"} {
		if account.Reserved(s) {
			t.Errorf("%q is reserved", s)
		}
	}
}

// The grammar once more, written as a rule about pieces instead of a scan.
func TestCheckLogin_property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringMatching(`[a-zA-Z0-9-]{0,42}`),
			rapid.StringMatching(`[a-z]{1,4}(-[a-z0-9]{1,4}){0,6}`),
			rapid.String(),
		).Draw(t, "login")
		want := len(s) <= 39 && !account.Reserved(s)
		for piece := range strings.SplitSeq(s, "-") {
			if piece == "" || strings.Trim(piece, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
				want = false
			}
		}
		if got := account.CheckLogin(s) == nil; got != want {
			t.Fatalf("CheckLogin(%q) allowed = %v, want %v", s, got, want)
		}
	})
}

func TestCheckEmail(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a@example.com", "first.last+tag@sub.example.org", "o'neil@example.com", "x@localhost"} {
		if err := account.CheckEmail(s); err != nil {
			t.Errorf("CheckEmail(%q) = %v, want none", s, err)
		}
	}
	for _, s := range []string{"", "a", "a@", "@b", "a@b@c", "A <a@example.com>", "a@example.com, b@example.com", "a b@example.com",
		"\"a b\"@example.com", "a@example.com\r\nBcc: x@example.com", "a@example.com(comment)", "a@[127.0.0.1]",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 260), "a\u202e@example.com"} {
		if err := account.CheckEmail(s); !problem.Is(err, problem.Invalid) {
			t.Errorf("CheckEmail(%q) = %v, want an Invalid problem", s, err)
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.make(t, account.NewAccount{Login: "Octo-Cat", Email: "Octo@Example.com", Name: "Octo", SiteAdmin: true, EmailVerified: true})
		if a.Login != "Octo-Cat" || a.Email != "Octo@Example.com" || !a.Verified || !a.SiteAdmin || a.Suspended || !a.CreatedAt.Equal(h.clock.now()) {
			t.Errorf("created %+v", a)
		}
		got, err := h.ByLogin(t.Context(), d, "OCTO-cat")
		if err != nil || got != a {
			t.Errorf("ByLogin = %+v, %v; want %+v", got, err, a)
		}
		if got, err = h.ByEmail(t.Context(), d, "octo@example.COM"); err != nil || got.ID != a.ID {
			t.Errorf("ByEmail = %+v, %v; want account %d", got, err, a.ID)
		}
		_, err = h.Create(t.Context(), right.Operator(), account.NewAccount{Login: "octo-CAT"})
		wantProblem(t, err, problem.Invalid, "login")
		_, err = h.Create(t.Context(), right.Operator(), account.NewAccount{Login: "other", Email: "OCTO@example.com"})
		wantProblem(t, err, problem.Invalid, "email")
		if n, err := h.Count(t.Context(), d); err != nil || n != 1 {
			t.Errorf("Count = %d, %v; a failed creation left something", n, err)
		}
		if got := h.actions(t, a.ID); !slices.Equal(got, []string{"user.create"}) {
			t.Errorf("log has %q", got)
		}
		_, err = h.ByLogin(t.Context(), d, "nobody")
		wantProblem(t, err, problem.NotFound, "")
	})
}

func TestCreate_race(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		const n = 6
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				login := "same"
				if i%2 == 1 {
					login = "SAME"
				}
				_, errs[i] = h.Create(t.Context(), right.Operator(), account.NewAccount{Login: login})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if problem.Of(err).Field != "login" {
				t.Errorf("got %v, want a problem of the login", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d got the login, want 1", won, n)
		}
	})
}

func TestRename(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, op := t.Context(), right.Operator()
		a, b := h.create(t, "first"), h.create(t, "other")
		_, err := h.Rename(ctx, op, a.ID, "Other")
		wantProblem(t, err, problem.Invalid, "login")
		_, err = h.Rename(ctx, op, a.ID, "settings")
		wantProblem(t, err, problem.Invalid, "login")

		if got, err := h.Rename(ctx, op, a.ID, "second"); err != nil || got.Login != "second" {
			t.Fatalf("Rename = %+v, %v", got, err)
		}
		got, renamed, err := h.Resolve(ctx, d, "FIRST")
		if err != nil || !renamed || got.ID != a.ID {
			t.Errorf("Resolve(FIRST) = %+v, %v, %v; want the renamed account", got, renamed, err)
		}
		if got, renamed, err = h.Resolve(ctx, d, "second"); err != nil || renamed || got.ID != a.ID {
			t.Errorf("Resolve(second) = %+v, %v, %v; want the account itself", got, renamed, err)
		}
		_, err = h.ByLogin(ctx, d, "first")
		wantProblem(t, err, problem.NotFound, "")

		// Nobody else gets the name for 90 days; its account can take it back.
		_, err = h.Rename(ctx, op, b.ID, "first")
		wantProblem(t, err, problem.Invalid, "login")
		_, err = h.Create(ctx, op, account.NewAccount{Login: "First"})
		wantProblem(t, err, problem.Invalid, "login")
		if _, err := h.Rename(ctx, op, a.ID, "First"); err != nil {
			t.Fatalf("take a login back: %v", err)
		}
		if _, err := h.Rename(ctx, op, a.ID, "fIRST"); err != nil {
			t.Fatalf("change the case: %v", err)
		}
		if _, renamed, err = h.Resolve(ctx, d, "second"); err != nil || !renamed {
			t.Errorf("Resolve(second) = %v, %v; want a redirect", renamed, err)
		}

		h.clock.add(account.HoldLogin - time.Second)
		if _, err = h.Create(ctx, op, account.NewAccount{Login: "second"}); err == nil {
			t.Errorf("a held login was given out a second too early")
		}
		h.clock.add(time.Second)
		if _, _, err = h.Resolve(ctx, d, "second"); !problem.Is(err, problem.NotFound) {
			t.Errorf("Resolve after the hold: %v, want NotFound", err)
		}
		if _, err = h.Create(ctx, op, account.NewAccount{Login: "second"}); err != nil {
			t.Errorf("a login is not free after its hold: %v", err)
		}
	})
}

func TestRename_bounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	a := h.create(t, "n0")
	var err error
	for _, login := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
		_, err = h.Rename(t.Context(), right.Operator(), a.ID, login)
	}
	wantProblem(t, err, problem.Invalid, "login")
	h.clock.add(account.HoldLogin)
	if _, err := h.Rename(t.Context(), right.Operator(), a.ID, "n6"); err != nil {
		t.Errorf("rename after the holds are over: %v", err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		var ending []id.Account
		h.WhenEnding(func(_ context.Context, _ *db.Tx, a id.Account, _ account.Ending) error {
			ending = append(ending, a)
			return nil
		})
		a := h.create(t, "leaver")
		if _, err := h.Rename(t.Context(), right.Operator(), a.ID, "left"); err != nil {
			t.Fatal(err)
		}
		if err := h.remove(t, a.ID); err != nil {
			t.Fatalf("delete: %v", err)
		}
		if !slices.Contains(ending, a.ID) {
			t.Errorf("the rooms above were not told")
		}
		for _, login := range []string{"leaver", "left"} {
			if _, _, err := h.Resolve(t.Context(), d, login); !problem.Is(err, problem.NotFound) {
				t.Errorf("Resolve(%s) = %v, want NotFound", login, err)
			}
			if _, err := h.Create(t.Context(), right.Operator(), account.NewAccount{Login: login}); !problem.Is(err, problem.Invalid) {
				t.Errorf("login %s of a deleted account was given out: %v", login, err)
			}
		}
		if _, err := h.Create(t.Context(), right.Operator(), account.NewAccount{Login: "heir", Email: "leaver@example.com"}); err != nil {
			t.Errorf("the address of a deleted account is not free: %v", err)
		}
	})
}

func TestLastAdmin(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, op := t.Context(), right.Operator()
		a := h.make(t, account.NewAccount{Login: "one", SiteAdmin: true})
		b := h.make(t, account.NewAccount{Login: "two", SiteAdmin: true})
		if err := h.Suspend(ctx, op, b.ID); err != nil {
			t.Fatal(err)
		}
		// A suspended administrator doesn't count.
		wantProblem(t, h.Suspend(ctx, op, a.ID), problem.Conflict, "")
		wantProblem(t, h.SetSiteAdmin(ctx, op, a.ID, false), problem.Conflict, "")
		wantProblem(t, h.remove(t, a.ID), problem.Conflict, "")
		if err := h.Unsuspend(ctx, op, b.ID); err != nil {
			t.Fatal(err)
		}
		// Both at once: one of them stays.
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { errs[0] = h.SetSiteAdmin(ctx, op, a.ID, false) })
		wg.Go(func() { errs[1] = h.Suspend(ctx, op, b.ID) })
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("removing both administrators at once gave %v and %v, want one refusal", errs[0], errs[1])
		}
	})
}

func TestProfile(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a := h.create(t, "writer")
		got, err := h.UpdateProfile(t.Context(), right.Operator(), a.ID, account.Profile{
			Name: " Über Writer ", Bio: "two\r\nlines", Location: "here", Website: "example.com/me"})
		if err != nil || got.Name != "Über Writer" || got.Bio != "two\nlines" || got.Website != "https://example.com/me" {
			t.Fatalf("UpdateProfile = %+v, %v", got, err)
		}
		for field, p := range map[string]account.Profile{
			"name":     {Name: strings.Repeat("é", 256)},
			"bio":      {Bio: strings.Repeat("x", 161)},
			"location": {Location: "a\u202eb"},
			"website":  {Website: "javascript:alert(1)"},
		} {
			_, err := h.UpdateProfile(t.Context(), right.Operator(), a.ID, p)
			wantProblem(t, err, problem.Invalid, field)
		}
		for _, site := range []string{"https://user@example.com", "data:text/html,x", "https://", "//example.com:x"} {
			_, err := h.UpdateProfile(t.Context(), right.Operator(), a.ID, account.Profile{Website: site})
			wantProblem(t, err, problem.Invalid, "website")
		}
	})
}

func TestEmails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx, op := t.Context(), right.Operator()
		a, b := h.create(t, "alpha"), h.create(t, "beta")
		e, err := h.AddEmail(ctx, op, a.ID, "second@example.com")
		if err != nil || e.Primary || e.Verified {
			t.Fatalf("AddEmail = %+v, %v", e, err)
		}
		_, err = h.AddEmail(ctx, op, a.ID, "BETA@example.com")
		wantProblem(t, err, problem.Invalid, "email")
		// An address is only ever found together with its account.
		wantProblem(t, h.RemoveEmail(ctx, op, b.ID, e.ID), problem.NotFound, "")
		wantProblem(t, h.SetPrimary(ctx, op, b.ID, e.ID), problem.NotFound, "")
		wantProblem(t, h.MarkVerified(ctx, op, b.ID, e.ID, true), problem.NotFound, "")

		if err := h.SetPrimary(ctx, op, a.ID, e.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.MarkVerified(ctx, op, a.ID, e.ID, true); err != nil {
			t.Fatal(err)
		}
		got, err := h.ByID(ctx, d, a.ID)
		if err != nil || got.Email != "second@example.com" || !got.Verified {
			t.Errorf("account is %+v, %v", got, err)
		}
		wantProblem(t, h.RemoveEmail(ctx, op, a.ID, e.ID), problem.Conflict, "")
		all, err := h.ListEmails(ctx, d, a.ID)
		if err != nil || len(all) != 2 || all[0].ID != e.ID {
			t.Fatalf("ListEmails = %+v, %v", all, err)
		}
		if err := h.RemoveEmail(ctx, op, a.ID, all[1].ID); err != nil {
			t.Fatal(err)
		}
		if all, err = h.ListEmails(ctx, d, a.ID); err != nil || len(all) != 1 {
			t.Errorf("after the removal ListEmails = %+v, %v", all, err)
		}
		want := []string{"user.create", "user.add_email", "user.change_primary_email", "user.verify_email", "user.remove_email"}
		if got := h.actions(t, a.ID); !slices.Equal(got, want) {
			t.Errorf("log has %q, want %q", got, want)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		h.make(t, account.NewAccount{Login: "root1", SiteAdmin: true})
		for _, l := range []string{"cc", "AA", "bb", "a-b"} {
			h.create(t, l)
		}
		logins := func(q account.Query) string {
			all, err := h.List(t.Context(), d, q)
			if err != nil {
				t.Fatalf("List(%+v): %v", q, err)
			}
			var out []string
			for _, a := range all {
				out = append(out, a.Login)
			}
			return strings.Join(out, " ")
		}
		first := logins(account.Query{Limit: 3})
		last := strings.Fields(first)[2]
		if all := first + " " + logins(account.Query{After: last}); len(strings.Fields(all)) != 5 {
			t.Errorf("two pages are %q, want each account once", all)
		}
		for q, want := range map[account.Query]string{
			{Search: "BB@exam"}: "bb", {Search: "%"}: "", {Search: "_"}: "", {Admins: true}: "root1", {Suspended: true}: "",
		} {
			if got := logins(q); got != want {
				t.Errorf("List(%+v) = %q, want %q", q, got, want)
			}
		}
	})
}
