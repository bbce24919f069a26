package attack

import (
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
	"jeton/internal/token"

	"jeton/internal/app/apptest"
)

// asPerson is a signed-in person to the rooms.
func asPerson(a account.Account) right.Actor {
	return right.Actor{Account: a.ID, Login: a.Login, Kind: right.SessionCredential, Grant: right.Everything()}
}

// machine makes a service account.
func (s *scene) machine(t *testing.T, by account.Account, manager id.Account, login string) account.Account {
	t.Helper()
	m, err := s.Lifecycle.CreateMachine(t.Context(), asPerson(by), account.NewMachine{Login: login, Description: "Builds", Manager: manager})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// deploy makes a deploy token of a repository.
func (s *scene) deploy(t *testing.T, r repo.Repo, permissions string) (token.Token, string) {
	t.Helper()
	tok, plain, err := s.Lifecycle.CreateDeployToken(t.Context(), asPerson(s.ada), r.ID, token.NewDeploy{Note: "server", Permissions: right.ParseFine(permissions)})
	if err != nil {
		t.Fatal(err)
	}
	return tok, plain.Reveal()
}

// build makes ada's service account that may write to shut, and a token of it.
func (s *scene) build(t *testing.T) (account.Account, string) {
	t.Helper()
	m := s.machine(t, s.ada, s.ada.ID, "builder")
	s.Share(t, s.shut, m, right.Write)
	_, plain := s.FineToken(t, m, token.NewFine{Name: "ci", Owner: s.ada.ID, Access: token.AllOf}, "contents=write")
	return m, plain
}

func refusedAs(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

// TestA20_MachinesNeverSignIn: no door and no command lets anybody in as a service
// account, not even with a password or a session that was put into the database.
func TestA20_MachinesNeverSignIn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, op := t.Context(), right.Operator()
	m, plain := s.build(t)
	refusedAs(t, "a password by the operator", s.Signin.SetPassword(ctx, op, m.ID, secret.New(apptest.Password)), problem.Invalid)
	_, _, err := s.Signin.NewLink(ctx, op, signin.Reset, signin.For{Account: m.ID}, 0)
	refusedAs(t, "a link for a password", err, problem.Invalid)
	_, err = s.Accounts.AddEmail(ctx, op, m.ID, "builder@example.com")
	refusedAs(t, "an address", err, problem.Invalid)
	refusedAs(t, "the site's administration", s.Accounts.SetSiteAdmin(ctx, op, m.ID, true), problem.Invalid)
	_, _, err = s.Tokens.Create(ctx, op, m.ID, token.NewToken{Note: "classic"})
	refusedAs(t, "a classic token", err, problem.Invalid)
	app, err := s.Apps.ByClientID(ctx, application.GitHubCLI)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Apps.Authorize(ctx, asPerson(m), application.Request{App: app, Redirect: "http://127.0.0.1/"})
	refusedAs(t, "consent to an application", err, problem.Invalid)

	// Somebody who writes to the database gives it ada's password, and a session of hers.
	s.session(t, s.ada)
	cookie := s.session(t, s.ada)
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO signin_passwords (account_id, hash, changed_at) SELECT $1, hash, changed_at FROM signin_passwords WHERE account_id = $2`, m.ID, s.ada.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE signin_sessions SET account_id = $1 WHERE account_id = $2`, m.ID, s.ada.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a := s.post(t, "/login", url.Values{"login": {m.Login}, "password": {apptest.Password}})
	if a.StatusCode == 303 || strings.Contains(strings.Join(a.Header.Values("Set-Cookie"), " "), "__Host-session=") && !strings.Contains(a.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("signing in: %d %v", a.StatusCode, a.Header)
	}
	if page := s.Do(t, "GET", "/settings/profile", "", "Cookie: __Host-session="+cookie); page.StatusCode != 303 {
		t.Errorf("a session of a machine: %d", page.StatusCode)
	}
	for _, header := range []string{bearer(plain), "Cookie: __Host-session=" + plain} {
		if page := s.Do(t, "GET", "/settings/profile", "", header); page.StatusCode == 200 {
			t.Errorf("its token opens a page: %s", header[:12])
		}
	}
}

// TestA14_AMachineOwnsNothing: no repository, no organisation, and no membership
// but in the organisation that manages it.
func TestA14_AMachineOwnsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, op := t.Context(), right.Operator()
	m, plain := s.build(t)
	works := s.Org(t, s.ada, "works")
	bot := s.machine(t, s.ada, works.ID, "works-bot")
	if in, err := s.Orgs.Membership(ctx, s.DB, works.ID, bot.ID); err != nil || in.Pending || in.Role != org.Member {
		t.Errorf("the organization's machine: %+v, %v", in, err)
	}
	_, err := s.Lifecycle.CreateRepo(ctx, op, repo.NewRepo{Owner: m.ID, Name: "mine"})
	refusedAs(t, "a repository", err, problem.Invalid)
	_, _, err = s.Lifecycle.TransferRepo(ctx, op, s.open.ID, m.Login, "")
	refusedAs(t, "a transfer", err, problem.Invalid)
	_, err = s.Orgs.Create(ctx, op, "robots", "", m.ID)
	refusedAs(t, "an organization", err, problem.Invalid)
	_, err = s.Orgs.SetRole(ctx, op, works.ID, bot.ID, org.Owner)
	refusedAs(t, "an owner", err, problem.Invalid)
	_, err = s.Orgs.SetRole(ctx, asPerson(s.ada), works.ID, m.ID, org.Member)
	refusedAs(t, "another's machine as a member", err, problem.Invalid)
	_, err = s.Lifecycle.CreateMachine(ctx, asPerson(m), account.NewMachine{Login: "grandchild", Manager: m.ID})
	refusedAs(t, "a machine of a machine", err, problem.Invalid)
	for name, body := range map[string]string{"/api/v3/user/repos": `{"name":"mine"}`, "/api/v3/repos/ada/open/forks": `{}`} {
		if a := s.Do(t, "POST", name, body, bearer(plain)); a.StatusCode < 400 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	// What was never shared with it is not there, though its manager owns it.
	hidden := s.Repo(t, s.ada, "hidden", true)
	_, wide := s.FineToken(t, m, token.NewFine{Name: "wide", Owner: s.ada.ID, Access: token.AllOf}, right.AllFine().String())
	want(t, "not shared", s.Do(t, "GET", "/api/v3/repos/ada/"+hidden.Name, "", bearer(wide)), 404)
	want(t, "a setting", s.Do(t, "PATCH", "/api/v3/repos/ada/shut", `{"description":"x"}`, bearer(wide)), 403)
	want(t, "its manager's addresses", s.Do(t, "GET", "/api/v3/user/emails", "", bearer(wide)), 403)
	if me := s.Do(t, "GET", "/api/v3/user", "", bearer(wide)); !strings.Contains(me.Text, `"type":"Bot"`) || !strings.Contains(me.Text, `"login":"builder"`) {
		t.Errorf("who it is: %s", me.Text)
	}
	// Others see it as any account, and that of a repository who may read that: on no
	// list, and by its address alone.
	_, opens := s.deploy(t, s.open, "contents=write")
	s.deploy(t, s.shut, "contents=write")
	ada := s.token(t, s.ada, "all", "repo")
	want(t, "a service account", s.Do(t, "GET", "/api/v3/users/builder", ""), 200)
	login := "deploy-" + stringOf(int64(s.open.ID)) + "[bot]"
	private := "deploy-" + stringOf(int64(s.shut.ID)) + "[bot]"
	for _, one := range []struct {
		login, who string
		status     int
	}{{login, "", 200}, {login, ada, 200}, {private, "", 404}, {private, s.token(t, s.eve, "all", "repo"), 404}, {private, opens, 404}, {private, s.token(t, s.ada, "public", "public_repo"), 404},
		{private, ada, 200}, {"deploy-999999[bot]", ada, 404}, {"deploy-[bot]", ada, 404}, {"deploy-" + stringOf(int64(hidden.ID)) + "[bot]", ada, 404}} {
		headers := []string{}
		if one.who != "" {
			headers = append(headers, bearer(one.who))
		}
		for _, rest := range []string{"", "/repos", "/orgs", "/gpg_keys", "/ssh_signing_keys"} {
			a := s.Do(t, "GET", "/api/v3/users/"+url.PathEscape(one.login)+rest, "", headers...)
			want(t, one.login+rest, a, one.status)
			if at := s.URL() + "/api/v3/users/" + url.PathEscape(one.login); rest == "" && one.status == 200 &&
				(!strings.Contains(a.Text, `"url":"`+at+`"`) || !strings.Contains(a.Text, `"login":"`+one.login+`"`) || strings.Contains(strings.ReplaceAll(a.Text, `"login":"`+one.login+`"`, ""), "[bot]")) {
				t.Errorf("its addresses: %s", a.Text)
			}
		}
	}
	if a := s.Do(t, "GET", "/"+url.PathEscape(login), ""); a.StatusCode != 303 || a.Header.Get("Location") != "/ada/open" {
		t.Errorf("its page: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	want(t, "that of a private one", s.Do(t, "GET", "/"+url.PathEscape(private), ""), 404)
	want(t, "the same to a stranger", s.Person(t, s.eve).Get(t, "/"+url.PathEscape(private)), 404)
	for _, path := range []string{"/api/v3/repos/ada/open/collaborators"} {
		if a := s.Do(t, "GET", path, "", bearer(ada)); a.StatusCode != 200 || strings.Contains(a.Text, "[bot]") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	_, err = s.Accounts.Create(ctx, op, account.NewAccount{Login: login})
	refusedAs(t, "its login", err, problem.Invalid)
	refusedAs(t, "its login, at a new place", account.CheckLogin("deploy-999999[bot]"), problem.Invalid)
}

func stringOf(n int64) string { return strconv.FormatInt(n, 10) }

// TestB4_TheManagersEndIsTheMachines: whoever answers for a machine is suspended or
// deleted, and its tokens open no door any more; nobody but the log is told who it was.
func TestB4_TheManagersEndIsTheMachines(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m, plain := s.build(t)
	_, deployed := s.deploy(t, s.shut, "contents=write")
	doors := func(plain string, status int) {
		t.Helper()
		for _, path := range []string{"/ada/shut.git" + refs, "/api/v3/repos/ada/shut", "/api/v3/user"} {
			a := s.Do(t, "GET", path, "", bearer(plain))
			want(t, path, a, status)
			if status == 403 && strings.Contains(a.Text, "ada") {
				t.Errorf("%s tells who manages it: %s", path, a.Text)
			}
		}
		a := s.query(t, `{viewer{login}}`, bearer(plain))
		want(t, "GraphQL", a, status)
	}
	doors(plain, 200)
	doors(deployed, 200)
	s.suspend(t, s.ada)
	doors(plain, 403)
	doors(deployed, 403)
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: m.ID, Action: "oauth_access.refused", Limit: 5})
	if err != nil || len(lines) == 0 || lines[0].Detail["suspended"] != "ada" {
		t.Errorf("the log: %+v, %v", lines, err)
	}
	if err := s.Lifecycle.UnsuspendAccount(t.Context(), right.Operator(), s.ada.ID); err != nil {
		t.Fatal(err)
	}
	doors(plain, 200)
	s.suspend(t, m)
	doors(plain, 403)
	doors(deployed, 200)
	if err := s.Lifecycle.UnsuspendAccount(t.Context(), right.Operator(), m.ID); err != nil {
		t.Fatal(err)
	}
	doors(plain, 200)
	if err := s.Lifecycle.DeleteAccount(t.Context(), right.Operator(), s.ada.ID, s.eve.ID); err != nil {
		t.Fatal(err)
	}
	doors(plain, 401)
	doors(deployed, 401)
	if _, err := s.Accounts.ByID(t.Context(), s.DB, m.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the machine outlives its manager: %v", err)
	}
	// An organisation's machines end with it, and stay where its end is refused.
	works := s.Org(t, s.eve, "works")
	bot := s.machine(t, s.eve, works.ID, "works-bot")
	kept := s.Repo(t, works.Account, "kept", true)
	refusedAs(t, "an organization that owns something", s.Lifecycle.DeleteOrg(t.Context(), asPerson(s.eve), works.ID), problem.Conflict)
	if _, err := s.Accounts.ByID(t.Context(), s.DB, bot.ID); err != nil {
		t.Errorf("the machine went before its organization: %v", err)
	}
	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), kept.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Lifecycle.DeleteOrg(t.Context(), asPerson(s.eve), works.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts.ByID(t.Context(), s.DB, bot.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the machine outlives its organization: %v", err)
	}
}

// TestB5_AMachineUnderWayEnds: a clone by a machine's token ends when who answers for
// it is suspended, when it is deleted, and when the repository is given away.
func TestB5_AMachineUnderWayEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		deploy bool
		end    func(t *testing.T, s *scene) error
		after  int
	}{
		"the manager is suspended": {false, func(t *testing.T, s *scene) error {
			return s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), s.ada.ID)
		}, 403},
		"the service account is deleted": {false, func(t *testing.T, s *scene) error {
			m, err := s.Accounts.ByLogin(t.Context(), s.DB, "builder")
			if err != nil {
				return err
			}
			return s.Lifecycle.DeleteAccount(t.Context(), asPerson(s.ada), m.ID, 0)
		}, 401},
		"the repository's owner is suspended": {true, func(t *testing.T, s *scene) error {
			return s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), s.ada.ID)
		}, 403},
		"the repository is given away": {true, func(t *testing.T, s *scene) error {
			_, _, err := s.Lifecycle.TransferRepo(t.Context(), right.Operator(), s.shut.ID, "eve", "")
			return err
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			var plain string
			if c.deploy {
				_, plain = s.deploy(t, s.shut, "contents=write")
			} else {
				_, plain = s.build(t)
			}
			head, size := s.large(t, s.shut)
			resp := s.underWay(t, "/ada/shut.git", head, bearer(plain))
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			if err := c.end(t, s); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, &slowLine{resp.Body, tick})
			if err == nil || int(n) >= size {
				t.Errorf("the clone went on: %d bytes, %v", n, err)
			}
			want(t, "a new request", s.Do(t, "GET", "/ada/shut.git"+refs, "", bearer(plain)), c.after)
		})
	}
}

// TestA17_ADeployTokenIsForOneRepository: it clones and pushes there as far as it
// was let, and opens nothing else of the same owner.
func TestA17_ADeployTokenIsForOneRepository(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := s.Repo(t, s.ada, "other", true)
	_, reads := s.deploy(t, s.shut, "contents=read")
	tok, writes, err := s.Lifecycle.CreateDeployToken(t.Context(), asPerson(s.ada), s.shut.ID, token.NewDeploy{Note: "pusher",
		Permissions: right.ParseFine("contents=write,administration=write,workflows=write,repository_hooks=write,statuses=write")})
	if err != nil {
		t.Fatal(err)
	}
	g := s.Git(t, "x", reads)
	g.Run(t, "clone", "-q", s.URL()+"/ada/shut.git")
	in := g.In("shut")
	in.Commit(t, "more.txt", "more\n", "More")
	if out, code := in.Try(t, "push", "origin", "HEAD"); code == 0 || !strings.Contains(out, "lacks the permission contents: write") {
		t.Errorf("a push by one that reads: %d\n%s", code, out)
	}
	w := s.Git(t, "x", writes.Reveal())
	w.Run(t, "clone", "-q", s.URL()+"/ada/shut.git")
	w = w.In("shut")
	w.Commit(t, "more.txt", "more\n", "More")
	w.Run(t, "push", "-q", "origin", "HEAD")
	if l := s.last(t, "git.push"); l.Actor != "deploy-"+stringOf(int64(s.shut.ID))+"[bot]" || l.Note != "pusher" || l.Repo != s.shut.ID {
		t.Errorf("who pushed: %+v", l)
	}
	w.Commit(t, ".github/workflows/ci.yml", "on: push\n", "A workflow")
	if out, code := w.Try(t, "push", "origin", "HEAD"); code == 0 || !strings.Contains(out, "No deploy token can have it") {
		t.Errorf("a workflow: %s", out)
	}
	auth := bearer(writes.Reveal())
	for path, status := range map[string]int{
		"GET /api/v3/repos/ada/" + other.Name: 404, "GET /ada/other.git" + refs: 404, "GET /api/v3/repos/ada/open": 200, "GET /api/v3/repos/ada/shut": 200,
		"GET /api/v3/repos/ada/shut/hooks": 403, "PATCH /api/v3/repos/ada/shut": 403, "DELETE /api/v3/repos/ada/shut": 403, "GET /api/v3/user/emails": 403,
		"POST /api/v3/repos/ada/shut/statuses/" + s.head: 201, "POST /api/v3/repos/ada/shut/deployments": 403, "POST /api/v3/repos/ada/shut/forks": 403,
		"PUT /api/v3/repos/ada/shut/collaborators/eve": 403, "GET /ada/open.git" + refs: 200, "GET /ada/open.git" + packs: 403,
	} {
		method, at, _ := strings.Cut(path, " ")
		body := map[bool]string{true: `{"state":"success"}`, false: `{}`}[strings.Contains(at, "/statuses/")]
		if method == "GET" {
			body = ""
		}
		a := s.Do(t, method, at, body, auth)
		want(t, path, a, status)
		if status == 403 && strings.HasPrefix(at, "/api") && a.Header.Get("X-Accepted-GitHub-Permissions") == "" && !strings.Contains(at, "emails") {
			t.Errorf("%s does not say what it takes", path)
		}
	}
	if a := s.Do(t, "GET", "/api/v3/user/repos", "", auth); strings.Contains(a.Text, "ada/other") || !strings.Contains(a.Text, "ada/shut") {
		t.Errorf("its repositories: %s", a.Text)
	}
	if a := s.Do(t, "POST", "/api/v3/user/token/rotate", `{}`, auth); a.StatusCode < 400 {
		t.Errorf("it rotates itself: %s", a.Text)
	}
	// The way to its page, for who administers the repository and for nobody else.
	at := "/settings/tokens/" + stringOf(int64(tok.ID))
	if a := s.Person(t, s.ada).Get(t, at); a.Header.Get("Location") != "/ada/shut/settings/deploy-tokens/"+stringOf(int64(tok.ID)) {
		t.Errorf("the way to its page: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	s.Share(t, s.shut, s.eve, right.Write)
	want(t, "for a writer", s.Person(t, s.eve).Get(t, at), 404)

	if _, _, err := s.Lifecycle.TransferRepo(t.Context(), right.Operator(), s.shut.ID, "eve", ""); err != nil {
		t.Fatal(err)
	}
	want(t, "after the transfer", s.Do(t, "GET", "/eve/shut.git"+refs, "", auth), 401)
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: s.ada.ID, Action: "personal_access_token.destroy", Limit: 10})
	if err != nil || len(lines) != 2 || lines[0].Detail["why"] != "the repository was transferred" || lines[0].Detail["kind"] != "deploy" || lines[0].Repo != s.shut.ID {
		t.Errorf("the log: %+v, %v", lines, err)
	}
	if list, err := s.Lifecycle.DeployTokens(t.Context(), s.shut.ID); err != nil || len(list) != 0 {
		t.Errorf("%d deploy tokens are left, %v", len(list), err)
	}
}

// TestA14_AMachineIsItsManagersAlone: nobody else sees its page, makes or ends a
// token of it, answers an invitation of it, or comes by one's own to another's.
func TestA14_AMachineIsItsManagersAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m, _ := s.build(t)
	tok, _ := s.FineToken(t, m, token.NewFine{Name: "second", Owner: s.ada.ID, Access: token.PublicOnly}, "")
	works := s.Org(t, s.ada, "works")
	bot := s.machine(t, s.ada, works.ID, "works-bot")
	s.Join(t, works, org.Member, s.eve)
	mine := s.machine(t, s.eve, s.eve.ID, "eves-bot")
	theirs := s.Repo(t, s.eve, "theirs", true)
	i, err := s.Repos.Invite(t.Context(), asPerson(s.eve), theirs.ID, m.ID, right.Write)
	if err != nil || i == nil {
		t.Fatalf("an invitation by somebody else: %v, %v", i, err)
	}
	if at, err := s.Repos.Invite(t.Context(), asPerson(s.ada), s.open.ID, m.ID, right.Read); err != nil || at != nil {
		t.Errorf("an invitation by its manager waits: %v, %v", at, err)
	}
	eve, number := s.Person(t, s.eve), stringOf(int64(tok.ID))
	for _, base := range []string{"/settings/service-accounts/builder", "/settings/service-accounts/works-bot", "/settings/service-accounts/ada", "/settings/service-accounts/eve"} {
		for _, rest := range []string{"", "/delete", "/security-log", "/tokens/new", "/tokens/" + number, "/tokens/" + number + "/uses", "/tokens/" + number + "/uses/export?format=csv"} {
			want(t, "GET "+base+rest, eve.Get(t, base+rest), 404)
		}
		for _, rest := range []string{"", "/delete", "/rename", "/tokens", "/tokens/revoke_all", "/tokens/" + number, "/tokens/" + number + "/delete", "/tokens/" + number + "/regenerate", "/tokens/" + number + "/rotate",
			"/tokens/" + number + "/limits", "/tokens/" + number + "/shrink", "/invitations/" + stringOf(int64(i.ID)) + "/accept"} {
			want(t, "POST "+base+rest, eve.Post(t, base+rest, url.Values{"name": {"x"}, "access": {"none"}, "expires": {"30"}, "confirm": {"builder"}, "login": {"x"}}), 404)
		}
	}
	// A member of the organisation is no owner of it.
	for _, rest := range []string{"", "/new", "/works-bot", "/works-bot/tokens/new"} {
		if a := eve.Get(t, "/organizations/works/settings/service-accounts"+rest); a.StatusCode != 403 && a.StatusCode != 404 {
			t.Errorf("a member at %s: %d", rest, a.StatusCode)
		}
	}
	// By her own machine she comes to no other's token, and her token pages lead nowhere.
	for _, path := range []string{"/settings/service-accounts/eves-bot/tokens/" + number, "/settings/personal-access-tokens/" + number, "/settings/tokens/" + number + "/uses"} {
		want(t, path, eve.Get(t, path), 404)
	}
	if a := s.Person(t, s.ada).Get(t, "/settings/personal-access-tokens/"+number+"/regenerate"); a.Header.Get("Location") != "/settings/service-accounts/builder/tokens/"+number+"/regenerate" {
		t.Errorf("its manager is led to %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	if l, err := s.Tokens.List(t.Context(), m.ID, token.FineGrained); err != nil || len(l) != 2 {
		t.Errorf("%d tokens are left, %v", len(l), err)
	}
	// A token reaches what is the manager's, not a stranger's and not its own account.
	ada := s.Person(t, s.ada)
	for owner, ok := range map[string]bool{"ada": true, "eve": false, "builder": false, "works": false} {
		a := ada.Post(t, "/settings/service-accounts/builder/tokens", url.Values{"name": {"for " + owner}, "target_name": {owner}, "access": {"none"}, "expires": {"30"}})
		if (a.StatusCode == 303) != ok {
			t.Errorf("a token for what is %s's: %d", owner, a.StatusCode)
		}
	}
	_, _ = bot, mine
	// An old sign-in looks, and changes nothing.
	s.Advance(3 * time.Hour)
	want(t, "looking", ada.Get(t, "/settings/service-accounts/builder"), 200)
	before := s.tokensOf(t, m)
	ada.Post(t, "/settings/service-accounts/builder/tokens", url.Values{"name": {"late"}, "access": {"none"}, "expires": {"30"}})
	ada.Post(t, "/settings/service-accounts/builder/delete", url.Values{"confirm": {"builder"}})
	if s.tokensOf(t, m) != before {
		t.Error("a sign-in that is not recent made a token")
	}
	if a := ada.Get(t, "/ada/shut/settings/deploy-tokens"); a.StatusCode == 200 && !strings.Contains(a.Text, "password") {
		t.Errorf("deploy tokens without a recent sign-in: %d", a.StatusCode)
	}
}

func (s *scene) tokensOf(t *testing.T, a account.Account) int {
	t.Helper()
	list, err := s.Tokens.ListAll(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestA14_AMachineLeavesWithItsManager: who administers a repository of an
// organisation and is put out of it does not stay by a service account.
func TestA14_AMachineLeavesWithItsManager(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	works := s.Org(t, s.ada, "works")
	s.Join(t, works, org.Member, s.eve)
	engine, err := s.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: works.ID, Name: "engine", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Share(t, engine, s.eve, right.Admin)
	bot := s.machine(t, s.eve, s.eve.ID, "eves-bot")
	_, plain := s.Token(t, s.eve, "api", "repo")
	if a := s.Do(t, "PUT", "/api/v3/repos/works/engine/collaborators/eves-bot", `{"permission":"push"}`, bearer(plain)); a.StatusCode != 204 {
		t.Fatalf("eve shares with her own: %d %s", a.StatusCode, a.Text)
	}
	_, back := s.FineToken(t, bot, token.NewFine{Name: "ci", Owner: works.ID, Access: token.AllOf}, "contents=write")
	want(t, "before", s.Do(t, "GET", "/api/v3/repos/works/engine", "", bearer(back)), 200)
	if i, err := s.Repos.Invite(t.Context(), asPerson(s.ada), engine.ID, s.machine(t, s.eve, s.eve.ID, "invited-bot").ID, right.Write); err != nil || i == nil {
		t.Fatalf("an invitation by ada: %v, %v", i, err)
	}
	_, adas := s.Token(t, s.ada, "api", "admin:org")
	if a := s.Do(t, "DELETE", "/api/v3/orgs/works/members/eve", "", bearer(adas)); a.StatusCode != 204 {
		t.Fatalf("eve is removed: %d %s", a.StatusCode, a.Text)
	}
	want(t, "after", s.Do(t, "GET", "/api/v3/repos/works/engine", "", bearer(back)), 404)
	want(t, "after, by git", s.Do(t, "GET", "/works/engine.git"+refs, "", bearer(back)), 404)
	if list, err := s.Repos.Invitations(t.Context(), s.DB, engine.ID, 0); err != nil || len(list) != 0 {
		t.Errorf("invitations are left: %+v, %v", list, err)
	}
}

// TestA17_ADeployTokenOnAClosedSite: what everybody with an account may read is
// nothing to a token that is of one repository alone.
func TestA17_ADeployTokenOnAClosedSite(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Closed = true })
	ada := s.User(t, "ada")
	mine := s.Repo(t, ada, "mine", true)
	s.Repo(t, ada, "open", false)
	s.Repo(t, s.User(t, "eve"), "inner", false)
	_, plain, err := s.Lifecycle.CreateDeployToken(t.Context(), asPerson(ada), mine.ID, token.NewDeploy{Note: "server", Permissions: right.ParseFine("contents=write")})
	if err != nil {
		t.Fatal(err)
	}
	auth := bearer(plain.Reveal())
	want(t, "its own", s.Do(t, "GET", "/api/v3/repos/ada/mine", "", auth), 200)
	for _, path := range []string{"/api/v3/repos/ada/open", "/api/v3/repos/eve/inner", "/ada/open.git" + refs, "/eve/inner.git" + refs} {
		want(t, path, s.Do(t, "GET", path, "", auth), 404)
	}
	for _, path := range []string{"/api/v3/search/repositories?q=in", "/api/v3/users/eve/repos", "/api/v3/users/ada/repos", "/api/v3/repositories"} {
		if a := s.Do(t, "GET", path, "", auth); strings.Contains(a.Text, "eve/inner") || strings.Contains(a.Text, "ada/open") {
			t.Errorf("%s: %s", path, a.Text)
		}
	}
}
