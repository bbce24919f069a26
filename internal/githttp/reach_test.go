package githttp_test

import (
	"strings"
	"testing"

	"jeton/internal/right"
)

// secrets is a repository in which a commit was pushed and taken back: its
// objects are on the disk, and no ref reaches them.
type secrets struct {
	*world
	base                 string // reachable
	commit, tree, blob   string // not
	content              string
	reachTree, reachBlob string
}

func newSecrets(t *testing.T) *secrets {
	t.Helper()
	s := &secrets{world: newWorld(t), content: strings.Repeat("the secret ", 30) + "\n"}
	g := s.clone(t, "engine")
	g.Commit(t, "README.md", "# Hello\n", "First")
	g.Run(t, "push", "-q", "origin", "main")
	s.base = g.Run(t, "rev-parse", "HEAD")
	s.reachTree, s.reachBlob = g.Run(t, "rev-parse", "HEAD^{tree}"), g.Run(t, "rev-parse", "HEAD:README.md")
	g.Commit(t, "secret.txt", s.content, "Secret")
	s.commit, s.tree, s.blob = g.Run(t, "rev-parse", "HEAD"), g.Run(t, "rev-parse", "HEAD^{tree}"), g.Run(t, "rev-parse", "HEAD:secret.txt")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/oops")
	g.Run(t, "push", "-q", "origin", ":refs/heads/oops")
	if out := s.disk(t, "engine").Run(t, "cat-file", "-t", s.blob); out != "blob" {
		t.Fatalf("the secret is not on the disk: %s", out)
	}
	return s
}

// J7: what no ref reaches is not handed out by id, in any version of the
// protocol and for any kind of object; what is reached is, also by id.
func TestJ7_unreachableNotFetched(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	for _, v := range []string{"0", "1", "2"} {
		header, want := "Git-Protocol: version="+v, wantV0
		if v == "2" {
			want = wantV2
		}
		for _, object := range []string{s.commit, s.tree, s.blob, strings.Repeat("12", 20)} {
			for _, list := range [][]string{{object}, {s.base, object}} {
				got := s.post(t, "engine", "git-upload-pack", want(list...), header)
				if got.StatusCode != 200 || got.Text[4:] != "ERR upload-pack: not our ref "+object {
					t.Errorf("version %s gave %s: %d %q", v, object, got.StatusCode, got.Text)
				}
			}
		}
		for _, object := range []string{s.base, s.reachTree, s.reachBlob} {
			got := s.post(t, "engine", "git-upload-pack", want(object), header)
			if !strings.Contains(got.Text, "PACK") {
				t.Errorf("version %s refused what is reachable: %q", v, got.Text)
			}
		}
	}
	g := s.clone(t, "engine")
	out, code := g.Try(t, "fetch", "origin", s.commit)
	if code == 0 || !strings.Contains(out, "fatal: remote error: upload-pack: not our ref "+s.commit) {
		t.Errorf("git fetched it: %s", out)
	}
}

// J7 for pushes: a pushed object may refer only to what comes with it or is in
// reach. Otherwise who knows an id could read what it names.
func TestJ7_unreachableNotReferred(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	blobTree := treeOf(t, "100644", "stolen", s.blob)
	viaBlob := commitOf(oid("tree", blobTree), s.base)
	viaTree := commitOf(s.tree, s.base)
	viaParent := commitOf(s.reachTree, s.commit)
	deep := treeOf(t, "40000", "d", s.tree)
	viaFolder := commitOf(oid("tree", deep))
	tag := []byte("object " + s.commit + "\ntype commit\ntag x\ntagger A <a@example.com> 1700000000 +0000\n\nx\n")
	for name, c := range map[string]struct {
		ref, new string
		pack     []byte
	}{
		"blob":     {"refs/heads/x", oid("commit", viaBlob), writePack(t, entry{kind: 1, data: viaBlob}, entry{kind: 2, data: blobTree})},
		"tree":     {"refs/heads/x", oid("commit", viaTree), writePack(t, entry{kind: 1, data: viaTree})},
		"parent":   {"refs/heads/x", oid("commit", viaParent), writePack(t, entry{kind: 1, data: viaParent})},
		"folder":   {"refs/heads/x", oid("commit", viaFolder), writePack(t, entry{kind: 1, data: viaFolder}, entry{kind: 2, data: deep})},
		"tag":      {"refs/tags/x", oid("tag", tag), writePack(t, entry{kind: 4, data: tag})},
		"directly": {"refs/heads/x", s.commit, writePack(t)},
		"blob tag": {"refs/tags/x", s.blob, writePack(t)},
	} {
		got := s.post(t, "engine", "git-receive-pack", pushBody(c.pack, zero+" "+c.new+" "+c.ref))
		report, _ := bands(t, got.Text)
		equal(t, report, "unpack ok\nng "+c.ref+" missing necessary objects", name)
	}
	// The same in a repository that never had the object.
	s.Repo(t, s.ada, "other", true)
	got := s.post(t, "other", "git-receive-pack", pushBody(writePack(t, entry{kind: 1, data: viaTree}), zero+" "+oid("commit", viaTree)+" refs/heads/x"))
	report, _ := bands(t, got.Text)
	if !strings.HasPrefix(report, "unpack ") || !strings.Contains(report, "ng refs/heads/x ") {
		t.Errorf("another repository's object was referred to: %s", report)
	}
	// What is in reach may be referred to without being sent again.
	fine := treeOf(t, "100644", "again", s.reachBlob)
	ok := commitOf(oid("tree", fine), s.base)
	got = s.post(t, "engine", "git-receive-pack", pushBody(writePack(t, entry{kind: 1, data: ok}, entry{kind: 2, data: fine}), zero+" "+oid("commit", ok)+" refs/heads/fine"))
	report, _ = bands(t, got.Text)
	equal(t, report, "unpack ok\nok refs/heads/fine", "a reachable blob")
	s.whole(t, "engine")
}

// J7 by deltas: a delta against an object that is only on the disk would hand
// its content to whoever knows its id: byte by byte, by guessing what a delta
// that copies them makes.
func TestJ7_unreachableNotDeltaBase(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	tree := treeOf(t, "100644", "stolen", oid("blob", []byte(s.content[:5])))
	commit := commitOf(oid("tree", tree), s.base)
	pack := writePack(t, entry{kind: 7, base: s.blob, data: copyHead(len(s.content), 5)}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
	got := s.post(t, "engine", "git-receive-pack", pushBody(pack, zero+" "+oid("commit", commit)+" refs/heads/x"))
	report, _ := bands(t, got.Text)
	equal(t, report, "unpack missing necessary objects\nng refs/heads/x unpacker error", "a delta against the secret")

	// The same delta against what is in reach is how git pushes.
	tree = treeOf(t, "100644", "copy", oid("blob", []byte("# Hel")))
	commit = commitOf(oid("tree", tree), s.base)
	pack = writePack(t, entry{kind: 7, base: s.reachBlob, data: copyHead(len("# Hello\n"), 5)}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
	got = s.post(t, "engine", "git-receive-pack", pushBody(pack, zero+" "+oid("commit", commit)+" refs/heads/x"))
	report, _ = bands(t, got.Text)
	equal(t, report, "unpack ok\nok refs/heads/x", "a delta against what is in reach")
	s.whole(t, "engine")
}

// H: refs that are the server's own are neither shown nor moved by clients.
func TestH_hiddenRefs(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	s.disk(t, "engine").Run(t, "update-ref", "refs/pull/1/head", s.commit)
	for _, v := range []string{"0", "1", "2"} {
		out := s.terminal(t, "protocol.version="+v).Run(t, "ls-remote", s.url("engine"))
		if strings.Contains(out, "refs/pull") {
			t.Errorf("version %s shows a hidden ref:\n%s", v, out)
		}
	}
	g := s.clone(t, "engine")
	if out, code := g.Try(t, "fetch", "origin", "refs/pull/1/head"); code == 0 {
		t.Errorf("a hidden ref was fetched: %s", out)
	}
	if out, code := g.Try(t, "fetch", "origin", s.commit); code == 0 {
		t.Errorf("a hidden ref's commit was fetched: %s", out)
	}
	// By its answers to such a question the server would tell what a hidden ref
	// holds.
	out, _ := g.Try(t, "fetch", "--shallow-exclude=refs/pull/1/head", "origin")
	contains(t, out, "ambiguous deepen-not: refs/pull/1/head")
	out, code := g.Try(t, "push", "origin", "HEAD:refs/pull/2/head", "HEAD:refs/jeton/x", "HEAD:refs/heads/fine")
	if code == 0 {
		t.Error("hidden refs were made")
	}
	contains(t, out, "HEAD -> refs/pull/2/head (deny updating a hidden ref)", "HEAD -> refs/jeton/x (deny updating a hidden ref)", "[new branch]      HEAD -> fine")
	got := s.post(t, "engine", "git-receive-pack", pushBody(nil, s.commit+" "+zero+" refs/pull/1/head"))
	report, _ := bands(t, got.Text)
	equal(t, report, "unpack ok\nng refs/pull/1/head deny deleting a hidden ref", "deletion")
}

// H6: who may only read cannot write, at discovery and, for a client that skips
// it, at the push itself.
func TestH6_readersDontPush(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	g := s.share(t, "bob", "engine", right.Read, "repo")
	g.Run(t, "clone", "-q", s.url("engine"), "clone")
	c := g.In("clone")
	c.Commit(t, "b", "b\n", "B")
	out, code := c.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Fatal("a reader pushed")
	}
	contains(t, out, "remote: Permission to ada/engine.git denied to bob.", "The requested URL returned error: 403")
	got := s.Do(t, "POST", "/ada/engine.git/git-receive-pack", pushBody(nil, s.base+" "+zero+" refs/heads/main"),
		basic("bob", g.Password), "Content-Type: application/x-git-receive-pack-request")
	if got.StatusCode != 403 {
		t.Errorf("got %d %q", got.StatusCode, got.Text)
	}
	equal(t, s.disk(t, "engine").Run(t, "rev-parse", "refs/heads/main"), s.base, "main")
}
