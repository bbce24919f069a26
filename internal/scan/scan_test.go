package scan_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/alert"
	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// put brings what git has into the repository's folder itself, past every door: as
// content from before anybody looked.
func put(t *testing.T, s *apptest.Server, g *apptest.Git, r repo.Repo, refs ...string) {
	t.Helper()
	n := int64(r.ID)
	dir := filepath.Join(s.Core.Git.Dir(), strconv.FormatInt(n/1000, 10), strconv.FormatInt(n, 10)+".git")
	g.Run(t, append([]string{"push", "-q", dir}, refs...)...)
}

func alerts(t *testing.T, s *apptest.Server, r repo.Repo) []alert.Alert {
	t.Helper()
	list, err := s.Alerts.List(t.Context(), s.DB, r.ID, alert.Filter{Direction: "asc"})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func places(t *testing.T, s *apptest.Server, a alert.Alert) []alert.Location {
	t.Helper()
	list, err := s.Alerts.Locations(t.Context(), s.DB, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// unknown is a text of a token's form that no token here ever had.
func unknown(t *testing.T, s *apptest.Server, a account.Account) string {
	t.Helper()
	other := apptest.Start(t)
	_, plain := other.Token(t, other.User(t, a.Login), "elsewhere")
	return plain
}

// What a repository holds from before is found wherever it stands in the history,
// with its place; what somebody has decided stays; and the next look is at what
// came since.
func TestRepo(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	live, plain := s.Token(t, ada, "laptop", "repo")
	_, others := s.Token(t, bob, "bob's own")
	gone, revoked := s.Token(t, ada, "gone")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), ada.ID, gone.ID); err != nil {
		t.Fatal(err)
	}
	r := s.Repo(t, ada, "engine", true)
	g := s.Git(t, "", "")
	g.Run(t, "init", "-q")
	g.Commit(t, "conf/a b.env", "x\n  key="+plain+"\nold="+revoked+"\n", "Add settings")
	brought := g.Run(t, "rev-parse", "HEAD")
	g.Commit(t, "conf/a b.env", "x\n", "Take them out") // which helps nobody
	g.Write(t, "large.txt", strings.Repeat("0123456789abcde\n", 1<<18)+"tail "+others+"\n"+strings.Repeat(plain[:20]+"\n", 100))
	g.Commit(t, "foreign", unknown(t, s, ada), "With "+others)
	message := g.Run(t, "rev-parse", "HEAD")
	g.Run(t, "tag", "-a", "v1", "-m", "see "+plain)
	put(t, s, g, r, "HEAD:refs/heads/main", "v1")
	n, err := s.Scan.Repo(t.Context(), r.ID)
	if err != nil || n != 3 {
		t.Fatalf("%d tokens, %v", n, err)
	}
	list := alerts(t, s, r)
	byEnd := map[string]alert.Alert{}
	for _, a := range list {
		byEnd[a.LastEight] = a
	}
	mine, his, old := byEnd[plain[32:]], byEnd[others[32:]], byEnd[revoked[32:]]
	if len(list) != 3 || mine.Token != live.ID || mine.Validity != alert.Active || his.Owner != bob.ID || his.Validity != alert.Active || old.Validity != alert.Inactive {
		t.Fatalf("%+v", list)
	}
	kinds := map[string]alert.Location{}
	for _, p := range places(t, s, mine) {
		kinds[p.Kind] = p
	}
	if p := kinds["blob"]; p.Path != "conf/a b.env" || p.Commit != brought || p.Line != 2 || p.Column != 7 {
		t.Errorf("the file: %+v", p)
	}
	if p := kinds["tag"]; p.Line != 6 || p.Column != 5 {
		t.Errorf("the tag: %+v", p)
	}
	kinds = map[string]alert.Location{}
	for _, p := range places(t, s, his) {
		kinds[p.Kind] = p
	}
	if p := kinds["blob"]; p.Path != "large.txt" || p.Line != 1<<18+1 || p.Column != 6 {
		t.Errorf("the large file: %+v", p)
	}
	if p := kinds["commit"]; p.Commit != message || p.Object != message {
		t.Errorf("the message: %+v", p)
	}

	// The owners are told, bob without where: it is none of his.
	logged := func(a account.Account) string {
		answer := s.Do(t, "GET", "/settings/security-log", "", "Cookie: __Host-session="+s.Session(t, a).Reveal())
		return answer.Text
	}
	if text := logged(ada); !strings.Contains(text, "secret_scanning.token_found") || !strings.Contains(text, "laptop") {
		t.Error("ada was not told")
	}
	if text := logged(bob); !strings.Contains(text, "secret_scanning.token_found") || strings.Contains(text, "engine") {
		t.Error("bob was not told, or told where")
	}

	// A decision stays, and what came since is found.
	if _, err := s.Alerts.Decide(t.Context(), right.Actor{Account: ada.ID}, alert.Place{Repo: r.ID, Owner: ada.ID, Name: r.FullName()}, his.Number, alert.Patch{Resolution: "wont_fix"}); err != nil {
		t.Fatal(err)
	}
	_, fresh := s.Token(t, ada, "fresh")
	g.Commit(t, "more.txt", fresh, "More")
	put(t, s, g, r, "HEAD:refs/heads/main")
	if n, err := s.Scan.Repo(t.Context(), r.ID); err != nil || n != 1 {
		t.Errorf("the second look found %d, %v", n, err)
	}
	state, err := s.Alerts.State(t.Context(), s.DB, r.ID)
	if list = alerts(t, s, r); err != nil || len(list) != 4 || state.Kind != alert.Incremental {
		t.Errorf("%d alerts, %+v, %v", len(list), state, err)
	}
	for _, a := range list {
		if a.LastEight == his.LastEight && a.Resolution != "wont_fix" {
			t.Errorf("the decision is gone: %+v", a)
		}
	}

	// Another secret for the token makes the one that was found worth nothing.
	if _, _, err := s.Tokens.Regenerate(t.Context(), right.Operator(), ada.ID, live.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Alerts.ByNumber(t.Context(), s.DB, r.ID, mine.Number); err != nil || a.Validity != alert.Inactive {
		t.Errorf("%+v, %v", a, err)
	}

	// Nothing of a secret stays, but its end.
	for _, secret := range []string{plain, others, revoked} {
		if strings.Contains(s.Log.String(), secret) {
			t.Error("the log holds a token")
		}
	}
	if err := s.Lifecycle.DeleteRepo(t.Context(), right.Operator(), r.ID); err != nil {
		t.Fatal(err)
	}
	if list := alerts(t, s, r); len(list) != 0 {
		t.Errorf("%d alerts of a repository that is gone", len(list))
	}
}

// A fork is looked through by itself, and an import.
func TestFork(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	_, plain := s.Token(t, ada, "laptop")
	r := s.Repo(t, ada, "engine", false)
	g := s.Git(t, "", "")
	g.Run(t, "init", "-q")
	g.Commit(t, "a.txt", plain, "Add a")
	put(t, s, g, r, "HEAD:refs/heads/main")
	bob := s.User(t, "bob")
	fork, err := s.Lifecycle.ForkRepo(t.Context(), right.Actor{Account: bob.ID, Login: "bob"}, r, repo.NewRepo{Owner: bob.ID, Name: "engine"}, gitstore.Fork{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := s.Lifecycle.ImportRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: bob.ID, Name: "imported", Private: true}, gitstore.Source{Path: g.Dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []repo.Repo{fork, imported} {
		wait(t, func() bool { return len(alerts(t, s, one)) == 1 })
	}
}

func wait(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatal("it never came")
		case <-tick.C:
		}
	}
}

// A token at every place beside the borders of the parts in which a large file is
// read is found once, in its line.
func TestRepo_borders(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", true)
	g := s.Git(t, "", "")
	g.Run(t, "init", "-q")
	want := map[string]int{}
	for i := range 8 {
		_, plain := s.Token(t, ada, fmt.Sprint("n", i))
		pad := 1<<20 + token.Length - 45 + 12*i
		g.Write(t, fmt.Sprintf("f%d", i), strings.Repeat("\n", pad)+plain+strings.Repeat("y", 5<<20))
		want[plain[32:]] = pad + 1
	}
	g.Run(t, "add", "-A")
	g.Run(t, "commit", "-qm", "All")
	put(t, s, g, r, "HEAD:refs/heads/main")
	if _, err := s.Scan.Repo(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t, s, r) {
		list := places(t, s, a)
		if len(list) != 1 || list[0].Line != want[a.LastEight] || list[0].Column != 1 {
			t.Errorf("%+v, want line %d", list, want[a.LastEight])
		}
		delete(want, a.LastEight)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// GitHub's push protection: refused, allowed with a reason by the one who pushed, and
// not asked again about what there is an alert of.
func TestBypass(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	_, plain := s.Token(t, ada, "laptop", "repo")
	_, second := s.Token(t, ada, "second")
	r := s.Repo(t, ada, "engine", true)
	s.Share(t, r, bob, right.Write)
	g := s.Git(t, "ada", plain)
	g.Run(t, "init", "-q")
	g.Commit(t, "a.txt", "k="+second, "Add a")
	push := func() (string, int) { return g.Try(t, "push", s.URL()+"/ada/engine.git", "HEAD:refs/heads/main") }
	out, code := push()
	const at = "/ada/engine/security/secret-scanning/unblock-secret/"
	_, name, found := strings.Cut(out, s.URL()+at)
	if code == 0 || !found || !strings.Contains(out, "GH013") {
		t.Fatalf("%d\n%s", code, out)
	}
	name, _, _ = strings.Cut(name, "\n")
	name = strings.TrimSpace(name)
	if again, _ := push(); !strings.Contains(again, name) {
		t.Error("the same push has another address the second time")
	}
	asked := 0
	do := func(want int, who account.Account, body string) {
		t.Helper()
		asked++
		_, key := s.Token(t, who, fmt.Sprint("api ", asked), "repo")
		if a := s.Do(t, "POST", "/api/v3/repos/ada/engine/secret-scanning/push-protection-bypasses", body, "Authorization: Bearer "+key); a.StatusCode != want {
			t.Errorf("%s %s: %d %s", who.Login, body, a.StatusCode, a.Text)
		}
	}
	do(422, ada, `{"reason":"because","placeholder_id":"`+name+`"}`)
	do(404, ada, `{"reason":"will_fix_later","placeholder_id":"x"}`)
	do(404, bob, `{"reason":"will_fix_later","placeholder_id":"`+name+`"}`) // it is ada's push
	if _, code := push(); code == 0 {
		t.Fatal("it was pushed without a reason")
	}
	do(200, ada, `{"reason":"will_fix_later","placeholder_id":"`+name+`"}`)
	s.Advance(4 * time.Hour)
	if _, code := push(); code == 0 {
		t.Fatal("it was pushed after three hours")
	}
	do(200, ada, `{"reason":"will_fix_later","placeholder_id":"`+name+`"}`)
	if out, code := push(); code != 0 {
		t.Fatalf("it can't be pushed with a reason\n%s", out)
	}
	list := alerts(t, s, r)
	if len(list) != 1 || !list[0].Open() || list[0].BypassedBy != ada.ID || list[0].LastEight != second[32:] {
		t.Fatalf("%+v", list)
	}
	if p := places(t, s, list[0]); len(p) != 1 || p[0].Path != "a.txt" || p[0].Line != 1 || p[0].Column != 3 || p[0].Commit != g.Run(t, "rev-parse", "HEAD") {
		t.Errorf("%+v", p)
	}
	// Of an alert that is there nobody is asked again, whoever pushes.
	g.Commit(t, "b.txt", "other="+second, "Add b")
	g.User, g.Password = "bob", bobs(t, s, bob)
	if out, code := push(); code != 0 {
		t.Fatalf("%s", out)
	}
	if p := places(t, s, list[0]); len(p) != 2 {
		t.Errorf("%d places", len(p))
	}
	// Another token is another matter, and one beside it holds up the push.
	_, third := s.Token(t, ada, "third")
	g.Commit(t, "c.txt", second+"\n"+third, "Add c")
	if out, code := push(); code == 0 || strings.Contains(out, second[32:]) {
		t.Errorf("%d\n%s", code, out)
	}
	if a := s.Do(t, http.MethodGet, at+name, "", "Cookie: __Host-session="+s.Session(t, bob).Reveal()); a.StatusCode != 404 {
		t.Errorf("bob sees ada's refused push: %d", a.StatusCode)
	}
}

func bobs(t *testing.T, s *apptest.Server, bob account.Account) string {
	t.Helper()
	_, plain := s.Token(t, bob, "git", "repo")
	return plain
}
