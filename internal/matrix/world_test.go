package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/application"
	"jeton/internal/config"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/org"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
	"jeton/internal/trust"
)

// relation is what a person is to the repositories of the world.
type relation string

const (
	owner relation = "owner"
	admin relation = "admin"
	write relation = "write"
	read  relation = "read"
	none  relation = "none"
	site  relation = "site administrator" // of the site; nothing to the repositories
)

var relations = []relation{owner, admin, write, read, none, site}

// scopeSets are the tokens that everybody in the world has: every scope alone,
// none, and all.
var scopeSets = func() map[string][]string {
	sets := map[string][]string{"no scope": {}}
	for _, one := range right.Scopes() {
		sets[string(one.Name)] = []string{string(one.Name)}
		if one.Parent == "" {
			sets["all"] = append(sets["all"], string(one.Name))
		}
	}
	// A token that an application was given does what its scopes say and nothing
	// else, whatever carries it.
	sets[ofApp] = []string{"public_repo", "user:email"}
	return sets
}()

// ofApp names the token that is an application's and not a personal one.
const ofApp = "of an application"

// person is somebody with everything that they could present.
type person struct {
	account.Account
	tokens   map[string]string // by the name of the scope set or fine-grained token; "expired" and "revoked" too
	sessions map[string]string // the cookie's value: recent, stale, lapsed, ended
	email    id.Email
	decoy    id.Token // a token that requests name in their path
	fine     id.Token // and a fine-grained one
	app      id.App   // an application that requests name in their path
	hooks    *hooked  // a webhook of the account itself
}

// world is a set of people and the repositories between them. A suspended
// world's people all are.
type world struct {
	s       *apptest.Server
	people  map[relation]*person
	repos   map[bool]repo.Repo // by private
	rules   map[bool]id.Rule   // a rule of each
	hooks   map[bool]*hooked   // a webhook of each
	alerts  map[bool]int64     // the number of an alert of each
	trusts  map[bool]id.Trust  // whom each trusts
	commit  string
	blob    string          // of the README
	tag     string          // an annotated one
	large   string          // the name of a large file that every repository holds
	victim  account.Account // whom administrators act upon
	address id.Email        // of the victim
	org     org.Found
	left    org.Found // which requests leave
	orgApp  id.App    // an application of the organisation

	machines machines // accounts that are no people's

	orgHooks *hooked // a webhook of the organisation that a person made
	appHooks *hooked // one that the application made

	orgTrust id.Trust // whom the organisation trusts
}

// start makes a server with a world of people in good standing and one of
// suspended people.
func start(t *testing.T) (alive, suspended *world) {
	t.Helper()
	s := apptest.Start(t, func(c *config.Config) { c.APIRateLimit = 100_000_000 })
	alive, suspended = newWorld(t, s, ""), newWorld(t, s, "s-")
	// What was made to expire within the hour has, and sessions that were opened
	// before are not recent any more.
	s.Advance(3 * time.Hour)
	for _, w := range []*world{alive, suspended} {
		for _, p := range w.people {
			p.sessions["recent"] = w.session(t, p, "recent")
		}
	}
	for _, p := range suspended.people {
		if err := s.Lifecycle.SuspendAccount(t.Context(), right.Operator(), p.ID); err != nil {
			t.Fatal(err)
		}
	}
	return alive, suspended
}

func newWorld(t *testing.T, s *apptest.Server, prefix string) *world {
	t.Helper()
	w := &world{s: s, people: map[relation]*person{}, repos: map[bool]repo.Repo{}, rules: map[bool]id.Rule{}, hooks: map[bool]*hooked{}, alerts: map[bool]int64{}, trusts: map[bool]id.Trust{}}
	for i, r := range relations {
		w.people[r] = w.person(t, fmt.Sprintf("%sp%d", prefix, i), r == site)
	}
	// Requests that end sessions come from people whose sessions nobody else uses.
	w.people["hermit"] = w.person(t, prefix+"h1", false)
	w.people["hermit, site"] = w.person(t, prefix+"h2", true)
	w.victim = s.User(t, prefix+"victim")
	w.address = w.emailOf(t, w.victim)
	w.employ(t, prefix)
	for private, name := range map[bool]string{false: "open", true: "shut"} {
		r := s.Repo(t, w.people[owner].Account, name, private)
		w.share(t, r)
		w.hold(t, r)
		w.fill(t, r)
		w.repos[private] = r
		rule, err := s.Repos.CreateRule(t.Context(), right.Operator(), r.ID, repo.Rule{Pattern: "kept", Push: repo.AdminsPush})
		if err != nil {
			t.Fatal(err)
		}
		w.rules[private] = rule.ID
		w.hooks[private] = w.hookUp(t, hookPlace(r), w.actor(owner))
		w.alerts[private] = w.alarm(t, r)
		w.trusts[private] = w.rely(t, trust.Place{Repo: r.ID, Owner: r.Owner, Name: r.FullName()})
	}
	w.organize(t, prefix+"acme")
	w.orgApp = w.register(t, w.org.ID)
	w.orgTrust = w.rely(t, trust.Place{Owner: w.org.ID, Name: w.org.Login})
	w.makeFine(t)
	w.arm(t, prefix)
	at, by := hook.Place{Owner: w.org.ID, Name: w.org.Login}, w.actor(owner)
	w.orgHooks = w.hookUp(t, at, by)
	by.Kind, by.App = right.OAuthToken, application.GitHubCLI
	w.appHooks = w.hookUp(t, at, by)
	return w
}

func (w *world) share(t *testing.T, r repo.Repo) {
	t.Helper()
	w.s.Share(t, r, w.people[admin].Account, right.Admin)
	w.s.Share(t, r, w.people[write].Account, right.Write)
	w.s.Share(t, r, w.people[read].Account, right.Read)
	w.s.Share(t, r, w.machines.of[owner], right.Write)
}

// hold gives the repository a large file.
func (w *world) hold(t *testing.T, r repo.Repo) {
	t.Helper()
	const content = "a large file\n"
	sum := sha256.Sum256([]byte(content))
	w.large = hex.EncodeToString(sum[:])
	err := w.s.Files.Store(t.Context(), r.ID, largefile.OID(w.large), int64(len(content)), strings.NewReader(content), func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// fill commits a README on the machine itself: no door is used before the
// matrix looks at it.
func (w *world) fill(t *testing.T, r repo.Repo) {
	t.Helper()
	g := w.s.Git(t, "", "")
	// The same commit in every repository, whatever the clock says.
	g.Env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
	g.Env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
	g.Run(t, "init", "-q")
	g.Write(t, "large.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+w.large+"\nsize 13\n")
	g.Commit(t, "README.md", "# Hello\n", "Say hello")
	g.Run(t, "tag", "-am", "One", "v1")
	n := int64(r.ID)
	g.Run(t, "push", "-q", "--follow-tags", filepath.Join(w.s.Core.Git.Dir(), strconv.FormatInt(n/1000, 10), strconv.FormatInt(n, 10)+".git"), "main", "main:kept")
	w.commit, w.blob, w.tag = g.Run(t, "rev-parse", "HEAD"), g.Run(t, "rev-parse", "HEAD:README.md"), g.Run(t, "rev-parse", "v1")
}

func (w *world) person(t *testing.T, login string, siteAdmin bool) *person {
	t.Helper()
	p := &person{tokens: map[string]string{}, sessions: map[string]string{}}
	if siteAdmin {
		p.Account = w.s.Admin(t, login)
	} else {
		p.Account = w.s.User(t, login)
	}
	p.email = w.emailOf(t, p.Account)
	for name, scopes := range scopeSets {
		if name == ofApp {
			p.tokens[name] = w.s.OAuthToken(t, p.Account, application.GitHubCLI, scopes...)
			continue
		}
		_, p.tokens[name] = w.s.Token(t, p.Account, name, scopes...)
	}
	_, p.tokens["expired"] = w.s.TokenUntil(t, p.Account, "expired", w.s.Now().Add(time.Hour), scopeSets["all"]...)
	gone, plain := w.s.Token(t, p.Account, "revoked", scopeSets["all"]...)
	if _, err := w.s.Tokens.Revoke(t.Context(), right.Operator(), p.ID, gone.ID); err != nil {
		t.Fatal(err)
	}
	p.tokens["revoked"] = plain
	decoy, _ := w.s.Token(t, p.Account, "decoy")
	p.decoy = decoy.ID
	fine, _ := w.s.FineToken(t, p.Account, token.NewFine{Name: "decoy", Owner: p.ID, Access: token.PublicOnly}, "")
	p.fine = fine.ID
	p.app = w.register(t, p.ID)
	p.hooks = w.hookUp(t, hook.Place{Owner: p.ID, Name: p.Login, Person: true}, right.Actor{Account: p.ID, Login: p.Login, Kind: right.SessionCredential, Grant: right.Everything()})
	w.allow(t, p, application.GitHubCLI)
	w.allow(t, p, application.GCM)
	for _, kind := range []string{"stale", "lapsed", "ended"} {
		p.sessions[kind] = w.session(t, p, kind)
	}
	return p
}

// register makes an application of the account.
func (w *world) register(t *testing.T, owner id.Account) id.App {
	t.Helper()
	app, err := w.s.Apps.Register(t.Context(), right.Operator(), owner, application.Form{Name: "Own", Homepage: "https://app.example.com", Callback: "https://app.example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	return app.ID
}

// allow lets a known application act for the person.
func (w *world) allow(t testing.TB, p *person, clientID string) {
	t.Helper()
	known, err := w.s.Apps.ByClientID(t.Context(), clientID)
	if err != nil {
		t.Fatal(err)
	}
	actor := right.Actor{Account: p.ID, Login: p.Login, Kind: right.SessionCredential}
	if _, err := w.s.Apps.Authorize(t.Context(), actor, application.Request{App: known, Redirect: "http://127.0.0.1/"}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) emailOf(t *testing.T, a account.Account) id.Email {
	t.Helper()
	list, err := w.s.Accounts.ListEmails(t.Context(), w.s.DB, a.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("the addresses of %s: %v, %v", a.Login, list, err)
	}
	return list[0].ID
}

// session signs the person in and brings the session into the wanted state
// before anybody has used it.
func (w *world) session(t testing.TB, p *person, kind string) string {
	t.Helper()
	before := db.Micros(w.s.Now().Add(-3 * time.Hour))
	set := map[string]string{
		"stale":  `UPDATE signin_sessions SET confirmed_at = $2 WHERE id = $1`,
		"lapsed": `UPDATE signin_sessions SET expires_at = $2 WHERE id = $1`,
		"ended":  `DELETE FROM signin_sessions WHERE id = $1 AND created_at > $2`,
	}[kind]
	bearer := w.s.Session(t, p.Account).Reveal()
	if set == "" {
		return bearer
	}
	err := w.s.DB.Write(t.Context(), func(tx *db.Tx) error {
		var newest int64
		if err := tx.QueryRow(t.Context(), `SELECT MAX(id) FROM signin_sessions WHERE account_id = $1`, p.ID).Scan(&newest); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), set, newest, before)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bearer
}

// notes makes the notes of tokens that are made along the way.
type notes struct{ n atomic.Int64 }

func (c *notes) next() string { return "made for one request " + strconv.FormatInt(c.n.Add(1), 10) }

// fixture fills in what a route's request needs to get past the gate and be
// refused, if at all, for its content: allowed means reached, and nothing that
// other requests need is destroyed.
type fixture struct {
	form    string             // of a POST on a page
	query   string             // beside what the path says
	body    string             // of the API
	reached func(*answer) bool // what else counts as reached
	hermit  bool               // it ends or rotates sessions
	anew    bool               // {token} is made for this request alone
}

func status(codes ...int) func(*answer) bool {
	return func(a *answer) bool {
		for _, c := range codes {
			if a.status == c {
				return true
			}
		}
		return false
	}
}

func formAgain(code int, field string) func(*answer) bool {
	return func(a *answer) bool { return a.status == code && strings.Contains(a.body, `name="`+field+`"`) }
}
