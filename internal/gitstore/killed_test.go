package gitstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"jeton/internal/gitstore/gittest"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/id"
)

// killedEnv makes the test binary a program that pushes until it is killed.
const killedEnv = "JETON_TEST_KILLED"

// pushers push side by side, each to three branches of its own.
const pushers = 3

func branchOf(pusher int, name string) string {
	return fmt.Sprintf("refs/heads/%d/%s", pusher, name)
}

// TestKilledChild is that program, and no test of its own.
func TestKilledChild(t *testing.T) {
	args := strings.Split(os.Getenv(killedEnv), "\n")
	if len(args) != 2 {
		t.Skip("is run by TestKilled")
	}
	s, err := Open(Options{Dir: args[0]})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Repo(1)
	refs := refMap(t, r)
	var all sync.WaitGroup
	for p := range pushers {
		all.Go(func() { pushAlways(t, r, args[1], p, refs[branchOf(p, "a")]) })
	}
	all.Wait()
}

func pushAlways(t *testing.T, r *Repo, dir string, pusher int, at object.ID) {
	for n := 0; ; n++ {
		new := object.ID(gittest.Git(t, dir, "commit-tree", "-p", string(at), "-m", fmt.Sprint(pusher, n), string(at)+"^{tree}"))
		var updates []wire.Update
		for _, name := range []string{"a", "b", "c"} {
			updates = append(updates, wire.Update{Name: branchOf(pusher, name), Old: at, New: new})
		}
		results, err := publish(t.Context(), r, gittest.PackOf(t, dir, new, at), Publication{Atomic: true, Updates: updates})
		if err != nil || results[0].Reason != "" {
			fmt.Printf("failed: %v %v\n", results, err)
			return
		}
		at = new
		fmt.Printf("ack %d %s\n", pusher, new)
	}
}

// A server that is killed at any instant loses nothing that it acknowledged,
// and shows no push in part, however many run at the time.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	r := testRepo(t, s, 1, object.SHA1)
	dir := gittest.Work(t, r.bare.Dir)
	gittest.Write(t, dir, "a", "1\n")
	first := gittest.Commit(t, dir, "1")
	var last [pushers]object.ID
	for p := range pushers {
		last[p] = first
		gittest.Git(t, dir, "push", "-q", "origin", "main:"+branchOf(p, "a"), "main:"+branchOf(p, "b"), "main:"+branchOf(p, "c"))
	}
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for i := range rounds {
		killOnce(t, s, dir, &last, time.Duration(60+37*i%90)*time.Millisecond)
		again := reopen(t, s)
		again.OnRecovered(func(context.Context, id.Repo, Moved) error { return nil })
		fresh := again.Repo(1)
		got := refMap(t, fresh)
		for p := range pushers {
			at := got[branchOf(p, "a")]
			if got[branchOf(p, "b")] != at || got[branchOf(p, "c")] != at {
				t.Fatalf("a push is there in part: %v\nleft: %v", got, locks(t, fresh))
			}
			if gittest.Git(t, fresh.bare.Dir, "merge-base", string(last[p]), string(at)) != string(last[p]) {
				t.Fatalf("an acknowledged push is lost: %s is not in %v", last[p], got)
			}
			last[p] = at
		}
		if err := fresh.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := locks(t, fresh); len(left) != 0 {
			t.Fatalf("left: %v", left)
		}
		gittest.Git(t, dir, "fetch", "-q", "origin")
	}
	t.Logf("%s commits", gittest.Git(t, r.bare.Dir, "rev-list", "--count", "--all"))
}

// killOnce runs the child and kills it a while after its first acknowledgement.
// The last that it acknowledged to each pusher are put into last.
func killOnce(t *testing.T, s *Store, dir string, last *[pushers]object.ID, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), killedEnv+"="+s.dir+"\n"+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	armed := false
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var pusher int
		var id string
		if n, _ := fmt.Sscanf(line, "ack %d %s", &pusher, &id); n == 2 {
			last[pusher] = object.ID(id)
		} else {
			t.Errorf("the child says: %s", line)
		}
		if !armed {
			armed = true
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
}
