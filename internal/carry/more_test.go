package carry_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/carry"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// TestRun_twice: what is new comes, what was changed or deleted here stays so.
func TestRun_twice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada, bob := h.Person("ada"), h.Person("bob")
	acme := h.Org("acme", ada)
	h.Team(acme, "Readers", 1, bob)
	shared := h.Repo(ada, "shared", true)
	w.put("ada/shared.git")
	h.Share(shared, bob, 2)
	ci := h.Token(bob, "ci", "all")
	w.run()
	a, _ := w.Accounts.ByLogin(t.Context(), w.DB, "ada")
	b, _ := w.Accounts.ByLogin(t.Context(), w.DB, "bob")
	o, err := w.Orgs.Find(t.Context(), w.DB, "acme", b.ID)
	if err != nil || o.Role != org.Member || o.Base != right.None || o.CreatePublic || o.CreatePrivate {
		t.Fatalf("the organization is %+v, %v", o, err)
	}
	r, err := w.Repos.Find(t.Context(), w.DB, "ada", "shared", b.ID)
	if err != nil || r.Relation != right.Write || r.Description != "What it is" {
		t.Fatalf("the repository is %+v, %v", r, err)
	}
	if err := w.Repos.RemoveCollaborator(t.Context(), right.Operator(), r.ID, b.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.App.Lifecycle.RemoveMember(t.Context(), right.Operator(), o.ID, b.ID, false); err != nil {
		t.Fatal(err)
	}
	tokens, err := w.Tokens.ListAll(t.Context(), b.ID)
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	if _, err := w.Tokens.RevokeAny(t.Context(), right.Operator(), b.ID, tokens[0].ID); err != nil {
		t.Fatal(err)
	}
	if n := w.unused(); n != 0 {
		t.Errorf("%d digests are left of a revoked token", n)
	}
	h.Repo(ada, "new", true)
	w.put("ada/new.git")
	late := h.Token(ada, "late", "read:repository")
	h.Close()
	lines := w.run()
	has(t, lines, "made repository ada/new", "made token ada: late", "there account ada", "there repository ada/shared", "there token bob: ci")
	if n := len(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "made ") })); n != 2 {
		t.Errorf("%d things were made, want 2", n)
	}
	if o, _ := w.Orgs.Find(t.Context(), w.DB, "acme", b.ID); o.Role != org.NoRole {
		t.Error("who was removed here is a member again")
	}
	if r, _ := w.Repos.Find(t.Context(), w.DB, "ada", "shared", b.ID); r.Relation != right.None {
		t.Error("an access that was taken away here is back")
	}
	if got := w.api(ci, "GET", "/user", "").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", got)
	}
	if got := w.api(late, "GET", "/repos/ada/new", "").StatusCode; got != http.StatusOK {
		t.Errorf("a new token: %d", got)
	}
	if err := w.App.Lifecycle.DeleteAccount(t.Context(), right.Operator(), b.ID, a.ID); err != nil {
		t.Fatal(err)
	}
	has(t, w.run(), "skipped account bob: it was brought before, and is deleted here", "skipped token bob: ci: its owner was not brought over")
}

// TestRun_dry changes nothing, and says the same.
func TestRun_dry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	ada := w.host.Person("ada")
	acme := w.host.Org("acme", ada)
	w.host.Team(acme, "Readers", 1, ada)
	w.host.Repo(acme, "engine", true)
	w.put("acme/engine.git")
	w.host.Repo(ada, "gone", true)
	w.host.Token(ada, "ci", "all")
	w.host.Person("john.doe")
	w.host.Close()
	dry := w.run(func(p *carry.Plan) { p.Dry = true })
	if w.rows(`SELECT COUNT(*) FROM accounts`)+w.rows(`SELECT COUNT(*) FROM repositories`)+w.rows(`SELECT COUNT(*) FROM carried`)+w.rows(`SELECT COUNT(*) FROM tokens`) != 0 {
		t.Error("a dry run made something")
	}
	if made := w.run(); !slices.Equal(dry, made) {
		t.Errorf("what would happen:\n%s\nwhat did:\n%s", strings.Join(dry, "\n"), strings.Join(made, "\n"))
	}
}

// TestRun_names: nobody is joined with anybody unasked.
func TestRun_names(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada, john := h.Person("Ada", foreigntest.Account{Email: "ada@example.com"}), h.Person("john.doe")
	h.Person("eve", foreigntest.Account{Prohibited: true})
	h.Person("api")
	robot := h.Person("robot")
	h.Token(robot, "ci", "all")
	h.Org("john_org", john)
	h.Org("bob", ada)
	tokens := []string{h.Token(ada, "ci", "all"), h.Token(john, "ci", "all")}
	for _, owner := range []int64{ada, john} {
		h.Repo(owner, "engine", true)
	}
	w.put("ada/engine.git")
	w.put("john.doe/engine.git")
	h.Close()
	here := w.User(t, "ada")
	w.User(t, "bob")
	w.User(t, "eve")
	w.Token(t, here, "ci", "repo")
	if _, err := w.App.Lifecycle.CreateMachine(t.Context(), right.Operator(), account.NewMachine{Login: "robot", Manager: here.ID}); err != nil {
		t.Fatal(err)
	}

	lines := w.run()
	has(t, lines, "refused account Ada: there is an account ada here already; --merge ada says that it is the same", "refused account john.doe: username may only contain",
		"refused account api: username is a reserved word", "refused organization bob: there is an account bob here already", "refused account eve: there is an account eve",
		"skipped repository john.doe/engine: its owner was not brought over", "skipped token john.doe: ci: its owner was not brought over")
	if n := w.rows(`SELECT COUNT(*) FROM accounts`); n != 4 {
		t.Errorf("there are %d accounts, want 4", n)
	}
	lines = w.run(func(p *carry.Plan) {
		p.Merge, p.Rename = []string{"ADA", "bob", "eve", "robot"}, map[string]string{"John.Doe": "john", "john_org": "john"}
	})
	has(t, lines, "joined account Ada: with the account that is here", "made account john.doe: it is called john here", "refused organization john_org: the account john here is another one's of there",
		"refused organization bob: of the two accounts of this name one is a person's and one an organization's", "refused account robot: the account robot here is a service account", "refused account eve: it can't be joined with an account here: it may not sign in there",
		"made repository ada/engine", "made repository john/engine", "made token ada: ci", "made old name john.doe: it leads to john")
	if !w.fetches(tokens[1], "john.doe/engine") || !w.pushes(tokens[1], "john.doe/engine", "of-john") {
		t.Error("clones of an account that is called otherwise here do not go on")
	}
	for i, login := range []string{"ada", "john"} {
		if got := w.api(tokens[i], "GET", "/user", ""); got.StatusCode != http.StatusOK || !strings.Contains(got.Text, `"login":"`+login+`"`) && !strings.Contains(got.Text, `"login": "`+login+`"`) {
			t.Errorf("the token of %s: %d %s", login, got.StatusCode, got.Text)
		}
	}
	list, err := w.Tokens.ListAll(t.Context(), here.ID)
	if err != nil || len(list) != 2 || list[0].Note != "ci (from Gitea, 2)" {
		t.Errorf("the tokens are %+v, %v", list, err)
	}
}

// TestRun_source tells one database from another.
func TestRun_source(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	w.host.Person("ada")
	w.host.Close()
	w.run()
	w.where = filepath.Join(t.TempDir(), "other.db")
	h := foreigntest.Gitea(t, w.where)
	bob := h.Person("bob")
	h.Exec(`UPDATE "user" SET created_unix = created_unix + 5`)
	plain := h.Token(bob, "ci", "all")
	h.Close()
	if _, err := w.try(); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "not the database") {
		t.Errorf("another database: %v", err)
	}
	has(t, w.run(func(p *carry.Plan) { p.Source = "second" }), "made account bob", "made token bob: ci")
	has(t, w.run(func(p *carry.Plan) { p.Source, p.Rename = "third", map[string]string{"bob": "bob2"} }), "made account bob", "refused token bob2: ci: a token with the same digest was brought over already")
	if got := w.api(plain, "GET", "/user", ""); !strings.Contains(got.Text, `bob"`) {
		t.Errorf("the token is %s", got.Text)
	}
	for _, until := range []time.Time{w.Now().Add(-time.Hour), w.Now().Add(400 * 24 * time.Hour)} {
		if _, err := w.try(func(p *carry.Plan) { p.Until = until }); !problem.Is(err, problem.Invalid) {
			t.Errorf("until %v: %v", until, err)
		}
	}
}

// TestRun_hostile: a database that means ill makes lines, and nothing else.
func TestRun_hostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada := h.Person("ada", foreigntest.Account{Email: "x\r\nBcc: y@example.com"})
	for _, login := range []string{"..", "deploy-1[bot]", "a\x1b[2Jb", strings.Repeat("long", 2000), "a/b", "ada\u202e", "admin"} {
		h.Person(login)
	}
	up := h.Person("../up")
	h.Repo(up, "repo", true)
	for _, name := range []string{"..", "x/../../y", "a\nb", "-", "x.git", strings.Repeat("r", 500)} {
		h.Repo(ada, name, true)
	}
	h.Repo(ada, "lost", true)
	h.Exec(`UPDATE repository SET lower_name = $1 WHERE name = 'lost'`, "a\x1b[2Jb\n"+strings.Repeat("l", 2000))
	h.Repo(4711, "nobody", true)
	h.Exec(`UPDATE repository SET description = $1`, strings.Repeat("d\x00\x1b", 100_000))
	h.Repo(ada, "link", true)
	if err := os.MkdirAll(filepath.Join(w.folder, "ada"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(w.App.Config.Repositories(), filepath.Join(w.folder, "ada", "link.git")); err != nil {
		t.Fatal(err)
	}
	h.Repo(ada, "broken", true)
	w.put("ada/broken.git")
	breakObject(t, filepath.Join(w.folder, "ada", "broken.git"))
	h.Repo(ada, "good", true)
	w.put("ada/good.git")

	good := h.Token(ada, "good", "all")
	for i := range 20 { // that end as the good one does
		h.Keep(ada, fmt.Sprintf("like %d", i), "all", fmt.Sprintf("%032x%s", i, good[32:]))
	}
	for i, q := range []string{`token_salt = ''`, `token_salt = '` + strings.Repeat("s", 5000) + `'`, `token_hash = 'zz'`, `token_hash = ''`, `token_hash = '` + strings.Repeat("00", 49) + `'`,
		`token_last_eight = ''`, `token_last_eight = 'ZZZZZZZZ'`, `scope = 'all,root'`, `scope = '` + strings.Repeat("all,", 5000) + `'`, `created_unix = 9223372036854775807`} {
		h.Token(ada, fmt.Sprintf("bad %d", i), "all")
		h.Exec(`UPDATE access_token SET `+q+` WHERE name = $1`, fmt.Sprintf("bad %d", i))
	}
	h.Token(ada, "a\x1b]0;x\x07\r\nb\u202e"+strings.Repeat("n", 5000), "all")
	h.Token(4711, "of nobody", "all")
	h.Close()
	lines := w.run()
	for _, l := range lines {
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) || len(l) > 1000 {
			t.Errorf("a line that a terminal would obey: %q", l)
		}
	}
	has(t, lines, "made account ada: its e-mail address is none", "refused account ..: ", "refused account deploy-1[bot]: ", "refused account a/b: ", "refused repository ada/..: ", "refused repository ada/link: ",
		"refused repository ada/broken: the source has objects that git's checks refuse", "made repository ada/good", "repo: its owner was not brought over", "skipped repository nobody",
		"refused token ada: bad 0: the token has no salt", "refused token ada: bad 1: ", "skipped token ada: bad 2: its digest is not whole", "skipped token ada: bad 3: ", "refused token ada: bad 4: ",
		"refused token ada: bad 5: the last eight", "refused token ada: bad 6: ", "skipped token ada: bad 7: it has the scope \"root\"", "made token ada: bad 9", "skipped token of nobody")
	if n := w.rows(`SELECT COUNT(*) FROM accounts`); n != 1 {
		t.Errorf("there are %d accounts, want ada's", n)
	}
	if n := w.rows(`SELECT COUNT(*) FROM repositories`); n != 1 {
		t.Errorf("there are %d repositories, want the good one", n)
	}
	if got := w.api(good, "GET", "/user", "").StatusCode; got != http.StatusOK { // the first of its ending
		t.Errorf("the good token: %d", got)
	}
	if got := w.api(fmt.Sprintf("%032x%s", 19, good[32:]), "GET", "/user", "").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("one that is beyond the bound of those that end alike: %d", got)
	}
}

// breakObject replaces a repository's only commit by one that git's checks refuse.
func breakObject(t *testing.T, dir string) {
	t.Helper()
	w := &gitRun{t, dir}
	tree := w.run("", "mktree")
	bad := w.run("tree "+tree+"\nauthor no mail 1 +0000\ncommitter no mail 1 +0000\n\nx\n", "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	w.run("", "update-ref", "refs/heads/bad", bad)
}

// TestRead_wrong: what can't be read is told in words.
func TestRead_wrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gogs, serve, text := filepath.Join(dir, "gogs.db"), filepath.Join(dir, "ss.db"), filepath.Join(dir, "text")
	foreigntest.Gogs(t, gogs).Close()
	foreigntest.SoftServe(t, serve).Close()
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old.db")
	h := foreigntest.Gitea(t, old)
	h.Exec(`ALTER TABLE access_token RENAME COLUMN token_hash TO sha1`)
	h.Close()
	strange := filepath.Join(dir, "strange.db")
	h = foreigntest.Gitea(t, strange)
	h.Person("ada")
	h.Exec(`UPDATE "user" SET is_admin = 'perhaps'`)
	h.Close()
	broken := filepath.Join(dir, "broken.db")
	whole, err := os.ReadFile(gogs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, append(slices.Clone(whole[:4096]), bytes.Repeat([]byte{0xa5}, len(whole)-4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		system      foreign.System
		where, want string
	}{
		"nothing":   {foreign.Gitea, filepath.Join(dir, "none.db"), "can't be opened"},
		"folder":    {foreign.Gitea, dir, "can't be opened"},
		"text":      {foreign.Gitea, text, "no database of SQLite"},
		"gogs":      {foreign.Gitea, gogs, "This is no database of Gitea 1.20 or later"},
		"serve":     {foreign.Gogs, serve, "This is no database of Gogs 0.12 or later: it has no table"},
		"gitea":     {foreign.SoftServe, old, "This is no database of Soft Serve"},
		"old gitea": {foreign.Gitea, old, "its table access_token has no column token_hash"},
		"strange":   {foreign.Gitea, strange, "a string where yes or no should be"},
		"broken":    {foreign.Gogs, broken, ""},
		"mysql":     {foreign.Gitea, "mysql://gitea@localhost/gitea", "SQLite and PostgreSQL can"},
		"dsn":       {foreign.Gitea, "gitea:x@tcp(localhost:3306)/gitea", "SQLite and PostgreSQL can"},
		"password":  {foreign.Gitea, "postgres://gitea:sesame@localhost/gitea", "There is a password in the URL"},
		"password2": {foreign.Gitea, "postgres://gitea@localhost/gitea?password=sesame", "There is a password in the URL"},
	} {
		_, err := foreign.Read(t.Context(), c.system, c.where)
		if !problem.Is(err, problem.Invalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestRun_oneEach: an account here is that of one there, and whoever gets its name
// there later does not get the account with it.
func TestRun_oneEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	old, ada := h.Person("early"), h.Person("ada")
	mine := h.Token(ada, "mine", "all")
	here := w.User(t, "ada")
	merge := func(p *carry.Plan) { p.Merge = []string{"ada"} }
	has(t, w.run(merge), "joined account ada", "made account early", "made token ada: mine")
	// There ada takes another name, and two strangers take hers.
	h.Exec(`UPDATE "user" SET name = 'grace', lower_name = 'grace' WHERE id = $1`, ada)
	h.Exec(`DELETE FROM "user" WHERE id = $1`, old)
	first, last := h.Person("first"), h.Person("last")
	h.Exec(`UPDATE "user" SET name = 'ADA', id = $1 WHERE id = $2`, old-1, first) // before hers is looked at
	h.Exec(`UPDATE "user" SET name = 'Ada' WHERE id = $1`, last)
	strangers := []string{h.Token(old-1, "first", "all"), h.Token(last, "last", "all")}
	taken := "the account ada here is another one's of there"
	has(t, w.run(func(p *carry.Plan) { merge(p); p.Dry = true }), "refused account ADA: "+taken, "refused account Ada: "+taken)
	has(t, w.run(merge), "there account grace", "refused account ADA: ", "refused account Ada: ", "skipped token ADA: first", "skipped token Ada: last")
	for _, plain := range strangers {
		if got := w.api(plain, "GET", "/user", ""); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger's token: %d %s", got.StatusCode, got.Text)
		}
	}
	if got := w.api(mine, "GET", "/user", ""); got.StatusCode != http.StatusOK {
		t.Errorf("the token of ada: %d", got.StatusCode)
	}
	if list, err := w.Tokens.ListAll(t.Context(), here.ID); err != nil || len(list) != 1 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	h.Close()
}
