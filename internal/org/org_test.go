package org_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// house is the room on a real database.
type house struct {
	*org.Room
	d        *db.DB
	accounts *account.Room
	audit    *audit.Log
	now      time.Time
	mu       sync.Mutex
	changed  []id.Account // organisations of which a change was told; guarded by mu
}

func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := &house{d: d, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
		now := func() time.Time { return h.now }
		bus := change.New(change.Options{DB: d, Now: now})
		bus.Subscribe(func(c change.Change) {
			if c.Kind == change.OrgChanged {
				h.mu.Lock()
				h.changed = append(h.changed, id.Account(c.Subject))
				h.mu.Unlock()
			}
		})
		h.audit = audit.New(audit.Options{DB: d, Now: now})
		h.accounts = account.New(account.Options{DB: d, Change: bus, Audit: h.audit, Now: now})
		h.Room = org.New(org.Options{DB: d, Account: h.accounts, Change: bus, Audit: h.audit, Now: now})
		fn(t, h)
	})
}

func (h *house) person(t testing.TB, login string) right.Actor {
	t.Helper()
	a, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: login})
	if err != nil {
		t.Fatal(err)
	}
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

func (h *house) make(t testing.TB, owner right.Actor, login string) org.Found {
	t.Helper()
	o, err := h.Create(t.Context(), owner, login, "", owner.Account)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (h *house) remove(t testing.TB, actor right.Actor, o, who id.Account) error {
	t.Helper()
	return h.d.Write(t.Context(), func(tx *db.Tx) error { return h.RemoveTx(t.Context(), tx, actor, o, who) })
}

// told asserts that a change was told since the last call.
func (h *house) told(t testing.TB, what string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.changed) == 0 {
		t.Errorf("%s: no change was told", what)
	}
	h.changed = nil
}

func is(t testing.TB, err error, kind problem.Kind, what string) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada := h.person(t, "ada")
		o := h.make(t, ada, "acme")
		if o.Level() != right.Admin || !o.MayCreate(true) || !o.IsOrg() || o.Base != right.Read {
			t.Errorf("made %+v", o)
		}
		for _, login := range []string{"ADA", "Acme", "settings", "orgs", "a b", "-x"} {
			if _, err := h.Create(t.Context(), ada, login, "", ada.Account); problem.Of(err).Field != "login" {
				t.Errorf("the name %q: %v", login, err)
			}
		}
		if _, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "ACME"}); problem.Of(err).Field != "login" {
			t.Errorf("a user takes the organisation's name: %v", err)
		}
		if _, err := h.Create(t.Context(), ada, "inner", "", o.ID); err == nil {
			t.Error("an organisation owns an organisation")
		}
		f, err := h.Find(t.Context(), h.d, "ACME", 0)
		if err != nil || f.ID != o.ID || f.Level() != right.None {
			t.Errorf("found %+v, %v", f, err)
		}
		_, err = h.Find(t.Context(), h.d, "ada", 0)
		is(t, err, problem.NotFound, "a person is found as an organisation")
	})
}

// TestCreate_squatting: nobody takes names away without end.
func TestCreate_squatting(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada := h.person(t, "ada")
		for i := range 50 {
			h.make(t, ada, fmt.Sprintf("name-%d", i))
		}
		_, err := h.Create(t.Context(), ada, "one-more", "", ada.Account)
		is(t, err, problem.Conflict, "the 51st")
		if _, err := h.Create(t.Context(), right.Operator(), "one-more", "", ada.Account); err != nil {
			t.Errorf("by the machine's administrator: %v", err)
		}
	})
}

func TestInvitation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada, bob, eve := h.person(t, "ada"), h.person(t, "bob"), h.person(t, "eve")
		o := h.make(t, ada, "acme")
		m, err := h.SetRole(t.Context(), ada, o.ID, bob.Account, org.Owner)
		if err != nil || !m.Pending {
			t.Fatalf("invited: %+v, %v", m, err)
		}
		h.told(t, "invited")
		f, _ := h.ByID(t.Context(), h.d, o.ID, bob.Account)
		if f.Level() != right.None || f.MayCreate(true) {
			t.Errorf("invited, and has %v", f.Level())
		}
		_, err = h.Accept(t.Context(), eve, o.ID)
		is(t, err, problem.NotFound, "somebody else accepts")
		if m, err = h.Accept(t.Context(), bob, o.ID); err != nil || m.Pending || m.Role != org.Owner {
			t.Errorf("accepted: %+v, %v", m, err)
		}
		h.told(t, "accepted")

		// An invitation is worth what its sender is worth.
		if _, err := h.SetRole(t.Context(), bob, o.ID, eve.Account, org.Owner); err != nil {
			t.Fatal(err)
		}
		if _, err := h.SetRole(t.Context(), ada, o.ID, bob.Account, org.Member); err != nil {
			t.Fatal(err)
		}
		_, err = h.Accept(t.Context(), eve, o.ID)
		is(t, err, problem.NotFound, "the sender is no owner any more")
		if err := h.remove(t, ada, o.ID, eve.Account); err != nil {
			t.Fatal(err)
		}
		if _, err := h.SetRole(t.Context(), ada, o.ID, eve.Account, org.Member); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(org.InviteFor)
		_, err = h.Accept(t.Context(), eve, o.ID)
		is(t, err, problem.NotFound, "out of date")
		if list, err := h.Of(t.Context(), h.d, eve.Account, true, false); err != nil || len(list) != 0 {
			t.Errorf("out of date, and listed: %v, %v", list, err)
		}
		_, err = h.SetRole(t.Context(), ada, o.ID, o.ID, org.Member)
		is(t, err, problem.Invalid, "an organisation is invited")
	})
}

// TestLastOwner: whatever is tried, by whoever, at the same time too, somebody who
// can act owns the organisation.
func TestLastOwner(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada, bob := h.person(t, "ada"), h.person(t, "bob")
		o := h.make(t, ada, "acme")
		_, err := h.SetRole(t.Context(), ada, o.ID, ada.Account, org.Member)
		is(t, err, problem.Conflict, "demoted")
		is(t, h.remove(t, ada, o.ID, ada.Account), problem.Conflict, "removed")
		is(t, h.d.Write(t.Context(), func(tx *db.Tx) error { return h.LeaveAllTx(t.Context(), tx, ada, ada.Account) }), problem.Conflict, "the account deleted")
		if _, err := h.SetRole(t.Context(), ada, o.ID, bob.Account, org.Owner); err != nil {
			t.Fatal(err)
		}
		is(t, h.remove(t, ada, o.ID, ada.Account), problem.Conflict, "the other was only invited")
		if _, err := h.Accept(t.Context(), bob, o.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.accounts.Suspend(t.Context(), right.Operator(), bob.Account); err != nil {
			t.Fatal(err)
		}
		is(t, h.remove(t, ada, o.ID, ada.Account), problem.Conflict, "the other is suspended")
		if err := h.accounts.Unsuspend(t.Context(), right.Operator(), bob.Account); err != nil {
			t.Fatal(err)
		}
		// Each removes the other, at once.
		var wait sync.WaitGroup
		var errs [2]error
		for i, pair := range [][2]right.Actor{{ada, bob}, {bob, ada}} {
			wait.Go(func() { errs[i] = h.remove(t, pair[0], o.ID, pair[1].Account) })
		}
		wait.Wait()
		owners, _, err := h.Members(t.Context(), h.d, o.ID, org.MemberQuery{Role: org.Owner, PerPage: 10})
		if err != nil || len(owners) != 1 {
			t.Errorf("%d owners are left (%v); %v", len(owners), err, errors.Join(errs[:]...))
		}
	})
}

func TestTeams(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada, bob, eve := h.person(t, "ada"), h.person(t, "bob"), h.person(t, "eve")
		o, other := h.make(t, ada, "acme"), h.make(t, ada, "other")
		for _, who := range []right.Actor{bob} {
			if _, err := h.SetRole(t.Context(), right.Operator(), o.ID, who.Account, org.Member); err != nil {
				t.Fatal(err)
			}
		}
		team, err := h.CreateTeam(t.Context(), ada, o.ID, org.NewTeam{Name: "  Größe & Höhe 2 ", Secret: true})
		if err != nil || team.Slug != "gr-e-h-he-2" || team.Level != right.Admin {
			t.Fatalf("made %+v, %v", team, err)
		}
		h.told(t, "a team made")
		for _, name := range []string{"", " ", "!!!", strings.Repeat("x", 101), "a\u202eb", "GR E h HE 2"} {
			if _, err := h.CreateTeam(t.Context(), ada, o.ID, org.NewTeam{Name: name}); problem.Of(err).Field != "name" {
				t.Errorf("the name %q: %v", name, err)
			}
		}
		if _, err := h.CreateTeam(t.Context(), ada, other.ID, org.NewTeam{Name: team.Name}); err != nil {
			t.Errorf("the same name elsewhere: %v", err)
		}
		seen := func(who right.Actor) right.Level {
			f, err := h.FindTeam(t.Context(), h.d, o.ID, team.Slug, who.Account)
			if err != nil {
				t.Fatal(err)
			}
			return f.Level
		}
		if got := seen(bob); got != right.None {
			t.Errorf("a secret team is seen by a member: %v", got)
		}
		_, err = h.SetMate(t.Context(), ada, team.Team, eve.Account, org.TeamMember)
		is(t, err, problem.Invalid, "a stranger in a team")
		if _, err := h.SetMate(t.Context(), ada, team.Team, bob.Account, org.Maintainer); err != nil {
			t.Fatal(err)
		}
		h.told(t, "a member joined")
		if got := seen(bob); got != right.Write {
			t.Errorf("its maintainer has %v", got)
		}
		if list, n, err := h.Teams(t.Context(), h.d, o.ID, bob.Account, 1, 10); err != nil || n != 1 || len(list) != 1 {
			t.Errorf("listed %v of %d, %v", list, n, err)
		}
		if list, n, err := h.Teams(t.Context(), h.d, o.ID, eve.Account, 1, 10); err != nil || n != 0 || len(list) != 0 {
			t.Errorf("a stranger's list %v of %d, %v", list, n, err)
		}
		// Ids of another organisation's team are nobody's here.
		_, err = h.TeamByID(t.Context(), h.d, other.ID, team.ID, ada.Account)
		is(t, err, problem.NotFound, "a team by its number elsewhere")
		// Leaving the organisation leaves its teams, and coming back does not come back to them.
		if err := h.remove(t, ada, o.ID, bob.Account); err != nil {
			t.Fatal(err)
		}
		h.told(t, "a member left")
		if _, err := h.SetRole(t.Context(), right.Operator(), o.ID, bob.Account, org.Member); err != nil {
			t.Fatal(err)
		}
		if got := seen(bob); got != right.None {
			t.Errorf("back in the organisation, and in the team with %v", got)
		}
		is(t, h.SetTeamRepo(t.Context(), ada, team.Team, 4711, right.Read), problem.Invalid, "a repository that is not there")
		if err := h.DeleteTeam(t.Context(), ada, team.Team); err != nil {
			t.Fatal(err)
		}
		h.told(t, "the team deleted")
		_, err = h.SetMate(t.Context(), ada, team.Team, bob.Account, org.TeamMember)
		is(t, err, problem.NotFound, "a deleted team")
	})
}
