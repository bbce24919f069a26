package lifecycle_test

import (
	"testing"

	"jeton/internal/gitstore"
	"jeton/internal/problem"
	"jeton/internal/repo"
)

func TestForkRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		origin, err := h.CreateRepo(t.Context(), person(h.owner), repo.NewRepo{Owner: h.owner, Name: "a", Private: true, Format: "sha256", DefaultBranch: "trunk"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.ForkRepo(t.Context(), person(h.other), origin, repo.NewRepo{Owner: h.other, Name: "a"}, gitstore.Fork{}, nil)
		isKind(t, err, problem.Invalid)
		_, err = h.ForkRepo(t.Context(), person(h.other), origin, repo.NewRepo{Owner: h.owner, Name: "b", Private: true}, gitstore.Fork{}, nil)
		isKind(t, err, problem.Forbidden)
		fork, err := h.ForkRepo(t.Context(), person(h.other), origin, repo.NewRepo{Owner: h.other, Name: "a", Private: true}, gitstore.Fork{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if fork.ForkOf != origin.ID || fork.Format != "sha256" || fork.DefaultBranch != "trunk" || !fork.Private {
			t.Errorf("got %+v", fork)
		}
		if got, err := h.ForkedFrom(t.Context(), fork, h.other); err != nil || got.ID != origin.ID || got.Relation != 0 {
			t.Errorf("forked from %+v, %v", got, err)
		}
		_, err = h.ForkRepo(t.Context(), person(h.other), origin, repo.NewRepo{Owner: h.other, Name: "a", Private: true}, gitstore.Fork{}, nil)
		isKind(t, err, problem.Invalid)

		// One that became private while the page was open stays so.
		seen := origin
		seen.Private = false
		_, err = h.ForkRepo(t.Context(), person(h.other), seen, repo.NewRepo{Owner: h.other, Name: "c"}, gitstore.Fork{}, nil)
		isKind(t, err, problem.Invalid)
		if got := h.onDisk(t); len(got) != 2 {
			t.Errorf("on disk: %v", got)
		}

		if err := h.DeleteRepo(t.Context(), person(h.owner), origin.ID); err != nil {
			t.Fatal(err)
		}
		h.settle(t)
		fork, err = h.repos.ByID(t.Context(), h.d, fork.ID)
		if err != nil || fork.ForkOf != 0 {
			t.Errorf("after the origin was deleted: %+v, %v", fork, err)
		}
		_, err = h.ForkRepo(t.Context(), person(h.other), origin, repo.NewRepo{Owner: h.other, Name: "d", Private: true}, gitstore.Fork{}, nil)
		isKind(t, err, problem.NotFound)
	})
}

func TestMaintainRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, h.owner, "a")
		u, err := h.MaintainRepo(t.Context(), r.ID, gitstore.Maintain{})
		if err != nil || u.At.IsZero() {
			t.Errorf("%+v, %v", u, err)
		}
		if got, err := h.repos.ByID(t.Context(), h.d, r.ID); err != nil || got.Size != u.Size>>10 {
			t.Errorf("size %d KiB, want %d, %v", got.Size, u.Size>>10, err)
		}
	})
}
