package repo_test

import (
	"testing"

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
			f, cached, err := h.FindCached(t.Context(), h.d, owner, name, viewer.Account)
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
	})
}
