package carry_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"jeton/internal/carry"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
)

// TestRun_oldNames: names that led somewhere there lead there here, for whom it is for
// to see, and take nothing from what has the name.
func TestRun_oldNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada, bob := h.Person("ada"), h.Person("bob")
	engine, other := h.Repo(ada, "engine", true), h.Repo(bob, "other", false)
	w.put("ada/engine.git")
	w.put("bob/other.git")
	h.Led(ada, "motor", engine)
	h.Led(bob, "engine", engine) // it was his
	h.Led(bob, "other", engine)  // which has the name
	h.Led(bob, "in.wiki", other)
	h.Led(0, "countess", ada)
	h.Led(0, "ada.l", ada)
	h.Led(0, "ada/l", ada)
	h.Led(0, "nobody", 4711)
	h.Led(ada, "gone", 4711)
	mine, his := h.Token(ada, "ci", "all"), h.Token(bob, "ci", "all")
	h.Close()
	wants := []string{"made old name ada/motor: it leads to ada/engine", "made old name bob/engine: it leads to ada/engine", "made old name countess: it leads to ada",
		"made old name ada.l: it leads to ada", "skipped old name ada/l: it can't lead to ada here", "skipped old name bob/in.wiki: it can't lead to bob/other here", "skipped old name bob/other: it can't lead to ada/engine here"}
	dry, lines := w.run(func(p *carry.Plan) { p.Dry = true }), w.run()
	has(t, dry, wants...)
	has(t, lines, wants...)
	for _, name := range []string{"ada/motor", "bob/engine", "countess/engine", "countess/motor", "ada.l/engine"} {
		if !w.fetches(mine, name) || !w.pushes(mine, name, strings.ReplaceAll(name, "/", "-")) {
			t.Errorf("%s leads nowhere", name)
		}
		if got := w.api(mine, "GET", "/repos/"+name, ""); got.StatusCode != http.StatusOK && got.StatusCode != http.StatusMovedPermanently {
			t.Errorf("the API about %s: %d", name, got.StatusCode)
		}
		if w.fetches(his, name) || w.api(his, "GET", "/repos/"+name, "").StatusCode != http.StatusNotFound {
			t.Errorf("%s leads a stranger somewhere", name)
		}
	}
	if got := w.api(his, "GET", "/repos/bob/other", ""); got.StatusCode != http.StatusOK || !strings.Contains(got.Text, `"bob/other"`) {
		t.Errorf("bob/other: %d", got.StatusCode)
	}
	if again := slices.DeleteFunc(w.run(), func(l string) bool { return strings.HasPrefix(l, "there ") || strings.HasPrefix(l, "skipped old name") }); len(again) != 0 {
		t.Errorf("the second run says %q", again)
	}
}

// TestRun_closedThere: what is shut there is nobody's but its owner's here, however
// public it says it is; and secret teams stay secret.
func TestRun_closedThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	h := w.host
	ada, bob, eve := h.Person("ada"), h.Person("bob"), h.Person("eve", foreigntest.Account{Inactive: true})
	acme := h.Org("acme", ada)
	h.Exec(`ALTER TABLE team ADD COLUMN visibility INTEGER NOT NULL DEFAULT 2`) // as 1.27 does
	team := h.Team(acme, "Readers", 1, bob)
	h.Exec(`UPDATE team SET visibility = 1 WHERE id = $1`, team)
	h.Team(acme, "Quiet", 1, ada)
	codeless, shared, open := h.Repo(ada, "codeless", false), h.Repo(acme, "codeless", true), h.Repo(ada, "open", false)
	h.Repo(eve, "notes", false)
	shown := h.Repo(ada, "shown", true)
	h.Exec(`UPDATE repo_unit SET everyone_access_mode = 1 WHERE repo_id = $1`, shown)
	for _, n := range []int64{codeless, shared} {
		h.Exec(`UPDATE repo_unit SET type = 2 WHERE repo_id = $1`, n)
		h.Share(n, bob, 2)
	}
	h.ShareTeam(acme, team, shared)
	h.Share(open, bob, 2)
	for _, path := range []string{"ada/codeless.git", "ada/open.git", "acme/codeless.git", "eve/notes.git", "ada/open.wiki.git", "ada/shown.git"} {
		w.put(path)
	}
	mine, his := h.Token(ada, "ci", "all"), h.Token(bob, "ci", "all")
	h.Close()
	has(t, w.run(), "made repository ada/codeless: it is private here and its owner's alone, since its code is switched off there", "made repository acme/codeless: it is private here and its owner's alone",
		"made repository eve/notes: it is private here, since its owner is not activated there", "made repository ada/open: its wiki stays there",
		"made repository ada/shown: its code is open to others there, and not here")
	if got := w.api(his, "GET", "/orgs/acme/teams", ""); !strings.Contains(got.Text, "Readers") || strings.Contains(got.Text, "Quiet") {
		t.Errorf("a member sees the teams %s", got.Text)
	}
	if got := w.api(mine, "GET", "/orgs/acme/teams", ""); !strings.Contains(got.Text, "Quiet") {
		t.Errorf("an owner sees the teams %s", got.Text)
	}
	for name, wants := range map[string][2]bool{"ada/codeless": {true, false}, "acme/codeless": {true, false}, "eve/notes": {false, false}, "ada/open": {true, true}, "ada/shown": {true, false}} {
		for i, token := range []string{mine, his} {
			if got := w.fetches(token, name); got != wants[i] {
				t.Errorf("token %d fetches %s: %v, want %v", i, name, got, wants[i])
			}
			if got := w.pushes(token, name, "of-"+strings.Repeat("x", i+1)); got != wants[i] {
				t.Errorf("token %d pushes to %s: %v, want %v", i, name, got, wants[i])
			}
		}
	}
}
