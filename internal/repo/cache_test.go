package repo_test

import (
	"testing"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// TestFindCached: what is remembered ends with the change that makes it untrue,
// for what is there as for what is not.
func TestFindCached(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if err := h.bus.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.bus.Close)
		find := func(owner, name string, viewer right.Actor, wantCached bool) (repo.Found, error) {
			t.Helper()
			f, cached, err := h.FindCached(t.Context(), h.d, owner, name, viewer.Account, repo.Exact)
			if cached != wantCached {
				t.Errorf("%s/%s: cached %v", owner, name, cached)
			}
			return f, err
		}
		nobody, other := right.Anonymous(), person(h.other)
		for _, cached := range []bool{false, true} {
			if _, err := find("owner1", "engine", nobody, cached); !problem.Is(err, problem.NotFound) {
				t.Errorf("before it is made: %v", err)
			}
		}
		r := h.create(t, repo.NewRepo{Owner: h.owner, Name: "engine", Private: true})
		for _, cached := range []bool{false, true} {
			if f, err := find("owner1", "engine", other, cached); err != nil || f.ID != r.ID || f.Relation != right.None {
				t.Errorf("made: %+v, %v", f, err)
			}
		}
		if err := h.SetCollaborator(t.Context(), person(h.owner), r.ID, h.other, right.Write); err != nil {
			t.Fatal(err)
		}
		if f, err := find("owner1", "engine", other, false); err != nil || f.Relation != right.Write {
			t.Errorf("shared: %+v, %v", f, err)
		}
		if _, err := h.accounts.Rename(t.Context(), right.Operator(), h.owner, "owner2"); err != nil {
			t.Fatal(err)
		}
		if f, err := find("owner1", "engine", other, false); err != nil || !f.Renamed || f.OwnerLogin != "owner2" {
			t.Errorf("the owner renamed: %+v, %v", f, err)
		}
		if f, err := find("owner2", "engine", other, false); err != nil || f.Renamed {
			t.Errorf("under the new name: %+v, %v", f, err)
		}
		if _, err := h.Rename(t.Context(), person(h.owner), r.ID, "motor"); err != nil {
			t.Fatal(err)
		}
		if f, err := find("owner2", "engine", other, false); err != nil || !f.Renamed || f.Name != "motor" {
			t.Errorf("renamed: %+v, %v", f, err)
		}
		pushed(t, h, r.ID)
	})
}

// pushed: a push makes the times older than they are, and nothing else.
func pushed(t *testing.T, h *house, r id.Repo) {
	t.Helper()
	find := func(how repo.Exactness, wantCached bool) time.Time {
		t.Helper()
		f, cached, err := h.FindCached(t.Context(), h.d, "owner2", "motor", h.other, how)
		if err != nil || cached != wantCached || f.Relation != right.Write {
			t.Errorf("%+v, cached %v, %v", f, cached, err)
		}
		return f.PushedAt
	}
	push := func(at time.Time, branch string) {
		t.Helper()
		if err := h.d.Write(t.Context(), func(tx *db.Tx) error { return h.Pushed(t.Context(), tx, r, at, branch) }); err != nil {
			t.Fatal(err)
		}
	}
	find(repo.Exact, false)
	first := time.Now().UTC().Truncate(time.Microsecond)
	push(first, "")
	find(repo.OldTimes, true)
	if at := find(repo.Exact, false); !at.Equal(first) {
		t.Errorf("pushed at %v, and it says %v", first, at)
	}
	find(repo.OldTimes, true)
	push(first.Add(time.Second), "trunk") // another default branch is a change
	find(repo.OldTimes, false)
}
