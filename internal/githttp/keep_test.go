package githttp_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"jeton/internal/config"
	"jeton/internal/gitstore/pktline"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// counting is a server whose git notes each of its runs.
type counting struct {
	*world
	log string
}

func newCounting(t *testing.T, change ...func(*config.Config)) *counting {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &counting{log: filepath.Join(dir, "runs")}
	script := fmt.Sprintf("#!/bin/sh\necho \"$2\" >>'%s'\nexec '%s' \"$@\"\n", c.log, git)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	change = append(change, func(o *config.Config) { o.Git = filepath.Join(dir, "git") })
	c.world = newWorld(t, change...)
	return c
}

// answers returns how many answers to fetches git has made since it was asked
// last.
func (c *counting) answers(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(c.log, 0); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if line == "upload-pack\n" || line == "pack-objects\n" {
			n++
		}
	}
	return n
}

// fill pushes a history with branches and tags, and returns the clone that made
// it.
func (c *counting) fill(t *testing.T, name string) *gitClone {
	t.Helper()
	g := c.clone(t, name)
	for i := range 5 {
		g.Commit(t, fmt.Sprintf("dir/file%d", i), noise(i), fmt.Sprint("Commit ", i))
	}
	g.Run(t, "tag", "-am", "one", "v1")
	g.Run(t, "push", "-q", "--follow-tags", "origin", "main", "main~2:refs/heads/old")
	c.answers(t)
	return &gitClone{g.Run(t, "rev-parse", "HEAD"), g.Run(t, "rev-parse", "HEAD~2"), g.Run(t, "rev-parse", "v1")}
}

type gitClone struct{ head, old, tag string }

// TestKeep_herd: sixteen who clone at once, in each version of the protocol,
// have one pack made, and later ones none.
func TestKeep_herd(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	for _, v := range []string{"0", "2"} {
		for _, depth := range []string{"", "--depth=1", "--filter=blob:none"} {
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					g := c.terminal(t, "protocol.version="+v)
					args := []string{"clone", "-q", "--no-checkout"}
					if depth != "" {
						args = append(args, depth)
					}
					g.Run(t, append(args, c.url("engine"), "x")...)
					equal(t, g.In("x").Run(t, "rev-parse", "HEAD"), made.head, "head")
				})
			}
			all.Wait()
			if n := c.answers(t); n < 1 || n > 2 && depth != "" || n != 1 && (v == "2" || depth == "") {
				// Version 0 asks twice for a shallow clone: for its ends first.
				t.Errorf("version %s %s: git made %d answers", v, depth, n)
			}
		}
	}
	g := c.clone(t, "engine")
	g.Run(t, "fsck", "--strict")
	if n := c.answers(t); n != 0 {
		t.Errorf("a later clone had git make %d answers", n)
	}
}

// TestKeep_checkedNow: an answer is kept, but what it holds is given only to
// whom it would be made for now.
func TestKeep_checkedNow(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	bob := c.share(t, "bob", "engine", right.Read, "repo")
	ask := func(user, password string) string {
		t.Helper()
		a := c.Do(t, "POST", "/ada/engine.git/git-upload-pack", wantV2(made.head), basic(user, password), "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2")
		return fmt.Sprint(a.StatusCode) + " " + a.Text
	}
	for range 2 {
		for _, who := range [][2]string{{"ada", c.git.Password}, {"bob", bob.Password}} {
			if got := ask(who[0], who[1]); !strings.Contains(got, "PACK") {
				t.Fatalf("%s: %.200q", who[0], got)
			}
		}
	}
	if n := c.answers(t); n != 1 {
		t.Errorf("git made %d answers", n)
	}
	row := c.row(t, "engine")
	b, err := c.Accounts.ByLogin(t.Context(), c.DB, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Repos.RemoveCollaborator(t.Context(), right.Operator(), row.ID, b.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask("bob", bob.Password); !strings.HasPrefix(got, "404 ") {
		t.Errorf("bob after his removal: %.200q", got)
	}
	// Taken back: no ref reaches the commit any more.
	c.git.Run(t, "clone", "-q", c.url("engine"), "again")
	g := c.git.In("again")
	g.Run(t, "push", "-q", "--force", "origin", made.old+":refs/heads/main", ":refs/tags/v1")
	c.answers(t)
	if got := ask("ada", c.git.Password); !strings.Contains(got, "ERR upload-pack: not our ref "+made.head) {
		t.Errorf("after it was taken back: %.200q", got)
	}
	// And put back: what was kept is good again.
	g.Run(t, "push", "-q", "--force", "origin", made.head+":refs/heads/main")
	c.answers(t)
	if got := ask("ada", c.git.Password); !strings.Contains(got, "PACK") {
		t.Errorf("after it was put back: %.200q", got)
	}
	if n := c.answers(t); n != 0 {
		t.Errorf("git made %d answers", n)
	}
}

// request is a fetch of version 2 with the given lines.
func request(lines ...string) string {
	b := pktline.AppendDelim(pktline.Append(pktline.Append(nil, "command=fetch"), "object-format=sha1"))
	for _, line := range lines {
		b = pktline.Append(b, line+"\n")
	}
	return string(pktline.AppendFlush(b))
}

// TestKeep_shapes: whatever shapes the answer tells answers apart, and nothing
// else does; what is seldom asked again is kept when it is.
func TestKeep_shapes(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	g := c.clone(t, "engine")
	blob := g.Run(t, "rev-parse", "HEAD~4:dir/file0")
	c.answers(t)
	ask := func(what string, runs int, body string, headers ...string) string {
		t.Helper()
		if len(headers) == 0 {
			headers = []string{"Git-Protocol: version=2"}
		}
		a := c.post(t, "engine", "git-upload-pack", body, headers...)
		if !strings.Contains(a.Text, "PACK") {
			t.Errorf("%s: %.200q", what, a.Text)
		}
		if n := c.answers(t); n != runs {
			t.Errorf("%s: git made %d answers, want %d", what, n, runs)
		}
		return a.Text
	}
	want, old := "want "+made.head, "want "+made.old
	ask("plain", 1, request(want, "done"))
	ask("plain again", 0, request(want, "done"))
	agent := pktline.AppendDelim(pktline.Append(pktline.Append(pktline.Append(nil, "command=fetch"), "agent=git/9.9"), "object-format=sha1"))
	ask("another agent", 0, string(agent)+strings.SplitN(request(want, "done"), "0001", 2)[1])
	ask("two wants", 1, request(want, old, "done"))
	ask("in another order", 0, request(old, want, "done"))
	ask("no progress", 1, request(want, "no-progress", "done"))
	ask("thin and offsets", 1, request("thin-pack", "ofs-delta", want, "done"))
	ask("the same", 0, request("ofs-delta", "thin-pack", want, "done"))
	ask("depth 1", 1, request(want, "deepen 1", "done"))
	ask("depth 2", 1, request(want, "deepen 2", "done"))
	ask("depth 1 again", 0, request(want, "deepen 1", "done"))
	ask("without blobs", 1, request(want, "filter blob:none", "done"))
	ask("without trees", 1, request(want, "filter tree:0", "done"))
	ask("without blobs again", 0, request(want, "filter blob:none", "done"))
	ask("version 1", 1, wantV0(made.head), "Git-Protocol: version=1")
	ask("version 0", 1, wantV0(made.head), "Git-Protocol: version=0")
	ask("version 0 again", 0, wantV0(made.head), "Git-Protocol: version=0")
	for what, lines := range map[string][]string{
		"haves":  {want, "have " + made.old, "done"},
		"a blob": {"want " + blob, "done"},
	} {
		ask(what, 1, request(lines...))
		ask(what+" twice", 1, request(lines...))
		ask(what+" three times", 0, request(lines...))
	}
	ask("other haves", 1, request(want, "have "+g.Run(t, "rev-parse", "HEAD~1"), "done"))

	// What another branch holds is of no matter but for those that ask what the
	// refs hold.
	g.Run(t, "push", "-q", "origin", "main~1:refs/heads/other")
	c.answers(t)
	ask("after a push elsewhere", 0, request(want, "done"))
	ask("haves after a push elsewhere", 1, request(want, "have "+made.old, "done"))
}

// TestKeep_includeTag: the tags that come along are those that are visible when
// the answer is given.
func TestKeep_includeTag(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	disk := c.disk(t, "engine")
	disk.Run(t, "tag", "-am", "hidden", "hidden", made.old)
	hidden := disk.Run(t, "rev-parse", "hidden")
	disk.Run(t, "update-ref", "refs/pull/1/head", hidden)
	disk.Run(t, "update-ref", "refs/jeton/tags/hidden", hidden)
	disk.Run(t, "tag", "-d", "hidden")
	objects := func(depth string) string {
		t.Helper()
		g := c.terminal(t)
		g.Run(t, "init", "-q", "--bare", "x")
		x := g.In("x")
		args := []string{"fetch", "-q"}
		if depth != "" {
			args = append(args, depth)
		}
		x.Run(t, append(args, c.url("engine"), "main:main")...)
		return x.Run(t, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
	}
	for _, depth := range []string{"", "--depth=3"} {
		before := objects(depth)
		if !strings.Contains(before, made.tag) || strings.Contains(before, hidden) {
			t.Errorf("%q: tag v1 %v, hidden tag %v", depth, strings.Contains(before, made.tag), strings.Contains(before, hidden))
		}
	}
	c.git.Run(t, "clone", "-q", c.url("engine"), "x")
	g := c.git.In("x")
	g.Run(t, "tag", "-am", "two", "v2", "main~1")
	g.Run(t, "push", "-q", "origin", "v2", ":v1")
	after := objects("")
	if strings.Contains(after, made.tag) || !strings.Contains(after, g.Run(t, "rev-parse", "v2")) {
		t.Errorf("the old tag %v, the new one %v", strings.Contains(after, made.tag), strings.Contains(after, g.Run(t, "rev-parse", "v2")))
	}
}

// TestKeep_repositories: no repository is answered from what is another's, also
// when both hold the same.
func TestKeep_repositories(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	c.Repo(t, c.ada, "copy", true)
	g := c.clone(t, "engine")
	g.Run(t, "push", "-q", c.url("copy"), "main")
	c.answers(t)
	body, version := request("want "+made.head, "done"), "Git-Protocol: version=2"
	for _, name := range []string{"engine", "copy"} {
		for _, want := range []int{1, 0} {
			c.post(t, name, "git-upload-pack", body, version)
			if n := c.answers(t); n != want {
				t.Errorf("%s: git made %d answers, want %d", name, n, want)
			}
		}
	}
	row := c.row(t, "engine")
	folder := filepath.Join(c.Config.GitCache(), fmt.Sprint(row.ID))
	if kept, err := os.ReadDir(folder); err != nil || len(kept) == 0 {
		t.Errorf("kept of the repository: %v, %v", kept, err)
	}
	if err := c.Lifecycle.DeleteRepo(t.Context(), right.Operator(), row.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.Lifecycle.Close(t.Context()); err != nil { // waits for the removal
		t.Fatal(err)
	}
	if kept, err := os.ReadDir(folder); err == nil && len(kept) > 0 {
		t.Errorf("kept of a deleted repository: %v", kept)
	}
	again, err := c.Lifecycle.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: c.ada.ID, Name: "engine", Private: true})
	if err != nil || again.ID == row.ID {
		t.Fatalf("the number %d again, %v", again.ID, err)
	}
	if got := c.post(t, "engine", "git-upload-pack", body, version); strings.Contains(got.Text, "PACK") {
		t.Error("the new repository of the name gave the old one's objects")
	}
}

// TestKeep_folder: the folder may be deleted while the server runs; a small one
// forgets, and none is needed.
func TestKeep_folder(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]config.CacheSize{"deleted": 0, "small": 1 << 10, "none": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounting(t, func(o *config.Config) { o.GitCacheSize = size })
			made := c.fill(t, "engine")
			for range 3 {
				g := c.terminal(t)
				g.Run(t, "clone", "-q", c.url("engine"), "x")
				g.Run(t, "clone", "-q", "--depth=1", c.url("engine"), "y")
				equal(t, g.In("y").Run(t, "rev-parse", "HEAD"), made.head, "head")
				if n := c.answers(t); n != 2 {
					t.Errorf("git made %d answers", n)
				}
				if err := os.RemoveAll(c.Config.Cache()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestKeep_length: over HTTP/1.1 too, a kept answer says how long it is.
func TestKeep_length(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	made := c.fill(t, "engine")
	body := request("want "+made.head, "no-progress", "done")
	first := c.post(t, "engine", "git-upload-pack", body, "Git-Protocol: version=2")
	second := c.post(t, "engine", "git-upload-pack", body, "Git-Protocol: version=2")
	if first.ContentLength != -1 || second.ContentLength != int64(len(first.Text)) || second.Text != first.Text {
		t.Errorf("lengths %d and %d, %d bytes", first.ContentLength, second.ContentLength, len(first.Text))
	}
}
