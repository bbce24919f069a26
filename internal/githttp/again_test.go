package githttp_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"jeton/internal/config"
	"jeton/internal/gate"
	"jeton/internal/push"
	"jeton/internal/right"
)

// TestPush_revokedAtTheLastMoment: a token that is revoked when everything about
// a push has been checked moves nothing, whoever hears of it when.
func TestPush_revokedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blob := []byte("1\n")
	tree := treeOf(t, "100644", "a", oid("blob", blob))
	commit := commitOf(oid("tree", tree))
	head := oid("commit", commit)
	pack := writePack(t, entry{kind: 3, data: blob}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
	body := pushBody(pack, zero+" "+head+" refs/heads/main")

	header := strings.TrimPrefix(basic("ada", w.git.Password), "Authorization: ")
	actor, err := w.Core.Gate.Identify(t.Context(), gate.ParseAuthorization([]string{header}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Core.Gate.Repo(t.Context(), &actor, right.RepoPush, "ada", "engine")
	if err != nil {
		t.Fatal(err)
	}
	again := func(ctx context.Context) error {
		if _, err := w.Tokens.Revoke(ctx, right.Operator(), w.ada.ID, actor.Token); err != nil {
			t.Error(err)
		}
		_, err := w.Core.Gate.Identify(ctx, gate.ParseAuthorization([]string{header}))
		return err
	}
	flow := push.New(push.Options{Gate: w.Core.Gate, Git: w.Core.Git, DB: w.DB, Repos: w.Repos, Audit: w.Core.Audit, Leaks: w.Core.Leaks, Alerts: w.Core.Alerts})
	var out bytes.Buffer
	// The context is none that the gate watches: nothing but again can tell.
	if err := flow.Receive(t.Context(), &actor, r, again, strings.NewReader(body), &out); err != nil {
		t.Fatal(err)
	}
	report, remote := bands(t, out.String())
	contains(t, report, "ng refs/heads/main permission denied")
	contains(t, remote, "was deleted on")
	if refs, err := w.Core.Git.Repo(r.ID).Refs(t.Context()); err != nil || !refs.Empty() {
		t.Errorf("refs after the refused push: %v, %v", refs.All(), err)
	}
}

// TestAllow: an answer to a wrong method names the right one.
func TestAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "/ada/engine.git/info/refs?service=git-upload-pack", "GET, HEAD"},
		{"GET", "/ada/engine.git/git-upload-pack", "POST"},
		{"DELETE", "/ada/engine.git/git-receive-pack", "POST"},
	} {
		a := w.Do(t, c.method, c.path, "", basic("ada", w.git.Password))
		if a.StatusCode != 405 || a.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q; want %q", c.method, c.path, a.StatusCode, a.Header.Get("Allow"), c.allow)
		}
	}
}

// TestN6_objects: a push of too many objects is told how many are too many.
func TestN6_objects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.MaxObjectsPerPush = 3 })
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	g.Commit(t, "b/c", "2\n", "Two")
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("four objects were taken")
	}
	contains(t, out, "pack has 4 objects, more than the 3 that this server takes", "Push the history in parts.")
	w.whole(t, "engine")
}

// A history that was here and went out of reach, as after a deletion or a push
// that was cut off, comes back with more on top. The client sends all of it.
func TestAgain_outOfReachAndMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	g.Run(t, "checkout", "-qb", "topic")
	g.Commit(t, "b", "2\n", "Two")
	g.Run(t, "push", "-q", "origin", "topic")
	g.Run(t, "push", "-q", "origin", ":topic")
	g.Commit(t, "c/d", "3\n", "Three")
	g.Run(t, "push", "-q", "origin", "topic")
	equal(t, w.disk(t, "engine").Run(t, "rev-parse", "topic"), g.Run(t, "rev-parse", "HEAD"), "topic")
	w.whole(t, "engine")
}

// A tag of a tree that is here, in a push that brings something else: the search
// for the tree looks at the new commits too.
func TestAgain_treeBesideCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a/b", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	g.Commit(t, "c", "2\n", "Two")
	tree, file := g.Run(t, "rev-parse", "main~1:a"), g.Run(t, "rev-parse", "main~1:a/b")
	g.Run(t, "push", "-q", "origin", "main", tree+":refs/tags/tree", file+":refs/tags/file")
	bare := w.disk(t, "engine")
	equal(t, bare.Run(t, "rev-parse", "refs/tags/tree"), tree, "the tag of a tree")
	equal(t, bare.Run(t, "rev-parse", "refs/tags/file"), file, "the tag of a file")
	w.whole(t, "engine")
}
