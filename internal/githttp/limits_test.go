package githttp_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/right"
)

// limited gives an account a token with limits, and a terminal with it.
func (w *world) limited(t *testing.T, a account.Account, limits ...string) *apptest.Git {
	t.Helper()
	tok, plain := w.Token(t, a, "bot "+strings.Join(limits, " "), "repo", "workflow")
	all := make([]right.Limit, len(limits))
	for i, text := range limits {
		all[i] = right.ParseLimit(text)
	}
	if _, err := w.Tokens.SetLimits(t.Context(), right.Operator(), a.ID, tok.ID, all); err != nil {
		t.Fatal(err)
	}
	return w.Git(t, a.Login, plain)
}

// refused is what git says of a push that is refused in that reason.
func refused(t *testing.T, g *apptest.Git, reason string, args ...string) {
	t.Helper()
	out, code := g.Try(t, append([]string{"push", "origin"}, args...)...)
	if code == 0 || !strings.Contains(out, "[remote rejected]") || !strings.Contains(out, "declined by the limits of the token") {
		t.Errorf("push %v: %d\n%s", args, code, out)
		return
	}
	if flat := strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " "); !strings.Contains(flat, reason) || !strings.Contains(flat, `Your token "bot `) || !strings.Contains(flat, "/settings/tokens/") {
		t.Errorf("push %v does not say %q:\n%s", args, reason, out)
	}
}

// TestLimits_refsMoved: which refs a token moves, and how, git says for each ref.
func TestLimits_refsMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	first := g.Run(t, "rev-parse", "HEAD")
	g.Commit(t, "a", "2\n", "Two")
	g.Run(t, "push", "-q", "origin", "main", "main:refs/heads/bot/x", "main:refs/tags/v1")

	use := func(limits ...string) *apptest.Git {
		c := w.limited(t, w.ada, limits...)
		c.Run(t, "clone", "-q", w.url("engine"), "c")
		return c.In("c")
	}
	bot := use("push-ref\nrefs/heads/bot/**")
	bot.Commit(t, "b", "3\n", "Three")
	refused(t, bot, "it is not for moving refs/heads/main", "main")
	refused(t, bot, "it is not for moving refs/heads/Bot/x", "main:refs/heads/Bot/x")
	refused(t, bot, "it is not for moving refs/tags/v2", "main:refs/tags/v2")
	refused(t, bot, "it is not for moving refs/heads/main", ":main")
	refused(t, bot, "it is not for moving refs/heads/main", "-o", "ci.skip", "main")
	out, code := bot.Try(t, "push", "origin", "main", "main:refs/heads/bot/x", "main:refs/heads/bot/y")
	if code == 0 || strings.Count(out, "[remote rejected]") != 1 {
		t.Errorf("one of three:\n%s", out)
	}
	equal(t, bot.Run(t, "ls-remote", "origin", "bot/x", "bot/y", "main"), fmt.Sprintf("%s\trefs/heads/bot/x\n%[1]s\trefs/heads/bot/y\n%s\trefs/heads/main",
		bot.Run(t, "rev-parse", "HEAD"), g.Run(t, "rev-parse", "HEAD")), "what moved")
	out, code = bot.Try(t, "push", "--atomic", "origin", "main", "main:refs/heads/bot/z")
	if code == 0 || !strings.Contains(out, "atomic push failure") {
		t.Errorf("all or none:\n%s", out)
	}
	// git's client lets no such name out.
	for _, name := range []string{"refs/heads/bot/../main", "refs/heads/bot//main", "refs/heads/bot/%2e%2e/main/.lock"} {
		body := pushBody(nil, bot.Run(t, "rev-parse", "HEAD")+" "+zero+" "+name)
		if a := w.Do(t, "POST", "/ada/engine.git/git-receive-pack", body, basic("ada", bot.Password), "Content-Type: application/x-git-receive-pack-request"); !strings.Contains(a.Text, "ng "+name) {
			t.Errorf("%s: %q", name, a.Text)
		}
	}

	forward := use("fast-forward")
	forward.Commit(t, "c", "4\n", "Four")
	forward.Run(t, "push", "-q", "origin", "main", "main:refs/heads/new", "main:refs/tags/v3")
	refused(t, forward, "it moves branches forward only", "-f", first+":refs/heads/main")
	refused(t, forward, "it moves no tag that is there", "-f", "main:refs/tags/v1")
	refused(t, forward, "it deletes no branch or tag", ":new")

	create := use("create-only")
	create.Commit(t, "d", "5\n", "Five")
	create.Run(t, "push", "-q", "origin", "main:refs/heads/made", "main:refs/tags/v4")
	refused(t, create, "it makes branches and tags and moves none that is there", "main")
	refused(t, create, "it makes branches and tags and moves none that is there", "-f", "main:refs/tags/v1")
	refused(t, create, "it deletes no branch or tag", ":made")
	// Who says that there was nothing moves nothing either.
	body := pushBody(writePack(t), zero+" "+first+" refs/heads/main")
	if a := w.Do(t, "POST", "/ada/engine.git/git-receive-pack", body, basic("ada", create.Password), "Content-Type: application/x-git-receive-pack-request"); !strings.Contains(a.Text, "ng refs/heads/main") {
		t.Errorf("made what is there: %q", a.Text)
	}
	w.whole(t, "engine")
}

// hiddenWorld is a repository with a branch and tags that a token does not see.
type hiddenWorld struct {
	*world
	all, bot           *apptest.Git
	base, commit, tree string
	blob, tag, tagged  string
}

func newHidden(t *testing.T, limits ...string) *hiddenWorld {
	w := &hiddenWorld{world: newWorld(t)}
	w.all = w.clone(t, "engine")
	w.all.Commit(t, "a", "1\n", "One")
	w.base = w.all.Run(t, "rev-parse", "HEAD")
	w.all.Run(t, "tag", "-am", "of what is seen", "inner")
	w.tag = w.all.Run(t, "rev-parse", "inner")
	w.all.Run(t, "checkout", "-qb", "secret")
	w.all.Commit(t, "hidden", strings.Repeat("the secret of the branch\n", 40), "Hidden")
	w.all.Run(t, "tag", "-am", "of what is hidden", "outer")
	w.commit, w.tree, w.blob = w.all.Run(t, "rev-parse", "HEAD"), w.all.Run(t, "rev-parse", "HEAD^{tree}"), w.all.Run(t, "rev-parse", "HEAD:hidden")
	w.tagged = w.all.Run(t, "rev-parse", "outer")
	w.all.Run(t, "push", "-q", "origin", "main", "secret", "inner", "outer")
	if limits == nil {
		limits = []string{"ref\nrefs/heads/main\nrefs/heads/bot/**"}
	}
	w.bot = w.limited(t, w.ada, limits...)
	return w
}

func (w *hiddenWorld) ask(t *testing.T, service, body string, headers ...string) apptest.Answer {
	t.Helper()
	headers = append([]string{basic("ada", w.bot.Password), "Content-Type: application/x-" + service + "-request"}, headers...)
	return w.Do(t, "POST", "/ada/engine.git/"+service, body, headers...)
}

// TestLimits_refsHidden: refs that a token may not see are not told of, in no
// version of the protocol and by no service, and what they alone reach is not
// served.
func TestLimits_refsHidden(t *testing.T) {
	t.Parallel()
	w := newHidden(t)
	auth := basic("ada", w.bot.Password)
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		for _, v := range []string{"0", "1", "2"} {
			a := w.Do(t, "GET", "/ada/engine.git/info/refs?service="+service, "", auth, "Git-Protocol: version="+v)
			if a.StatusCode != 200 || (v != "2" || service == "git-receive-pack") && !strings.Contains(a.Text, w.base+" refs/heads/main") {
				t.Errorf("%s in version %s: %d %q", service, v, a.StatusCode, a.Text)
			}
			for _, no := range []string{"secret", "inner", "outer", w.commit, w.tag, w.tagged} {
				if strings.Contains(a.Text, no) {
					t.Errorf("%s in version %s tells of %s", service, v, no)
				}
			}
		}
	}
	for _, prefix := range []string{"", "refs/heads/secret", "refs/tags/", "refs/"} {
		if a := w.ask(t, "git-upload-pack", lsRefs(prefix), "Git-Protocol: version=2"); strings.Contains(a.Text, "secret") || strings.Contains(a.Text, "refs/tags") {
			t.Errorf("ls-refs of %q: %q", prefix, a.Text)
		}
	}
	for _, id := range []string{w.commit, w.tree, w.blob, w.tag, w.tagged} {
		for _, v := range []string{"1", "2"} {
			want := wantV2
			if v == "1" {
				want = wantV0
			}
			if a := w.ask(t, "git-upload-pack", want(id), "Git-Protocol: version="+v); !strings.Contains(a.Text, "not our ref "+id) {
				t.Errorf("version %s gave %s: %q", v, id, a.Text)
			}
			// It is the same once somebody else has asked, whose answer is kept.
			if a := w.post(t, "engine", "git-upload-pack", want(id), "Git-Protocol: version="+v); !strings.Contains(a.Text, "PACK") {
				t.Errorf("its owner does not get %s: %q", id, a.Text)
			}
			if a := w.ask(t, "git-upload-pack", want(id), "Git-Protocol: version="+v); !strings.Contains(a.Text, "not our ref "+id) {
				t.Errorf("version %s gave %s, kept: %q", v, id, a.Text)
			}
		}
	}
	b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=object-info"), "object-format=sha1"))
	b = pktline.Append(pktline.Append(b, "size\n"), "oid "+w.blob+"\n")
	if a := w.ask(t, "git-upload-pack", string(pktline.AppendFlush(b)), "Git-Protocol: version=2"); strings.Contains(a.Text, w.blob+" 1") {
		t.Errorf("object-info: %q", a.Text)
	}
	if a := w.Do(t, "GET", "/ada/engine.git/info/lfs/locks", "", auth, "Accept: application/vnd.git-lfs+json"); a.StatusCode != 403 {
		t.Errorf("LFS, which knows no refs: %d %q", a.StatusCode, a.Text)
	}
}

// TestLimits_includeTag: git adds tags to what it sends whoever may see them; for
// who does not see all it must not, and no kept answer may bring them either.
func TestLimits_includeTag(t *testing.T) {
	t.Parallel()
	w := newHidden(t)
	for _, v := range []string{"0", "1", "2"} {
		for _, first := range []bool{true, false} {
			for _, more := range [][]string{nil, {"--depth=1"}, {"--filter=blob:none"}} {
				clone := func(g *apptest.Git, name string) *apptest.Git {
					g.Config = []string{"protocol.version=" + v, "fetch.fsckObjects=true"}
					g.Run(t, append([]string{"clone", "-q", "--no-local"}, append(more, w.url("engine"), name)...)...)
					return g.In(name)
				}
				name := fmt.Sprint("c", v, first, len(more) > 0 && more[0] == "--depth=1", len(more))
				if first {
					clone(w.terminal(t), name+"all")
				}
				c := clone(w.limitedAgain(t), name)
				for _, id := range []string{w.tag, w.tagged, w.commit} {
					if out, code := c.Try(t, "cat-file", "--batch-all-objects", "--batch-check"); code != 0 || strings.Contains(out, id) {
						t.Errorf("version %s, %v: %s is in the clone:\n%s", v, more, id, out)
					}
				}
				equal(t, c.Run(t, "for-each-ref", "--format=%(refname)", "refs/remotes", "refs/tags"), "refs/remotes/origin/HEAD\nrefs/remotes/origin/main", "refs")
			}
		}
	}
	// A client may write what git does not.
	line := fmt.Sprintf("want %s ofs-delta\tinclude-tag\x00x side-band-64k\n", w.base)
	body := string(pktline.Append(pktline.AppendFlush(pktline.Append(nil, line)), "done\n"))
	if a := w.ask(t, "git-upload-pack", body); strings.Count(a.Text, "PACK") == 1 && !strings.Contains(a.Text, "PACK\x00\x00\x00\x02\x00\x00\x00\x03") {
		t.Errorf("a tag came with it: %q", a.Text)
	}
}

// limitedAgain is another folder of the bot's.
func (w *hiddenWorld) limitedAgain(t *testing.T) *apptest.Git {
	t.Helper()
	return w.Git(t, "ada", w.bot.Password)
}

// TestLimits_tagsSeen: tags that may be seen come as with every clone, and work
// goes on.
func TestLimits_tagsSeen(t *testing.T) {
	t.Parallel()
	w := newHidden(t, "ref\nrefs/heads/main\nrefs/heads/bot/**\nrefs/tags/inner")
	w.bot.Run(t, "clone", "-q", w.url("engine"), "c")
	c := w.bot.In("c")
	equal(t, c.Run(t, "for-each-ref", "--format=%(refname)", "refs/tags"), "refs/tags/inner", "tags")
	c.Commit(t, "b", "2\n", "Two")
	c.Run(t, "push", "-q", "origin", "main", "main:refs/heads/bot/x")
	w.all.Run(t, "checkout", "-q", "main")
	w.all.Run(t, "pull", "-q", "origin", "main")
	w.all.Commit(t, "c", "3\n", "Three")
	w.all.Run(t, "push", "-q", "origin", "main")
	c.Run(t, "pull", "-q")
	equal(t, c.Run(t, "rev-parse", "HEAD"), w.all.Run(t, "rev-parse", "HEAD"), "pulled")
	refused(t, c, "it does not see refs/heads/secret", "main:secret")
	refused(t, c, "it does not see refs/heads/other", "main:other")
}

// TestLimits_noHead: where the default branch is hidden, a clone is as one of an
// empty repository.
func TestLimits_noHead(t *testing.T) {
	t.Parallel()
	w := newHidden(t, "ref\nrefs/heads/bot/**")
	for _, v := range []string{"0", "2"} {
		g := w.limitedAgain(t)
		g.Config = []string{"protocol.version=" + v}
		out, code := g.Try(t, "clone", w.url("engine"), "c")
		if code != 0 || !strings.Contains(out, "empty repository") {
			t.Errorf("version %s: %d %s", v, code, out)
		}
		if a := w.ask(t, "git-upload-pack", strings.Replace(lsRefs(""), "0009peel\n", "0009peel\n000csymrefs\n000bunborn\n", 1), "Git-Protocol: version=2"); a.Text != "0000" {
			t.Errorf("ls-refs: %q", a.Text)
		}
	}
}

// TestLimits_hiddenIsNoBase: a push can neither refer to what is hidden nor be a
// delta of it, and what it hears is what it hears of what does not exist.
func TestLimits_hiddenIsNoBase(t *testing.T) {
	t.Parallel()
	w := newHidden(t)
	nowhere := strings.Repeat("12", 20)
	content := strings.Repeat("the secret of the branch\n", 40)
	crafted := map[string]func(commit, tree, blob string) (string, []byte){
		"a tree with the file": func(_, _, blob string) (string, []byte) {
			tree := treeOf(t, "100644", "stolen", blob)
			commit := commitOf(oid("tree", tree), w.base)
			return oid("commit", commit), writePack(t, entry{kind: 1, data: commit}, entry{kind: 2, data: tree})
		},
		"a commit of the tree": func(_, tree, _ string) (string, []byte) {
			commit := commitOf(tree, w.base)
			return oid("commit", commit), writePack(t, entry{kind: 1, data: commit})
		},
		"the commit itself": func(commit, _, _ string) (string, []byte) { return commit, writePack(t) },
		"a delta": func(_, _, blob string) (string, []byte) {
			tree := treeOf(t, "100644", "stolen", oid("blob", []byte(content[:5])))
			commit := commitOf(oid("tree", tree), w.base)
			return oid("commit", commit), writePack(t, entry{kind: 7, base: blob, data: copyHead(len(content), 5)}, entry{kind: 2, data: tree}, entry{kind: 1, data: commit})
		},
	}
	for name, craft := range crafted {
		report := func(commit, tree, blob string) string {
			tip, pack := craft(commit, tree, blob)
			got := w.ask(t, "git-receive-pack", pushBody(pack, zero+" "+tip+" refs/heads/bot/x"))
			said, remote := bands(t, got.Text)
			if !strings.Contains(said, "ng refs/heads/bot/x ") {
				t.Errorf("%s: %q", name, got.Text)
			}
			return strings.NewReplacer(commit, "X", tree, "X", blob, "X", tip, "ID").Replace(said + remote)
		}
		equal(t, report(w.commit, w.tree, w.blob), report(nowhere, nowhere, nowhere), name)
	}
	w.whole(t, "engine")
}

// TestLimits_bundle: a bundle names all refs and holds what they reach, and is sent
// without a request that could be counted: it is for tokens without such limits.
func TestLimits_bundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.GitBundleSize = 1 })
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main", "main:refs/heads/hidden")
	w.clone(t, "engine")
	path := w.bundlePath(t, "")
	for _, limit := range []string{"ref\nrefs/heads/main", "uses\n5", "bytes\n500000"} {
		auth := basic("ada", w.limited(t, w.ada, limit).Password)
		if a := w.Do(t, "GET", path, "", auth); a.StatusCode != 410 || strings.Contains(a.Text, "hidden") {
			t.Errorf("%q: %d %q", limit, a.StatusCode, a.Text)
		}
		caps := w.Do(t, "GET", "/ada/engine.git/info/refs?service=git-upload-pack", "", auth, "Git-Protocol: version=2")
		body := string(pktline.AppendFlush(pktline.Append(pktline.Append(nil, "command=bundle-uri"), "object-format=sha1")))
		a := w.Do(t, "POST", "/ada/engine.git/git-upload-pack", body, auth, "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2")
		if strings.Contains(caps.Text, "bundle-uri") || strings.Contains(a.Text, ".uri=") {
			t.Errorf("%q: offered: %q %q", limit, caps.Text, a.Text)
		}
	}
}
