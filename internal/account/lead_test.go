package account_test

import (
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/problem"
)

// TestLeadHere: a login from elsewhere leads to an account for as long as one that it
// gave up here, takes nobody's, and there are not more of them than of those.
func TestLeadHere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		ctx := t.Context()
		a, b := h.create(t, "ada"), h.create(t, "bob")
		for _, login := range []string{"", "settings", ".", "..", ".a", "a/b", "a b", "ä", "a:b", strings.Repeat("a", 41), "BOB", "ada"} {
			wantProblem(t, h.LeadHere(ctx, login, a.ID), problem.Invalid, "login")
		}
		for _, login := range []string{"ada.l", "Ada_L", "ada--l", strings.Repeat("a", 40), "countess"} {
			if err := h.LeadHere(ctx, login, a.ID); err != nil {
				t.Fatalf("%s: %v", login, err)
			}
			if got, renamed, err := h.Resolve(ctx, d, login); err != nil || !renamed || got.ID != a.ID {
				t.Errorf("Resolve(%s) = %+v, %v, %v", login, got, renamed, err)
			}
			wantProblem(t, h.LeadHere(ctx, login, b.ID), problem.Invalid, "login")
		}
		wantProblem(t, h.LeadHere(ctx, "sixth", a.ID), problem.Invalid, "login")
		h.clock.add(account.HoldLogin)
		if _, _, err := h.Resolve(ctx, d, "ada.l"); !problem.Is(err, problem.NotFound) {
			t.Errorf("an old login leads somewhere after its time: %v", err)
		}
	})
}
