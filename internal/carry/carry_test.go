package carry_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/carry"
	"jeton/internal/db/dbtest"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
	"jeton/internal/right"
)

// world is a server here and another system that it takes over from.
type world struct {
	*apptest.Server
	t      *testing.T
	host   *foreigntest.Host
	system foreign.System
	where  string // its database
	folder string // its repositories
	seed   *apptest.Git
}

func newWorld(t *testing.T, system foreign.System, make func(foreigntest.T, string) *foreigntest.Host) *world {
	t.Helper()
	w := &world{Server: apptest.Start(t), t: t, system: system, where: filepath.Join(t.TempDir(), "old.db"), folder: t.TempDir()}
	w.host = make(t, w.where)
	w.seed = w.Git(t, "", "")
	w.seed.Run(t, "init", "-q", "-b", "main", "seed")
	w.seed = w.seed.In("seed")
	w.seed.Commit(t, "file", "What is in the file.\n", "First")
	return w
}

// put makes the folder of a repository.
func (w *world) put(path string) {
	w.t.Helper()
	w.seed.Run(w.t, "clone", "-q", "--bare", ".", filepath.Join(w.folder, filepath.FromSlash(path)))
}

// run brings over, and returns a line for each thing.
func (w *world) run(change ...func(*carry.Plan)) []string {
	w.t.Helper()
	items, err := w.try(change...)
	if err != nil {
		w.t.Fatal(err)
	}
	return items
}

func (w *world) try(change ...func(*carry.Plan)) (lines []string, err error) {
	read, err := foreign.Read(w.t.Context(), w.system, w.where)
	if err != nil {
		return nil, err
	}
	p := carry.Plan{System: w.system, World: read, Repositories: w.folder, Until: w.Now().Add(carry.DefaultLife)}
	for _, f := range change {
		f(&p)
	}
	err = w.Carry.Run(w.t.Context(), p, func(i carry.Item) {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", i.Done, i.Kind, i.Name, i.Why))
	})
	return lines, err
}

// has reports each of the words that no line has.
func has(t *testing.T, lines []string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, want) || strings.Contains(l, ": "+want) || strings.Contains(l, want)
		}) {
			t.Errorf("no line says %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func (w *world) rows(query string) (n int) {
	w.t.Helper()
	if err := w.DB.QueryRow(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) unused() int { return w.rows(`SELECT COUNT(*) FROM foreign_tokens`) }

// api asks for path with a token.
func (w *world) api(token, method, path, body string) apptest.Answer {
	w.t.Helper()
	return w.Do(w.t, method, "/api/v3"+path, body, "Authorization: token "+token)
}

func (w *world) fetches(token, repo string) bool {
	_, code := w.Git(w.t, "x", token).Try(w.t, "ls-remote", w.URL()+"/"+repo+".git")
	return code == 0
}

func (w *world) pushes(token, repo, branch string) bool {
	g := w.Git(w.t, "x", token)
	_, code := g.TryIn(w.t, "", "-C", w.seed.Dir, "push", "-q", w.URL()+"/"+repo+".git", "main:refs/heads/"+branch)
	return code == 0
}

// TestGitea takes over from Gitea, and holds that each token reaches what it reached
// there, with git and the API, and nothing more.
func TestGitea(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada := h.Person("ada", foreigntest.Account{Email: "ada@example.org", Verified: true, Admin: true})
	bob := h.Person("bob", foreigntest.Account{Email: "bob@example.org"})
	eve := h.Person("eve", foreigntest.Account{Prohibited: true})
	acme := h.Org("acme", bob)
	readers, writers := h.Team(acme, "Readers", 1, ada), h.Team(acme, "Writers", 2, ada)
	type place struct {
		name   string
		public bool
		level  right.Level
	}
	places := []place{
		{"ada/secret", false, right.Admin}, {"ada/open", true, right.Admin}, {"bob/read", false, right.Read}, {"bob/write", false, right.Write},
		{"bob/manage", false, right.Admin}, {"acme/read", false, right.Read}, {"acme/write", false, right.Write}, {"acme/none", false, right.None},
		{"bob/mine", false, right.None}, {"bob/open", true, right.Read},
	}
	owners := map[string]int64{"ada": ada, "bob": bob, "acme": acme}
	for _, p := range places {
		owner, name, _ := strings.Cut(p.name, "/")
		n := h.Repo(owners[owner], name, !p.public)
		w.put(p.name + ".git")
		switch {
		case owner == "bob" && !p.public && p.level > right.None:
			h.Share(n, ada, int64(p.level))
		case p.name == "acme/read":
			h.ShareTeam(acme, readers, n)
		case p.name == "acme/write":
			h.ShareTeam(acme, writers, n)
		}
	}
	type held struct {
		plain  string
		level  right.Level
		public bool
	}
	tokens := map[string]held{}
	for name, c := range map[string]held{"all": {level: right.Admin}, "write:repository": {level: right.Write}, "read:repository": {level: right.Read},
		"public-only,write:repository": {level: right.Write, public: true}, "read:user,write:organization": {}} {
		c.plain = h.Token(ada, name, name)
		tokens[name] = c
	}
	packages := h.Token(ada, "packages", "write:package")
	shut := h.Token(eve, "ci", "all")
	h.Close()
	lines := w.run()
	has(t, lines, "made account ada: it administers the old site, and not this one", "made account eve: suspended: it may not sign in there", "made organization acme", "made repository acme/none",
		"made team acme/Readers", "skipped token ada: packages: with its scopes (write:package) it could do nothing")
	if n := w.unused(); n != 6 {
		t.Fatalf("%d tokens wait for their first use, want 6", n)
	}
	a, err := w.Accounts.ByLogin(t.Context(), w.DB, "ada")
	if err != nil || a.Email != "ada@example.org" || !a.Verified || a.SiteAdmin {
		t.Errorf("ada is %+v, %v", a, err)
	}
	if b, err := w.Accounts.ByLogin(t.Context(), w.DB, "bob"); err != nil || b.Verified {
		t.Errorf("bob is %+v, %v", b, err)
	}
	i := 0
	for name, c := range tokens {
		for _, p := range places {
			i++
			sees := c.level >= right.Read && p.level >= right.Read && (p.public || !c.public)
			if got := w.fetches(c.plain, p.name); got != (sees || p.public) { // for what is public git asks without the token
				t.Errorf("%s fetches %s: %v, want %v", name, p.name, got, sees)
			}
			writes := sees && c.level >= right.Write && p.level >= right.Write
			if got := w.pushes(c.plain, p.name, fmt.Sprintf("of-%d", i)); got != writes {
				t.Errorf("%s pushes to %s: %v, want %v", name, p.name, got, writes)
			}
			if got := w.api(c.plain, "GET", "/repos/"+p.name, "").StatusCode == http.StatusOK; got != sees {
				t.Errorf("%s reads %s by the API: %v, want %v", name, p.name, got, sees)
			}
			edits := c.level == right.Admin && p.level == right.Admin
			if got := w.api(c.plain, "PATCH", "/repos/"+p.name, `{"description": "Other"}`).StatusCode == http.StatusOK; got != edits {
				t.Errorf("%s edits %s: %v, want %v", name, p.name, got, edits)
			}
			if c.level < right.Admin {
				if got := w.api(c.plain, "DELETE", "/repos/"+p.name, "").StatusCode; got < 400 {
					t.Errorf("%s deletes %s: %d", name, p.name, got)
				}
			}
		}
		if got := w.api(c.plain, "POST", "/user/repos", `{"name": "new-`+fmt.Sprint(i)+`"}`).StatusCode == http.StatusCreated; got != (c.level == right.Admin) {
			t.Errorf("%s makes repositories: %v", name, got)
		}
	}
	w.Git(t, "ada", tokens["all"].plain).Run(t, "clone", "-q", w.URL()+"/acme/write.git")
	if n := w.unused(); n != 1 {
		t.Errorf("%d tokens wait for their first use, want eve's alone", n)
	}
	if got := w.api(packages, "GET", "/user", ""); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Text, "Gitea, Forgejo or Gogs") {
		t.Errorf("a token that was not brought: %d %s", got.StatusCode, got.Text)
	}
	if got := w.api(shut, "GET", "/user", ""); got.StatusCode != http.StatusForbidden || !strings.Contains(got.Text, "suspended") {
		t.Errorf("a token of who is kept out: %d %s", got.StatusCode, got.Text)
	}
	if text := w.Log.String(); strings.Contains(text, tokens["all"].plain) {
		t.Error("a token stands in the log")
	}

	again := w.run()
	if n := len(slices.DeleteFunc(again, func(l string) bool { return strings.HasPrefix(l, "there ") })); n != 1 { // the skipped token
		t.Errorf("the second run says\n%s", strings.Join(again, "\n"))
	}
}

// TestGogs takes over from Gogs, of both kinds of tables.
func TestGogs(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(foreigntest.T, string) *foreigntest.Host{"0.12": foreigntest.Gogs012, "0.13": foreigntest.Gogs} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, foreign.Gogs, make)
			ada, bob := w.host.Person("ada"), w.host.Person("bob")
			w.host.Repo(ada, "Engine", true)
			w.put("ada/engine.git")
			w.host.Share(w.host.Repo(bob, "read", true), ada, 1)
			w.put("bob/read.git")
			w.host.Repo(bob, "mine", true)
			w.put("bob/mine.git")
			ci, other := w.host.Token(ada, "ci", ""), w.host.Token(ada, "other", "")
			w.host.Close()
			has(t, w.run(), "made repository ada/Engine", "made token ada: ci: repo, workflow, not more than metadata: read, contents: write")
			if !w.fetches(ci, "ada/engine") || !w.pushes(ci, "ada/engine", "more") || !w.fetches(ci, "bob/read") {
				t.Error("the token does not reach what it reached")
			}
			if w.pushes(ci, "bob/read", "more") || w.fetches(ci, "bob/mine") || w.api(ci, "DELETE", "/repos/ada/engine", "").StatusCode < 400 || w.api(ci, "POST", "/user/repos", `{"name": "more"}`).StatusCode < 400 {
				t.Error("the token reaches more")
			}
			if n := w.unused(); n != 1 {
				t.Errorf("%d tokens wait, want the other", n)
			}
			if got := w.api(other, "GET", "/user", "").StatusCode; got != http.StatusOK {
				t.Errorf("the other token: %d", got)
			}
		})
	}
}

// TestSoftServe takes over from Soft Serve.
func TestSoftServe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.SoftServe, foreigntest.SoftServe)
	ada, bob := w.host.Person("ada", foreigntest.Account{Admin: true}), w.host.Person("bob")
	for _, name := range []string{"tools/deep/engine", "tools-deep-engine"} {
		w.host.Repo(ada, name, true)
		w.put(name + ".git")
	}
	w.host.Share(w.host.Repo(bob, "write", true), ada, 2)
	w.put("write.git")
	w.host.Repo(bob, "mine", true)
	w.put("mine.git")
	ci, over, soon := w.host.Token(ada, "ci", ""), w.host.Token(ada, "over", "", time.Now().Add(-time.Hour)), w.host.Token(ada, "soon", "", time.Now().Add(48*time.Hour))
	w.host.Close()
	has(t, w.run(), "made repository ada/tools-deep-engine: it is called tools/deep/engine there", "refused repository ada/tools-deep-engine: name already exists on this account", "skipped token ada: over: it has ended")
	if !w.fetches(ci, "ada/tools-deep-engine") || !w.pushes(ci, "bob/write", "more") {
		t.Error("the token does not reach what it reached")
	}
	if w.fetches(ci, "bob/mine") || w.api(ci, "PATCH", "/repos/ada/tools-deep-engine", `{"description": "x"}`).StatusCode < 400 { // admins reach all there
		t.Error("the token reaches more")
	}
	if got := w.api(over, "GET", "/user", "").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("an ended token: %d", got)
	}
	if got := w.api(soon, "GET", "/user", "").StatusCode; got != http.StatusOK {
		t.Errorf("a token that ends soon: %d", got)
	}
	w.Advance(49 * time.Hour)
	if got := w.api(soon, "GET", "/user", ""); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Text, "expired on") {
		t.Errorf("a token that ended as it would have there: %d %s", got.StatusCode, got.Text)
	}
	if got := w.api(ci, "GET", "/user", "").StatusCode; got != http.StatusOK {
		t.Errorf("the other: %d", got)
	}
}

// TestPostgres reads a database of PostgreSQL.
func TestPostgres(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	w.host.Close()
	w.where = dbtest.Postgres(t).URL
	for system, make := range map[foreign.System]func(foreigntest.T, string) *foreigntest.Host{foreign.Gitea: foreigntest.Gitea} {
		w.system, w.host = system, make(t, w.where)
		ada := w.host.Person("ada", foreigntest.Account{Email: "ada@example.org", Verified: true})
		acme := w.host.Org("acme", ada)
		w.host.Repo(acme, "engine", true)
		w.put("acme/engine.git")
		ci := w.host.Token(ada, "ci", "write:repository")
		w.host.Close()
		has(t, w.run(), "made account ada", "made repository acme/engine", "made token ada: ci")
		if !w.pushes(ci, "acme/engine", "more") {
			t.Error("the token does not reach what it reached")
		}
	}
}
