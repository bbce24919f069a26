package inventory_test

import (
	"slices"
	"sync"
	"testing"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/id"
	"jeton/internal/inventory"
	"jeton/internal/right"
	"jeton/internal/token"
)

// TestEnd: two organizations shut the same token out at once, one lets it in again, and
// what was narrowed from it goes the same way; then it ends once, whoever else ends it.
func TestEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, 1, inventory.Options{})
		first := w.org
		w.join(t, w.people[0].ID)
		second := w.account(t, "league", "org")
		w.exec(t, `INSERT INTO orgs (account_id, contact, base_level, create_public, create_private, changed_at) VALUES ($1, '', 1, TRUE, TRUE, 0)`, second.ID)
		w.org = inventory.View{Org: second.ID, Login: second.Login}
		w.join(t, w.people[0].ID)
		scopes, _ := right.ParseScopes([]string{"repo"})
		root, _, err := w.tokens.Create(t.Context(), right.Operator(), w.people[0].ID, token.NewToken{Note: "n", Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		child, _, err := w.tokens.Create(t.Context(), right.Operator(), w.people[0].ID, token.NewToken{Note: "narrowed", Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		w.exec(t, `UPDATE tokens SET parent_id = $1 WHERE id = $2`, root.ID, child.ID)
		barred := func() (out [2][]id.Account) {
			all, err := w.tokens.ByIDs(t.Context(), d, []id.Token{root.ID, child.ID})
			if err != nil {
				t.Fatal(err)
			}
			return [2][]id.Account{all[root.ID].Barred, all[child.ID].Barred}
		}
		both := []id.Account{first.Org, second.ID}
		slices.Sort(both)
		var wg sync.WaitGroup
		for _, v := range []inventory.View{first, w.org, first, w.org} {
			wg.Go(func() {
				if _, err := w.End(t.Context(), right.Operator(), v, inventory.Filter{}, []id.Token{root.ID}, "why"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := barred(); !slices.Equal(got[0], both) || !slices.Equal(got[1], both) {
			t.Errorf("shut out by %v, want %v", got, both)
		}
		if done, err := w.LetIn(t.Context(), right.Operator(), first, []id.Token{root.ID}, "why"); err != nil || done.LetIn != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		if got, want := barred(), both[1:]; !slices.Equal(got[0], []id.Account{second.ID}) || !slices.Equal(got[1], []id.Account{second.ID}) {
			t.Errorf("shut out by %v, want %v", got, want)
		}
		if done, err := w.LetIn(t.Context(), right.Operator(), first, []id.Token{root.ID}, "why"); err != nil || done.Gone != 1 {
			t.Errorf("let in twice: %+v, %v", done, err)
		}
		var mu sync.Mutex
		ended := 0
		for range 4 {
			wg.Go(func() {
				done, err := w.End(t.Context(), right.Operator(), inventory.Site(), inventory.Filter{}, []id.Token{root.ID, child.ID}, "why")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				ended += done.Ended
				mu.Unlock()
			})
		}
		wg.Wait()
		if ended < 1 || ended > 2 { // the second may have ended with the first
			t.Errorf("%d ended, of two", ended)
		}
	})
}
