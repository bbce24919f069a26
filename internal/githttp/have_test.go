package githttp_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"jeton/internal/gitstore/pktline"
)

// haveV0 is a request of version 0 or 1 from a client that has something and is
// not done with telling.
func haveV0(caps, want string, had ...string) string {
	b := pktline.AppendFlush(pktline.Append(nil, "want "+want+" "+caps+"\n"))
	for _, id := range had {
		b = pktline.Append(b, "have "+id+"\n")
	}
	return string(pktline.AppendFlush(b))
}

// haves are requests of a client that says that it has some objects, by how they
// ask, and what follows "Git-Protocol: version=".
func haves(want string, had ...string) map[string][2]string {
	v2 := []string{"thin-pack", "ofs-delta", "no-progress", "want " + want}
	for _, id := range had {
		v2 = append(v2, "have "+id)
	}
	return map[string][2]string{
		"version 2":           {"2", request(v2...)},
		"version 2, done":     {"2", request(append(v2, "done")...)},
		"version 2, shallow":  {"2", request("no-progress", "want "+want, "shallow "+had[0], "deepen 1", "done")},
		"version 2, relative": {"2", request("no-progress", "want "+want, "shallow "+had[0], "deepen 1", "deepen-relative", "done")},
		"version 1":           {"1", haveV0("side-band-64k no-progress thin-pack multi_ack_detailed", want, had...)},
		"version 1, done":     {"1", haveV0("side-band-64k no-progress thin-pack multi_ack_detailed", want, had...) + "0009done\n"},
		"version 0":           {"0", haveV0("side-band-64k no-progress thin-pack multi_ack_detailed no-done", want, had...)},
		"version 0, multi":    {"0", haveV0("side-band-64k no-progress thin-pack multi_ack", want, had...)},
		"version 0, simple":   {"0", haveV0("no-progress thin-pack", want, had...) + "0009done\n"},
	}
}

// unframed is an answer without the cuts between the frames of its pack, which
// fall as git writes.
func unframed(t *testing.T, text string) string {
	t.Helper()
	var out, pack strings.Builder
	in := pktline.NewReader(strings.NewReader(text))
	for {
		kind, line, err := in.Next()
		switch {
		case err == io.EOF:
			return out.String() + pack.String()
		case err != nil:
			return text // a pack without frames
		case kind == pktline.Data && line[0] == byte(pktline.BandData):
			pack.Write(line[1:])
		case kind == pktline.Data && line[0] == byte(pktline.BandProgress):
		default:
			fmt.Fprintf(&out, "%d %s", kind, line)
		}
	}
}

// J7: what no ref reaches is not a thing that a client can be known to have. The
// answer is the one for an id that there is nowhere: it tells neither that the
// object is there nor, by deltas against it, what is in it.
func TestJ7_unreachableNotHad(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	nowhere := strings.Repeat("12", 20)
	g := s.clone(t, "engine")
	g.Commit(t, "guess.txt", s.content+"and more\n", "Guess")
	g.Run(t, "push", "-q", "origin", "main")
	tip := g.Run(t, "rev-parse", "HEAD")
	for i, more := range [][]string{nil, {s.base}, {s.base}} {
		if i == 2 { // nor is what the server's own refs reach
			s.disk(t, "engine").Run(t, "update-ref", "refs/pull/1/head", s.disk(t, "engine").Run(t, "commit-tree", s.reachTree, "-p", s.commit, "-m", "Behind"))
		}
		like := haves(tip, append([]string{nowhere}, more...)...)
		for _, object := range []string{s.commit, s.tree, s.blob} {
			for how, ask := range haves(tip, append([]string{object}, more...)...) {
				header := "Git-Protocol: version=" + ask[0]
				got, want := s.post(t, "engine", "git-upload-pack", ask[1], header), s.post(t, "engine", "git-upload-pack", like[how][1], header)
				if got.StatusCode != 200 || unframed(t, got.Text) != unframed(t, want.Text) {
					t.Errorf("%s, %s, beside %v: %d %q, want %q", how, object[:7], more, got.StatusCode, got.Text, want.Text)
				}
			}
		}
		for how, ask := range haves(tip, append([]string{s.base}, more...)...) {
			got := s.post(t, "engine", "git-upload-pack", ask[1], "Git-Protocol: version="+ask[0])
			if !strings.Contains(how, "shallow") && !strings.Contains(how, "done") && !strings.Contains(how, "relative") && !strings.Contains(got.Text, "ACK "+s.base) {
				t.Errorf("%s: what is in reach is not known: %q", how, got.Text)
			}
		}
	}
}

// TestJ7_copyHasNothing: the same in a copy, for what is in reach in the
// original alone.
func TestJ7_copyHasNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(c *copied, t *testing.T) {
		like := haves(c.base, c.nowhere)
		for _, object := range []string{c.commit, c.tree, c.blob} {
			for how, ask := range haves(c.base, object) {
				header := "Git-Protocol: version=" + ask[0]
				got, want := c.ask(t, "git-upload-pack", ask[1], header), c.ask(t, "git-upload-pack", like[how][1], header)
				if got.StatusCode != 200 || unframed(t, got.Text) != unframed(t, want.Text) {
					t.Errorf("%s, %s: %d %q, want %q", how, object[:7], got.StatusCode, got.Text, want.Text)
				}
			}
		}
	})
}

// TestFetch_replaced: who has what a branch was before it was replaced fetches
// what it is now, in every version of the protocol, shallow or not.
func TestFetch_replaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for i := range 40 {
		g.Commit(t, "a", noise(i), "Old")
	}
	g.Run(t, "push", "-q", "origin", "main")
	for _, v := range []string{"0", "1", "2"} {
		dir := "v" + v
		terminal := w.terminal(t, "protocol.version="+v)
		terminal.Run(t, "clone", "-q", w.url("engine"), dir)
		terminal.Run(t, "clone", "-q", "--depth", "3", w.url("engine"), dir+"-shallow")
		g.Run(t, "reset", "-q", "--hard", "HEAD~20")
		for i := range 3 {
			g.Commit(t, "b", v+noise(100+i), "New")
		}
		g.Run(t, "push", "-qf", "origin", "main")
		for _, c := range []string{dir, dir + "-shallow"} {
			at := terminal.In(c)
			at.Run(t, "fetch", "-q", "--no-tags", "origin")
			equal(t, at.Run(t, "rev-parse", "origin/main"), g.Run(t, "rev-parse", "HEAD"), c)
			at.Run(t, "fsck", "--connectivity-only")
		}
		for i := range 20 { // so that there is something to go back by the next time
			g.Commit(t, "c", v+noise(200+i), "More")
		}
		g.Run(t, "push", "-q", "origin", "main")
	}
}
