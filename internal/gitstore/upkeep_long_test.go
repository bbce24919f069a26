package gitstore

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/upkeep"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
	"jeton/internal/problem"
)

// quickPusher makes commits without starting a process: a folder of a hundred
// files, one of which changes each time.
type quickPusher struct {
	files [100][20]byte
	last  object.ID
	n     int
}

// make returns the next commit and its pack.
func (q *quickPusher) make(t testing.TB) (object.ID, []byte) {
	t.Helper()
	var pack bytes.Buffer
	count := uint32(0)
	add := func(kind byte, name, content string) [20]byte {
		head := kind<<4 | byte(len(content)&15)
		n := len(content) >> 4
		for ; n > 0; n >>= 7 {
			pack.WriteByte(head | 0x80)
			head = byte(n & 0x7f)
		}
		pack.WriteByte(head)
		z := zlib.NewWriter(&pack)
		if _, err := z.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		count++
		return sha1.Sum([]byte(fmt.Sprintf("%s %d\x00%s", name, len(content), content)))
	}
	q.n++
	q.files[q.n%len(q.files)] = add(3, "blob", fmt.Sprintf("file %d\n", q.n))
	var tree bytes.Buffer
	for i, f := range q.files {
		if f != [20]byte{} {
			fmt.Fprintf(&tree, "100644 f%02d\x00%s", i, f[:])
		}
	}
	top := add(2, "tree", tree.String())
	commit := "tree " + hex.EncodeToString(top[:]) + "\n"
	if q.last != "" {
		commit += "parent " + string(q.last) + "\n"
	}
	who := fmt.Sprintf("A U Thor <author@example.com> %d +0000\n", 1700000000+q.n)
	made := add(1, "commit", commit+"author "+who+"committer "+who+"\nCommit "+fmt.Sprint(q.n)+"\n")
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)
	whole := append(head, pack.Bytes()...)
	sum := sha1.Sum(whole)
	return object.ID(hex.EncodeToString(made[:])), append(whole, sum[:]...)
}

// place puts a pack of whole objects into the repository, and moves main, as a
// push leaves them, without a process for it.
func (q *quickPusher) place(t testing.TB, r *Repo, next object.ID, pack []byte) {
	t.Helper()
	type entry struct {
		id       [20]byte
		crc, off uint32
	}
	var entries []entry
	for at := 12; at < len(pack)-20; {
		kind, from := pack[at]>>4&7, at
		for pack[at]&0x80 != 0 {
			at++
		}
		at++
		in := bytes.NewReader(pack[at:])
		z, err := zlib.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		at = len(pack) - in.Len()
		name := map[byte]string{1: "commit", 2: "tree", 3: "blob"}[kind]
		id := sha1.Sum(append([]byte(fmt.Sprintf("%s %d\x00", name, len(content))), content...))
		entries = append(entries, entry{id, crc32.ChecksumIEEE(pack[from:at]), uint32(from)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	idx := []byte("\xfftOc\x00\x00\x00\x02")
	for b := range 256 {
		n := 0
		for _, e := range entries {
			if int(e.id[0]) <= b {
				n++
			}
		}
		idx = binary.BigEndian.AppendUint32(idx, uint32(n))
	}
	for _, e := range entries {
		idx = append(idx, e.id[:]...)
	}
	for _, e := range entries {
		idx = binary.BigEndian.AppendUint32(idx, e.crc)
	}
	for _, e := range entries {
		idx = binary.BigEndian.AppendUint32(idx, e.off)
	}
	idx = append(idx, pack[len(pack)-20:]...)
	sum := sha1.Sum(idx)
	name := "objects/pack/pack-" + hex.EncodeToString(pack[len(pack)-20:])
	gittest.Write(t, r.bare.Dir, name+".pack", string(pack))
	gittest.Write(t, r.bare.Dir, name+".idx", string(append(idx, sum[:]...)))
	gittest.Write(t, r.bare.Dir, "refs/heads/main.new", string(next)+"\n")
	if err := os.Rename(filepath.Join(r.bare.Dir, "refs/heads/main.new"), filepath.Join(r.bare.Dir, "refs/heads/main")); err != nil {
		t.Fatal(err)
	}
	r.store.tellMoved(r)
}

// cpu returns the processor's time of a program with all of its children, the
// median of five runs.
func cpu(t testing.TB, args ...string) time.Duration {
	t.Helper()
	var all []time.Duration
	for range 5 {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v, %s", args, err, out)
		}
		all = append(all, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	slices.Sort(all)
	return all[2]
}

// TestPushedOften: a repository that was pushed to very often is as quick as a
// fresh clone of it. 200 pushes; with JETON_LONG, the packs of ten thousand.
func TestPushedOften(t *testing.T) {
	t.Parallel()
	times, long := 200, os.Getenv("JETON_LONG") != ""
	if long {
		times = 10_000
	}
	s, err := Open(Options{Dir: t.TempDir(), Upkeep: UpkeepOptions{Quiet: time.Hour, Wait: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan id.Repo, times)
	s.OnMeasured(func(_ context.Context, n id.Repo, _ int64) error { done <- n; return nil })
	r := testRepo(t, s, 1, object.SHA1)
	stop := running(t, s) // a turn comes by the number of pushes alone
	var q quickPusher
	most, maintained := 0, 0
	for range times {
		next, pack := q.make(t)
		old := q.last
		if old == "" {
			old = object.SHA1.Zero()
		}
		if long {
			q.place(t, r, next, pack)
			if q.n%manyPushes == 0 {
				<-done
				maintained++
			}
			q.last = next
			most = max(most, len(packFiles(t, r, ".pack")))
			continue
		}
		results, err := publish(t.Context(), r, pack, Publication{Updates: []wire.Update{{Name: "refs/heads/main", Old: old, New: next}}})
		if err != nil || results[0].Reason != "" {
			t.Fatalf("push %d: %v, %v", q.n, results, err)
		}
		q.last = next
		most = max(most, len(packFiles(t, r, ".pack")))
	}
	stop()
	u, err := r.Maintain(t.Context(), upkeep.Wish{})
	for end := time.Now().Add(time.Minute); problem.Is(err, problem.Conflict) && time.Now().Before(end); u, err = r.Maintain(t.Context(), upkeep.Wish{}) {
		<-time.After(10 * time.Millisecond) // a git that was just stopped has the lock until it ends
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d pushes, %d maintenances: at most %d packs at a time, %d in the end", times, maintained+len(done), most, u.Packs)
	if most > 3*manyPushes || u.Packs > 3*somePacks || !u.Bitmap {
		t.Errorf("in the end: %+v", u)
	}
	verify(t, r)

	fresh := filepath.Join(t.TempDir(), "fresh.git")
	gittest.Git(t, t.TempDir(), "clone", "-q", "--mirror", "--no-local", r.bare.Dir, fresh)
	for _, what := range [][]string{{"ls-remote"}, {"clone", "-q", "--bare", "--no-local"}, {"clone", "-q", "--bare", "--no-local", "--depth=1"}} {
		ours, theirs := cpu(t, append(what, r.bare.Dir)...), cpu(t, append(what, fresh)...)
		t.Logf("%v: %v; of a fresh clone: %v", what, ours, theirs)
		if long && ours > theirs*3/2+5*time.Millisecond {
			t.Errorf("%v costs %v, of a fresh clone %v", what, ours, theirs)
		}
	}
}
