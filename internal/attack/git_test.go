package attack

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/gitstore"
	"jeton/internal/right"
)

// clone gives somebody a working copy of one of ada's repositories.
func (s *scene) clone(t *testing.T, who account.Account, plain, name string) *apptest.Git {
	t.Helper()
	g := s.Git(t, who.Login, plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/"+name+".git", ".")
	return g
}

// at returns where a ref of a repository stands on the server's disk, or "".
func (s *scene) at(t *testing.T, dir, ref string) string {
	t.Helper()
	out, code := s.Git(t, "", "").Try(t, "--git-dir="+dir, "rev-parse", "-q", "--verify", ref)
	if code != 0 {
		return ""
	}
	return strings.TrimSpace(out)
}

// hostile are names that have led elsewhere.
var hostile = []string{"..", ".", "...", "%2e%2e", "..%2f..", "%2e%2e%2f", "..\\..", "%5c", "a%00b", "%00", "a%0ab", "-x", "--help", "shut.", "shut%20", "shut%2egit.git", "shut.git.git", "SHUT%00.git", "shut/..", "./shut", "con", "~", "~root", "*", "?", "$(id)", "`id`", ";id", "|id", "ada%2fshut", ".git", "%c0%ae%c0%ae", "\u202e", "shut\u200b", "ſhut", "ＳＨＵＴ"}

// TestF1_NoPathOfTheURLReachesTheDisk: names that lead elsewhere lead nowhere,
// on every door, and never to an error of the server.
func TestF1_NoPathOfTheURLReachesTheDisk(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth := bearer(s.token(t, s.ada, "all", "repo"))
	page := cookie(s.session(t, s.ada))
	for _, name := range hostile {
		name = strings.ReplaceAll(name, "?", "%3F")
		if _, err := url.Parse(s.URL() + "/ada/" + name); err != nil {
			name = url.PathEscape(name)
		}
		for _, path := range []string{"/ada/" + name + refs, "/ada/" + name + ".git" + refs, "/" + name + "/shut.git" + refs, "/" + name + "/" + name + packs, "/ada/shut/" + name + refs, "/ada/shut.git/" + name,
			"/ada/shut.git/objects/" + name, "/ada/shut.git/HEAD", "/ada/shut.git/config", "/ada/shut.git/" + name + "/config", "/ada/shut.git/info/" + name, "/api/v3/repos/ada/" + name, "/api/v3/repos/" + name + "/shut", "/api/v3/users/" + name} {
			a := s.Do(t, "GET", path, "", auth)
			if a.StatusCode >= 500 || a.StatusCode < 300 {
				t.Errorf("%s: %d %.80s", path, a.StatusCode, a.Text)
			}
		}
		for _, path := range []string{"/ada/" + name, "/" + name, "/ada/shut/raw/main/" + name, "/ada/shut/raw/" + name + "/file.txt", "/ada/shut/tree/main/" + name, "/ada/shut/blob/main/" + name + "/file.txt", "/ada/shut/commit/" + name, "/ada/shut/raw/main/../../../config", "/ada/shut/raw/main/" + name + "/../config"} {
			a := s.Do(t, "GET", path, "", page)
			if a.StatusCode >= 500 || strings.Contains(a.Text, "repositoryformatversion") {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
	}
}

// TestF2_NamesHaveOneGrammar: no door makes or renames anything to a name that
// is none.
func TestF2_NamesHaveOneGrammar(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth, page := bearer(s.token(t, s.ada, "all", "repo")), cookie(s.session(t, s.ada))
	chief := cookie(s.session(t, s.Admin(t, "chief")))
	bad := append([]string{"../../etc", "a/b", "a\\b", "a\x00b", "a b", "", "a\nb", "x.git", "x.GIT", "x.wiki", "\u00e9", strings.Repeat("a", 101), "a:b", "a?b", "a#b", "a%b", "$(id)", "a'b", `a"b`, "a<b"}, ".", "..")
	for _, name := range bad {
		body := fmt.Sprintf(`{"name":%q}`, name)
		if strings.ContainsAny(name, "\x00") {
			body = `{"name":"a\u0000b"}`
		}
		want(t, "API, create "+body, s.Do(t, "POST", "/api/v3/user/repos", body, auth), 422)
		want(t, "API, rename "+body, s.Do(t, "PATCH", "/api/v3/repos/ada/open", body, auth), 422)
		if strings.TrimSpace(name) == name {
			want(t, "page, create "+body, s.post(t, "/new", url.Values{"name": {name}, "visibility": {"public"}}, page), 422)
			want(t, "page, rename "+body, s.post(t, "/ada/open/settings", url.Values{"name": {name}}, page), 422)
		}
	}
	for _, login := range []string{"..", ".", "a/b", "a..b", "-a", "a-", "a--b", "a.b", "a_b", "\u00e9", "a\x00b", strings.Repeat("a", 40), "login", "settings", "api", "ADMIN", "healthz", "a b"} {
		want(t, "rename to "+login, s.post(t, "/settings/admin/rename", url.Values{"login": {login}}, chief), 422)
	}
}

// TestF4_NoLinkIsFollowed: a symlink in a repository is a file with a target
// written in it, and a path through it leads nowhere.
func TestF4_NoLinkIsFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "all", "repo")
	g := s.clone(t, s.ada, plain, "open")
	for name, target := range map[string]string{"passwd": "/etc/passwd", "up": "../../../..", "config": "../config", "README.md": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(g.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	g.Run(t, "add", "-A")
	g.Run(t, "commit", "-qm", "Links")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	for _, path := range []string{"/ada/open", "/ada/open/raw/main/passwd", "/ada/open/raw/main/README.md", "/ada/open/blob/main/passwd", "/ada/open/raw/main/up/etc/passwd", "/ada/open/tree/main/up", "/ada/open/raw/main/config", "/ada/open/raw/main/up/config"} {
		if a := s.Do(t, "GET", path, ""); a.StatusCode >= 500 || strings.Contains(a.Text, "root:") || strings.Contains(a.Text, "repositoryformatversion") {
			t.Errorf("%s: %d %.100s", path, a.StatusCode, a.Text)
		}
	}
}

// TestF9_HooksNeverRun: nothing in a repository's folder is a program, whoever
// put it there, and no ref name leads into that folder.
func TestF9_HooksNeverRun(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	trap := filepath.Join(t.TempDir(), "sprung")
	hooks := filepath.Join(s.dir(s.open.ID), "hooks")
	if err := os.MkdirAll(hooks, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "push-to-checkout", "pre-auto-gc", "post-checkout", "fsmonitor-watchman"} {
		if err := os.WriteFile(filepath.Join(hooks, name), []byte("#!/bin/sh\necho "+name+" >>"+trap+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	g := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "open")
	g.Commit(t, "new.txt", "new", "A second commit")
	g.Run(t, "push", "-q", "origin", "HEAD:main", "HEAD:refs/tags/v1")
	g.Run(t, "fetch", "-q")
	auth := bearer(g.Password)
	for _, ref := range []string{"refs/../hooks/x", "refs/heads/../../hooks/update", "hooks/update", "config", "HEAD", "refs/heads/x.lock", "objects/x", "/etc/x", "refs/heads//x", "refs/heads/.x", "-x", "refs/heads/-x"} {
		// As no git would send it: the name stands in the command as it is.
		a := s.Do(t, "POST", "/ada/open.git/git-receive-pack", pushOf(zeroID, s.head, ref), auth, "Content-Type: application/x-git-receive-pack-request")
		if a.StatusCode != 200 || !strings.Contains(a.Text, "ng "+ref+" ") {
			t.Errorf("a push to %s: %d %q", ref, a.StatusCode, a.Text)
		}
	}
	// No git is started for a push, but upkeep starts some, and that of pack-refs
	// would run a hook.
	if _, err := s.Lifecycle.MaintainRepo(t.Context(), s.open.ID, gitstore.Maintain{Full: true}); err != nil {
		t.Fatal(err)
	}
	if ran, err := os.ReadFile(trap); err == nil {
		t.Errorf("hooks ran: %s", ran)
	}
}

const zeroID = "0000000000000000000000000000000000000000"

// pushOf is the request of a push that moves one ref and brings no object.
func pushOf(old, id, ref string) string {
	line := old + " " + id + " " + ref + "\x00report-status\n"
	pack := "PACK\x00\x00\x00\x02\x00\x00\x00\x00"
	sum := sha1.Sum([]byte(pack))
	return fmt.Sprintf("%04x%s0000%s%s", len(line)+4, line, pack, sum[:])
}

// TestF10_NoGitFolderInATree: an entry that some system takes for .git is
// refused when it is pushed.
func TestF10_NoGitFolderInATree(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "open")
	blob := strings.TrimSpace(must(g.TryIn(t, "[core]\n\tfsmonitor = id\n", "hash-object", "-w", "--stdin")))
	for _, name := range []string{".git", ".GIT", ".Git", "git~1", ".git ", ".git.", ".g\u200cit", "..", "."} {
		// Twenty raw bytes of an id: the tree is written as no git would write it.
		raw := "100644 " + name + "\x00" + unhex(t, blob)
		tree := strings.TrimSpace(must(g.TryIn(t, raw, "hash-object", "-w", "-t", "tree", "--literally", "--stdin")))
		commit := g.Run(t, "commit-tree", "-m", "trap", tree)
		out, code := g.Try(t, "push", "origin", commit+":refs/heads/trap")
		if code == 0 || s.at(t, s.dir(s.open.ID), "refs/heads/trap") != "" {
			t.Errorf("a tree with %q was taken:\n%s", name, out)
		}
	}
}

func must(out string, code int) string {
	if code != 0 {
		panic(out)
	}
	return out
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	var b []byte
	if _, err := fmt.Sscanf(s, "%x", &b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestG3_NothingBecomesAnOption: what comes from outside and begins with a
// hyphen is a name that does not exist, wherever it stands.
func TestG3_NothingBecomesAnOption(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "all", "repo")
	trap := filepath.Join(t.TempDir(), "sprung")
	g := s.clone(t, s.ada, plain, "open")
	for _, word := range []string{"--help", "-h", "--output=" + trap, "-o" + trap, "--upload-pack=touch " + trap, "--exec=touch " + trap, "--git-dir=/", "-c", "--all", "--stdin", "-", "--", "--end-of-options", "--textconv", "--ext-diff"} {
		q := url.PathEscape(word)
		for _, path := range []string{"/ada/open/tree/" + q, "/ada/open/blob/" + q + "/file.txt", "/ada/open/raw/main/" + q, "/ada/open/raw/" + q, "/ada/open/commits/" + q, "/ada/open/commits/main/" + q, "/ada/open/commit/" + q, "/ada/" + q + "/commits", "/api/v3/repos/ada/" + q} {
			a := s.Do(t, "GET", path, "")
			// A path that nothing was ever at has an empty history.
			empty := a.StatusCode == 200 && strings.HasPrefix(path, "/ada/open/commits/main/") && !strings.Contains(a.Text, "A first commit")
			if a.StatusCode != 404 && a.StatusCode != 422 && a.StatusCode != 400 && !empty {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
		want(t, word+" as the default branch", s.Do(t, "PATCH", "/api/v3/repos/ada/open", fmt.Sprintf(`{"default_branch":%q}`, word), bearer(plain)), 422)
		for _, ref := range []string{"refs/heads/" + word, "refs/tags/" + word, word} {
			a := s.Do(t, "POST", "/ada/open.git/git-receive-pack", pushOf(zeroID, s.head, ref), bearer(plain), "Content-Type: application/x-git-receive-pack-request")
			if a.StatusCode != 200 || strings.Contains(a.Text, "usage:") || ref == word && !strings.Contains(a.Text, "ng "+ref) {
				t.Errorf("a push to %s: %d %q", ref, a.StatusCode, a.Text)
			}
		}
	}
	out, code := g.Try(t, "push", "-o", "--exec=touch "+trap, "-o", "--help", "origin", "HEAD:refs/heads/side")
	if code != 0 || strings.Contains(out, "usage:") {
		t.Errorf("push options that look like git's: exit %d\n%s", code, out)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("something was run, or written")
	}
	if got := s.at(t, s.dir(s.open.ID), "refs/heads/main"); got != s.head {
		t.Errorf("main is at %s", got)
	}
}

// TestH1_TheServiceIsInThePath: a query cannot make a push look like a fetch.
func TestH1_TheServiceIsInThePath(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Read)
	for name, header := range carriers(s.token(t, s.eve, "all", "repo")) {
		for _, query := range []string{"?service=git-upload-pack", "?service=git-receive-pack&service=git-upload-pack", "?service=git-upload-pack&service=git-receive-pack", "?service="} {
			want(t, name+query, s.Do(t, "POST", "/ada/shut.git/git-receive-pack"+query, "", header, "Content-Type: application/x-git-receive-pack-request"), 400)
		}
		want(t, name, s.Do(t, "POST", "/ada/shut.git/git-receive-pack", "", header, "Content-Type: application/x-git-upload-pack-request"), 403)
		want(t, name+", two services", s.Do(t, "GET", "/ada/shut.git/info/refs?service=git-upload-pack&service=git-receive-pack", "", header), 400)
		want(t, name+", no service", s.Do(t, "GET", "/ada/shut.git/info/refs", "", header), 403)
		want(t, name+", another service", s.Do(t, "GET", "/ada/shut.git/info/refs?service=git-upload-archive", "", header), 403)
	}
	want(t, "a visitor", s.Do(t, "POST", "/ada/open.git/git-receive-pack?service=git-upload-pack", ""), 400, 401)
}

// TestH3_EachRefIsJudgedAlone: of several refs in one push each gets its own
// verdict, whatever the first one got.
func TestH3_EachRefIsJudgedAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g := s.clone(t, s.ada, s.token(t, s.ada, "no workflow", "repo"), "open")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/old")
	g.Commit(t, "a.txt", "a", "Good")
	g.Run(t, "branch", "good")
	g.Commit(t, ".github/workflows/x.yml", "on: push", "A workflow")
	out, code := g.Try(t, "push", "origin", "good:refs/heads/good", "HEAD:refs/heads/flow", "good:refs/pull/1/head", ":refs/heads/old", "good:refs/heads/good-too")
	dir := s.dir(s.open.ID)
	if code == 0 {
		t.Errorf("all of it was taken:\n%s", out)
	}
	for ref, there := range map[string]bool{"refs/heads/good": true, "refs/heads/good-too": true, "refs/heads/flow": false, "refs/pull/1/head": false, "refs/heads/old": false} {
		if got := s.at(t, dir, ref); (got != "") != there {
			t.Errorf("%s is at %q\n%s", ref, got, out)
		}
	}
	if !strings.Contains(out, "without `workflow` scope") {
		t.Errorf("the refusal does not name the scope:\n%s", out)
	}
}

// TestH6_ReadersWriteNothing: by no verb of git.
func TestH6_ReadersWriteNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Read)
	g := s.clone(t, s.eve, s.token(t, s.eve, "all", "repo"), "shut")
	g.Commit(t, "a.txt", "a", "A change")
	for _, args := range [][]string{{"HEAD:main"}, {"-f", "HEAD:main"}, {":main"}, {"HEAD:refs/tags/v1"}, {"HEAD:refs/heads/new"}, {"--mirror"}, {"--atomic", "HEAD:main"}} {
		out, code := g.Try(t, append([]string{"push", "origin"}, args...)...)
		if code == 0 || !strings.Contains(out, "denied to eve") {
			t.Errorf("push %v: exit %d\n%s", args, code, out)
		}
	}
	if got := s.at(t, s.dir(s.shut.ID), "refs/heads/main"); got != s.head {
		t.Errorf("main is at %s", got)
	}
}

// TestH7_PushOptionsChangeNothing: a writer's options change no setting.
func TestH7_PushOptionsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	g := s.clone(t, s.eve, s.token(t, s.eve, "all", "repo"), "shut")
	g.Commit(t, "a.txt", "a", "A change")
	out, code := g.Try(t, "push", "-o", "repo.private=false", "-o", "repo.template=true", "-o", "visibility=public", "-o", "ci.skip", "origin", "HEAD:main")
	if f, err := s.Repos.Find(t.Context(), s.DB, "ada", "shut", s.eve.ID); err != nil || !f.Private {
		t.Errorf("push: exit %d\n%s\nthe repository: %+v, %v", code, out, f, err)
	}
	if code != 0 {
		t.Errorf("push: exit %d\n%s", code, out)
	}
}

// TestH9_ABadCredentialIsNoVisitor: what is public is refused to a token that
// is not good, so that the person learns of it.
func TestH9_ABadCredentialIsNoVisitor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok, plain := s.Token(t, s.ada, "gone", "repo")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), s.ada.ID, tok.ID); err != nil {
		t.Fatal(err)
	}
	for what, value := range map[string]string{"revoked": plain, "unknown": strings.Replace(plain, "jtp_", "jtp_x", 1)[:40], "nonsense": "nonsense", "another host's": "ghp" + "_" + strings.Repeat("a1B2", 9)} {
		for name, header := range carriers(value) {
			for _, path := range []string{"/ada/open.git" + refs, "/api/v3/repos/ada/open", "/api/v3/meta", "/api/v3/users/ada"} {
				want(t, what+", "+name+", "+path, s.Do(t, "GET", path, "", header), 401)
			}
		}
	}
	for _, header := range []string{"Authorization: Basic", "Authorization: Basic !!!", "Authorization: Negotiate abc", "Authorization: ", "Authorization: Digest username=ada"} {
		want(t, header, s.Do(t, "GET", "/ada/open.git"+refs, "", header), 401)
	}
	want(t, "a visitor", s.Do(t, "GET", "/ada/open.git"+refs, ""), 200)
}

// TestJ1_OnlyWhatMayBeReadIsCloned, with real git.
func TestJ1_OnlyWhatMayBeReadIsCloned(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, g := range map[string]*apptest.Git{"a stranger": s.Git(t, "eve", s.token(t, s.eve, "all", "repo")), "the owner without repo": s.Git(t, "ada", s.token(t, s.ada, "public", "public_repo"))} {
		out, code := g.Try(t, "clone", "-q", s.URL()+"/ada/shut.git", "shut")
		if code == 0 || !strings.Contains(out, "not found") {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
		g.Run(t, "clone", "-q", s.URL()+"/ada/open.git", "open")
	}
	s.suspend(t, s.ada)
	g := s.Git(t, "ada", s.token(t, s.ada, "late", "repo"))
	if out, code := g.Try(t, "clone", "-q", s.URL()+"/ada/shut.git"); code == 0 || !strings.Contains(out, "403") {
		t.Errorf("the suspended owner: exit %d\n%s", code, out)
	}
}

// TestJ7_WhatNoRefReachesIsGone: a commit whose branch was deleted cannot be
// fetched by its id, in no version of the protocol.
func TestJ7_WhatNoRefReachesIsGone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "all", "repo")
	g := s.clone(t, s.ada, plain, "open")
	g.Commit(t, "password.txt", "hunter2", "Oops")
	oops := g.Run(t, "rev-parse", "HEAD")
	blob := g.Run(t, "rev-parse", "HEAD:password.txt")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/heads/oops")
	s.Git(t, "eve", s.token(t, s.eve, "x")).Run(t, "-C", ".", "ls-remote", s.URL()+"/ada/open.git")
	g.Run(t, "push", "-q", "origin", ":refs/heads/oops")
	for _, version := range []string{"0", "1", "2"} {
		for _, id := range []string{oops, blob, oops + "^{tree}"} {
			thief := s.Git(t, "eve", s.token(t, s.eve, "v"+version+id[:5]+fmt.Sprint(len(id)), "repo"))
			thief.Run(t, "init", "-q")
			want := id
			if strings.HasSuffix(id, "}") {
				want = g.Run(t, "rev-parse", id)
			}
			out, code := thief.Try(t, "-c", "protocol.version="+version, "fetch", s.URL()+"/ada/open.git", want)
			if code == 0 {
				t.Errorf("version %s fetched %s:\n%s", version, id, out)
			}
			if _, code := thief.Try(t, "cat-file", "-e", want); code == 0 {
				t.Errorf("version %s: the object %s is there", version, id)
			}
		}
	}
	for _, path := range []string{"/ada/open/commit/" + oops, "/ada/open/raw/" + oops + "/password.txt", "/ada/open/tree/" + oops, "/ada/open/commits/" + oops, "/ada/open/blob/" + oops + "/password.txt"} {
		if a := s.Do(t, "GET", path, ""); a.StatusCode != 404 || strings.Contains(a.Text, "hunter2") {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

// TestM6_NothingMovesTheCursor: control and bidirectional characters from
// others reach no terminal and no page.
func TestM6_NothingMovesTheCursor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	evil := "x\x1b]0;owned\x07\x1b[2J\u202egnp"
	plain := s.token(t, s.ada, "note "+"\u202e"+"evil", "public_repo")
	g := s.clone(t, s.ada, plain, "open")
	g.Commit(t, ".github/workflows/"+evil+".yml", "on: push", "Evil "+evil)
	out, code := g.Try(t, "push", "origin", "HEAD:main")
	if code == 0 || strings.ContainsAny(out, "\x1b\x07\u202e") {
		t.Errorf("push: exit %d\n%q", code, out)
	}
	g.Run(t, "mv", ".github/workflows/"+evil+".yml", evil)
	g.Run(t, "commit", "-qm", "Evil "+evil, "--amend")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	for _, path := range []string{"/ada/open", "/ada/open/tree/main", "/ada/open/commits", "/ada/open/commit/main", "/ada/open/blob/main/" + url.PathEscape(evil)} {
		a := s.Do(t, "GET", path, "")
		if a.StatusCode >= 500 || strings.ContainsAny(a.Text, "\x1b\x07\u202e") {
			t.Errorf("%s: %d, and shows control characters", path, a.StatusCode)
		}
	}
	s.Do(t, "GET", "/ada/%1b%5b2Jx%e2%80%ae", "", "User-Agent: x\u202ey")
	if strings.ContainsAny(s.Log.String(), "\x1b\x07\u202e") {
		t.Error("the log holds control characters")
	}
}

// TestN3_LongHeadersAreRefused, and long everything else.
func TestN3_LongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 256<<10))
	if resp, err := s.Client.Do(req); err == nil { // HTTP/2 may end the connection instead
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long header: %d", resp.StatusCode)
		}
	}
	want(t, "a credential", s.Do(t, "GET", "/api/v3/user", "", bearer(strings.Repeat("x", 8<<10))), 401)
	want(t, "a form", s.post(t, "/login", url.Values{"login": {strings.Repeat("x", 200<<10)}}), 413)
	want(t, "a body", s.Do(t, "POST", "/api/v3/user/repos", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`, bearer(s.token(t, s.ada, "x", "repo"))), 413)
}

// TestN6_BrokenObjectsAreRefused: what fsck complains of does not get in.
func TestN6_BrokenObjectsAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "open")
	blob := unhex(t, g.Run(t, "rev-parse", "HEAD:file.txt"))
	tree := g.Run(t, "rev-parse", "HEAD^{tree}")
	for name, object := range map[string]struct{ kind, text string }{
		"two entries of one name": {"tree", "100644 a\x00" + blob + "100644 a\x00" + blob},
		"entries out of order":    {"tree", "100644 b\x00" + blob + "100644 a\x00" + blob},
		"a slash in a name":       {"tree", "100644 a/b\x00" + blob},
		"no author":               {"commit", "tree " + tree + "\ncommitter A <a@example.com> 0 +0000\n\nx"},
		"a broken time":           {"commit", "tree " + tree + "\nauthor A <a@example.com> x +0000\ncommitter A <a@example.com> 0 +0000\n\nx"},
	} {
		id := strings.TrimSpace(must(g.TryIn(t, object.text, "hash-object", "-w", "-t", object.kind, "--literally", "--stdin")))
		if object.kind == "tree" {
			id = g.Run(t, "commit-tree", "-m", "broken", id)
		}
		out, code := g.Try(t, "push", "origin", id+":refs/heads/broken")
		if code == 0 || s.at(t, s.dir(s.open.ID), "refs/heads/broken") != "" {
			t.Errorf("%s was taken:\n%s", name, out)
		}
	}
}

// TestN7_ABombDoesNotGoOff: a small packed body that unpacks to gigabytes is cut
// at the limit.
func TestN7_ABombDoesNotGoOff(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var bomb bytes.Buffer
	z, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	line := "0032want " + s.head + "\n"
	lines := []byte(strings.Repeat(line, (1<<20)/len(line)))
	for range 128 {
		if _, err := z.Write(lines); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	a := s.Do(t, "POST", "/ada/open.git/git-upload-pack", bomb.String(), "Content-Type: application/x-git-upload-pack-request", "Content-Encoding: gzip")
	if !strings.Contains(a.Text, "larger than") {
		t.Errorf("%d bytes that unpack to 128 MiB: %d %.200q", bomb.Len(), a.StatusCode, a.Text)
	}
	want(t, "the server goes on", s.Do(t, "GET", "/healthz", ""), 200)
}
