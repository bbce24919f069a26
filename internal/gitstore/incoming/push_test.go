package incoming_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/bare"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/reach"
	"jeton/internal/gitstore/share"
	"jeton/internal/gitstore/wire"
	"jeton/internal/problem"
)

// pushBench is a repository that pushes go to, in a store that notes each git that
// it starts.
type pushBench struct {
	*gitstore.Repo
	at   string // its folder
	dir  string // where a person works
	log  string
	zero object.ID
}

func newPushBench(t *testing.T, format object.Format) *pushBench {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &pushBench{log: filepath.Join(dir, "log"), zero: format.Zero()}
	script := "#!/bin/sh\necho \"$@\" >> '" + b.log + "'\nexec '" + real + "' \"$@\"\n"
	gittest.Write(t, dir, "git", script)
	if err := os.Chmod(filepath.Join(dir, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := gitstore.Open(gitstore.Options{Dir: filepath.Join(dir, "store"), Git: filepath.Join(dir, "git")})
	if err != nil {
		t.Fatal(err)
	}
	b.Repo, b.at = testRepo(t, s, format)
	b.dir = gittest.Work(t, b.at)
	return b
}

// testRepo makes an empty repository and returns it with its folder.
func testRepo(t testing.TB, s *gitstore.Store, format object.Format) (*gitstore.Repo, string) {
	t.Helper()
	if err := s.Create(t.Context(), 1, format, "main"); err != nil {
		t.Fatal(err)
	}
	return s.Repo(1), filepath.Join(s.Dir(), "0", "1.git")
}

// started returns what git was started for since the last time.
func (b *pushBench) started(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(b.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// update is a command that leads a ref to what a revision names in the folder.
func (b *pushBench) update(t *testing.T, ref, rev string) wire.Update {
	t.Helper()
	refs, err := b.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u := wire.Update{Name: ref, Old: b.zero, New: b.zero}
	if now, ok := refs.Get(ref); ok {
		u.Old = now.ID
	}
	if rev != "" {
		u.New = object.ID(gittest.Git(t, b.dir, "rev-parse", rev))
	}
	return u
}

// pack is what a client would send for some revisions.
func (b *pushBench) pack(t *testing.T, updates ...wire.Update) []byte {
	t.Helper()
	refs, err := b.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var in strings.Builder
	for _, u := range updates {
		if !u.Deletes() {
			in.WriteString(string(u.New) + "\n")
		}
	}
	for _, ref := range refs.All() {
		in.WriteString("^" + string(ref.ID) + "\n")
	}
	cmd := exec.CommandContext(t.Context(), "git", "pack-objects", "--revs", "--thin", "--stdout", "-q")
	cmd.Dir, cmd.Stdin = b.dir, strings.NewReader(in.String())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// push goes through all checks of a push, and publishes it if they find nothing.
func (b *pushBench) push(t *testing.T, pack []byte, updates ...wire.Update) (bad []object.ID, err error) {
	t.Helper()
	in, err := b.Incoming(t.Context(), share.Who{Account: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := in.Index(t.Context(), bytes.NewReader(pack), nil); err != nil {
		return nil, err
	}
	refs, err := b.Refs(t.Context())
	if err != nil {
		return nil, err
	}
	in.Near(updates)
	if err := in.CheckBases(t.Context(), refs); err != nil {
		return nil, err
	}
	var tips []object.ID
	for _, u := range updates {
		if !u.Deletes() {
			tips = append(tips, u.New)
		}
	}
	if bad, err = in.Connected(t.Context(), refs, tips, nil); err != nil || len(bad) > 0 {
		return bad, err
	}
	if large, err := in.CheckSizes(t.Context(), 1<<20, 1<<20); err != nil || len(large) > 0 {
		t.Errorf("large: %v, %v", large, err)
	}
	if _, err := in.Kinds(t.Context(), tips); err != nil {
		t.Error(err)
	}
	if _, err := in.Introduced(t.Context(), refs, tips, "d"); err != nil {
		t.Error(err)
	}
	for _, u := range updates {
		if _, err := in.Descends(t.Context(), u.Old, u.New); err != nil {
			t.Error(err)
		}
	}
	results, err := in.Publish(t.Context(), gitstore.Publication{Updates: updates})
	for _, r := range results {
		if r.Reason != "" {
			t.Errorf("%s: %s", r.Name, r.Reason)
		}
	}
	return nil, err
}

// TestPush_startsNothing: what people push every day is taken in process.
func TestPush_startsNothing(t *testing.T) {
	t.Parallel()
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			b := newPushBench(t, format)
			for i := range 4 {
				for _, name := range []string{"a", "d/e/f", "d/g", "h/i", "h/j"} {
					gittest.Write(t, b.dir, name, strings.Repeat(fmt.Sprintln(name, i), 20))
				}
				gittest.Commit(t, b.dir, fmt.Sprint(i))
			}
			step := func(what, ref, rev string) {
				t.Helper()
				u := b.update(t, ref, rev)
				b.started(t)
				if bad, err := b.push(t, b.pack(t, u), u); err != nil || len(bad) > 0 {
					t.Errorf("%s: %v, %v", what, bad, err)
				}
				if log := b.started(t); log != "" {
					t.Errorf("%s started: %s", what, log)
				}
			}
			step("the first push", "refs/heads/main", "main")
			gittest.Write(t, b.dir, "d/e/f", "changed")
			gittest.Commit(t, b.dir, "one more")
			step("one commit", "refs/heads/main", "main")
			for i := range 5 {
				gittest.Write(t, b.dir, fmt.Sprint("h/", i), fmt.Sprint(i))
				gittest.Commit(t, b.dir, fmt.Sprint("many ", i))
			}
			step("five commits", "refs/heads/main", "main")
			step("a branch at an old commit", "refs/heads/old", "main~4")
			gittest.Git(t, b.dir, "checkout", "-q", "-b", "side", "main~3")
			gittest.Write(t, b.dir, "h/j", "side")
			gittest.Commit(t, b.dir, "side")
			step("a branch from an old commit", "refs/heads/side", "side")
			gittest.Git(t, b.dir, "merge", "-q", "-m", "merge", "main")
			step("a merge", "refs/heads/main", "side")
			gittest.Git(t, b.dir, "commit", "-q", "--amend", "-m", "other words")
			step("an amended commit", "refs/heads/main", "side")
			gittest.Git(t, b.dir, "commit", "-q", "--allow-empty", "-m", "empty")
			step("an empty commit", "refs/heads/main", "side")
			gittest.Git(t, b.dir, "tag", "-m", "tag", "v1", "side")
			step("a tag", "refs/tags/v1", "v1")
			gittest.Git(t, b.dir, "tag", "-m", "tag of a tag", "v2", "v1")
			step("a tag of a tag", "refs/tags/v2", "v2")
			gittest.Git(t, b.dir, "checkout", "-q", "--orphan", "fresh")
			gittest.Git(t, b.dir, "commit", "-q", "-m", "orphan")
			step("the same files without history", "refs/heads/fresh", "fresh")
			step("a deletion", "refs/heads/old", "")
			if err := b.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConnected_far: what lies too far back for the search in process is found
// all the same.
func TestConnected_far(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	var stream strings.Builder
	for i := range reach.NearCommits + 10 {
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\nM 100644 inline f%d\ndata %d\n%s\n", 1700000000+i, i%50, len(fmt.Sprint(i)), fmt.Sprint(i))
	}
	gittest.In(t, b.dir, strings.NewReader(stream.String()), "fast-import", "--quiet")
	u := b.update(t, "refs/heads/main", "main")
	if bad, err := b.push(t, b.pack(t, u), u); err != nil || len(bad) > 0 {
		t.Fatalf("%v, %v", bad, err)
	}
	gittest.Git(t, b.dir, "checkout", "-q", "-b", "side", fmt.Sprintf("main~%d", reach.NearCommits+5))
	gittest.Write(t, b.dir, "new", "1")
	gittest.Commit(t, b.dir, "from the beginning")
	u = b.update(t, "refs/heads/side", "side")
	b.started(t)
	if bad, err := b.push(t, b.pack(t, u), u); err != nil || len(bad) > 0 {
		t.Errorf("%v, %v", bad, err)
	}
	if b.started(t) == "" {
		t.Error("this was to be a test of what is far away")
	}
}

// TestConnected_blame: of two refs that come together, one that refers to what is
// out of reach is refused alone.
func TestConnected_blame(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	gittest.Write(t, b.dir, "a", "1")
	base := gittest.Commit(t, b.dir, "base")
	u := b.update(t, "refs/heads/main", "main")
	if _, err := b.push(t, b.pack(t, u), u); err != nil {
		t.Fatal(err)
	}
	// An object that is here, and in reach of nothing; and one that is not here.
	hidden := gittest.Git(t, b.at, "-c", "safe.directory=*", "hash-object", "-w", "--stdin")
	for name, blob := range map[string]string{"unreachable": hidden, "missing": strings.Repeat("12", 20)} {
		gittest.Git(t, b.dir, "checkout", "-q", "--detach", string(base))
		gittest.Write(t, b.dir, "b", name)
		good := gittest.Commit(t, b.dir, "good "+name)
		tree := gittest.In(t, b.dir, strings.NewReader("100644 blob "+blob+"\tstolen\n"), "mktree", "--missing")
		bad := object.ID(gittest.Git(t, b.dir, "commit-tree", "-m", "bad", "-p", string(base), tree))
		list := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", good, gittest.Git(t, b.dir, "rev-parse", string(good)+"^{tree}"), gittest.Git(t, b.dir, "rev-parse", string(good)+":b"), bad, tree)
		pack := gittest.In(t, b.dir, strings.NewReader(list), "pack-objects", "--stdout", "-q")
		updates := []wire.Update{{Name: "refs/heads/good", Old: b.zero, New: good}, {Name: "refs/heads/bad", Old: b.zero, New: bad}}
		got, err := b.push(t, []byte(pack), updates...)
		if err != nil || len(got) != 1 || got[0] != bad {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		// As an object that nothing needs, it is refused with all.
		got, err = b.push(t, []byte(pack), updates[0])
		if err != nil || len(got) != 1 || got[0] != good {
			t.Errorf("%s, beside the push: %v, %v", name, got, err)
		}
	}
}

// TestConnected_kinds: an object that is referred to as what it is not connects
// nothing.
func TestConnected_kinds(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	gittest.Write(t, b.dir, "a", "1")
	gittest.Write(t, b.dir, "d/a", "1")
	base := gittest.Commit(t, b.dir, "base")
	u := b.update(t, "refs/heads/main", "main")
	if _, err := b.push(t, b.pack(t, u), u); err != nil {
		t.Fatal(err)
	}
	for name, entry := range map[string]string{
		"a folder as a file": "100644 a\x00" + bytesOf(t, gittest.Git(t, b.dir, "rev-parse", "main:d")),
		"a file as a folder": "40000 a\x00" + bytesOf(t, gittest.Git(t, b.dir, "rev-parse", "main:a")),
		"a commit as a file": "100644 a\x00" + bytesOf(t, string(base)),
	} {
		tree := gittest.In(t, b.dir, strings.NewReader(entry), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
		bad := object.ID(gittest.In(t, b.dir, strings.NewReader("tree "+tree+"\nparent "+string(base)+"\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n"), "hash-object", "-w", "-t", "commit", "--literally", "--stdin"))
		pack := gittest.In(t, b.dir, strings.NewReader(fmt.Sprintf("%s\n%s\n", bad, tree)), "pack-objects", "--stdout", "-q")
		got, err := b.push(t, []byte(pack), wire.Update{Name: "refs/heads/x", Old: b.zero, New: bad})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func bytesOf(t *testing.T, hex string) string {
	t.Helper()
	var out []byte
	if _, err := fmt.Sscanf(hex, "%x", &out); err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestIndex_secretOfBase: a delta against an object out of reach tells nothing,
// not even by what is wrong with its result.
func TestIndex_secretOfBase(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	gittest.Write(t, b.dir, "a", "1")
	gittest.Commit(t, b.dir, "base")
	u := b.update(t, "refs/heads/main", "main")
	if _, err := b.push(t, b.pack(t, u), u); err != nil {
		t.Fatal(err)
	}
	// A commit on a branch that is gone, and a pack with a broken commit as a
	// delta against it.
	gittest.Write(t, b.dir, "a", "2")
	secret := gittest.Commit(t, b.dir, strings.Repeat("a long and secret message ", 40))
	u = b.update(t, "refs/heads/gone", "main")
	if _, err := b.push(t, b.pack(t, u), u); err != nil {
		t.Fatal(err)
	}
	u = wire.Update{Name: "refs/heads/gone", Old: u.New, New: b.zero}
	if _, err := b.push(t, []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"), u); err != nil {
		t.Fatal(err)
	}
	size := len(gittest.Git(t, b.dir, "cat-file", "commit", string(secret))) + 1
	_, err := b.push(t, deltaPack(t, secret, size, 60), wire.Update{Name: "refs/heads/x", Old: b.zero, New: secret})
	if e := problem.Of(err); e.Public != "missing necessary objects" {
		t.Errorf("the head of a secret commit: %v", err)
	}
	// The same of a commit in reach says what is wrong.
	base := gittest.Git(t, b.dir, "rev-parse", "main~")
	size = len(gittest.Git(t, b.dir, "cat-file", "commit", base)) + 1
	_, err = b.push(t, deltaPack(t, object.ID(base), size, 60), wire.Update{Name: "refs/heads/x", Old: b.zero, New: secret})
	if e := problem.Of(err); !strings.HasPrefix(e.Public, "object ") || !strings.Contains(e.Public, ": unterminatedHeader: ") {
		t.Errorf("the head of a commit in reach: %v", err)
	}
}

// deltaPack is a pack of one object: the first n bytes of another, which is not
// in it.
func deltaPack(t *testing.T, base object.ID, size, n int) []byte {
	t.Helper()
	delta := append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(n)), 0x90, byte(n))
	pack := append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"), 7<<4|byte(len(delta)))
	pack = append(pack, bytesOf(t, string(base))...)
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, err := w.Write(delta)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	pack = append(pack, z.Bytes()...)
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...)
}

// TestSize_remembered: the size follows pushes without a count, and others'
// work on the packs by one.
func TestSize_remembered(t *testing.T) {
	t.Parallel()
	b := newPushBench(t, object.SHA1)
	counted := func() int64 {
		t.Helper()
		n, err := (&bare.Repo{ID: b.ID(), Dir: b.at, Now: time.Now}).Size()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 3 {
		gittest.Write(t, b.dir, "a", strings.Repeat(fmt.Sprint(i), 5000))
		gittest.Commit(t, b.dir, "x")
		u := b.update(t, "refs/heads/main", "main")
		if _, err := b.push(t, b.pack(t, u), u); err != nil {
			t.Fatal(err)
		}
		got, err := b.Size()
		if want := counted(); err != nil || got < want-1000 || got > want+1000 {
			t.Errorf("after push %d: %d, counted %d, %v", i, got, want, err)
		}
	}
	gittest.Git(t, b.at, "-c", "safe.directory=*", "repack", "-adq")
	if got, err := b.Size(); err != nil || got != counted() {
		t.Errorf("after a repack: %d, counted %d, %v", got, counted(), err)
	}
}
