package githttp_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/repo"
	"jeton/internal/right"
)

func (w *world) row(t *testing.T, name string) repo.Repo {
	t.Helper()
	r, err := w.Repos.Find(t.Context(), w.DB, "ada", name, w.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	return r.Repo
}

// Every way in which a ref moves, as git tells it.
func TestPush_refs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	first := g.Run(t, "rev-parse", "HEAD")
	if r := w.row(t, "engine"); r.PushedAt.IsZero() || r.DefaultBranch != "main" {
		t.Errorf("not recorded: %+v", r)
	}
	g.Commit(t, "a", "2\n", "Two")
	contains(t, g.Run(t, "push", "origin", "main"), "main -> main")
	contains(t, g.Run(t, "push", "origin", "main:topic", "main:refs/tags/light", "main:refs/notes/x"), "[new branch]      main -> topic", "[new tag]         main -> light", "main -> refs/notes/x")
	g.Run(t, "reset", "-q", "--hard", first)
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a push backwards went through")
	}
	contains(t, out, "! [rejected]        main -> main (non-fast-forward)")
	contains(t, g.Run(t, "push", "--force", "origin", "main"), "(forced update)")
	equal(t, w.disk(t, "engine").Run(t, "rev-parse", "main"), first, "main after force")
	contains(t, g.Run(t, "push", "origin", ":topic", ":light"), "- [deleted]         topic", "- [deleted]         light")

	out, code = g.Try(t, "push", "origin", ":main", "HEAD:kept")
	if code == 0 {
		t.Error("the default branch was deleted")
	}
	contains(t, out, "! [remote rejected] main (deletion of the current branch prohibited)", "HEAD -> kept")

	// Names in each other's way, together and one after the other.
	g.Run(t, "push", "-q", "origin", "HEAD:d/e")
	out, _ = g.Try(t, "push", "origin", "HEAD:d")
	contains(t, out, "! [remote rejected] HEAD -> d (cannot lock ref 'refs/heads/d': 'refs/heads/d/e' exists; cannot create 'refs/heads/d')")
	g.Run(t, "push", "-q", "origin", ":d/e")
	g.Run(t, "push", "-q", "origin", "HEAD:d")
	out, _ = g.Try(t, "push", "origin", "HEAD:d/e", "HEAD:fine")
	contains(t, out, "cannot create 'refs/heads/d/e'", "HEAD -> fine")
	blob := g.Run(t, "rev-parse", "HEAD:a")
	out, _ = g.Try(t, "push", "origin", blob+":refs/tags/blob", "HEAD:b1")
	contains(t, out, "[new tag]", "HEAD -> b1")
	body := pushBody(writePack(t), zero+" "+blob+" refs/heads/blob")
	report, _ := bands(t, w.post(t, "engine", "git-receive-pack", body).Text)
	equal(t, report, "unpack ok\nng refs/heads/blob cannot update ref 'refs/heads/blob': trying to write non-commit object "+blob+" to branch 'refs/heads/blob'", "a blob as a branch")
	w.whole(t, "engine")
}

// H3: one push, many refs: each is judged alone, and told apart.
func TestH3_eachRefAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	old := g.Run(t, "rev-parse", "HEAD")
	c := commitOf(g.Run(t, "rev-parse", "HEAD^{tree}"), old)
	next := oid("commit", c)
	other := strings.Repeat("ab", 20)
	got := w.post(t, "engine", "git-receive-pack", pushBody(writePack(t, entry{kind: 1, data: c}),
		zero+" "+next+" refs/heads/new",
		other+" "+next+" refs/heads/main",
		zero+" "+next+" refs/heads/a..b",
		zero+" "+next+" refs/heads/-x",
		zero+" "+next+" HEAD",
		zero+" "+next+" refs/heads/x\x7f",
		zero+" "+next+" refs/heads/bad\xff",
		zero+" "+next+" refs/pull/1/head",
		old+" "+zero+" refs/heads/main2",
		zero+" "+other+" refs/heads/missing",
		zero+" "+next+" refs/heads/"+other,
		zero+" "+next+" refs/tags/fine"))
	report, remote := bands(t, got.Text)
	equal(t, report, strings.Join([]string{
		"unpack ok",
		"ok refs/heads/new",
		"ng refs/heads/main cannot lock ref 'refs/heads/main': is at " + old + " but expected " + other,
		"ng refs/heads/a..b funny refname",
		"ng refs/heads/-x funny refname",
		"ng HEAD funny refname",
		"ng refs/heads/x\x7f funny refname",
		"ng refs/heads/bad\xff funny refname",
		"ng refs/pull/1/head deny updating a hidden ref",
		"ok refs/heads/main2",
		"ng refs/heads/missing missing necessary objects",
		"ng refs/heads/" + other + " pre-receive hook declined",
		"ok refs/tags/fine",
	}, "\n"), "report")
	contains(t, remote, "error: GH002: Sorry, branch or tag names consisting of 40 hex characters are not allowed.\n")
	w.whole(t, "engine")
}

func TestPush_atomic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	g.Commit(t, "a", "2\n", "Two")
	out, code := g.Try(t, "push", "--atomic", "origin", "main:one", "main:refs/pull/1/head", "main:two")
	if code == 0 {
		t.Error("an atomic push went through in part")
	}
	contains(t, out, "main -> one (atomic push failure)", "main -> refs/pull/1/head (deny updating a hidden ref)", "main -> two (atomic push failure)")
	if refs := w.disk(t, "engine").Run(t, "for-each-ref", "--format=%(refname)"); refs != "refs/heads/main" {
		t.Errorf("refs: %s", refs)
	}
	g.Run(t, "push", "-q", "--atomic", "origin", "main", "main:one", "main:two")
	g.Run(t, "push", "-q", "--atomic", "origin", ":one", "main:three")
	equal(t, w.disk(t, "engine").Run(t, "for-each-ref", "--format=%(refname)"), "refs/heads/main\nrefs/heads/three\nrefs/heads/two", "refs")
	w.whole(t, "engine")
}

// The first branch pushed to an empty repository becomes its default branch.
func TestPush_firstBranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "HEAD:refs/tags/t")
	equal(t, w.row(t, "engine").DefaultBranch, "main", "after a tag")
	g.Run(t, "push", "-q", "origin", "HEAD:trunk", "HEAD:other")
	if got := w.row(t, "engine").DefaultBranch; got != "trunk" && got != "other" {
		t.Errorf("default branch: %s", got)
	}
	contains(t, w.terminal(t).Run(t, "ls-remote", "--symref", w.url("engine"), "HEAD"), "ref: refs/heads/"+w.row(t, "engine").DefaultBranch)
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	if got := w.row(t, "engine").DefaultBranch; got == "main" {
		t.Error("a later branch took over")
	}
	w.Repo(t, w.ada, "second", true)
	g.Run(t, "push", "-q", w.url("second"), "HEAD:aaa", "HEAD:main")
	equal(t, w.row(t, "second").DefaultBranch, "main", "when the named one is among them")
}

// H7: push options arrive and change nothing.
func TestH7_pushOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "-o", "repo.private=false", "-o", "ci.skip", "origin", "main")
	if !w.row(t, "engine").Private {
		t.Error("a push option changed the visibility")
	}
}

func TestPush_archived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	if _, err := w.Repos.SetArchived(t.Context(), right.Operator(), w.row(t, "engine").ID, true); err != nil {
		t.Fatal(err)
	}
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("an archived repository took a push")
	}
	contains(t, out, "remote: This repository was archived so it is read-only.", "error: 403")
}

// A push is in the security log, with who and from where.
func TestPush_audited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	var n int
	var login, note, address, client, target, detail string
	err := w.DB.QueryRow(t.Context(), `SELECT COUNT(1), MAX(actor_login), MAX(token_note), MAX(address), MAX(client), MAX(target), MAX(detail) FROM audit_events WHERE action = $1`, "git.push").
		Scan(&n, &login, &note, &address, &client, &target, &detail)
	if err != nil {
		t.Fatal(err)
	}
	if n != 1 || login != "ada" || note != "laptop" || address != "127.0.0.1" || !strings.HasPrefix(client, "git/") || target != "ada/engine" {
		t.Errorf("got %d %s %s %s %s %s", n, login, note, address, client, target)
	}
	contains(t, detail, "refs/heads/main none→")
	if w.row(t, "engine").Size == 0 {
		t.Error("the size was not recorded")
	}
}

// N6: what is too large or not well-formed is refused before it is published.
func TestN6_limits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) {
		c.MaxObjectSize, c.MaxPackSize, c.MaxRefsPerPush, c.MaxRefLength = 10_000, 300_000, 5, 60
	})
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	g.Commit(t, "d/large file", strings.Repeat("x", 20_000), "Large")
	out, code := g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a large file was taken")
	}
	contains(t, out, "remote: error: File d/large file is 0.02 MB; this exceeds Jeton's file size limit of 0.01 MB", "remote: error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.", "main -> main (pre-receive hook declined)")
	g.Run(t, "reset", "-q", "--hard", "HEAD~")
	names := []string{"push", "origin"}
	for i := range 6 {
		names = append(names, fmt.Sprintf("main:b%d", i))
	}
	out, code = g.Try(t, names...)
	if code == 0 {
		t.Error("too many refs were taken")
	}
	contains(t, out, "remote: This push moves too many refs at once.", "Push fewer branches and tags at a time.")
	out, code = g.Try(t, "push", "origin", "main:"+strings.Repeat("long", 20))
	if code == 0 {
		t.Error("a long name was taken")
	}
	contains(t, out, "remote: error: GH005: Sorry, refs longer than 60 bytes are not allowed.", "(pre-receive hook declined)")
	for i := range 50 {
		g.Write(t, fmt.Sprintf("f%d", i), noise(i))
	}
	g.Run(t, "add", ".")
	g.Run(t, "commit", "-qm", "Much")
	out, code = g.Try(t, "push", "origin", "main")
	if code == 0 {
		t.Error("a pack past the limit was taken")
	}
	contains(t, out, "remote unpack failed: ")
	w.whole(t, "engine")
}

// noise is 9,000 bytes that don't compress.
func noise(seed int) string {
	b := make([]byte, 9000)
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return string(b)
}

// F10, F4: a tree that names .git, or leads out of itself, is refused.
func TestF10_badTrees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blob := []byte("x")
	for _, name := range []string{".git", ".GIT", "git~1", ".git\u200c", "..", ".", "a/b", ""} {
		tree := treeOf(t, "100644", name, oid("blob", blob))
		c := commitOf(oid("tree", tree))
		got := w.post(t, "engine", "git-receive-pack", pushBody(writePack(t, entry{kind: 3, data: blob}, entry{kind: 2, data: tree}, entry{kind: 1, data: c}), zero+" "+oid("commit", c)+" refs/heads/x"))
		report, _ := bands(t, got.Text)
		if !strings.HasPrefix(report, "unpack ") || strings.HasPrefix(report, "unpack ok") || !strings.Contains(report, "ng refs/heads/x unpacker error") {
			t.Errorf("%q: %s", name, report)
		}
	}
	link := []byte("../../etc/passwd")
	tree := treeOf(t, "120000", ".gitmodules", oid("blob", link))
	c := commitOf(oid("tree", tree))
	got := w.post(t, "engine", "git-receive-pack", pushBody(writePack(t, entry{kind: 3, data: link}, entry{kind: 2, data: tree}, entry{kind: 1, data: c}), zero+" "+oid("commit", c)+" refs/heads/x"))
	report, _ := bands(t, got.Text)
	contains(t, report, "unpack object ", "gitmodulesSymlink")
	if out := w.terminal(t).Run(t, "ls-remote", w.url("engine")); out != "" {
		t.Errorf("refs were made: %s", out)
	}
	w.whole(t, "engine")
}

// Packs that are none, or broken, are refused with a word about it.
func TestPush_brokenPack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blob := []byte("x")
	good := writePack(t, entry{kind: 3, data: blob})
	huge := bytes.Clone(good)
	copy(huge[8:], "\xff\xff\xff\xff")
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		pack []byte
		want string
	}{
		"nothing":    {nil, "unpack the pack is cut short"},
		"no pack":    {[]byte("hello, I am no pack at all"), "unpack that is no pack"},
		"cut":        {good[:len(good)-8], "unpack the pack is cut short"},
		"cut early":  {good[:14], "unpack the pack is cut short"},
		"many":       {huge, "unpack pack has 4294967295 objects, more than the 2000000 that this server takes"},
		"checksum":   {flipped, "unpack the pack is damaged"},
		"no base":    {writePack(t, entry{kind: 7, base: strings.Repeat("12", 20), data: copyHead(10, 5)}), "unpack missing necessary objects"},
		"delta bomb": {writePack(t, entry{kind: 3, data: blob}, entry{kind: 7, base: oid("blob", blob), data: append(append(varint(1), varint(1<<40)...), 0x90, 1)}), "unpack an object exceeds the maximum size of 100.00 MB"},
	} {
		got := w.post(t, "engine", "git-receive-pack", pushBody(c.pack, zero+" "+oid("blob", blob)+" refs/tags/x"))
		report, _ := bands(t, got.Text)
		equal(t, report, c.want+"\nng refs/tags/x unpacker error", name)
	}
	w.whole(t, "engine")
}

// Requests that are none of git's get an answer, not a crash.
func TestPush_malformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := strings.Repeat("12", 20)
	for name, body := range map[string]string{
		"no frames":     "hello world",
		"bad length":    "zzzz",
		"short command": string(pktline.AppendFlush(pktline.Append(nil, "hello"))),
		"no ids":        string(pktline.AppendFlush(pktline.Append(nil, strings.Repeat("x", 40)+" "+strings.Repeat("y", 40)+" refs/heads/x"))),
		"twice":         pushBody(nil, zero+" "+one+" refs/heads/x", zero+" "+one+" refs/heads/x"),
		"certificate":   string(pktline.AppendFlush(pktline.Append(nil, "push-cert\x00 report-status"))),
		"other hash":    string(pktline.AppendFlush(pktline.Append(nil, zero+" "+one+" refs/heads/x\x00report-status object-format=sha256"))),
		"no end":        string(pktline.Append(nil, zero+" "+one+" refs/heads/x\x00report-status")),
	} {
		got := w.post(t, "engine", "git-receive-pack", body)
		if got.StatusCode != 200 || !strings.Contains(got.Text, "ERR ") && !strings.Contains(got.Text, "\x03") {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.Text)
		}
	}
	if got := w.post(t, "engine", "git-receive-pack", "0000"); got.StatusCode != 200 || got.Text != "" {
		t.Errorf("git's probe: %d %q", got.StatusCode, got.Text)
	}
	for name, body := range map[string]string{
		"no frames":  "hello world",
		"no command": string(pktline.AppendFlush(pktline.Append(nil, "agent=x"))),
		"unknown":    string(pktline.AppendFlush(pktline.Append(nil, "command=bundle-uri"))),
		"option":     string(pktline.AppendFlush(pktline.Append(nil, "command=--upload-pack=x"))),
		"capability": string(pktline.AppendFlush(pktline.Append(nil, "hello"))),
		"want-ref":   strings.Replace(wantV2(one), "want ", "want-ref ", 1),
	} {
		got := w.post(t, "engine", "git-upload-pack", body, "Git-Protocol: version=2")
		if got.StatusCode != 200 || !strings.Contains(got.Text, "ERR ") {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.Text)
		}
	}
}

// N2, N7: a small packed body that unpacks to a huge one is cut off early.
func TestN7_gzipBomb(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	line := pktline.Append(nil, "have "+strings.Repeat("12", 20)+"\n")
	_, _ = z.Write(pktline.AppendDelim(pktline.Append(nil, "command=fetch")))
	for range 40_000_000 / len(line) * 4 {
		_, _ = z.Write(line)
	}
	_ = z.Close()
	start := time.Now()
	got := w.post(t, "engine", "git-upload-pack", bomb.String(), "Git-Protocol: version=2", "Content-Encoding: gzip")
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	if got.StatusCode == 200 && !strings.Contains(got.Text, "ERR ") {
		t.Errorf("%d bytes were taken for a request: %d %q", bomb.Len(), got.StatusCode, got.Text)
	}
	got = w.post(t, "engine", "git-upload-pack", "this is not gzip", "Git-Protocol: version=2", "Content-Encoding: gzip")
	equal(t, fmt.Sprint(got.StatusCode), "400", "not gzip")
}

// A push whose client says nothing for a while is kept alive, and one larger
// than git's buffer comes chunked, after Expect: 100-continue.
func TestPush_chunkedAndExpect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		g := w.terminal(t, "http.postBuffer=65536", "http.version="+version)
		name := "v" + version[len("HTTP/"):len("HTTP/")+1]
		w.Repo(t, w.ada, name, true)
		g.Run(t, "clone", "-q", w.url(name), "c")
		c := g.In("c")
		for i := range 100 {
			c.Write(t, fmt.Sprintf("f%d", i), noise(i))
		}
		c.Commit(t, "last", "x", "Much")
		c.Run(t, "push", "-q", "origin", "main")
		g.Run(t, "clone", "-q", w.url(name), "again")
		equal(t, g.In("again").Run(t, "rev-parse", "HEAD"), c.Run(t, "rev-parse", "HEAD"), version)
	}
	pr, pw := io.Pipe()
	body := pushBody(writePack(t, entry{kind: 3, data: []byte("x")}), zero+" "+oid("blob", []byte("x"))+" refs/tags/x")
	go func() {
		for i := range len(body) {
			_, _ = pw.Write([]byte{body[i]})
		}
		_ = pw.Close()
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url("engine")+"/git-receive-pack", pr)
	if err != nil {
		t.Fatal(err)
	}
	key, value, _ := strings.Cut(basic("ada", w.git.Password), ": ")
	req.Header.Set(key, value)
	req.Header.Set("Expect", "100-continue")
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	report, _ := bands(t, string(text))
	equal(t, report, "unpack ok\nok refs/tags/x", "byte by byte")
}
