package githttp_test

import (
	"strings"
	"testing"
)

// TestLimits_paths: a push changes no other files than those, in none of its
// commits, whatever way the change comes.
func TestLimits_paths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "docs/a", "1\n", "One")
	g.Commit(t, "src/b", "1\n", "Two")
	g.Run(t, "checkout", "-qb", "other")
	g.Commit(t, "src/evil", "1\n", "Evil")
	g.Run(t, "push", "-q", "origin", "main", "other")
	bot := w.limited(t, w.ada, "path\ndocs/**\nREADME.md")
	bot.Run(t, "clone", "-q", w.url("engine"), "c")
	c := bot.In("c")
	start := c.Run(t, "rev-parse", "HEAD")

	c.Commit(t, "docs/deep/er/c", "2\n", "Three")
	c.Commit(t, "README.md", "2\n", "Four")
	c.Run(t, "mv", "docs/a", "docs/z")
	c.Run(t, "commit", "-qm", "Five")
	c.Run(t, "push", "-q", "origin", "main", "main:refs/heads/new", "main:refs/tags/v1", "origin/other:refs/heads/again", "origin/other:refs/tags/v2")
	good := c.Run(t, "rev-parse", "HEAD")

	for name, change := range map[string]func(){
		"src/b":           func() { c.Commit(t, "src/b", "3\n", "Bad") },
		"Docs/a":          func() { c.Commit(t, "Docs/a", "3\n", "Case") },
		"docs%2fa":        func() { c.Commit(t, "docs%2fa", "3\n", "Percent") },
		"other/README.md": func() { c.Commit(t, "other/README.md", "3\n", "Deep") },
		"src/b ":          func() { c.Run(t, "mv", "src/b", "docs/b"); c.Run(t, "commit", "-qm", "Out") },
		"src/moved":       func() { c.Run(t, "mv", "docs/z", "src/moved"); c.Run(t, "commit", "-qm", "In") },
		"src/b  ":         func() { c.Run(t, "rm", "-qr", "src"); c.Run(t, "commit", "-qm", "Gone") },
		"src/b   ":        func() { c.Run(t, "update-index", "--chmod=+x", "src/b"); c.Run(t, "commit", "-qm", "Mode") },
		"link": func() {
			c.Run(t, "update-index", "--add", "--cacheinfo", "120000,"+c.Run(t, "rev-parse", "HEAD:docs/z")+",link")
			c.Run(t, "commit", "-qm", "Link")
		},
		"module": func() {
			c.Run(t, "update-index", "--add", "--cacheinfo", "160000,"+start+",module")
			c.Run(t, "commit", "-qm", "Module")
		},
		"docs": func() {
			c.Run(t, "rm", "-qr", "docs")
			c.Run(t, "update-index", "--add", "--cacheinfo", "100644,"+c.Run(t, "rev-parse", "HEAD:src/b")+",docs")
			c.Run(t, "commit", "-qm", "File for a folder")
		},
		"src/b    ": func() { // and back: no commit may
			c.Commit(t, "src/b", "3\n", "Bad")
			c.Run(t, "revert", "--no-edit", "HEAD")
		},
		"src/evil": func() { c.Run(t, "merge", "-q", "--no-edit", "origin/other") },
		"src/evil ": func() {
			c.Run(t, "merge", "-q", "-s", "ours", "--no-edit", "origin/other")
			c.Run(t, "checkout", "origin/other", "--", "src")
			c.Run(t, "commit", "-q", "--amend", "--no-edit")
		},
	} {
		c.Run(t, "reset", "-q", "--hard", good)
		change()
		out, code := c.Try(t, "push", "origin", "HEAD:main")
		if code == 0 || !strings.Contains(words(out), "it is not for changing "+strings.TrimSpace(name)+".") || !strings.Contains(out, "declined by the limits of the token") {
			t.Errorf("%q: %d\n%s", name, code, out)
		}
		// Nor on a branch of its own, or behind a tag.
		c.Run(t, "tag", "-f", "-am", "t", "t")
		if out, code := c.Try(t, "push", "origin", "HEAD:refs/heads/fresh", "t"); code == 0 || strings.Count(out, "[remote rejected]") != 2 {
			t.Errorf("%q elsewhere: %d\n%s", name, code, out)
		}
		c.Run(t, "reset", "-q", "--hard", good)
		c.Run(t, "clean", "-qfdx")
	}
	// A branch that is here does not move to what others pushed either, forward or
	// back, nor does anything name a bare file.
	for _, args := range [][]string{{"origin/other:refs/heads/new"}, {"-f", "origin/other:refs/heads/new"}} {
		if out, code := c.Try(t, append([]string{"push", "origin"}, args...)...); code == 0 {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	refused(t, c, "would name no commit", c.Run(t, "rev-parse", "HEAD:docs/z")+":refs/tags/file")
	refused(t, c, "would name no commit", c.Run(t, "rev-parse", "HEAD:docs")+":refs/tags/tree")
	equal(t, c.Run(t, "ls-remote", "origin", "main"), good+"\trefs/heads/main", "main")

	auth := "Authorization: Bearer " + bot.Password
	for _, path := range []string{"src/b2", "docs%2f..%2fsrc/b2", "Docs/b2", "docs%252fb2"} {
		if a := w.Do(t, "PUT", "/api/v3/repos/ada/engine/contents/"+path, `{"message":"a","content":"YQ=="}`, auth); a.StatusCode < 400 {
			t.Errorf("the API changed %s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := w.Do(t, "PUT", "/api/v3/repos/ada/engine/contents/docs/b2", `{"message":"a","content":"YQ=="}`, auth); a.StatusCode != 201 {
		t.Errorf("the API: %d %s", a.StatusCode, a.Text)
	}
	if a := w.Do(t, "POST", "/api/v3/repos/ada/engine/merges", `{"base":"main","head":"other"}`, auth); a.StatusCode != 403 || !strings.Contains(a.Text, "not for changing src/evil") {
		t.Errorf("a merge by the API: %d %s", a.StatusCode, a.Text)
	}
	w.whole(t, "engine")
}
