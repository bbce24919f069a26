package right_test

import (
	"testing"
	"time"

	"jeton/internal/right"
)

// TestTouching: a scope touches what is another's if, and only if, there is
// something about a repository, an organisation or a team that a token has by it
// and would not have without scopes.
func TestTouching(t *testing.T) {
	t.Parallel()
	for _, s := range right.Scopes() {
		set, err := right.ParseScopes([]string{string(s.Name)})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := set.Touching() != 0, gives(set); got != want {
			t.Errorf("%s touches what is another's: %v, want %v", s.Name, got, want)
		}
	}
	mixed, _ := right.ParseScopes([]string{"public_repo", "workflow", "admin:gpg_key", "user"})
	if got := mixed.Touching().String(); got != "public_repo, workflow" {
		t.Errorf("of %s there touch %s", mixed, got)
	}
}

func gives(set right.ScopeSet) bool {
	for _, a := range right.Actions() {
		if a == right.RepoWorkflow { // it is asked beside RepoPush
			continue
		}
		switch a.Info().Subject {
		case right.OfRepo, right.OfOrg, right.OfTeam:
		default:
			continue
		}
		for _, public := range []bool{true, false} {
			f := right.Facts{Exists: true, Public: public, Relation: right.Admin, Creates: true}
			with := right.Actor{Account: 1, Kind: right.ClassicToken, Token: 1, Scopes: set, Grant: set.Grant()}
			without := right.Actor{Account: 1, Kind: right.ClassicToken, Token: 1, Grant: right.PublicRead()}
			if right.Check(&with, a, f, time.Now()).Allow && !right.Check(&without, a, f, time.Now()).Allow {
				return true
			}
		}
	}
	return false
}
