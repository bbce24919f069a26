package githttp_test

import (
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/repo"
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

// TestOrganization_underWay: a push that is under way ends with what let it in,
// also when the repository changed hands meanwhile.
func TestOrganization_underWay(t *testing.T) {
	t.Parallel()
	type world struct {
		*apptest.Server
		ada, ben account.Account
		acme     org.Found
		repo     repo.Repo
		team     org.Team
	}
	none := right.None
	for name, end := range map[string]func(t *testing.T, w world) error{
		"the membership ends": func(t *testing.T, w world) error {
			return w.Lifecycle.RemoveMember(t.Context(), right.Operator(), w.acme.ID, w.ben.ID, false)
		},
		"the team loses the repository": func(t *testing.T, w world) error {
			return w.Orgs.RemoveTeamRepo(t.Context(), right.Operator(), w.team, w.repo.ID)
		},
		"the team reads only": func(t *testing.T, w world) error {
			return w.Orgs.SetTeamRepo(t.Context(), right.Operator(), w.team, w.repo.ID, right.Read)
		},
		"the team is left": func(t *testing.T, w world) error {
			return w.Orgs.RemoveMate(t.Context(), right.Operator(), w.team, w.ben.ID)
		},
		"the team is deleted": func(t *testing.T, w world) error {
			return w.Orgs.DeleteTeam(t.Context(), right.Operator(), w.team)
		},
		"the base permission of another owner is lowered": func(t *testing.T, w world) error {
			// It moves to an organisation whose members may write, and that takes it back.
			other := w.Org(t, w.ada, "other")
			w.Join(t, other, org.Member, w.ben)
			write := right.Write
			if err := w.Orgs.Update(t.Context(), right.Operator(), other.ID, org.Patch{Base: &write}); err != nil {
				return err
			}
			if _, _, err := w.Lifecycle.TransferRepo(t.Context(), right.Operator(), w.repo.ID, "other", ""); err != nil {
				return err
			}
			return w.Orgs.Update(t.Context(), right.Operator(), other.ID, org.Patch{Base: &none})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{Server: apptest.Start(t)}
			w.ada, w.ben = w.User(t, "ada"), w.User(t, "ben")
			w.acme = w.Org(t, w.ada, "acme")
			w.repo = w.Repo(t, account.Account{ID: w.acme.ID}, "engine", true)
			w.Join(t, w.acme, org.Member, w.ben)
			team, err := w.Orgs.CreateTeam(t.Context(), right.Operator(), w.acme.ID, org.NewTeam{Name: "core"})
			if err != nil {
				t.Fatal(err)
			}
			w.team = team.Team
			if err := w.Orgs.SetTeamRepo(t.Context(), right.Operator(), w.team, w.repo.ID, right.Write); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Orgs.SetMate(t.Context(), right.Operator(), w.team, w.ben.ID, org.TeamMember); err != nil {
				t.Fatal(err)
			}
			_, plain := w.Token(t, w.ben, "x", "repo")
			result, began := slowPush(t, w.Server, "/acme/engine", plain)
			<-began
			waitForQuarantine(t, w.Server)
			if err := end(t, w); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-result:
				if strings.Contains(got, "ok refs/heads/main") {
					t.Errorf("the push went through: %q", got)
				}
			case <-time.After(3 * time.Second):
				t.Error("the push still runs three seconds later")
			}
		})
	}
}
