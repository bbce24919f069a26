package githttp_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"jeton/internal/app/apptest"
)

func words(out string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(out, "remote:", "")), " ")
}

// TestBudget_oneClone: of two clones at the same time with a token for one use,
// exactly one succeeds, and the other is told why.
func TestBudget_oneClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	g.Commit(t, "a", "1\n", "One")
	g.Run(t, "push", "-q", "origin", "main")
	for round := range 12 {
		version := fmt.Sprint(2 - round%3)
		one := w.limited(t, w.ada, "uses\n1", fmt.Sprintf("uses\n%d", 1000+round))
		var won atomic.Int64
		var wait sync.WaitGroup
		for i := range 2 {
			c := w.Git(t, "ada", one.Password)
			c.Config = []string{"protocol.version=" + version}
			wait.Go(func() {
				out, code := c.Try(t, "clone", w.url("engine"), fmt.Sprint("c", i))
				if code == 0 {
					won.Add(1)
				} else if !strings.Contains(words(out), "is used up: it was for one use") {
					t.Errorf("version %s: %s", version, out)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("round %d, version %s: %d clones", round, version, won.Load())
		}
		out, code := w.Git(t, "ada", one.Password).Try(t, "clone", w.url("engine"), "late")
		if code == 0 || !strings.Contains(words(out), "is used up: it was for one use") || !strings.Contains(out, "/settings/tokens/") {
			t.Errorf("afterwards: %d %s", code, out)
		}
	}
}

// TestBudget_uses: what is a use and what is none, by git.
func TestBudget_uses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for i := range 40 {
		g.Commit(t, fmt.Sprint("f", i), "x\n", fmt.Sprint("Commit ", i))
	}
	g.Run(t, "push", "-q", "origin", "main")
	for _, version := range []string{"0", "1", "2"} {
		bot := w.limited(t, w.ada, "uses\n4", "uses\n100"+version)
		bot.Config = []string{"protocol.version=" + version}
		for range 3 {
			bot.Run(t, "ls-remote", w.url("engine")) // none
		}
		if a := w.Do(t, "HEAD", "/ada/engine.git/info/refs?service=git-upload-pack", "", basic("ada", bot.Password)); a.StatusCode != 200 {
			t.Errorf("HEAD: %d", a.StatusCode)
		}
		if a := w.Do(t, "POST", "/ada/engine.git/git-upload-pack", wantV2(strings.Repeat("12", 20)), basic("ada", bot.Password), "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2"); !strings.Contains(a.Text, "not our ref") {
			t.Errorf("what is not there: %q", a.Text)
		}
		bot.Run(t, "clone", "-q", w.url("engine"), "c"+version) // one
		c := bot.In("c" + version)
		for i := range 3 { // what it has and the server has not, so that there is much to negotiate
			c.Commit(t, fmt.Sprint("mine", i), "y\n", "Mine")
		}
		g.Commit(t, "more"+version, "x\n", "More")
		g.Run(t, "push", "-q", "origin", "main")
		c.Run(t, "fetch", "-q")                                          // two
		c.Run(t, "push", "-q", "origin", "HEAD:refs/heads/"+"v"+version) // three
		c.Run(t, "fetch", "-q")                                          // none: there is nothing
		g.Commit(t, "again"+version, "x\n", "Again")
		g.Run(t, "push", "-q", "origin", "main")
		c.Run(t, "fetch", "-q") // four
		for _, args := range [][]string{{"fetch"}, {"push", "origin", "HEAD:refs/heads/late"}, {"ls-remote"}} {
			if out, code := c.Try(t, args...); code == 0 || !strings.Contains(words(out), "is used up: it was for 4 uses") {
				t.Errorf("version %s, %v: %d %s", version, args, code, out)
			}
		}
		// A client that skips discovery hears the same.
		a := w.Do(t, "POST", "/ada/engine.git/git-upload-pack", wantV2(g.Run(t, "rev-parse", "HEAD")), basic("ada", bot.Password), "Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2")
		if !strings.Contains(a.Text, "is used up") || strings.Contains(a.Text, "PACK") {
			t.Errorf("a fetch without discovery: %q", a.Text)
		}
		a = w.Do(t, "POST", "/ada/engine.git/git-receive-pack", pushBody(writePack(t), zero+" "+g.Run(t, "rev-parse", "HEAD")+" refs/heads/late"), basic("ada", bot.Password), "Content-Type: application/x-git-receive-pack-request")
		if !strings.Contains(a.Text, "is used up") || strings.Contains(a.Text, "ok refs/heads/late") {
			t.Errorf("a push without discovery: %q", a.Text)
		}
	}
}

// TestBudget_bytes: what is sent and taken is counted while it goes; where the
// budget ends the transfer breaks off, and the next one is refused.
func TestBudget_bytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	noise := make([]byte, 3<<20)
	_, _ = rand.Read(noise)
	g.Commit(t, "big", base64.StdEncoding.EncodeToString(noise), "Big")
	g.Run(t, "push", "-q", "origin", "main")
	cut := func(bot *apptest.Git, said string, args ...string) {
		t.Helper()
		if out, code := bot.Try(t, args...); code == 0 || said != "" && !strings.Contains(words(out), said) {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
	bot := w.limited(t, w.ada, "bytes\n2000000")
	cut(bot, "", "clone", w.url("engine"), "c")
	cut(bot, "is used up: it was for 2000000 bytes", "clone", w.url("engine"), "c")
	// Twice the size is enough for one and a half; what was not used is given back.
	bot = w.limited(t, w.ada, "bytes\n7000000")
	bot.Run(t, "clone", "-q", w.url("engine"), "one")
	bot.Run(t, "clone", "-q", w.url("engine"), "two")
	cut(bot, "", "clone", w.url("engine"), "three")
	cut(bot, "is used up", "clone", w.url("engine"), "three")

	bot = w.limited(t, w.ada, "bytes\n1500000")
	_, _ = rand.Read(noise)
	bot.Run(t, "init", "-q", "p")
	p := bot.In("p")
	p.Commit(t, "big", base64.StdEncoding.EncodeToString(noise), "Mine")
	cut(p, "is used up: it was for 1500000 bytes", "push", w.url("engine"), "HEAD:refs/heads/mine")
	cut(p, "is used up: it was for 1500000 bytes", "push", w.url("engine"), "HEAD:refs/heads/mine")
	if out := g.Run(t, "ls-remote", "origin", "mine"); out != "" {
		t.Errorf("it was pushed: %s", out)
	}
	w.whole(t, "engine")
}
