package githttp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// copied is ada's engine with a secret on a branch of its own, and bob's copy,
// bob/engine, made from what he was given of its main branch: the two share
// history, and no more.
type copied struct {
	*secrets
	bob      *apptest.Git // in a clone of his copy
	oneStore bool         // the original's objects lie in the copy's folder, or are found from there
	nowhere  string       // an id that no repository has
}

func newCopied(t *testing.T, how string) *copied {
	t.Helper()
	c := &copied{secrets: newSecrets(t), oneStore: how != apart, nowhere: strings.Repeat("12", 20)}
	// In ada's repository the secret is in reach.
	c.disk(t, "engine").Run(t, "update-ref", "refs/heads/hidden", c.commit)
	bob := c.User(t, "bob")
	_, plain := c.Token(t, bob, "laptop", "repo")
	g := c.Git(t, "bob", plain)
	c.Share(t, c.row(t, "engine"), bob, right.Read)
	if how == forked {
		c.fork(t, bob)
	} else {
		c.Repo(t, bob, "engine", true)
	}
	g.Run(t, "clone", "-q", "--single-branch", "--branch", "main", c.url("engine"), "copy")
	if err := c.Repos.RemoveCollaborator(t.Context(), right.Operator(), c.row(t, "engine").ID, bob.ID); err != nil {
		t.Fatal(err)
	}
	c.bob = g.In("copy")
	c.bob.Run(t, "remote", "set-url", "origin", c.URL()+"/bob/engine.git")
	c.bob.Run(t, "push", "-q", "origin", "main")
	equal(t, c.bob.Run(t, "rev-parse", "origin/main"), c.base, "the copy's main")
	if how == borrowing {
		c.layOnOriginal(t, bob.ID)
	}
	return c
}

// fork has bob fork the main branch. The packs are those of the original, the
// secret in them.
func (c *copied) fork(t *testing.T, bob account.Account) {
	t.Helper()
	actor := right.Actor{Account: bob.ID, Login: bob.Login, Kind: right.SessionCredential, Grant: right.Everything()}
	made, err := c.Lifecycle.ForkRepo(t.Context(), actor, c.row(t, "engine"), repo.NewRepo{Owner: bob.ID, Name: "engine", Private: true}, gitstore.Fork{DefaultBranchOnly: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := c.terminal(t, "safe.directory=*")
	at.Dir = fmt.Sprintf("%s/%d/%d.git", c.Core.Git.Dir(), made.ID/1000, made.ID)
	at.Run(t, "cat-file", "-e", c.blob)
}

// layOnOriginal makes git find the objects of the original in the copy.
func (c *copied) layOnOriginal(t *testing.T, bob id.Account) {
	t.Helper()
	r, err := c.Repos.Find(t.Context(), c.DB, "bob", "engine", bob)
	if err != nil {
		t.Fatal(err)
	}
	dir := fmt.Sprintf("%s/%d/%d.git/objects/info", c.Core.Git.Dir(), r.ID/1000, r.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alternates"), []byte(c.disk(t, "engine").Dir+"/objects\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := c.terminal(t, "safe.directory=*")
	at.Dir = filepath.Dir(filepath.Dir(dir))
	at.Run(t, "cat-file", "-e", c.blob)
}

// How a copy can lie beside its original: apart on the disk, as a clone that was
// pushed; as a fork, with the same packs; and borrowing the original's objects,
// as forks do elsewhere. What guards one repository must hold in all of them.
const (
	apart     = "apart"
	forked    = "a fork"
	borrowing = "borrowing"
)

// eachStore runs test with each of them.
func eachStore(t *testing.T, test func(*copied, *testing.T)) {
	t.Helper()
	for _, how := range []string{apart, forked, borrowing} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			test(newCopied(t, how), t)
		})
	}
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
	eachStore(t, (*copied).fetchesNothing)
}

func (c *copied) fetchesNothing(t *testing.T) {
	for _, v := range []string{"0", "1", "2"} {
		want := wantV0
		if v == "2" {
			want = wantV2
		}
		for _, object := range []string{c.commit, c.tree, c.blob, c.nowhere} {
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
		for _, object := range []string{c.commit, c.nowhere} {
			out, code := c.bob.Try(t, "fetch", "origin", object)
			if code == 0 || strings.Contains(out, "FETCH_HEAD") {
				t.Errorf("version %s: git fetched %s: %s", v, object, out)
			}
		}
		if out, code := c.bob.Try(t, "cat-file", "-e", c.commit); code == 0 {
			t.Fatalf("bob has the secret: %s", out)
		}
	}
	// Where it is in reach, its owner gets it.
	c.terminal(t).Run(t, "clone", "-q", "--branch", "hidden", c.url("engine"), "whole")
}

// TestJ7_copyRefersToNothing: a push to the copy can't bind an object of the
// original to a ref, nor use it as the base of a delta; and where the two lie
// apart, what it hears is what it hears of objects that exist nowhere.
func TestJ7_copyRefersToNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, (*copied).refersToNothing)
}

func (c *copied) refersToNothing(t *testing.T) {
	const ref = "refs/heads/x"
	crafted := map[string]func(commit, tree, blob string) (tip string, pack []byte){
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
			tip, pack := craft(commit, tree, blob)
			got := c.ask(t, "git-receive-pack", pushBody(pack, zero+" "+tip+" "+ref))
			said, remote := bands(t, got.Text)
			if strings.Contains(said, "ok "+ref) || !strings.Contains(said, "ng "+ref+" ") {
				t.Errorf("%s: %q", name, got.Text)
			}
			r := strings.NewReplacer(commit, "C", tree, "T", blob, "B", tip, "ID")
			return r.Replace(said + remote)
		}
		theft, nothing := report(c.commit, c.tree, c.blob), report(c.nowhere, c.nowhere, c.nowhere)
		if r := strings.NewReplacer("T", "C", "B", "C"); !c.oneStore && r.Replace(theft) != r.Replace(nothing) {
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

// TestJ7_forkOnly: what was pushed to a fork alone is out of reach in its
// origin: it can't be fetched there by id, and no ref or tree made of it.
func TestJ7_forkOnly(t *testing.T) {
	t.Parallel()
	c := newCopied(t, forked)
	c.bob.Commit(t, "theirs.txt", strings.Repeat("of the fork alone ", 30), "Theirs")
	c.bob.Run(t, "push", "-q", "origin", "main")
	commit, blob := c.bob.Run(t, "rev-parse", "HEAD"), c.bob.Run(t, "rev-parse", "HEAD:theirs.txt")
	for _, object := range []string{commit, blob, c.nowhere} {
		got := c.post(t, "engine", "git-upload-pack", wantV2(object), "Git-Protocol: version=2")
		if got.Text[4:] != "ERR upload-pack: not our ref "+object {
			t.Errorf("%s: %q", object, got.Text)
		}
	}
	tree := treeOf(t, "100644", "taken", blob)
	made := commitOf(oid("tree", tree), c.base)
	for tip, pack := range map[string][]byte{
		commit:              writePack(t),
		oid("commit", made): writePack(t, entry{kind: 1, data: made}, entry{kind: 2, data: tree}),
	} {
		got := c.post(t, "engine", "git-receive-pack", pushBody(pack, zero+" "+tip+" refs/heads/x"))
		if said, _ := bands(t, got.Text); strings.Contains(said, "ok refs/heads/x") {
			t.Errorf("%s was taken: %q", tip, got.Text)
		}
	}
	c.whole(t, "engine")
}
