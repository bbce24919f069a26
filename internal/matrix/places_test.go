package matrix

import (
	"net/http"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// place is what somebody is to an organisation's repositories.
type place struct {
	name  string
	level right.Level // by the place, on a private repository
	put   func(t *testing.T, w *orgWorld, a account.Account)
}

// orgWorld is an organisation with a repository of each visibility.
type orgWorld struct {
	s     *apptest.Server
	chief account.Account
	org   org.Found
	repos map[bool]repo.Repo // by private
}

func (w *orgWorld) member(t *testing.T, a account.Account) { w.s.Join(t, w.org, org.Member, a) }

func (w *orgWorld) base(level right.Level) func(*testing.T, *orgWorld, account.Account) {
	return func(t *testing.T, w *orgWorld, a account.Account) {
		t.Helper()
		if err := w.s.Orgs.Update(t.Context(), right.Operator(), w.org.ID, org.Patch{Base: &level}); err != nil {
			t.Fatal(err)
		}
		w.member(t, a)
	}
}

// team puts the account into a team of its own with that level on both
// repositories.
func (w *orgWorld) team(level right.Level) func(*testing.T, *orgWorld, account.Account) {
	return func(t *testing.T, w *orgWorld, a account.Account) {
		t.Helper()
		w.base(right.None)(t, w, a)
		w.inTeam(t, a, level)
	}
}

func (w *orgWorld) inTeam(t *testing.T, a account.Account, level right.Level) org.Team {
	t.Helper()
	team, err := w.s.Orgs.CreateTeam(t.Context(), right.Operator(), w.org.ID, org.NewTeam{Name: "of " + a.Login, Secret: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Orgs.SetMate(t.Context(), right.Operator(), team.Team, a.ID, org.TeamMember); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.repos {
		if err := w.s.Orgs.SetTeamRepo(t.Context(), right.Operator(), team.Team, r.ID, level); err != nil {
			t.Fatal(err)
		}
	}
	return team.Team
}

func (w *orgWorld) places() []place {
	return []place{
		{"owner", right.Admin, func(t *testing.T, w *orgWorld, a account.Account) { w.s.Join(t, w.org, org.Owner, a) }},
		{"member, base none", right.None, w.base(right.None)},
		{"member, base read", right.Read, w.base(right.Read)},
		{"member, base write", right.Write, w.base(right.Write)},
		{"member, base admin", right.Admin, w.base(right.Admin)},
		{"team, read", right.Read, w.team(right.Read)},
		{"team, write", right.Write, w.team(right.Write)},
		{"team, admin", right.Admin, w.team(right.Admin)},
		{"outside collaborator", right.Write, func(t *testing.T, w *orgWorld, a account.Account) {
			for _, r := range w.repos {
				w.s.Share(t, r, a, right.Write)
			}
		}},
		{"invited", right.None, func(t *testing.T, w *orgWorld, a account.Account) {
			w.base(right.Write)(t, w, w.s.User(t, "other-than-"+a.Login))
			by := right.Actor{Account: w.chief.ID, Login: w.chief.Login, Kind: right.SessionCredential, Grant: right.Everything()}
			if _, err := w.s.Orgs.SetRole(t.Context(), by, w.org.ID, a.ID, org.Owner); err != nil {
				t.Fatal(err)
			}
			w.inTeam(t, a, right.Admin)
		}},
		{"ex-member", right.None, func(t *testing.T, w *orgWorld, a account.Account) {
			w.team(right.Admin)(t, w, a)
			for _, r := range w.repos {
				w.s.Share(t, r, a, right.Admin)
			}
			if err := w.s.Lifecycle.RemoveMember(t.Context(), right.Operator(), w.org.ID, a.ID, false); err != nil {
				t.Fatal(err)
			}
			w.base(right.Write)(t, w, w.s.User(t, "other-than-"+a.Login))
		}},
		{"ex-member, kept as a collaborator", right.Read, func(t *testing.T, w *orgWorld, a account.Account) {
			w.team(right.Admin)(t, w, a)
			for _, r := range w.repos {
				w.s.Share(t, r, a, right.Read)
			}
			if err := w.s.Lifecycle.RemoveMember(t.Context(), right.Operator(), w.org.ID, a.ID, true); err != nil {
				t.Fatal(err)
			}
		}},
	}
}

// TestPlaces walks what can be asked of a repository, on the API, by git and on
// pages, for every place that somebody can have in the organisation that owns
// it. What is expected is written here, not read from the gate's table.
func TestPlaces(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	for i, p := range (&orgWorld{}).places() {
		login := "person" + string(rune('a'+i))
		w := &orgWorld{s: s, chief: s.User(t, login+"-chief"), repos: map[bool]repo.Repo{}}
		w.org = s.Org(t, w.chief, login+"-org")
		for _, private := range []bool{false, true} {
			w.repos[private] = s.Repo(t, account.Account{ID: w.org.ID}, map[bool]string{false: "open", true: "shut"}[private], private)
		}
		a := s.User(t, login)
		p.put(t, w, a)
		_, plain := s.Token(t, a, "all", "repo", "admin:org", "delete_repo", "workflow")
		for private, r := range w.repos {
			level := p.level
			if !private {
				level = max(level, right.Read)
			}
			w.ask(t, p.name, r, level, plain)
			w.listed(t, p.name, r, p.level, a)
		}
	}
}

// ask sends one request for each thing that can be asked, and holds the answer to
// the level.
func (w *orgWorld) ask(t *testing.T, name string, r repo.Repo, level right.Level, plain string) {
	t.Helper()
	at := "/api/v3/repos/" + r.FullName()
	for _, q := range []struct {
		request string
		needs   right.Level
		good    []int
	}{
		{"GET " + at, right.Read, []int{200}},
		{"GET " + at + "/topics", right.Read, []int{200}},
		{"GET " + at + "/forks", right.Read, []int{200}},
		{"GET " + at + "/branches", right.Read, []int{200}},
		{"GET /" + r.FullName() + ".git/info/refs?service=git-upload-pack", right.Read, []int{200}},
		{"GET /" + r.FullName() + ".git/info/refs?service=git-receive-pack", right.Write, []int{200}},
		{"GET " + at + "/collaborators", right.Write, []int{200}},
		{"PUT " + at + "/contents/x", right.Write, []int{422}},
		{"PUT " + at + "/topics", right.Admin, []int{422}},
		{"GET " + at + "/invitations", right.Admin, []int{200}},
		{"GET " + at + "/teams", right.Admin, []int{200}},
		{"GET " + at + "/hooks", right.Admin, []int{200}},
		{"PUT " + at + "/collaborators/nobody-at-all", right.Admin, []int{404}},
		{"PATCH " + at, right.Admin, []int{200}},
		{"POST " + at + "/transfer", right.Admin, []int{422}},
	} {
		method, path, _ := strings.Cut(q.request, " ")
		body := ""
		if method != http.MethodGet {
			body = "{}"
		}
		got := w.s.Do(t, method, path, body, "Authorization: Bearer "+plain)
		want := q.good
		switch {
		case level == right.None && strings.HasPrefix(path, "/api/"):
			want = []int{404}
		case level == right.None:
			want = []int{404, 401, 403}
		case level < q.needs:
			want = []int{403}
		}
		ok := false
		for _, code := range want {
			ok = ok || got.StatusCode == code
		}
		if !ok || level == right.None && strings.HasSuffix(path, "nobody-at-all") && !strings.Contains(got.Text, "Not Found") {
			t.Errorf("%s, %s (private %v): %d %.150s; want %v", name, q.request, r.Private, got.StatusCode, got.Text, want)
		}
	}
}

// listed holds the lists to the same rule.
func (w *orgWorld) listed(t *testing.T, name string, r repo.Repo, level right.Level, a account.Account) {
	t.Helper()
	me := right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
	for query, want := range map[*repo.Query]bool{
		{Owner: w.org.ID}: level > right.None || !r.Private,
		{Affiliation: repo.ByOwner | repo.ByCollaborator | repo.ByMember}: level > right.None,
	} {
		found, _, err := w.s.Repos.ListVisible(t.Context(), w.s.DB, &me, *query)
		if err != nil {
			t.Fatal(err)
		}
		in := false
		for _, f := range found {
			if f.ID == r.ID {
				in = true
				if f.Relation != level {
					t.Errorf("%s: the list says %v, want %v", name, f.Relation, level)
				}
			}
		}
		if in != want {
			t.Errorf("%s, private %v, %+v: listed %v, want %v", name, r.Private, query, in, want)
		}
	}
	f, err := w.s.Repos.Find(t.Context(), w.s.DB, w.org.Login, r.Name, a.ID)
	if err != nil || f.Relation != level {
		t.Errorf("%s: found with %v, %v; want %v", name, f.Relation, err, level)
	}
}
