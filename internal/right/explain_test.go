package right_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/id"
	"jeton/internal/right"
)

// askedLimits are limits that a decision asks about.
func askedLimits(t *rapid.T) *right.Limits {
	var all []right.Limit
	for _, one := range []right.Limit{
		{Name: right.LimitRead},
		{Name: right.LimitRefs, Values: []string{"refs/heads/main"}},
		{Name: right.LimitForward},
		{Name: right.LimitRepos, Values: []string{"ada/one", "bob/two"}},
		{Name: right.LimitPermissions, Values: []string{"contents=write", "metadata=read"}},
		{Name: right.LimitPermissions, Values: []string{"contents=read", "repository_hooks=write"}},
	} {
		if rapid.Bool().Draw(t, one.String()) {
			all = append(all, one)
		}
	}
	l, err := right.NewLimits(all)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExplain: the parts say what the decision says, and for the same reason.
func TestExplain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		actor, facts := anyActor(t, "actor"), anyFacts(t)
		if actor.IsToken() {
			actor.Grant.Limits = askedLimits(t)
			actor.Filtered = rapid.Bool().Draw(t, "filtered")
			if actor = governed(t, actor); rapid.Bool().Draw(t, "policies") {
				actor.Policies = &right.Policies{Of: map[id.Account]*right.Policy{1: anyPolicy(t, "policy")}}
			}
		}
		switch rapid.IntRange(0, 9).Draw(t, "somebody else") {
		case 0:
			actor = right.Operator()
		case 1:
			actor = right.Actor{Kind: right.AppCredential, App: "x"}
		}
		facts.OwnerLogin, facts.Name = "Ada", rapid.SampledFrom([]string{"one", "two"}).Draw(t, "name")
		action := rapid.SampledFrom(right.Actions()).Draw(t, "action")
		now := time.Unix(rapid.SampledFrom([]int64{1001, 1_000_000}).Draw(t, "now"), 0)
		person := rapid.Bool().Draw(t, "person")

		want := right.Check(&actor, action, facts, now)
		got, parts := right.Explain(&actor, action, facts, now, person)
		if got != want {
			t.Fatalf("%s: Explain decides %+v, Check %+v", action, got, want)
		}
		seen := map[right.PartKind]bool{}
		var failed []right.Part
		for _, p := range parts {
			if seen[p.Kind] {
				t.Fatalf("%s: %s is asked twice: %+v", action, p.Kind, parts)
			}
			seen[p.Kind] = true
			if p.Outcome == right.Failed {
				failed = append(failed, p)
			}
			if p.Decides && (p != failed[0] || want.Allow) {
				t.Fatalf("%s: %s decides: %+v", action, p.Kind, parts)
			}
		}
		if want.Allow != (len(failed) == 0) {
			t.Fatalf("%s: allowed %v, by %+v", action, want.Allow, parts)
		}
		if want.Allow {
			return
		}
		if !want.Tell && !person && action.Info().Subject == right.OfRepo {
			_, missing := right.Explain(&actor, action, right.Facts{Closed: facts.Closed}, now, person)
			if len(parts) != len(missing) || parts[0] != missing[0] {
				t.Fatalf("%s: what is hidden is explained as %+v, what is missing as %+v", action, parts, missing)
			}
		}
		reasons := map[right.PartKind][]right.Reason{
			right.PartApp:    {right.AppsOnly, right.NotForApps, right.SignIn},
			right.PartExists: {right.Hidden, right.SignIn}, right.PartSight: {right.Hidden, right.SignIn}, right.PartSignIn: {right.SignIn},
			right.PartRight: {right.NoRight}, right.PartGrant: {right.GrantMissing}, right.PartReach: {right.GrantMissing},
			right.PartLimitRepos: {right.GrantMissing}, right.PartLimitRead: {right.GrantMissing}, right.PartLimitLevels: {right.GrantMissing}, right.PartLimitRefs: {right.GrantMissing},
			right.PartPolicy: {right.OutOfPolicy}, right.PartState: {right.ArchivedState}, right.PartPeople: {right.PeopleOnly, right.NotItself}, right.PartRecent: {right.NotRecent},
		}
		for _, reason := range reasons[failed[0].Kind] {
			if reason == want.Reason {
				if reason == right.GrantMissing && right.Lacking(&actor, action, facts) != failed[0].Kind {
					t.Fatalf("%s: what is lacking is %s, %+v", action, right.Lacking(&actor, action, facts), parts)
				}
				return
			}
		}
		t.Fatalf("%s: decided as %s, by %s", action, want.Reason, failed[0].Kind)
	})
}

// TestExplain_hiddenFromTheToken: its owner is told what hides a repository from
// the token, and who holds the token alone is not.
func TestExplain_hiddenFromTheToken(t *testing.T) {
	t.Parallel()
	f := right.ParseFine("contents=write")
	actor := right.Actor{Account: 1, Login: "ada", Kind: right.FineToken, Token: 7, Grant: f.Grant(right.Reach{Owner: 1, Repos: []id.Repo{1}, Beyond: true})}
	facts := right.Facts{Exists: true, Relation: right.Admin, Owner: 1, Repo: 2}
	_, parts := right.Explain(&actor, right.RepoPush, facts, time.Now(), true)
	outcomes := map[right.PartKind]right.Outcome{}
	for _, p := range parts {
		outcomes[p.Kind] = p.Outcome
	}
	if outcomes[right.PartExists] != right.Held || outcomes[right.PartSight] != right.Failed || outcomes[right.PartReach] != right.Failed || outcomes[right.PartGrant] != right.Held {
		t.Errorf("to the owner: %v", outcomes)
	}
	_, parts = right.Explain(&actor, right.RepoPush, facts, time.Now(), false)
	if len(parts) != 1 || parts[0].Kind != right.PartExists || parts[0].Outcome != right.Failed {
		t.Errorf("to the token: %+v", parts)
	}
	facts.Relation = right.None
	_, parts = right.Explain(&actor, right.RepoPush, facts, time.Now(), true)
	if len(parts) != 1 || parts[0].Kind != right.PartExists {
		t.Errorf("of what the owner may not see: %+v", parts)
	}
}
