package githttp_test

import (
	"strings"
	"testing"

	"jeton/internal/repo"
	"jeton/internal/right"
)

// A repository of SHA-256 works like any other, and mismatched clients hear so.
func TestSHA256(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: w.ada.ID, Name: "modern", Private: true, Format: "sha256"}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"0", "2"} {
		g := w.terminal(t, "protocol.version="+v)
		g.Run(t, "init", "-q", "--object-format=sha256", "new"+v)
		c := g.In("new" + v)
		c.Commit(t, "a", "a\n", "A"+v)
		c.Run(t, "push", "-q", w.url("modern"), "HEAD:refs/heads/v"+v)
		g.Run(t, "clone", "-q", "--branch", "v"+v, w.url("modern"), "copy"+v)
		if head := g.In("copy"+v).Run(t, "rev-parse", "HEAD"); head != c.Run(t, "rev-parse", "HEAD") || len(head) != 64 {
			t.Errorf("head: %s", head)
		}
	}
	c := w.clone(t, "engine")
	c.Commit(t, "a", "a\n", "A")
	if out, code := c.Try(t, "push", w.url("modern"), "main"); code == 0 {
		t.Errorf("sha1 went into sha256: %s", out)
	}
	w.whole(t, "modern")
}

// A push from a shallow clone goes if the server has what lies behind the
// clone's border; otherwise it is told what to do.
func TestShallowPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for _, n := range []string{"1", "2", "3"} {
		g.Commit(t, "a", n, n)
	}
	g.Run(t, "push", "-q", "origin", "main")
	s := w.terminal(t)
	s.Run(t, "clone", "-q", "--depth", "1", w.url("engine"), "s")
	c := s.In("s")
	c.Commit(t, "b", "b", "B")
	c.Run(t, "push", "-q", "origin", "main")
	equal(t, w.disk(t, "engine").Run(t, "rev-list", "--count", "main"), "4", "history")

	w.Repo(t, w.ada, "elsewhere", true)
	out, code := c.Try(t, "push", w.url("elsewhere"), "main")
	if code == 0 {
		t.Error("a shallow history was taken")
	}
	contains(t, out, "main -> main (shallow update not allowed)", "remote: Your clone is shallow")
	w.whole(t, "engine")
	w.whole(t, "elsewhere")
}

// A partial clone asks for blobs of any age by id.
func TestPartialClone_history(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for _, n := range []string{"1", "2", "3"} {
		g.Commit(t, "dir/a", "content "+n+"\n", n)
	}
	g.Run(t, "push", "-q", "origin", "main")
	for _, filter := range []string{"blob:none", "tree:0", "blob:limit=5"} {
		p := w.terminal(t)
		p.Run(t, "clone", "-q", "--filter="+filter, w.url("engine"), "p")
		if log := p.In("p").Run(t, "log", "-p", "--format=%s"); strings.Count(log, "+content") != 3 {
			t.Errorf("%s: %s", filter, log)
		}
	}
	p := w.terminal(t)
	if out, code := p.Try(t, "clone", "-q", "--filter=sparse:oid="+g.Run(t, "rev-parse", "HEAD:dir/a"), w.url("engine"), "q"); code == 0 {
		t.Errorf("a filter that reads a blob was taken: %s", out)
	}
}

// URLs work with and without .git.
func TestURL_withoutGit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "a", "A")
	g.Run(t, "push", "-q", strings.TrimSuffix(w.url("engine"), ".git"), "main")
	w.terminal(t).Run(t, "clone", "-q", strings.TrimSuffix(w.url("engine"), ".git"), "c")
}

// Other ways to narrow a clone.
func TestClone_shapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for _, n := range []string{"1", "2", "3", "4"} {
		g.Commit(t, "a", n, n)
		g.Run(t, "tag", "-am", n, "v"+n)
	}
	g.Run(t, "push", "-q", "--follow-tags", "origin", "main")
	g.Run(t, "push", "-q", "origin", "main~2:refs/heads/old")
	for _, v := range []string{"0", "2"} {
		c := w.terminal(t, "protocol.version="+v)
		c.Run(t, "clone", "-q", "--shallow-exclude=v2", w.url("engine"), "exclude")
		equal(t, c.In("exclude").Run(t, "rev-list", "--count", "HEAD"), "2", "shallow-exclude")
		c.Run(t, "clone", "-q", "--no-tags", "--single-branch", "--branch", "old", w.url("engine"), "single")
		equal(t, c.In("single").Run(t, "for-each-ref", "--format=%(refname)"), "refs/heads/old\nrefs/remotes/origin/old", "single")
		c.In("single").Run(t, "fetch", "-q", "origin", "tag", "v4")
		c.Run(t, "clone", "-q", "--mirror", w.url("engine"), "mirror")
		c.In("mirror").Run(t, "fsck", "--strict")
		c.In("single").Run(t, "fetch", "-q", "--depth=1", "origin", "old")
		c.In("single").Run(t, "fetch", "-q", "--deepen=1", "origin", "old")
		c.In("single").Run(t, "fetch", "-q", "--unshallow", "origin", "old")
	}
}
