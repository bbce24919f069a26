package repo_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "A-b_c.d", ".github", "-", "_", "...", "a.git.b", "git", "wiki", strings.Repeat("a", 100)} {
		if err := repo.CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "a b", "a/b", `a\b`, "ä", "a\x00", "a\n", "%2e", "a.git", "a.GIT", ".git", "a.wiki", "a.Wiki",
		"\u212Aelvin", strings.Repeat("a", 101),
	} {
		refused(t, repo.CheckName(bad), problem.Invalid, "name", "")
	}
}

func TestCheckBranch(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"main", "a/b", "größe", "a@b", "v1.0", "a-b"} {
		if err := repo.CheckBranch(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "-a", "a..b", "a b", "a~", "a^", "a:b", "a?", "a*", "a[", `a\b`, "/a", "a/", "a//b", ".a", "a/.b",
		"a.lock", "a.lock/b", "a.", "@", "a@{b", "HEAD", "a\x7f", "a\x00", "\xff", strings.Repeat("a", 300),
	} {
		refused(t, repo.CheckBranch(bad), problem.Invalid, "default_branch", "")
	}
}

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "Demo", Description: "what it is", Private: true})
		f := h.finds(t, "owner1", "demo", r.ID, false)
		if f.Repo != r {
			t.Errorf("found %+v, created %+v", f.Repo, r)
		}
		if r.FullName() != "owner1/Demo" || r.DefaultBranch != "main" || r.Format != "sha1" || !r.Private || r.Archived ||
			!r.CreatedAt.Equal(h.now) || !r.PushedAt.IsZero() {
			t.Errorf("created %+v", r)
		}
		for _, n := range []string{"Demo", "demo", "DEMO"} {
			_, err := h.tryCreate(t, repo.NewRepo{Owner: h.owner, Name: n})
			refused(t, err, problem.Invalid, "name", "name already exists on this account")
		}
		if err := h.CheckNew(t.Context(), h.d, &repo.NewRepo{Owner: h.owner, Name: "dEmo"}); err == nil {
			t.Error("a name in use is free beforehand")
		}
		h.create(t, repo.NewRepo{Owner: h.other, Name: "demo"})
		_, err := h.tryCreate(t, repo.NewRepo{Owner: h.owner, Name: "x", Format: "md5"})
		refused(t, err, problem.Invalid, "object_format", "")
		_, err = h.tryCreate(t, repo.NewRepo{Owner: h.owner, Name: "x", Description: "a\x1b[0m"})
		refused(t, err, problem.Invalid, "description", "description control characters are not allowed")
		_, err = h.tryCreate(t, repo.NewRepo{Owner: h.owner, Name: "x", Description: strings.Repeat("ä", 351)})
		refused(t, err, problem.Invalid, "description", "")
		_, err = h.tryCreate(t, repo.NewRepo{Owner: 9999, Name: "x"})
		refused(t, err, problem.NotFound, "", "")
		if got := h.actions(t, h.owner); !slices.Equal(got, []string{"repo.create"}) {
			t.Errorf("the log has %q", got)
		}
	})
}

// TestCreate_together lets many take one name at the same moment: one gets it.
func TestCreate_together(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var wg sync.WaitGroup
		won := make(chan id.Repo, 8)
		for range 8 {
			wg.Go(func() {
				r, err := h.tryCreate(t, repo.NewRepo{Owner: h.owner, Name: "one"})
				if err == nil {
					won <- r.ID
				} else {
					refused(t, err, problem.Invalid, "name", "name already exists on this account")
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of 8 got the name", len(won))
		}
		h.finds(t, "owner1", "one", <-won, false)
	})
}

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "Demo.js", Private: true})
		for _, name := range []string{"Demo.js", "demo.JS", "demo.js.git", "DEMO.JS.GIT"} {
			h.finds(t, "OWNER1", name, r.ID, false)
		}
		for _, name := range []string{"", "demo", "demo.js.git.git", "demo.js/", "..", "a\x00b", "\xff", strings.Repeat("a", 5000), "demo%2ejs"} {
			h.finds(t, "owner1", name, 0, false)
		}
		for _, owner := range []string{"", "nobody", "own\x00er", "\xff", strings.Repeat("o", 5000), "owner1%"} {
			h.finds(t, owner, "demo.js", 0, false)
		}
		if err := h.SetCollaborator(t.Context(), person(h.owner), r.ID, h.other, right.Write); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[id.Account]right.Level{0: right.None, h.owner: right.Admin, h.other: right.Write, h.third: right.None} {
			f, err := h.Find(t.Context(), h.d, "owner1", "demo.js", who)
			if err != nil || f.Relation != want {
				t.Errorf("account %d: relation %v, %v; want %v", who, f.Relation, err, want)
			}
			if f, err = h.FindByID(t.Context(), h.d, r.ID, who); err != nil || f.Relation != want {
				t.Errorf("account %d by number: relation %v, %v; want %v", who, f.Relation, err, want)
			}
		}
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "first"})
		taken := h.create(t, repo.NewRepo{Owner: h.owner, Name: "taken"})
		_, err := h.Rename(t.Context(), person(h.owner), r.ID, "TAKEN")
		refused(t, err, problem.Invalid, "name", "name already exists on this account")
		_, err = h.Rename(t.Context(), person(h.owner), r.ID, "a.git")
		refused(t, err, problem.Invalid, "name", "")
		_, err = h.Rename(t.Context(), person(h.owner), 9999, "a")
		refused(t, err, problem.NotFound, "", "")

		for _, name := range []string{"FIRST", "second", "third"} {
			got, err := h.Rename(t.Context(), person(h.owner), r.ID, name)
			if err != nil || got.Name != name {
				t.Fatalf("rename to %s: %+v, %v", name, got, err)
			}
		}
		h.finds(t, "owner1", "first", r.ID, true)
		h.finds(t, "owner1", "second.git", r.ID, true)
		if f := h.finds(t, "owner1", "third", r.ID, false); f.FullName() != "owner1/third" {
			t.Errorf("it is called %s", f.FullName())
		}

		// A new repository of an old name takes it at once, for good.
		second := h.create(t, repo.NewRepo{Owner: h.owner, Name: "Second"})
		h.finds(t, "owner1", "second", second.ID, false)
		if _, err := h.Rename(t.Context(), person(h.owner), second.ID, "fourth"); err != nil {
			t.Fatal(err)
		}
		h.finds(t, "owner1", "second", second.ID, true)

		// Back to an old name: it leads nowhere else any more.
		if _, err := h.Rename(t.Context(), person(h.owner), r.ID, "first"); err != nil {
			t.Fatal(err)
		}
		h.finds(t, "owner1", "first", r.ID, false)
		h.finds(t, "owner1", "third", r.ID, true)

		h.now = h.now.Add(repo.RedirectFor)
		h.finds(t, "owner1", "third", 0, false)
		h.finds(t, "owner1", "taken", taken.ID, false)
	})
}

func TestFind_renamedOwner(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "first"})
		if _, err := h.Rename(t.Context(), person(h.owner), r.ID, "second"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.accounts.Rename(t.Context(), person(h.owner), h.owner, "owner2"); err != nil {
			t.Fatal(err)
		}
		h.finds(t, "owner1", "second", r.ID, true)
		h.finds(t, "owner1", "first", r.ID, true)
		h.finds(t, "owner2", "first", r.ID, true)
		h.finds(t, "owner2", "second", r.ID, false)
		f, err := h.Find(t.Context(), h.d, "owner1", "first", h.owner)
		if err != nil || f.Relation != right.Admin || f.FullName() != "owner2/second" {
			t.Errorf("the owner finds %s with %v, %v", f.FullName(), f.Relation, err)
		}
		h.now = h.now.Add(91 * 24 * time.Hour)
		h.finds(t, "owner1", "second", 0, false)
		h.finds(t, "owner1", "first", 0, false)
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "a", Private: true})
		h.now, h.changed = h.now.Add(time.Minute), nil
		got, err := h.Update(t.Context(), person(h.owner), r.ID, repo.Patch{
			Name: ptr("b"), Description: ptr("d"), Private: ptr(false), Archived: ptr(true), DefaultBranch: ptr("trunk")})
		want := r
		want.Name, want.Description, want.Private, want.Archived, want.DefaultBranch, want.UpdatedAt = "b", "d", false, true, "trunk", h.now
		if err != nil || got != want {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
		}
		if read, err := h.ByID(t.Context(), h.d, r.ID); err != nil || read != want {
			t.Errorf("read %+v, %v\nwant %+v", read, err, want)
		}
		if !slices.Equal(h.changed, []int64{int64(r.ID)}) {
			t.Errorf("told of changes of %v", h.changed)
		}

		// One bad field, and nothing changes.
		_, err = h.Update(t.Context(), person(h.owner), r.ID, repo.Patch{Private: ptr(true), DefaultBranch: ptr("a..b")})
		refused(t, err, problem.Invalid, "default_branch", "")
		// The same values are no change.
		h.now = h.now.Add(time.Minute)
		if _, err = h.Update(t.Context(), person(h.owner), r.ID, repo.Patch{Private: ptr(false), Description: ptr("d")}); err != nil {
			t.Error(err)
		}
		if read, _ := h.ByID(t.Context(), h.d, r.ID); read != want {
			t.Errorf("read %+v\nwant %+v", read, want)
		}
		if _, err := h.SetArchived(t.Context(), person(h.owner), r.ID, false); err != nil {
			t.Error(err)
		}
		if _, err := h.SetVisibility(t.Context(), person(h.owner), r.ID, true); err != nil {
			t.Error(err)
		}
		if _, err := h.SetDefaultBranch(t.Context(), person(h.owner), r.ID, "main"); err != nil {
			t.Error(err)
		}
		log := []string{"repo.create", "repo.rename", "repo.access", "repo.archived", "repo.unarchived", "repo.access"}
		if got := h.actions(t, h.owner); !slices.Equal(got, log) {
			t.Errorf("the log has %q, want %q", got, log)
		}
	})
}

func TestPushed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "a"})
		push := func(n id.Repo, at time.Time, branch string) error {
			return h.d.Write(t.Context(), func(tx *db.Tx) error { return h.Pushed(t.Context(), tx, n, at, branch) })
		}
		later := h.now.Add(time.Hour)
		if err := push(r.ID, later, "trunk"); err != nil {
			t.Fatal(err)
		}
		if err := push(r.ID, later.Add(-time.Minute), ""); err != nil {
			t.Fatal(err)
		}
		if got, _ := h.ByID(t.Context(), h.d, r.ID); !got.PushedAt.Equal(later) || !got.UpdatedAt.Equal(later) || got.DefaultBranch != "trunk" {
			t.Errorf("got %+v", got)
		}
		refused(t, push(9999, later, ""), problem.NotFound, "", "")
		refused(t, push(r.ID, later, "a..b"), problem.Invalid, "default_branch", "")
		err := h.d.Write(t.Context(), func(tx *db.Tx) error { return h.SetSize(t.Context(), tx, r.ID, 42) })
		if got, _ := h.ByID(t.Context(), h.d, r.ID); err != nil || got.Size != 42 {
			t.Errorf("size %d, %v", got.Size, err)
		}
	})
}

func TestTransfer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "a", Private: true})
		for who, level := range map[id.Account]right.Level{h.other: right.Write, h.third: right.Read} {
			if err := h.SetCollaborator(t.Context(), person(h.owner), r.ID, who, level); err != nil {
				t.Fatal(err)
			}
		}
		blocker := h.create(t, repo.NewRepo{Owner: h.other, Name: "A"})
		_, err := h.transfer(t, r.ID, h.other, right.Write)
		refused(t, err, problem.Invalid, "new_owner", "name already exists on this account")
		_, err = h.transfer(t, r.ID, h.owner, right.Write)
		refused(t, err, problem.Invalid, "new_owner", "")
		_, err = h.transfer(t, r.ID, 9999, right.Write)
		refused(t, err, problem.Invalid, "new_owner", "")
		h.finds(t, "owner1", "a", r.ID, false)
		if _, err := h.Rename(t.Context(), person(h.other), blocker.ID, "b"); err != nil {
			t.Fatal(err)
		}

		got, err := h.transfer(t, r.ID, h.other, right.Write)
		if err != nil || got.FullName() != "other1/a" {
			t.Fatalf("got %+v, %v", got, err)
		}
		h.finds(t, "other1", "a", r.ID, false)
		h.finds(t, "owner1", "a", r.ID, true)
		for who, want := range map[id.Account]right.Level{h.owner: right.Write, h.other: right.Admin, h.third: right.Read} {
			if f, err := h.FindByID(t.Context(), h.d, r.ID, who); err != nil || f.Relation != want {
				t.Errorf("account %d: relation %v, %v; want %v", who, f.Relation, err, want)
			}
		}
		people, err := h.Collaborators(t.Context(), h.d, r.ID)
		if err != nil || len(people) != 2 {
			t.Errorf("collaborators %+v, %v", people, err)
		}
		for _, of := range []id.Account{h.owner, h.other} {
			if got := h.actions(t, of); !slices.Contains(got, "repo.transfer") {
				t.Errorf("the log of %d has %q", of, got)
			}
		}
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "a"})
		if _, err := h.Rename(t.Context(), person(h.owner), r.ID, "b"); err != nil {
			t.Fatal(err)
		}
		if err := h.SetCollaborator(t.Context(), person(h.owner), r.ID, h.other, right.Write); err != nil {
			t.Fatal(err)
		}
		del := func() error {
			return h.d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := h.Room.Delete(t.Context(), tx, person(h.owner), r.ID)
				return err
			})
		}
		if err := del(); err != nil {
			t.Fatal(err)
		}
		refused(t, del(), problem.NotFound, "", "")
		h.finds(t, "owner1", "a", 0, false)
		h.finds(t, "owner1", "b", 0, false)
		if left, err := h.Leftovers(t.Context(), h.d, h.now); err != nil || !slices.Equal(left, []id.Repo{r.ID}) {
			t.Errorf("left over: %v, %v", left, err)
		}
		if err := h.Settle(t.Context(), r.ID); err != nil {
			t.Error(err)
		}
		if left, _ := h.Leftovers(t.Context(), h.d, h.now); len(left) != 0 {
			t.Errorf("left over after all: %v", left)
		}
		if again := h.create(t, repo.NewRepo{Owner: h.owner, Name: "b"}); again.ID == r.ID {
			t.Error("a number was given out twice")
		}
	})
}

func TestDraw(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n, err := h.Draw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if left, _ := h.Leftovers(t.Context(), h.d, h.now); len(left) != 0 {
			t.Errorf("left over while it is made: %v", left)
		}
		if left, _ := h.Leftovers(t.Context(), h.d, h.now.Add(time.Second)); !slices.Equal(left, []id.Repo{n}) {
			t.Errorf("left over later: %v", left)
		}
		if r := h.create(t, repo.NewRepo{ID: n, Owner: h.owner, Name: "a"}); r.ID != n {
			t.Errorf("got %d, want %d", r.ID, n)
		}
		if left, _ := h.Leftovers(t.Context(), h.d, h.now.Add(time.Hour)); len(left) != 0 {
			t.Errorf("left over when it is made: %v", left)
		}
		_, err = h.tryCreate(t, repo.NewRepo{ID: n, Owner: h.owner, Name: "b"})
		refused(t, err, problem.Unavailable, "", "")
	})
}

func TestCollaborators(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "a", Private: true})
		set := func(who id.Account, level right.Level) error {
			return h.SetCollaborator(t.Context(), person(h.owner), r.ID, who, level)
		}
		refused(t, set(h.owner, right.Read), problem.Invalid, "username", "Repository owner cannot be a collaborator")
		refused(t, set(h.other, right.None), problem.Invalid, "permission", "")
		refused(t, set(h.other, right.Admin+1), problem.Invalid, "permission", "")
		refused(t, set(9999, right.Read), problem.NotFound, "", "")
		for _, level := range []right.Level{right.Read, right.Read, right.Admin} {
			if err := set(h.other, level); err != nil {
				t.Fatal(err)
			}
		}
		if err := set(h.third, right.Write); err != nil {
			t.Fatal(err)
		}
		people, err := h.Collaborators(t.Context(), h.d, r.ID)
		if err != nil || len(people) != 2 || people[0].Login != "other1" || people[0].Level != right.Admin || people[1].Login != "third1" {
			t.Errorf("collaborators %+v, %v", people, err)
		}
		if err := h.Leave(t.Context(), person(h.third), r.ID); err != nil {
			t.Error(err)
		}
		refused(t, h.Leave(t.Context(), person(h.third), r.ID), problem.NotFound, "", "")
		refused(t, h.Leave(t.Context(), person(h.owner), r.ID), problem.Conflict, "", "")
		err = h.d.Write(t.Context(), func(tx *db.Tx) error { return h.LeaveAllTx(t.Context(), tx, right.Operator(), h.other) })
		if people, _ := h.Collaborators(t.Context(), h.d, r.ID); err != nil || len(people) != 0 {
			t.Errorf("collaborators %+v, %v", people, err)
		}
		log := []string{"repo.create", "repo.add_member", "repo.update_member", "repo.add_member", "repo.remove_member", "repo.remove_member"}
		if got := h.actions(t, h.owner); !slices.Equal(got, log) {
			t.Errorf("the log has %q, want %q", got, log)
		}
	})
}
