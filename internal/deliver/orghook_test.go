package deliver_test

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/hook"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// orgWorld is an organisation of ada's and bob's, with a webhook of bob's.
type orgWorld struct {
	*world
	ada right.Actor
	in  org.Found
}

func newOrgWorld(t *testing.T, key string, events ...string) *orgWorld {
	t.Helper()
	w := &orgWorld{world: &world{to: plainReceiver(t, nil)}}
	w.s = apptest.Start(t, loopback)
	ada, bob := w.s.User(t, "ada"), w.s.User(t, "bob")
	w.s.User(t, "carol")
	w.ada, w.bob = right.Actor{Account: ada.ID, Login: "ada"}, right.Actor{Account: bob.ID, Login: "bob"}
	w.in = w.s.Org(t, ada, "acme")
	w.s.Join(t, w.in, org.Owner, bob)
	w.r = w.make(t, repo.NewRepo{Owner: w.in.ID, Name: "engine", Private: true})
	w.h = w.hook(t, w.bob, key, events...)
	w.to.next(t, "ping")
	return w
}

func (w *orgWorld) make(t *testing.T, n repo.NewRepo) repo.Repo {
	t.Helper()
	r, err := w.s.Lifecycle.CreateRepo(t.Context(), right.Operator(), n)
	w.do(t, err)
	return r
}

func (w *orgWorld) at() hook.Place { return hook.Place{Owner: w.in.ID, Name: w.in.Login} }

func (w *orgWorld) hook(t *testing.T, by right.Actor, key string, events ...string) hook.Hook {
	t.Helper()
	kind, plain := hook.JSON, secret.New(key)
	h, err := w.s.Hooks.Create(t.Context(), by, w.at(), hook.Patch{URL: &w.to.URL, ContentType: &kind, Secret: &plain, Events: events})
	w.do(t, err)
	return h
}

// told waits for the event and holds it to GitHub's description.
func (w *orgWorld) told(t *testing.T, event, action string) map[string]any {
	t.Helper()
	g := w.to.next(t, event)
	p := g.payload(t)
	if got, _ := p["action"].(string); got != action {
		t.Errorf("%s %s was told, want %s", event, got, action)
	}
	if at, _ := p["organization"].(map[string]any); at["login"] != "acme" {
		t.Errorf("%s %s is of %v", event, action, at["login"])
	}
	apptest.CheckEvent(t, event, action, g.body)
	return p
}

// An organisation's webhook hears of a push to each of its repositories, and of
// nobody else's.
func TestOrgHook(t *testing.T) {
	t.Parallel()
	const key = "between the two of us"
	w := newOrgWorld(t, key, "push")
	ada, err := w.s.Accounts.ByID(t.Context(), w.s.DB, w.ada.Account)
	w.do(t, err)
	own := w.s.Repo(t, ada, "notes", false)
	_, plain := w.s.Token(t, ada, "push", "repo")
	for _, r := range []repo.Repo{own, w.r} {
		g := w.s.Git(t, "ada", plain)
		g.Run(t, "clone", "-q", w.s.URL()+"/"+r.FullName()+".git", "w")
		g = g.In("w")
		g.Commit(t, "a.txt", "one\n", "Say one")
		g.Run(t, "push", "-q", "origin", "HEAD:main")
	}
	g := w.to.next(t, "push")
	p := g.payload(t)
	if in := p["repository"].(map[string]any); in["full_name"] != "acme/engine" || in["private"] != true || p["organization"].(map[string]any)["login"] != "acme" {
		t.Errorf("%s", g.body)
	}
	if g.Get("X-GitHub-Hook-Installation-Target-Type") != "organization" || g.Get("X-GitHub-Hook-Installation-Target-ID") != strconv.FormatInt(int64(w.in.ID), 10) {
		t.Errorf("%v", g.Header)
	}
	if g.Get("X-Hub-Signature-256") != "sha256="+sign(sha256.New, key, g.body) {
		t.Error("the signature is another's")
	}
	w.to.none(t)
	if n := len(delivered(t, w.s, w.h, 2)); n != 2 {
		t.Errorf("%d deliveries", n)
	}
}

// What happens in an organisation is told as GitHub tells it.
func TestOrgHook_events(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t, "", "*")
	ctx, s := t.Context(), w.s
	carol, err := s.Accounts.ByLogin(ctx, s.DB, "carol")
	w.do(t, err)
	asCarol := right.Actor{Account: carol.ID, Login: "carol"}

	// Repositories begin, change and end.
	r := w.make(t, repo.NewRepo{Owner: w.in.ID, Name: "looms", Private: true})
	if p := w.told(t, "repository", "created"); p["repository"].(map[string]any)["full_name"] != "acme/looms" {
		t.Errorf("%v", p["repository"])
	}
	name, public := "jacquard", false
	r, err = s.Lifecycle.EditRepo(ctx, w.ada, r, repo.Patch{Name: &name})
	w.do(t, err)
	w.told(t, "repository", "renamed")
	r, err = s.Lifecycle.EditRepo(ctx, w.ada, r, repo.Patch{Private: &public})
	w.do(t, err)
	w.told(t, "repository", "publicized")
	w.told(t, "public", "") // before the repository is gone
	w.do(t, s.Lifecycle.DeleteRepo(ctx, w.ada, r.ID))
	p := w.told(t, "repository", "deleted")
	if in := p["repository"].(map[string]any); in["full_name"] != "acme/jacquard" || in["id"] != float64(r.ID) || p["sender"].(map[string]any)["login"] != "ada" {
		t.Errorf("%v", p)
	}

	// One that comes says from where, and of one that leaves nothing is said.
	other := s.Org(t, carol, "looms")
	from := w.make(t, repo.NewRepo{Owner: other.ID, Name: "cards"})
	if _, _, err := s.Lifecycle.TransferRepo(ctx, right.Operator(), from.ID, "acme", ""); err != nil {
		t.Fatal(err)
	}
	p = w.told(t, "repository", "transferred")
	if was := p["changes"].(map[string]any)["owner"].(map[string]any)["from"].(map[string]any)["organization"].(map[string]any); was["login"] != "looms" {
		t.Errorf("%v", was)
	}
	if _, _, err := s.Lifecycle.TransferRepo(ctx, right.Operator(), from.ID, "carol", ""); err != nil {
		t.Fatal(err)
	}

	// People are invited, join, and leave, with their places in teams.
	_, err = s.Orgs.SetRole(ctx, w.ada, w.in.ID, carol.ID, org.Member)
	w.do(t, err)
	if p = w.told(t, "organization", "member_invited"); p["invitation"].(map[string]any)["inviter"].(map[string]any)["login"] != "ada" {
		t.Errorf("%v", p["invitation"])
	}
	team, err := s.Orgs.CreateTeam(ctx, w.ada, w.in.ID, org.NewTeam{Name: "Weavers", Secret: true})
	w.do(t, err)
	if p = w.told(t, "team", "created"); p["team"].(map[string]any)["privacy"] != "secret" {
		t.Errorf("%v", p["team"])
	}
	_, err = s.Orgs.SetMate(ctx, w.ada, team.Team, carol.ID, org.TeamMember) // counts once she is a member
	w.do(t, err)
	_, err = s.Orgs.Accept(ctx, asCarol, w.in.ID)
	w.do(t, err)
	if p = w.told(t, "organization", "member_added"); p["membership"].(map[string]any)["user"].(map[string]any)["login"] != "carol" {
		t.Errorf("%v", p["membership"])
	}
	if p = w.told(t, "membership", "added"); p["team"].(map[string]any)["slug"] != "weavers" || p["member"].(map[string]any)["login"] != "carol" {
		t.Errorf("%v", p)
	}
	team, err = s.Orgs.UpdateTeam(ctx, w.ada, team.Team, org.NewTeam{Name: "Weavers", Description: "They weave"})
	w.do(t, err)
	if p = w.told(t, "team", "edited"); len(p["changes"].(map[string]any)) != 2 {
		t.Errorf("%v", p["changes"])
	}
	w.do(t, s.Orgs.SetTeamRepo(ctx, w.ada, team.Team, w.r.ID, right.Read))
	if p = w.told(t, "team", "added_to_repository"); p["repository"].(map[string]any)["name"] != "engine" {
		t.Errorf("%v", p["repository"])
	}
	w.do(t, s.Orgs.SetTeamRepo(ctx, w.ada, team.Team, w.r.ID, right.Write))
	w.told(t, "team", "edited")
	w.do(t, s.Orgs.RemoveTeamRepo(ctx, w.ada, team.Team, w.r.ID))
	w.told(t, "team", "removed_from_repository")
	w.do(t, s.Lifecycle.RemoveMember(ctx, w.ada, w.in.ID, carol.ID, false))
	w.told(t, "organization", "member_removed")
	w.told(t, "membership", "removed")
	w.do(t, s.Orgs.DeleteTeam(ctx, w.ada, team.Team))
	w.told(t, "team", "deleted")

	for _, x := range delivered(t, s, w.h, 16) {
		if x.Code != 200 {
			t.Errorf("%s %s: %s", x.Event, x.Action, x.Status)
		}
		if x.Event == "repository" && x.Action == "transferred" && strings.Contains(string(x.Payload), `"full_name":"carol/cards"`) {
			t.Error("the organization was told where its repository went")
		}
	}
}

// B12: an organisation's webhook tells nothing when whoever saved it last does not
// own the organisation any more, and nothing of what the organisation owned before.
func TestOrgHook_stopped(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *orgWorld){
		"demoted": func(t *testing.T, w *orgWorld) {
			_, err := w.s.Orgs.SetRole(t.Context(), w.ada, w.in.ID, w.bob.Account, org.Member)
			w.do(t, err)
		},
		"removed": func(t *testing.T, w *orgWorld) {
			w.do(t, w.s.Lifecycle.RemoveMember(t.Context(), w.ada, w.in.ID, w.bob.Account, false))
		},
		"administers": func(t *testing.T, w *orgWorld) { // the repository, but not the organisation
			w.do(t, w.s.Lifecycle.RemoveMember(t.Context(), w.ada, w.in.ID, w.bob.Account, false))
			w.do(t, w.s.Repos.SetCollaborator(t.Context(), w.ada, w.r.ID, w.bob.Account, right.Admin))
		},
		"suspended": func(t *testing.T, w *orgWorld) {
			w.do(t, w.s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), w.bob.Account))
		},
		"deleted": func(t *testing.T, w *orgWorld) {
			w.do(t, w.s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), w.bob.Account, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newOrgWorld(t, "", "team")
			end(t, w)
			before := len(delivered(t, w.s, w.h, 1))
			_, err := w.s.Orgs.CreateTeam(t.Context(), w.ada, w.in.ID, org.NewTeam{Name: "core"})
			w.do(t, err)
			if x := delivered(t, w.s, w.h, before+1)[0]; x.Code != 0 || !strings.HasPrefix(x.Status, "stopped: whoever saved") || x.Payload != nil {
				t.Errorf("%d %s %s", x.Code, x.Status, x.Payload)
			}
			w.to.none(t)
			// An owner who saves it has it told again.
			_, err = w.s.Hooks.Update(t.Context(), w.ada, w.at(), w.h.ID, hook.Patch{})
			w.do(t, err)
			_, err = w.s.Orgs.CreateTeam(t.Context(), w.ada, w.in.ID, org.NewTeam{Name: "outer"})
			w.do(t, err)
			w.told(t, "team", "created")
		})
	}
}

// What waits when a repository leaves, and what is sent again later, is told no
// more: the repository is others' now. Nor is a fork that nobody here may see.
func TestOrgHook_left(t *testing.T) {
	t.Parallel()
	w := newOrgWorld(t, "", "member", "fork")
	ctx, s := t.Context(), w.s
	carol, err := s.Accounts.ByLogin(ctx, s.DB, "carol")
	w.do(t, err)
	s.Share(t, w.r, carol, right.Read)
	w.to.next(t, "member")
	told := delivered(t, s, w.h, 2)[0]
	allowed := false
	w.r, err = s.Lifecycle.EditRepo(ctx, w.ada, w.r, repo.Patch{NoForking: &allowed})
	w.do(t, err)
	_, err = s.Lifecycle.ForkRepo(ctx, right.Actor{Account: carol.ID, Login: "carol"}, w.r, repo.NewRepo{Owner: carol.ID, Name: "mine", Private: true}, gitstore.Fork{}, nil)
	w.do(t, err)
	if x := delivered(t, s, w.h, 3)[0]; x.Event != "fork" || x.Code != 0 || x.Payload != nil {
		t.Errorf("%s: %d %s %s", x.Event, x.Code, x.Status, x.Payload)
	}
	if _, _, err := s.Lifecycle.TransferRepo(ctx, right.Operator(), w.r.ID, "carol", ""); err != nil {
		t.Fatal(err)
	}
	stopped := func(n int) {
		t.Helper()
		w.do(t, s.Hooks.Redeliver(ctx, w.h.ID, told.ID))
		if x := delivered(t, s, w.h, n)[0]; x.Code != 0 || !strings.HasPrefix(x.Status, "stopped: the repository does not belong") || x.Payload != nil {
			t.Errorf("%d %s %s", x.Code, x.Status, x.Payload)
		}
	}
	stopped(4)
	w.do(t, s.Lifecycle.DeleteRepo(ctx, right.Operator(), w.r.ID))
	stopped(5)
	w.to.none(t)
	if list := delivered(t, s, w.h, 5); list[3].Payload == nil {
		t.Error("the log forgot what was sent")
	}

	// With the organisation everything goes.
	w.do(t, s.Lifecycle.DeleteOrg(ctx, w.ada, w.in.ID))
	var left int
	w.do(t, s.DB.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM hooks) + (SELECT COUNT(*) FROM hook_deliveries)`).Scan(&left))
	if left != 0 {
		t.Errorf("%d rows are left", left)
	}
}
