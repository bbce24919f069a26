package githttp_test

import (
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// copied is ada's engine with a secret on a branch of its own, and bob's copy,
// bob/engine, made from what he was given of its main branch: the two share
// history, and no more.
type copied struct {
	*secrets
	bob                *apptest.Git // in a clone of his copy
	nowhere            string       // an id that no repository has
	secretCommit       string
	secretTree, secret string
}

func newCopied(t *testing.T) *copied {
	t.Helper()
	c := &copied{secrets: newSecrets(t), nowhere: strings.Repeat("12", 20)}
	c.secretCommit, c.secretTree, c.secret = c.commit, c.tree, c.blob
	// In ada's repository the secret is in reach.
	c.disk(t, "engine").Run(t, "update-ref", "refs/heads/hidden", c.secretCommit)
	bob := c.User(t, "bob")
	c.Repo(t, bob, "engine", true)
	_, plain := c.Token(t, bob, "laptop", "repo")
	g := c.Git(t, "bob", plain)
	c.Share(t, c.row(t, "engine"), bob, right.Read)
	g.Run(t, "clone", "-q", "--single-branch", "--branch", "main", c.url("engine"), "copy")
	if err := c.Repos.RemoveCollaborator(t.Context(), right.Operator(), c.row(t, "engine").ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	c.bob = g.In("copy")
	c.bob.Run(t, "remote", "set-url", "origin", c.URL()+"/bob/engine.git")
	c.bob.Run(t, "push", "-q", "origin", "main")
	equal(t, c.bob.Run(t, "rev-parse", "origin/main"), c.base, "the copy's main")
	return c
}

// ask sends bob's request to his copy.
func (c *copied) ask(t *testing.T, service, body string, headers ...string) apptest.Answer {
	t.Helper()
	headers = append([]string{basic("bob", c.bob.Password), "Content-Type: application/x-" + service + "-request"}, headers...)
	return c.Do(t, "POST", "/bob/engine.git/"+service, body, headers...)
}

// TestJ7_copyFetchesNothing: what is in reach in a repository is out of reach
// in its copy, by id, and looks there like what exists nowhere.
func TestJ7_copyFetchesNothing(t *testing.T) {
	t.Parallel()
	c := newCopied(t)
	for _, v := range []string{"0", "1", "2"} {
		want := wantV0
		if v == "2" {
			want = wantV2
		}
		for _, object := range []string{c.secretCommit, c.secretTree, c.secret, c.nowhere} {
			for _, list := range [][]string{{object}, {c.base, object}} {
				got := c.ask(t, "git-upload-pack", want(list...), "Git-Protocol: version="+v)
				if got.StatusCode != 200 || got.Text[4:] != "ERR upload-pack: not our ref "+object {
					t.Errorf("version %s gave %s: %d %q", v, object, got.StatusCode, got.Text)
				}
			}
		}
		if got := c.ask(t, "git-upload-pack", want(c.base), "Git-Protocol: version="+v); !strings.Contains(got.Text, "PACK") {
			t.Errorf("version %s refused what is shared: %q", v, got.Text)
		}
		c.bob.Config = []string{"protocol.version=" + v}
		for _, object := range []string{c.secretCommit, c.nowhere} {
			out, code := c.bob.Try(t, "fetch", "origin", object)
			if code == 0 || strings.Contains(out, "FETCH_HEAD") {
				t.Errorf("version %s: git fetched %s: %s", v, object, out)
			}
		}
		if out, code := c.bob.Try(t, "cat-file", "-e", c.secretCommit); code == 0 {
			t.Fatalf("bob has the secret: %s", out)
		}
	}
	// Where it is in reach, its owner gets it.
	c.terminal(t).Run(t, "clone", "-q", "--branch", "hidden", c.url("engine"), "whole")
}

// TestJ7_copyRefersToNothing: a push to the copy can't bind an object of the
// original to a ref, nor use it as the base of a delta; and what it hears is
// what it hears of objects that exist nowhere.
func TestJ7_copyRefersToNothing(t *testing.T) {
	t.Parallel()
	c := newCopied(t)
	const ref = "refs/heads/x"
	crafted := map[string]func(commit, tree, blob string) (id string, pack []byte){
		"a tree with the blob": func(_, _, blob string) (string, []byte) {
			tree := treeOf(t, "100644", "stolen", blob)
			commit := commitOf(oid("tree", tree), c.base)
			return oid("commit", commit), writePack(t, entry{kind: 1, data: commit}, entry{kind: 2, data: tree})
		},
		"a folder of it": func(_, tree, _ string) (string, []byte) {
			top := treeOf(t, "40000", "d", tree)
			commit := commitOf(oid("tree", top), c.base)
			return oid("commit", commit), writePack(t, entry{kind: 1, data: commit}, entry{kind: 2, data: top})
		},
		"a commit of the tree": func(_, tree, _ string) (string, []byte) {
			commit := commitOf(tree, c.base)
			return oid("commit", commit), writePack(t, entry{kind: 1, data: commit})
		},
		"a commit on top": func(commit, _, _ string) (string, []byte) {
			next := commitOf(c.reachTree, commit)
			return oid("commit", next), writePack(t, entry{kind: 1, data: next})
		},
		"the commit itself": func(commit, _, _ string) (string, []byte) { return commit, writePack(t) },
		"a delta": func(_, _, blob string) (string, []byte) {
			// The result is what bob guesses the secret begins with.
			tree := treeOf(t, "100644", "stolen", oid("blob", []byte(c.content[:5])))
			commit := commitOf(oid("tree", tree), c.base)
			return oid("commit", commit), writePack(t, entry{kind: 7, base: blob, data: copyHead(len(c.content), 5)}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
		},
	}
	for name, craft := range crafted {
		report := func(commit, tree, blob string) string {
			id, pack := craft(commit, tree, blob)
			got := c.ask(t, "git-receive-pack", pushBody(pack, zero+" "+id+" "+ref))
			said, remote := bands(t, got.Text)
			if strings.Contains(said, "ok "+ref) || !strings.Contains(said, "ng "+ref+" ") {
				t.Errorf("%s: %q", name, got.Text)
			}
			r := strings.NewReplacer(commit, "C", tree, "T", blob, "B", id, "ID")
			return r.Replace(said + remote)
		}
		theft, nothing := report(c.secretCommit, c.secretTree, c.secret), report(c.nowhere, c.nowhere, c.nowhere)
		if r := strings.NewReplacer("T", "C", "B", "C"); r.Replace(theft) != r.Replace(nothing) {
			t.Errorf("%s: an object of another repository is told from none:\n got %q\nwant %q", name, theft, nothing)
		}
	}
	// What is shared may be referred to, and be a base.
	tree := treeOf(t, "100644", "copy", oid("blob", []byte("# Hel")))
	commit := commitOf(oid("tree", tree), c.base)
	pack := writePack(t, entry{kind: 7, base: c.reachBlob, data: copyHead(len("# Hello\n"), 5)}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
	got := c.ask(t, "git-receive-pack", pushBody(pack, zero+" "+oid("commit", commit)+" refs/heads/fine"))
	said, _ := bands(t, got.Text)
	equal(t, said, "unpack ok\nok refs/heads/fine", "a delta against what is shared")
	out := c.bob.Run(t, "ls-remote", "origin")
	if strings.Contains(out, ref) {
		t.Errorf("a ref was made:\n%s", out)
	}
	c.whole(t, "engine")
}
