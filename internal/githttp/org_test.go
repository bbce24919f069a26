package githttp_test

import (
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/right"
)

// TestOrganization_atOnce: what an organisation gives and takes holds for git with
// the very next request, whatever was kept of the one before.
func TestOrganization_atOnce(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	acme := s.Org(t, ada, "acme")
	engine := s.Repo(t, account.Account{ID: acme.ID}, "engine", true)
	_, plain := s.Token(t, bob, "laptop", "repo")
	g := s.Git(t, "bob", plain)
	url := s.URL() + "/acme/engine.git"
	reads := func(want bool, when string) {
		t.Helper()
		for range 2 { // the second may be answered from memory
			if out, code := g.Try(t, "ls-remote", "-q", url); (code == 0) != want {
				t.Fatalf("%s: git ls-remote %d %s", when, code, out)
			}
		}
	}
	pushes := func(want bool, when string) {
		t.Helper()
		if out, code := g.In("work").Try(t, "push", "-q", url, "HEAD:refs/heads/main"); (code == 0) != want {
			t.Fatalf("%s: git push %d %s", when, code, out)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	base := func(level right.Level) {
		t.Helper()
		do(s.Orgs.Update(t.Context(), right.Operator(), acme.ID, org.Patch{Base: &level}))
	}
	g.Run(t, "init", "-q", "work")
	g.In("work").Commit(t, "a", "a\n", "First")

	reads(false, "before")
	s.Join(t, acme, org.Member, bob)
	reads(true, "as a member")
	pushes(false, "as a member who reads")
	base(right.Write)
	pushes(true, "with write for all members")
	base(right.None)
	reads(false, "with none for members")
	team, err := s.Orgs.CreateTeam(t.Context(), right.Operator(), acme.ID, org.NewTeam{Name: "core"})
	do(err)
	do(s.Orgs.SetTeamRepo(t.Context(), right.Operator(), team.Team, engine.ID, right.Write))
	reads(false, "before joining the team")
	_, err = s.Orgs.SetMate(t.Context(), right.Operator(), team.Team, bob.ID, org.TeamMember)
	do(err)
	reads(true, "in the team")
	g.In("work").Commit(t, "b", "b\n", "Second")
	pushes(true, "in the team")
	do(s.Orgs.SetTeamRepo(t.Context(), right.Operator(), team.Team, engine.ID, right.Read))
	g.In("work").Commit(t, "c", "c\n", "Third")
	pushes(false, "in the team that reads")
	do(s.Orgs.RemoveMate(t.Context(), right.Operator(), team.Team, bob.ID))
	reads(false, "out of the team")
	s.Join(t, acme, org.Owner, bob)
	pushes(true, "as an owner")
	s.Join(t, acme, org.Member, bob)
	reads(false, "as an owner no more")
	_, err = s.Orgs.SetMate(t.Context(), right.Operator(), team.Team, bob.ID, org.TeamMember)
	do(err)
	reads(true, "in the team again")
	do(s.Orgs.DeleteTeam(t.Context(), right.Operator(), team.Team))
	reads(false, "when the team is gone")
	base(right.Read)
	reads(true, "with read for all members")
	do(s.Lifecycle.RemoveMember(t.Context(), right.Operator(), acme.ID, bob.ID, false))
	reads(false, "as a member no more")
}
