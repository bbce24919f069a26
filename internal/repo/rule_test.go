package repo_test

import (
	"fmt"
	"slices"
	"testing"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (h *house) rules(t *testing.T, r repo.Repo) *repo.Rules {
	t.Helper()
	now, err := h.ByID(t.Context(), h.d, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := h.Rules(t.Context(), h.d, &now)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestRules(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "app"})
		other := h.create(t, repo.NewRepo{Owner: h.owner, Name: "other"})
		me := person(h.owner)
		if got := h.rules(t, r); len(got.All()) != 0 || got.For("refs/heads/main") != nil {
			t.Errorf("rules of a new repository: %+v", got.All())
		}
		add := func(n repo.Rule) repo.Rule {
			t.Helper()
			made, err := h.CreateRule(t.Context(), me, r.ID, n)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		wild := add(repo.Rule{Pattern: "m*", AllowForce: true})
		exact := add(repo.Rule{Pattern: " main ", Push: repo.AdminsPush})
		add(repo.Rule{Pattern: "ma*"})
		tag := add(repo.Rule{Kind: repo.TagRef, Pattern: "m*", AllowDelete: true})
		for ref, want := range map[string]repo.Rule{"refs/heads/main": exact, "refs/heads/MAIN": exact, "refs/heads/mast": wild, "refs/tags/main": tag} {
			if got := h.rules(t, r).For(ref); got == nil || got.ID != want.ID {
				t.Errorf("%s: %+v, want %+v", ref, got, want)
			}
		}
		for _, ref := range []string{"refs/heads/x", "refs/heads/x/main", "refs/notes/main", "main", "refs/heads/m/x"} {
			if got := h.rules(t, r).For(ref); got != nil {
				t.Errorf("%s: %+v", ref, got)
			}
		}
		if len(h.rules(t, other).All()) != 0 {
			t.Error("another repository has the rules as well")
		}

		_, err := h.CreateRule(t.Context(), me, r.ID, repo.Rule{Pattern: "m*"})
		refused(t, err, problem.Invalid, "pattern", "There is a rule for this pattern already.")
		_, err = h.CreateRule(t.Context(), me, r.ID, repo.Rule{Pattern: "x", Push: 9})
		refused(t, err, problem.Invalid, "push", "")
		_, err = h.CreateRule(t.Context(), me, r.ID, repo.Rule{Pattern: "x", Kind: 9})
		refused(t, err, problem.Invalid, "kind", "")
		_, err = h.CreateRule(t.Context(), me, r.ID, repo.Rule{Pattern: "x", Push: repo.ListedPush, Accounts: []repo.Listed{{Account: h.other}}})
		refused(t, err, problem.Invalid, "accounts", "")
		_, err = h.RuleByID(t.Context(), h.d, other.ID, wild.ID)
		refused(t, err, problem.NotFound, "", "")
		refused(t, h.UpdateRule(t.Context(), me, other.ID, wild), problem.NotFound, "", "")
		refused(t, h.DeleteRule(t.Context(), me, other.ID, wild.ID), problem.NotFound, "", "")

		// Who is listed, and what becomes of the list.
		if err := h.SetCollaborator(t.Context(), me, r.ID, h.other, right.Write); err != nil {
			t.Fatal(err)
		}
		wild.Push, wild.Accounts, wild.Pattern = repo.ListedPush, []repo.Listed{{Account: h.other}, {Account: h.owner}, {Account: h.other}}, "M*"
		if err := h.UpdateRule(t.Context(), me, r.ID, wild); err != nil {
			t.Fatal(err)
		}
		got := h.rules(t, r).For("refs/heads/mx")
		if len(got.Accounts) != 2 || !got.MayPush(h.other, right.Write) || !got.AllowForce {
			t.Errorf("after the update: %+v", got)
		}
		if err := h.RemoveCollaborator(t.Context(), me, r.ID, h.other); err != nil {
			t.Fatal(err)
		}
		if got := h.rules(t, r).For("refs/heads/mx"); len(got.Accounts) != 1 || got.MayPush(h.other, right.Write) {
			t.Errorf("after the access ended: %+v", got)
		}

		// The repository's own account, and no other's.
		wild.Accounts, wild.Itself = nil, true
		if err := h.UpdateRule(t.Context(), me, r.ID, wild); err != nil {
			t.Fatal(err)
		}
		machine := func(r repo.Repo) (a id.Account) {
			t.Helper()
			if err := h.d.Write(t.Context(), func(tx *db.Tx) (err error) { a, err = h.MachineTx(t.Context(), tx, me, r.ID); return err }); err != nil {
				t.Fatal(err)
			}
			return a
		}
		got = h.rules(t, r).For("refs/heads/mx")
		if len(got.Accounts) != 0 || !got.Itself || !got.MayPush(machine(r), right.Write) || got.MayPush(machine(other), right.Write) || got.MayPush(h.owner, right.Write) || got.MayPush(0, right.Write) {
			t.Errorf("with the repository itself: %+v", got)
		}
		wild.Push = repo.AdminsPush
		if err := h.UpdateRule(t.Context(), me, r.ID, wild); err != nil {
			t.Fatal(err)
		}
		if got = h.rules(t, r).For("refs/heads/mx"); got.Itself || got.MayPush(machine(r), right.Write) {
			t.Errorf("with administrators alone: %+v", got)
		}

		if err := h.SetForceBlock(t.Context(), me, r.ID, repo.BlockAll); err != nil {
			t.Fatal(err)
		}
		refused(t, h.SetForceBlock(t.Context(), me, r.ID, 9), problem.Invalid, "block_force", "")
		if err := h.DeleteRule(t.Context(), me, r.ID, exact.ID); err != nil {
			t.Fatal(err)
		}
		if got := h.rules(t, r).For("refs/heads/main"); got == nil || got.Pattern != "M*" {
			t.Errorf("after the deletion: %+v", got)
		}
		actions := h.actions(t, h.owner)
		for _, want := range []string{"protected_branch.create", "protected_branch.update", "protected_branch.destroy", "protected_tag.create", "repo.block_force_push"} {
			if !slices.Contains(actions, want) {
				t.Errorf("the log has no %s: %q", want, actions)
			}
		}
		for i := range 97 {
			add(repo.Rule{Pattern: fmt.Sprintf("more-%d", i)})
		}
		_, err = h.CreateRule(t.Context(), me, r.ID, repo.Rule{Pattern: "one-too-many"})
		refused(t, err, problem.Invalid, "pattern", "")

		// With the repository all of it goes.
		err = h.d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Delete(t.Context(), tx, me, r.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var left int
		if err := h.d.QueryRow(t.Context(), `SELECT COUNT(*) FROM ref_rules WHERE repo_id = $1`, r.ID).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d rules are left, %v", left, err)
		}
	})
}

func TestMayPush(t *testing.T) {
	t.Parallel()
	const me, listed = 1, 2
	for _, c := range []struct {
		push             repo.Pushers
		includeAdmins    bool
		level            right.Level
		meMay, listedMay bool
	}{
		{repo.WritersPush, false, right.Write, true, true},
		{repo.WritersPush, true, right.Admin, true, true},
		{repo.AdminsPush, false, right.Write, false, false},
		{repo.AdminsPush, true, right.Admin, true, true},
		{repo.ListedPush, false, right.Write, false, true},
		{repo.ListedPush, false, right.Admin, true, true},
		{repo.ListedPush, true, right.Admin, false, true},
		{repo.Pushers(7), true, right.Admin, false, false},
	} {
		r := repo.Rule{Push: c.push, IncludeAdmins: c.includeAdmins, Accounts: []repo.Listed{{Account: listed}}}
		if a, b := r.MayPush(me, c.level), r.MayPush(listed, c.level); a != c.meMay || b != c.listedMay {
			t.Errorf("%+v: %v %v", c, a, b)
		}
	}
}

func TestSpace(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "app"})
		more := h.create(t, repo.NewRepo{Owner: h.owner, Name: "more"})
		left := func(want int64, unlimited bool) {
			t.Helper()
			got, un, err := h.Left(t.Context(), h.d, r.ID)
			if err != nil || un != unlimited || !unlimited && got != want {
				t.Errorf("left %d %v %v, want %d %v", got, un, err, want, unlimited)
			}
		}
		write := func(f func(tx *db.Tx) error) {
			t.Helper()
			if err := h.d.Write(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		left(0, true)
		write(func(tx *db.Tx) error { return h.SetSize(t.Context(), tx, r.ID, 100) })
		write(func(tx *db.Tx) error { return h.AddLFSBytes(t.Context(), tx, more.ID, 10_000) })
		if err := h.SetQuota(t.Context(), right.Operator(), r.ID, 200<<10); err != nil {
			t.Fatal(err)
		}
		left(100<<10, false)
		if err := h.accounts.SetQuota(t.Context(), right.Operator(), h.owner, 110<<10); err != nil {
			t.Fatal(err)
		}
		left(10<<10-10_000, false)
		write(func(tx *db.Tx) error { return h.AddLFSBytes(t.Context(), tx, more.ID, -20_000) })
		left(10<<10, false)
		write(func(tx *db.Tx) error { return h.AddLFSBytes(t.Context(), tx, r.ID, 50_000) })
		left(0, false)
		now, err := h.ByID(t.Context(), h.d, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		space, err := h.Space(t.Context(), h.d, &now)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, space.Refuse(0), problem.TooLarge, "", "The owner's storage is full: 148.83 KiB of 110.00 KiB are used.")
		for _, quota := range []int64{repo.NoQuota, repo.SiteQuota} {
			if err := h.SetQuota(t.Context(), right.Operator(), r.ID, quota); err != nil {
				t.Fatal(err)
			}
			if err := h.accounts.SetQuota(t.Context(), right.Operator(), h.owner, quota); err != nil {
				t.Fatal(err)
			}
			left(0, true)
		}
		refused(t, h.SetQuota(t.Context(), right.Operator(), r.ID, -2), problem.Invalid, "quota", "")
		if u, err := h.Usage(t.Context(), h.d, h.owner); err != nil || u.Size != 100+50_000/1024 {
			t.Errorf("usage %+v %v", u, err)
		}
	})
}
