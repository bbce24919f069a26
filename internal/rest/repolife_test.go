package rest_test

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

// commit pushes a file to a repository.
func commit(t *testing.T, s *apptest.Server, a account.Account, full, file, text string) *apptest.Git {
	t.Helper()
	_, plain := s.Token(t, a, "git for "+full+" "+file, "repo", "workflow")
	g := s.Git(t, a.Login, plain)
	g.Run(t, "clone", "-q", s.URL()+"/"+full+".git", "it")
	in := g.In("it")
	in.Commit(t, file, text, "Add "+file)
	in.Run(t, "push", "-q", "origin", "HEAD:main")
	return in
}

func TestRepository_fields(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	me, other := as(t, s, ada, "repo"), as(t, s, bob, "repo")
	me.want(201, `POST /user/repos {"name":"site","description":"My pages","homepage":"https://example.com/x","auto_init":true,"is_template":true,"private":false}`,
		`"homepage":"https://example.com/x"`, `"is_template":true`, `"default_branch":"main"`)
	me.want(200, "GET /repos/ada/site/readme", `"name":"README.md"`)
	me.want(200, "GET /repos/ada/site/commits", "Initial commit")
	me.want(422, `POST /user/repos {"name":"x","gitignore_template":"Go"}`, "gitignore_template")
	me.want(422, `POST /user/repos {"name":"x","license_template":"mit"}`)
	me.want(422, `POST /user/repos {"name":"x","homepage":"javascript:alert(1)"}`)
	me.want(404, "GET /repos/ada/x")
	me.want(200, `PATCH /repos/ada/site {"homepage":"","is_template":false}`, `"homepage":null`, `"is_template":false`)
	me.want(422, `PATCH /repos/ada/site {"allow_forking":false}`)

	me.want(200, `PUT /repos/ada/site/topics {"names":["Web","go-lang","web"]}`, `{"names":["web","go-lang"]}`)
	other.want(200, "GET /repos/ada/site/topics", `"go-lang"`)
	other.want(403, `PUT /repos/ada/site/topics {"names":[]}`)
	me.want(422, `PUT /repos/ada/site/topics {"names":["not a topic"]}`)
	me.want(422, `PUT /repos/ada/site/topics {"names":["`+strings.Repeat("a", 51)+`"]}`)
	me.want(422, `PUT /repos/ada/site/topics {}`)
	me.want(200, "GET /repos/ada/site", `"topics":["web","go-lang"]`)

	r, err := s.Repos.Find(t.Context(), s.DB, "ada", "site", ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	number := "/repositories/" + num(int64(r.ID))
	other.want(200, "GET "+number, `"full_name":"ada/site"`)
	me.want(200, `PATCH /repos/ada/site {"private":true}`)
	hidden := other.want(404, "GET "+number)
	if missing := other.want(404, "GET /repositories/999999"); missing.Text != hidden.Text {
		t.Errorf("hidden and missing differ: %s %s", hidden.Text, missing.Text)
	}
	me.want(200, "GET "+number)
}

func num(n int64) string {
	var b []byte
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

func TestFork_routes(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	s.Repo(t, ada, "engine", false)
	s.Repo(t, ada, "diary", true)
	commit(t, s, ada, "ada/engine", "main.go", "package main\n")
	acme := s.Org(t, bob, "acme")
	s.Join(t, acme, org.Member, eve)
	owner, forker, member := as(t, s, ada, "repo"), as(t, s, bob, "repo"), as(t, s, eve, "repo", "admin:org")

	forker.want(404, "POST /repos/ada/diary/forks")
	forker.want(202, "POST /repos/ada/engine/forks", `"full_name":"bob/engine"`, `"fork":true`, `"parent":{`, `"source":{`)
	forker.want(202, "POST /repos/ada/engine/forks", `"full_name":"bob/engine"`) // the one that is there
	owner.want(403, "POST /repos/ada/engine/forks {}")
	forker.want(202, `POST /repos/bob/engine/forks {"organization":"acme","name":"motor","default_branch_only":true}`, `"full_name":"acme/motor"`, `"full_name":"ada/engine"`)
	member.want(422, `POST /repos/ada/engine/forks {"organization":"nobody"}`, "organization")
	if err := s.Orgs.Update(t.Context(), right.Operator(), acme.ID, org.Patch{CreatePublic: new(bool)}); err != nil {
		t.Fatal(err)
	}
	member.want(403, `POST /repos/ada/engine/forks {"organization":"acme"}`, "create")
	owner.want(200, "GET /repos/ada/engine/forks", "bob/engine", "!acme/motor")
	owner.want(200, "GET /repos/ada/engine", `"forks_count":1`)

	// What an organisation keeps private stays with it.
	plans := s.Repo(t, account.Account{ID: acme.ID}, "plans", true)
	member.want(403, "POST /repos/acme/plans/forks", "does not let")
	no := false
	if _, err := s.Repos.Update(t.Context(), right.Operator(), plans.ID, repo.Patch{NoForking: &no}); err != nil {
		t.Fatal(err)
	}
	member.want(202, "POST /repos/acme/plans/forks", `"full_name":"eve/plans"`, `"private":true`)

	// The parent is not told of to who may not know of it.
	owner.want(200, `PATCH /repos/ada/engine {"private":true}`)
	forker.want(200, "GET /repos/bob/engine", `"fork":true`, `!"parent"`, `!"source"`)
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.Repo(t, ada, "skeleton", false)
	in := commit(t, s, ada, "ada/skeleton", "README.md", "# Start here\n")
	first := in.Run(t, "rev-parse", "HEAD")
	in.Commit(t, "secret.txt", "an old secret\n", "Oops")
	oops := in.Run(t, "rev-parse", "HEAD:secret.txt")
	in.Run(t, "rm", "-q", "secret.txt")
	in.Run(t, "commit", "-q", "-m", "Remove it")
	in.Run(t, "push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/next", "HEAD:refs/tags/v1")
	owner, maker := as(t, s, ada, "repo"), as(t, s, bob, "repo")
	maker.want(422, `POST /repos/ada/skeleton/generate {"name":"mine"}`, "not a template")
	owner.want(200, `PATCH /repos/ada/skeleton {"is_template":true}`)
	maker.want(422, `POST /repos/ada/skeleton/generate {"private":false}`)
	maker.want(201, `POST /repos/ada/skeleton/generate {"name":"mine","description":"of my own"}`, `"full_name":"bob/mine"`, `"template_repository":{`, `"fork":false`, `"private":true`)

	_, plain := s.Token(t, bob, "git", "repo")
	g := s.Git(t, "bob", plain)
	g.Run(t, "clone", "-q", s.URL()+"/bob/mine.git", "mine")
	mine := g.In("mine")
	if log := mine.Run(t, "log", "--format=%an %s", "--all"); log != "bob Initial commit" {
		t.Errorf("the history is %q", log)
	}
	if files := mine.Run(t, "ls-files"); files != "README.md" {
		t.Errorf("the files are %q", files)
	}
	if refs := mine.Run(t, "ls-remote", "-q"); strings.Contains(refs, "next") || strings.Contains(refs, "v1") {
		t.Errorf("more than one branch: %s", refs)
	}
	// What was taken out before is out of reach here.
	for _, object := range []string{first, oops} {
		if out, code := mine.Try(t, "fetch", "-q", "origin", object); code == 0 {
			t.Errorf("%s was fetched: %s", object, out)
		}
	}
	mine.Run(t, "fsck", "--strict")
	maker.want(201, `POST /repos/ada/skeleton/generate {"name":"all","include_all_branches":true,"private":false}`)
	if refs := g.Run(t, "ls-remote", "-q", s.URL()+"/bob/all.git"); !strings.Contains(refs, "refs/heads/next") || strings.Contains(refs, "v1") {
		t.Errorf("the branches are %s", refs)
	}
}

func TestTransfer_routes(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	acme := s.Org(t, ada, "acme")
	other := s.Org(t, bob, "other")
	s.Repo(t, ada, "engine", true)
	owner, receiver, stranger := as(t, s, ada, "repo", "admin:org"), as(t, s, bob, "repo"), as(t, s, eve, "repo")
	stranger.want(404, `POST /repos/ada/engine/transfer {"new_owner":"eve"}`)
	owner.want(422, `POST /repos/ada/engine/transfer {"new_owner":"nobody"}`)
	owner.want(422, `POST /repos/ada/engine/transfer {"new_owner":"other"}`, "can't create repositories")

	// To a person with consent alone.
	owner.want(202, `POST /repos/ada/engine/transfer {"new_owner":"bob","new_name":"motor"}`, `"full_name":"ada/engine"`)
	receiver.want(404, "GET /repos/ada/engine")
	receiver.want(200, "GET /user/repository_invitations", "[]")
	waiting, err := s.Repos.Invitations(t.Context(), s.DB, 0, bob.ID)
	if err != nil || len(waiting) != 1 {
		t.Fatalf("waiting: %v, %v", waiting, err)
	}
	receiver.want(404, "PATCH /user/repository_invitations/"+num(int64(waiting[0].ID)))
	person := func(a account.Account) right.Actor {
		return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
	}
	if _, err := s.Lifecycle.AcceptInvitation(t.Context(), person(bob), bob.ID, waiting[0].ID); err != nil {
		t.Fatal(err)
	}
	receiver.want(200, "GET /repos/bob/motor", `"admin":true`)
	owner.want(301, "GET /repos/ada/engine")

	// Into an organisation at once, with a team, and out of it without it.
	receiver.want(202, `POST /repos/bob/motor/transfer {"new_owner":"other"}`, `"full_name":"other/motor"`)
	team, err := s.Orgs.CreateTeam(t.Context(), person(ada), acme.ID, org.NewTeam{Name: "core"})
	if err != nil {
		t.Fatal(err)
	}
	s.Join(t, other, org.Owner, ada)
	s.Join(t, acme, org.Member, eve)
	if err := s.Orgs.Update(t.Context(), right.Operator(), acme.ID, org.Patch{Base: new(right.Level)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Orgs.SetMate(t.Context(), person(ada), team.Team, eve.ID, org.TeamMember); err != nil {
		t.Fatal(err)
	}
	stranger.want(404, "GET /repos/other/motor")
	share := `POST /repos/other/motor/transfer {"new_owner":"acme","team_ids":[` + num(int64(team.ID)) + `]}`
	as(t, s, ada, "repo", "workflow").want(422, share, "no such team") // a token that does not read teams knows of none
	as(t, s, ada, "repo", "read:org").want(403, share, "write:org")
	owner.want(422, `POST /repos/other/motor/transfer {"new_owner":"acme","team_ids":[99]}`, "no such team")
	owner.want(422, `POST /repos/other/motor/transfer {"new_owner":"bob","team_ids":[99]}`, "only an organization")
	owner.want(200, "GET /repos/other/motor") // nothing has moved
	sharer := as(t, s, ada, "repo", "write:org")
	sharer.want(202, share, `"full_name":"acme/motor"`)
	stranger.want(200, "GET /repos/acme/motor")
	owner.want(202, `POST /repos/acme/motor/transfer {"new_owner":"ada"}`, `"full_name":"ada/motor"`)
	stranger.want(404, "GET /repos/ada/motor")
	owner.want(202, `POST /repos/ada/motor/transfer {"new_owner":"acme"}`)
	stranger.want(404, "GET /repos/acme/motor") // the team's access did not come back
}

func TestCollaborators_routes(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob, eve := s.User(t, "ada"), s.User(t, "bob"), s.User(t, "eve")
	s.Repo(t, ada, "engine", true)
	s.Repo(t, eve, "hers", true)
	owner, invited, stranger, inviteOnly := as(t, s, ada, "repo"), as(t, s, bob, "repo"), as(t, s, eve, "repo"), as(t, s, bob, "repo:invite")
	owner.want(200, "GET /repos/ada/engine/collaborators", `"login":"ada"`, `"role_name":"admin"`)
	owner.want(404, "GET /repos/ada/engine/collaborators/bob")
	a := owner.want(201, `PUT /repos/ada/engine/collaborators/bob {"permission":"push"}`, `"permissions":"write"`, `"expired":false`)
	number := num(int64(object(t, a)["id"].(float64)))
	invited.want(404, "GET /repos/ada/engine")
	owner.want(404, "GET /repos/ada/engine/collaborators/bob")
	owner.want(200, "GET /repos/ada/engine/invitations", `"login":"bob"`)
	owner.want(200, "PATCH /repos/ada/engine/invitations/"+number+` {"permissions":"read"}`, `"permissions":"read"`)
	stranger.want(404, "GET /repos/ada/engine/invitations")
	stranger.want(200, "GET /user/repository_invitations", "[]")
	stranger.want(404, "PATCH /user/repository_invitations/"+number)
	stranger.want(404, "DELETE /user/repository_invitations/"+number)
	stranger.want(404, "DELETE /repos/eve/hers/invitations/"+number) // another repository's
	as(t, s, bob).want(403, "GET /user/repository_invitations", "repo:invite")
	inviteOnly.want(200, "GET /user/repository_invitations", `"full_name":"ada/engine"`)
	inviteOnly.want(204, "PATCH /user/repository_invitations/"+number)
	inviteOnly.want(404, "GET /repos/ada/engine") // no access to code by it
	invited.want(200, "GET /repos/ada/engine", `"pull":true`, `"push":false`)
	invited.want(404, "PATCH /user/repository_invitations/"+number)
	owner.want(204, "GET /repos/ada/engine/collaborators/bob")
	owner.want(204, `PUT /repos/ada/engine/collaborators/bob {"permission":"push"}`)
	invited.want(200, "GET /repos/ada/engine", `"push":true`)
	invited.want(200, "GET /repos/ada/engine/collaborators/bob/permission", `"permission":"write"`)
	owner.want(200, "GET /repos/ada/engine/collaborators/eve/permission", `"permission":"none"`)
	invited.want(403, `PUT /repos/ada/engine/collaborators/eve {}`)
	owner.want(204, "DELETE /repos/ada/engine/collaborators/bob")
	invited.want(404, "GET /repos/ada/engine")

	// Declined, withdrawn, out of date, and from somebody who may not invite any more.
	again := func() string {
		return num(int64(object(t, owner.want(201, `PUT /repos/ada/engine/collaborators/bob {}`))["id"].(float64)))
	}
	n := again()
	invited.want(204, "DELETE /user/repository_invitations/"+n)
	invited.want(404, "PATCH /user/repository_invitations/"+n)
	n = again()
	owner.want(204, "DELETE /repos/ada/engine/invitations/"+n)
	invited.want(404, "PATCH /user/repository_invitations/"+n)
	n = again()
	owner.want(204, "DELETE /repos/ada/engine/collaborators/bob")
	invited.want(404, "PATCH /user/repository_invitations/"+n)
	n = again()
	s.Advance(repo.InviteFor + time.Minute)
	invited.want(404, "PATCH /user/repository_invitations/"+n)
	invited.want(200, "GET /user/repository_invitations", "[]")
	invited.want(404, "GET /repos/ada/engine")

	r, err := s.Repos.Find(t.Context(), s.DB, "ada", "engine", 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, r.Repo, eve, right.Admin)
	n = num(int64(object(t, stranger.want(201, `PUT /repos/ada/engine/collaborators/bob {"permission":"admin"}`))["id"].(float64)))
	owner.want(204, "DELETE /repos/ada/engine/collaborators/eve")
	invited.want(404, "PATCH /user/repository_invitations/"+n, "can't be accepted")
	owner.want(422, `PUT /repos/ada/engine/collaborators/ada {}`, "owner")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	me, other := as(t, s, ada, "repo"), as(t, s, bob, "repo")
	me.want(201, `POST /user/repos {"name":"steam-engine","private":false,"description":"Boilers 100%"}`)
	me.want(201, `POST /user/repos {"name":"engine-plans","private":true}`)
	me.want(200, `PUT /repos/ada/steam-engine/topics {"names":["power"]}`)
	other.want(201, `POST /user/repos {"name":"tea","private":false,"description":"steam"}`)
	other.want(200, "GET /search/repositories?q=engine", `"total_count":1`, "steam-engine", "!engine-plans")
	me.want(200, "GET /search/repositories?q=engine", `"total_count":2`)
	visitorOf(t, s).want(200, "GET /search/repositories?q=engine", `"total_count":1`)
	other.want(200, "GET /search/repositories?q=steam", `"total_count":2`)
	other.want(200, "GET /search/repositories?q=steam+in:name", `"total_count":1`)
	other.want(200, "GET /search/repositories?q=steam+user:bob", `"total_count":1`, "bob/tea")
	other.want(200, "GET /search/repositories?q=topic:power", `"total_count":1`)
	other.want(200, "GET /search/repositories?q=topic:pow", `"total_count":0`)
	other.want(200, "GET /search/repositories?q=100%25", `"total_count":1`)
	other.want(200, "GET /search/repositories?q=user:nobody", `"total_count":0`)
	other.want(200, "GET /search/repositories?q=is:private", `"total_count":0`)
	other.want(200, "GET /search/repositories?q=repo:ada/engine-plans", `"total_count":0`)
	me.want(200, "GET /search/repositories?q=repo:ada/engine-plans", `"total_count":1`)
	other.want(422, "GET /search/repositories?q=")
	other.want(422, "GET /search/repositories?q=stars:1")
	other.want(422, "GET /search/repositories?q=x&sort=size")
	other.want(422, "GET /search/repositories?q=x&page=11&per_page=100")
	other.want(422, "GET /search/repositories?q="+strings.Repeat("a", 300))
	other.want(200, "GET /repositories", "ada/steam-engine", "bob/tea", "!plans")
	other.want(200, "GET /repositories?since=2", "bob/tea", "!steam-engine")
}
