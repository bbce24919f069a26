package githttp_test

import (
	"strings"
	"testing"

	"jeton/internal/right"
)

// TestRename: the old address of a repository goes on working for git, which
// says where it went, and tells a stranger nothing.
func TestRename(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a\n", "A")
	g.Run(t, "push", "-q", "origin", "main")
	eve := w.share(t, "eve", "engine", right.None, "repo")
	if _, err := w.Repos.Rename(t.Context(), right.Operator(), w.row(t, "engine").ID, "motor"); err != nil {
		t.Fatal(err)
	}
	// git sends its first request without a credential, and takes the new place
	// over from the answer to that one alone. So it says where it was sent when
	// it is not asked for a password; otherwise it goes on at the old address.
	warning := "warning: redirecting to " + w.url("motor")
	for _, v := range []string{"0", "1", "2"} {
		for how, config := range map[string]string{"asked": "", "unasked": "http.extraHeader=" + basic("ada", w.git.Password)} {
			c := w.terminal(t, "protocol.version="+v)
			said := ""
			if config != "" {
				c.Config, said = append(c.Config, config), warning
			}
			contains(t, c.Run(t, "clone", w.url("engine"), "old"), said)
			equal(t, c.In("old").Run(t, "rev-parse", "HEAD"), g.Run(t, "rev-parse", "HEAD"), "cloned by the old name")
			old := c.In("old")
			old.Commit(t, "b", v+how, "B")
			contains(t, old.Run(t, "push", "origin", "HEAD:refs/heads/"+how+v), said, "[new branch]")
			equal(t, w.disk(t, "motor").Run(t, "rev-parse", how+v), old.Run(t, "rev-parse", "HEAD"), "pushed by the old name")
		}
	}
	w.Repo(t, w.ada, "gears", false)
	g.Run(t, "push", "-q", w.url("gears"), "main")
	if _, err := w.Repos.Rename(t.Context(), right.Operator(), w.row(t, "gears").ID, "wheels"); err != nil {
		t.Fatal(err)
	}
	contains(t, w.Git(t, "", "").Run(t, "clone", w.url("gears"), "c"), "warning: redirecting to "+w.url("wheels"))
	w.whole(t, "motor")

	// To a stranger the old name, the new one and none are the same.
	ask := func(name, path string, headers ...string) string {
		a := w.Do(t, "GET", "/ada/"+name+path, "", headers...)
		a.Header.Del("Date")
		a.Header.Del("X-Github-Request-Id")
		var b strings.Builder
		b.WriteString(a.Status + "\n")
		if err := a.Header.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String() + a.Text
	}
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		for who, headers := range map[string][]string{"eve": {basic("eve", eve.Password)}, "a visitor": nil} {
			path := ".git/info/refs?service=" + service
			missing := ask("nothing", path, headers...)
			for _, name := range []string{"engine", "motor"} {
				equal(t, ask(name, path, headers...), missing, service+" of "+name+" for "+who)
			}
		}
	}
	lines := func(name string) string {
		out, code := eve.Try(t, "clone", w.url(name), "x")
		if code == 0 || strings.Contains(out, "redirecting") || strings.Contains(out, "motor") {
			t.Errorf("%s: %s", name, out)
		}
		return strings.ReplaceAll(out, name, "NAME")
	}
	equal(t, lines("engine"), lines("nothing"), "what git prints of the old name")
}
