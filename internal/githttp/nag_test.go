package githttp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
)

// TestNag: real git hears from the server that its token ends soon: once a day, on what
// has a place for it, and nobody else hears it from a kept answer.
func TestNag(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", true)
	soon, plain := s.TokenUntil(t, ada, "ci", s.Now().Add(3*24*time.Hour), "repo")
	_, second := s.TokenUntil(t, ada, "other", s.Now().Add(6*24*time.Hour), "repo")
	_, pushing := s.TokenUntil(t, ada, "push", s.Now().Add(5*24*time.Hour), "repo")
	_, far := s.TokenUntil(t, ada, "far", s.Now().Add(20*24*time.Hour), "repo")
	address := s.URL() + "/" + r.FullName() + ".git"
	line := `remote: token "ci" ends in 3 days: ` + s.URL() + "/settings/tokens/" + fmt.Sprint(int64(soon.ID))
	said := func(out string) bool { return strings.Contains(out, "ends in") }

	// A push fills the repository, and says it once.
	g := s.Git(t, "ada", pushing)
	g.Run(t, "init", "-q", "-b", "main", "w")
	g = g.In("w")
	g.Run(t, "remote", "add", "origin", address)
	g.Commit(t, "a", "1\n", "One")
	if out := g.Run(t, "push", "origin", "main"); !strings.Contains(out, `remote: token "push" ends in 5 days: `+s.URL()) {
		t.Errorf("a push says\n%s", out)
	}
	g.Commit(t, "a", "3\n", "Three")
	if out := g.Run(t, "push", "origin", "main"); said(out) {
		t.Errorf("the next push says\n%s", out)
	}

	clone := func(plain string, args ...string) string {
		t.Helper()
		g := s.Git(t, "ada", plain)
		return g.Run(t, append(args, address, "x")...)
	}
	// The answers to these are kept: the first makes it, and others get it as well.
	for _, protocol := range []string{"2", "0"} {
		v := []string{"-c", "protocol.version=" + protocol, "clone"}
		if out := clone(far, append(v, "--progress")...); said(out) {
			t.Errorf("version %s: a token that ends later says\n%s", protocol, out)
		}
		if out := clone(plain, append(v, "--quiet")...); said(out) {
			t.Errorf("version %s: a quiet clone says\n%s", protocol, out)
		}
		out := clone(plain, append(v, "--progress")...)
		if strings.Count(out, line+"\n")+strings.Count(out, line+" ") != 1 {
			t.Errorf("version %s: a clone says\n%s\nwant\n%s", protocol, out, line)
		}
		if out := clone(plain, append(v, "--progress")...); said(out) {
			t.Errorf("version %s: the next clone says\n%s", protocol, out)
		}
		if out := clone(far, append(v, "--progress")...); said(out) {
			t.Errorf("version %s: the answer was kept with the line:\n%s", protocol, out)
		}
		s.Advance(25 * time.Hour)
		line = strings.Replace(line, "3 days", "2 days", 1)
	}
	// Whoever has nothing to fetch hears nothing, and it is said with the next pack.
	g2 := s.Git(t, "ada", second)
	g2.Run(t, "clone", "-q", address, "y")
	g2 = g2.In("y")
	if out := g2.Run(t, "fetch", "--progress"); said(out) {
		t.Errorf("a fetch of nothing says\n%s", out)
	}
}

// TestNag_large: a kept answer that the kernel sends has the line before it.
func TestNag_large(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada := s.User(t, "ada")
	r := s.Repo(t, ada, "engine", true)
	_, far := s.Token(t, ada, "far", "repo")
	_, soon := s.TokenUntil(t, ada, "ci\x1b[31m", s.Now().Add(3*time.Hour), "repo")
	address := s.URL() + "/" + r.FullName() + ".git"
	g := s.Git(t, "ada", far)
	g.Run(t, "init", "-q", "-b", "main", "w")
	g = g.In("w")
	var big strings.Builder
	for i := range 200_000 {
		big.WriteString(fmt.Sprint(int64(i) * 7919 * 104729 % 1_000_003))
	}
	g.Commit(t, "big", big.String(), "Big")
	g.Run(t, "push", "-q", address, "main")
	for range 2 {
		s.Git(t, "ada", far).Run(t, "clone", "-q", address, "x")
	}
	c := s.Git(t, "ada", soon)
	out := c.Run(t, "clone", "--progress", address, "x")
	if !strings.Contains(out, `remote: token "ci\\u{001B}[31m" ends in 3 hours: `) {
		t.Errorf("a clone says\n%s", out)
	}
	c.In("x").Run(t, "fsck", "--strict")
}
