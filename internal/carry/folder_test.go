package carry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jeton/internal/carry"
	"jeton/internal/foreign"
	"jeton/internal/foreign/foreigntest"
)

// at is a path in the old folder.
func (w *world) at(path string) string { return filepath.Join(w.folder, filepath.FromSlash(path)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFolder_leadsOut: whatever in the old folder leads out of it, by a link or by what
// git takes for one, is refused by name, and nothing of it is brought.
func TestFolder_leadsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	ada := w.host.Person("ada")
	outside := filepath.Join(t.TempDir(), "private.git")
	w.seed.Commit(t, "secret", "What nobody asked for.\n", "Secret")
	w.seed.Run(t, "clone", "-q", "--bare", ".", outside)
	w.seed.Run(t, "reset", "-q", "--hard", "HEAD~1")
	link := func(to, from string) func() {
		return func() {
			must(t, os.RemoveAll(w.at(from)))
			must(t, os.Symlink(to, w.at(from)))
		}
	}
	text := func(path, content string) func() {
		return func() { must(t, os.WriteFile(w.at(path), []byte(content), 0o600)) }
	}
	hooks := func(name string) func() {
		return func() {
			must(t, os.MkdirAll(w.at("ada/"+name+".git/hooks"), 0o700))
			link(filepath.Join(outside, "objects", "pack"), "ada/"+name+".git/hooks/pack")()
		}
	}
	up, err := filepath.Rel(w.at("ada/byrelative.git/objects"), outside)
	must(t, err)
	cases := map[string]struct {
		spoil func()
		says  string
	}{
		"whole":      {link(outside, "ada/whole.git"), "its link ada/whole.git leads out of the folder of the repositories; put what it leads to in its place"},
		"relative":   {link(strings.TrimPrefix(up, "../../"), "ada/relative.git"), "its link ada/relative.git leads out"},
		"objects":    {link(filepath.Join(outside, "objects"), "ada/objects.git/objects"), "its link ada/objects.git/objects leads out"},
		"refs":       {link(filepath.Join(outside, "refs"), "ada/refs.git/refs"), "its link ada/refs.git/refs leads out"},
		"packed":     {link(filepath.Join(outside, "packed-refs"), "ada/packed.git/packed-refs"), "its link ada/packed.git/packed-refs leads out"},
		"head":       {link("/etc/passwd", "ada/head.git/HEAD"), "its link ada/head.git/HEAD leads out"},
		"byabsolute": {text("ada/byabsolute.git/objects/info/alternates", filepath.Join(outside, "objects")+"\n"), "it borrows objects from outside of the folder of the repositories, by ada/byabsolute.git/objects/info/alternates; make it whole where it lies"},
		"byrelative": {text("ada/byrelative.git/objects/info/alternates", "# a note\n"+up+"/objects\n"), "it borrows objects from outside of the folder of the repositories, by ada/byrelative.git/objects/info/alternates"},
		"byquoted":   {text("ada/byquoted.git/objects/info/alternates", `"`+strings.ReplaceAll(filepath.Join(outside, "objects"), "o", `\157`)+"\"\n"), "it borrows objects from outside of the folder of the repositories, by ada/byquoted.git/objects/info/alternates"},
		"bygone":     {text("ada/bygone.git/objects/info/alternates", "/no/such/folder/objects\n"), "it borrows objects from outside of the folder of the repositories, by ada/bygone.git/objects/info/alternates"},
		"bylink":     {link(filepath.Join(outside, "config"), "ada/bylink.git/objects/info/alternates"), "its link ada/bylink.git/objects/info/alternates leads out"},
		"byanother":  {text("ada/byanother.git/objects/info/alternates", w.at("ada/byabsolute.git/objects")+"\n"), "it borrows objects from outside of the folder of the repositories, by ada/byabsolute.git/objects/info/alternates"},
		"thrulink":   {func() { link(w.at("ada/objects.git"), "ada/thrulink.git/logs")() }, "its link ada/objects.git/objects leads out"},
		"byhooks":    {func() { hooks("byhooks")(); link("hooks", "ada/byhooks.git/objects")() }, "its link ada/byhooks.git/hooks/pack leads out"},
		"byfolder":   {func() { hooks("byfolder")(); link(".", "ada/byfolder.git/refs")() }, "its link ada/byfolder.git/hooks/pack leads out"},
		"elsewhere":  {text("ada/elsewhere.git/commondir", outside+"\n"), "ada/elsewhere.git is no bare repository"},
		"inside":     {text("ada/inside.git/.git", "gitdir: "+outside+"\n"), "ada/inside.git is no bare repository"},
		"beside":     {func() { text("ada/beside.git/HEAD", "what\n")(); link(outside, "ada/beside.git.git")() }, "ada/beside.git is no bare repository"},
		"pipe":       {func() { must(t, syscall.Mkfifo(w.at("ada/pipe.git/refs/heads/pipe"), 0o600)) }, "ada/pipe.git/refs/heads/pipe can't be read"},
		"loop":       {link("refs", "ada/loop.git/refs"), "ada/loop.git/refs can't be read"},
		"nothing":    {func() { must(t, os.RemoveAll(w.at("ada/nothing.git"))) }, "its folder is not where it should be: ada/nothing.git"},
	}
	for name, c := range cases {
		w.host.Repo(ada, name, true)
		w.put("ada/" + name + ".git")
		c.spoil()
	}
	for _, dry := range []bool{true, false} {
		lines := w.run(func(p *carry.Plan) { p.Dry = dry })
		for name, c := range cases {
			has(t, lines, "refused repository ada/"+name+": "+c.says)
		}
	}
	if n := w.rows(`SELECT COUNT(*) FROM repositories`); n != 0 {
		t.Errorf("%d repositories were brought", n)
	}
}

// TestFolder_within: links and borrowed objects that stay in the folder are followed,
// the folder may be a link itself, and each repository comes whole.
func TestFolder_within(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	ada := w.host.Person("ada")
	top := filepath.Join(t.TempDir(), "repositories")
	must(t, os.Symlink(w.folder, top))
	w.folder = top
	w.host.Repo(ada, "engine", true)
	w.put("ada/engine.git")
	head := w.seed.Run(t, "rev-parse", "HEAD")
	for name, from := range map[string]string{"absolute": w.at("ada/engine.git/objects"), "relative": "../../engine.git/objects", "chain": w.at("ada/relative.git/objects")} {
		w.host.Repo(ada, name, true)
		w.seed.Run(t, "init", "-q", "--bare", "-b", "main", w.at("ada/"+name+".git"))
		must(t, os.WriteFile(w.at("ada/"+name+".git/objects/info/alternates"), []byte(from+"\n"), 0o600))
		must(t, os.WriteFile(w.at("ada/"+name+".git/refs/heads/main"), []byte(head+"\n"), 0o600))
	}
	// Two that borrow from one another, and one whose parts are links.
	must(t, os.WriteFile(w.at("ada/engine.git/objects/info/alternates"), []byte("../../chain.git/objects\n"), 0o600))
	w.host.Repo(ada, "links", true)
	w.put("ada/links.git")
	for part, to := range map[string]string{"objects": "../engine.git/objects", "refs": w.at("ada/engine.git/refs"), "packed-refs": "../engine.git/packed-refs", "logs": "nowhere"} {
		_ = os.RemoveAll(w.at("ada/links.git/" + part))
		must(t, os.Symlink(to, w.at("ada/links.git/"+part)))
	}
	w.host.Repo(ada, "renamed", true)
	must(t, os.Symlink("engine.git", w.at("ada/renamed.git")))
	_ = os.RemoveAll(w.at("ada/engine.git/hooks"))
	must(t, os.Symlink("/usr/share/git-core", w.at("ada/engine.git/hooks"))) // shared hooks, which are not brought
	token := w.host.Token(ada, "all", "all")
	lines := w.run()
	for _, name := range []string{"engine", "absolute", "relative", "chain", "links", "renamed"} {
		has(t, lines, "made repository ada/"+name)
		if !w.fetches(token, "ada/"+name) {
			t.Errorf("%s can't be fetched", name)
			continue
		}
		r, err := w.Repos.Find(t.Context(), w.DB, "ada", name, 0)
		must(t, err)
		must(t, w.App.Git.Repo(r.ID).Verify(t.Context()))
		clone := w.Git(t, "x", token)
		clone.Run(t, "clone", "-q", w.URL()+"/ada/"+name+".git", "clone")
		if got := clone.In("clone").Run(t, "rev-parse", "HEAD"); got != head {
			t.Errorf("%s is at %s, want %s", name, got, head)
		}
	}
}

// TestFolder_hostile: nothing that an old repository says is run or brought, but its
// branches and tags.
func TestFolder_hostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, foreign.Gitea, foreigntest.Gitea)
	ada := w.host.Person("ada")
	w.host.Repo(ada, "engine", true)
	w.put("ada/engine.git")
	ran := filepath.Join(t.TempDir(), "ran")
	touch := "touch " + ran + "; false"
	included := filepath.Join(t.TempDir(), "more")
	must(t, os.WriteFile(included, []byte("[core]\n\tsshCommand = "+touch+"\n[uploadpack]\n\tpackObjectsHook = "+touch+"\n"), 0o600))
	git := &gitRun{t, w.at("ada/engine.git")}
	for _, pair := range [][2]string{
		{"core.fsmonitor", touch}, {"core.sshCommand", touch}, {"core.gitProxy", touch}, {"core.askPass", touch}, {"core.pager", touch}, {"core.editor", touch},
		{"core.alternateRefsCommand", touch}, {"core.hooksPath", w.at("ada/engine.git/hooks")}, {"uploadpack.packObjectsHook", touch}, {"include.path", included},
		{"credential.helper", "!" + touch}, {"gpg.program", touch}, {"alias.upload-pack", "!" + touch}, {"alias.pack-objects", "!" + touch}, {"diff.external", touch}, {"filter.x.smudge", touch},
		{"gc.auto", "1"}, {"gc.recentObjectsHook", touch}, {"remote.origin.vcs", "x"}, {"protocol.allow", "always"}, {"protocol.ext.allow", "always"}, {"protocol.file.allow", "always"},
	} {
		git.run("", "config", pair[0], pair[1])
	}
	must(t, os.MkdirAll(w.at("ada/engine.git/hooks"), 0o700))
	for _, hook := range []string{"post-upload-pack", "pre-receive", "update", "post-receive", "post-update", "reference-transaction", "pre-auto-gc", "post-checkout"} {
		must(t, os.WriteFile(w.at("ada/engine.git/hooks/"+hook), []byte("#!/bin/sh\n"+touch+"\n"), 0o700))
	}
	// One that lacks an object, and names a program that would bring it.
	for name, url := range map[string]string{"lazyext": "ext::sh -c " + strings.ReplaceAll(touch, " ", "% "), "lazyfile": outsideRepo(w), "lazyssh": "ssh://x/y"} {
		w.host.Repo(ada, name, true)
		w.put("ada/" + name + ".git")
		lazy := &gitRun{t, w.at("ada/" + name + ".git")}
		for _, pair := range [][2]string{{"core.repositoryFormatVersion", "1"}, {"extensions.partialClone", "origin"}, {"remote.origin.promisor", "true"}, {"remote.origin.url", url}, {"remote.origin.uploadpack", touch},
			{"remote.origin.partialCloneFilter", "blob:none"}, {"protocol.allow", "always"}, {"protocol.ext.allow", "always"}, {"protocol.file.allow", "always"}, {"protocol.ssh.allow", "always"}, {"core.sshCommand", touch}} {
			lazy.run("", "config", pair[0], pair[1])
		}
		blob := w.seed.Run(t, "rev-parse", "HEAD:file")
		must(t, os.Remove(w.at("ada/"+name+".git/objects/"+blob[:2]+"/"+blob[2:])))
	}
	token := w.host.Token(ada, "all", "all")
	lines := w.run()
	has(t, lines, "made repository ada/engine", "refused repository ada/lazyext", "refused repository ada/lazyfile", "refused repository ada/lazyssh")
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of the old repository was run")
	}
	r, err := w.Repos.Find(t.Context(), w.DB, "ada", "engine", 0)
	must(t, err)
	dir := filepath.Join(w.App.Git.Dir(), "0", fmt.Sprintf("%d.git", r.ID))
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 || strings.Contains(path, "/hooks/") || strings.HasSuffix(path, "alternates") {
			t.Errorf("%s was brought: %v", path, err)
		}
		return nil
	})
	must(t, err)
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	must(t, err)
	for _, not := range []string{ran, "include", "ssh", "fsmonitor", "remote", "alias", "protocol"} {
		if strings.Contains(string(config), not) {
			t.Errorf("the configuration has %q:\n%s", not, config)
		}
	}
	if !w.fetches(token, "ada/engine") || !w.pushes(token, "ada/engine", "next") {
		t.Error("what was brought does not work")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of the old repository was run later")
	}
}

func outsideRepo(w *world) string {
	dir := filepath.Join(w.t.TempDir(), "outside.git")
	w.seed.Run(w.t, "clone", "-q", "--bare", ".", dir)
	return dir
}
