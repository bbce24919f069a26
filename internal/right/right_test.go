package right_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jeton/internal/id"
	"jeton/internal/right"
)

func TestActions_complete(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, a := range right.Actions() {
		info := a.Info()
		if info.Name == "" {
			t.Errorf("action %d has no entry in the table", a)
		}
		if names[info.Name] {
			t.Errorf("two actions are called %s", info.Name)
		}
		names[info.Name] = true
		if info.Subject == right.OfRepo && (info.Right == right.None || info.Level == right.None) {
			t.Errorf("%s is of a repository and needs no right", info.Name)
		}
		if info.Visitors && info.Level > right.Read {
			t.Errorf("%s lets visitors do more than read", info.Name)
		}
	}
}

func TestScopes_hierarchy(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"repo"}, "repo"},
		{[]string{"public_repo", "repo"}, "repo"},
		{[]string{"user", "delete_repo", "user:email"}, "delete_repo, user"},
		{[]string{"user:email", "read:user"}, "read:user, user:email"},
		{[]string{"workflow", "public_repo"}, "public_repo, workflow"},
	}
	for _, c := range cases {
		set, err := right.ParseScopes(c.in)
		if err != nil {
			t.Fatalf("ParseScopes(%q): %v", c.in, err)
		}
		if got := set.String(); got != c.want {
			t.Errorf("ParseScopes(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if _, err := right.ParseScopes([]string{"gist"}); err == nil {
		t.Error("a scope with nothing behind it was accepted")
	}
}

func TestScopes_childInsideParent(t *testing.T) {
	t.Parallel()
	for _, s := range right.Scopes() {
		if s.Parent == "" {
			continue
		}
		child, _ := right.ParseScopes([]string{string(s.Name)})
		parent, _ := right.ParseScopes([]string{string(s.Parent)})
		c, p := child.Grant(), parent.Grant()
		for i := range c.Public {
			if c.Public[i] > p.Public[i] || c.Private[i] > p.Private[i] {
				t.Errorf("%s gives more %s than its parent %s", s.Name, right.Permission(i), s.Parent)
			}
		}
	}
}

// TestScopes_offered holds the promise that a scope stands in the form only
// when it guards something.
func TestScopes_offered(t *testing.T) {
	t.Parallel()
	guarded := map[string]bool{"read:user": true} // guards fields of GET /user rather than a route of its own
	for _, a := range right.Actions() {
		for _, public := range []bool{true, false} {
			for _, s := range right.ScopesFor(a, public) {
				guarded[s] = true
			}
		}
	}
	for _, s := range right.Scopes() {
		if !guarded[string(s.Name)] {
			t.Errorf("%s is offered and guards nothing", s.Name)
		}
	}
}

func anyActor(t *rapid.T, name string) right.Actor {
	kind := rapid.SampledFrom([]right.CredentialKind{right.NoCredential, right.SessionCredential, right.ClassicToken}).Draw(t, name+" kind")
	switch kind {
	case right.NoCredential:
		return right.Anonymous()
	case right.SessionCredential:
		return right.Actor{Account: 1, Login: "x", Kind: kind, Grant: right.Everything(), Confirmed: time.Unix(1000, 0), SiteAdmin: rapid.Bool().Draw(t, name+" admin")}
	}
	var names []string
	for _, s := range right.Scopes() {
		names = append(names, string(s.Name))
	}
	set, err := right.ParseScopes(rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, name+" scopes"))
	if err != nil {
		t.Fatal(err)
	}
	switch rapid.SampledFrom([]string{"classic", "fine", "narrowed"}).Draw(t, name+" form") {
	case "fine":
		return right.Actor{Account: 1, Login: "x", Kind: right.FineToken, Token: 7, Grant: anyFine(t, name).Grant(anyReach(t, name)), SiteAdmin: rapid.Bool().Draw(t, name+" admin")}
	case "narrowed":
		return right.Actor{Account: 1, Login: "x", Kind: right.OAuthToken, Token: 7, Scopes: set, Grant: set.Grant().Meet(anyFine(t, name), anyReach(t, name)), SiteAdmin: rapid.Bool().Draw(t, name+" admin")}
	}
	return right.Actor{Account: 1, Login: "x", Kind: kind, Token: 7, Scopes: set, Grant: set.Grant(), SiteAdmin: rapid.Bool().Draw(t, name+" admin")}
}

func anyFacts(t *rapid.T) right.Facts {
	return right.Facts{
		Exists: rapid.Bool().Draw(t, "exists"), Public: rapid.Bool().Draw(t, "public"), Archived: rapid.Bool().Draw(t, "archived"),
		Relation: rapid.SampledFrom([]right.Level{right.None, right.Read, right.Write, right.Admin}).Draw(t, "relation"), Closed: rapid.Bool().Draw(t, "closed"),
		Creates: rapid.Bool().Draw(t, "creates"), Owner: id.Account(rapid.Int64Range(1, 3).Draw(t, "owner")), Repo: id.Repo(rapid.Int64Range(1, 4).Draw(t, "repo")),
	}
}

func anyFine(t *rapid.T, name string) right.Fine {
	var f right.Fine
	for i, p := range right.Fines() {
		f[i] = rapid.SampledFrom(offered(p)).Draw(t, name+" "+p.Name)
	}
	return f
}

func offered(p right.FineInfo) []right.Level {
	out := []right.Level{right.None}
	for level := right.Read; level < right.Admin; level++ {
		if p.Offers(level) {
			out = append(out, level)
		}
	}
	return out
}

func anyReach(t *rapid.T, name string) right.Reach {
	return right.Reach{
		Owner: id.Account(rapid.Int64Range(1, 3).Draw(t, name+" owner")), All: rapid.Bool().Draw(t, name+" all"), Beyond: rapid.Bool().Draw(t, name+" beyond"),
		Repos: [][]id.Repo{nil, {1}, {2, 4}, {1, 2, 3}}[rapid.IntRange(0, 3).Draw(t, name+" repos")],
	}
}

// TestFine_text: what is written is read again, and what is not offered is
// dropped.
func TestFine_text(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFine(t, "f")
		if got := right.ParseFine(f.String() + ",gists=write,contents=admin"); got != f {
			t.Fatalf("%s was read as %s", f, got)
		}
	})
}

// TestFine_offered holds the promise that a permission stands in the form only
// when it guards something, at each of its levels.
func TestFine_offered(t *testing.T) {
	t.Parallel()
	needed := map[string]bool{}
	for _, a := range right.Actions() {
		needed[right.FineFor(a)] = true
	}
	for _, p := range right.Fines() {
		for _, level := range offered(p)[1:] {
			if one := p.Name + "=" + level.String(); !needed[one] {
				t.Errorf("%s is offered and nothing needs it", one)
			}
		}
	}
}

// TestReach: beyond its reach a token does only what is open to everybody.
func TestReach(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom(right.Actions()).Draw(t, "action")
		facts := anyFacts(t)
		reach := anyReach(t, "reach")
		actor := right.Actor{Account: 1, Login: "x", Kind: right.FineToken, Token: 7, Grant: anyFine(t, "fine").Grant(reach)}
		if !right.Check(&actor, action, facts, now).Allow || action.Info().Level == right.None {
			return
		}
		info := action.Info()
		switch info.Subject {
		case right.OfRepo:
			in := facts.Owner == reach.Owner && (reach.All || slices.Contains(reach.Repos, facts.Repo))
			if !in && !(reach.Beyond && facts.Public && info.Level == right.Read && info.Right == right.Read) {
				t.Fatalf("%s on %+v by %+v", action, facts, reach)
			}
		case right.OfOrg, right.OfTeam:
			if facts.Owner != reach.Owner {
				t.Fatalf("%s of organization %d by a token of %d", action, facts.Owner, reach.Owner)
			}
		case right.OfSelf:
			if reach.Owner != actor.Account {
				t.Fatalf("%s by a token of %d's", action, reach.Owner)
			}
		}
	})
}

// TestCheck_monotone: a token never allows what the same account's session does
// not, and more scopes never take anything away.
func TestCheck_monotone(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom(right.Actions()).Draw(t, "action")
		facts := anyFacts(t)
		actor := anyActor(t, "actor")
		allowed := right.Check(&actor, action, facts, now).Allow
		if actor.IsToken() {
			person := right.Actor{Account: 1, Login: "x", SiteAdmin: actor.SiteAdmin, Kind: right.SessionCredential, Grant: right.Everything(), Confirmed: now}
			same := action
			if action.Info().Itself {
				same = right.SelfSensitive // by which the person does it to any of their tokens
			}
			if allowed && !right.Check(&person, same, facts, now).Allow {
				t.Fatalf("%s: the token %s may, its owner may not", action, actor.Scopes)
			}
			var names []string
			for _, s := range right.Scopes() {
				names = append(names, string(s.Name))
			}
			all, _ := right.ParseScopes(names)
			wide := actor
			wide.Scopes, wide.Grant = all, all.Grant()
			if allowed && !right.Check(&wide, action, facts, now).Allow {
				t.Fatalf("%s: more scopes took a right away", action)
			}
		}
		if allowed && facts.Relation == right.None && !facts.Public && action.Info().Subject == right.OfRepo {
			t.Fatalf("%s: allowed on a private repository of others", action)
		}
	})
}

// TestCheck_hiddenIsMissing: whatever differs in a repository that may not be
// told of, the decision is that for one that does not exist.
func TestCheck_hiddenIsMissing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom(right.Actions()).Draw(t, "action")
		if action.Info().Subject != right.OfRepo {
			t.Skip("not of a repository")
		}
		actor, facts := anyActor(t, "actor"), anyFacts(t)
		got := right.Check(&actor, action, facts, now)
		if got.Tell {
			return
		}
		missing := right.Check(&actor, action, right.Facts{Closed: facts.Closed}, now)
		if got != missing {
			t.Fatalf("%s: hidden gives %+v, missing %+v", action, got, missing)
		}
	})
}

func TestCheck_unknownActionDenied(t *testing.T) {
	t.Parallel()
	operator := right.Operator()
	for _, a := range []right.Action{0, 200} {
		if d := right.Check(&operator, a, right.Facts{Exists: true, Public: true}, time.Now()); d.Allow {
			t.Errorf("action %d is in no table and was allowed", a)
		}
	}
}

// TestCheck_leave: only who was given access can give it back, and only in
// person.
func TestCheck_leave(t *testing.T) {
	t.Parallel()
	now := time.Unix(1001, 0)
	person := right.Actor{Account: 1, Kind: right.SessionCredential, Grant: right.Everything()}
	set, err := right.ParseScopes([]string{"repo", "user", "delete_repo"})
	if err != nil {
		t.Fatal(err)
	}
	token := right.Actor{Account: 1, Kind: right.ClassicToken, Scopes: set, Grant: set.Grant()}
	for _, public := range []bool{true, false} {
		shared := right.Facts{Exists: true, Public: public, Archived: true, Relation: right.Read}
		if d := right.Check(&person, right.RepoLeave, shared, now); !d.Allow {
			t.Errorf("public %v: whom it is shared with gets %s", public, d.Reason)
		}
		if d := right.Check(&token, right.RepoLeave, shared, now); d.Reason != right.PeopleOnly {
			t.Errorf("public %v: a token gets %s", public, d.Reason)
		}
	}
	stranger := right.Facts{Exists: true, Public: true}
	if d := right.Check(&person, right.RepoLeave, stranger, now); d.Reason != right.NoRight {
		t.Errorf("a stranger gets %s", d.Reason)
	}
}

func TestScopesFor_private(t *testing.T) {
	t.Parallel()
	if got := right.ScopesFor(right.RepoFetch, false); !slices.Equal(got, []string{"repo"}) {
		t.Errorf("ScopesFor(RepoFetch, private) = %q, want repo", got)
	}
	if got := right.ScopesFor(right.RepoPush, true); !slices.Equal(got, []string{"public_repo", "repo"}) {
		t.Errorf("ScopesFor(RepoPush, public) = %q, want public_repo and repo", got)
	}
	if got := right.ScopesFor(right.RepoFetch, true); len(got) != 0 {
		t.Errorf("ScopesFor(RepoFetch, public) = %q, want none", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	set, _ := right.ParseScopes([]string{"repo"})
	actor := right.Actor{Account: 1, Kind: right.ClassicToken, Scopes: set, Grant: set.Grant()}
	facts := right.Facts{Exists: true, Relation: right.Write}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if !right.Check(&actor, right.RepoPush, facts, now).Allow {
			b.Fatal("denied")
		}
	}
}
