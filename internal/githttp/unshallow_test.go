package githttp_test

import (
	"strings"
	"testing"

	"jeton/internal/gitstore/pktline"
)

// unshallow is a fetch of base by a client that says that its history ends at
// border and asks for all that lies behind.
func unshallow(version, base, border, depth string) string {
	var b []byte
	if version == "2" {
		b = pktline.AppendDelim(pktline.Append(pktline.Append(b, "command=fetch"), "object-format=sha1"))
		for _, line := range []string{"no-progress", "want " + base, "shallow " + border, "deepen " + depth, "done"} {
			b = pktline.Append(b, line+"\n")
		}
		return string(pktline.AppendFlush(b))
	}
	for _, line := range []string{"want " + base + " side-band-64k no-progress", "shallow " + border, "deepen " + depth} {
		b = pktline.Append(b, line+"\n")
	}
	return string(pktline.Append(pktline.AppendFlush(b), "done\n"))
}

// J7 for shallow clones: asked for everything, git answers with what lies behind
// each border that the client names, whether a ref reaches the border or not.
func TestJ7_unreachableNotUnshallowed(t *testing.T) {
	t.Parallel()
	s := newSecrets(t)
	border := s.disk(t, "engine").Run(t, "commit-tree", s.reachTree, "-p", s.commit, "-m", "After the secret")
	for _, v := range []string{"0", "1", "2"} {
		// git reads numbers as C does, and cuts them to 32 bits.
		for _, depth := range []string{"2147483647", "6442450943", "017777777777", "0x7fffffff", "+2147483647"} {
			for _, behind := range []string{border, strings.Repeat("12", 20)} {
				got := s.post(t, "engine", "git-upload-pack", unshallow(v, s.base, behind, depth), "Git-Protocol: version="+v)
				if got.StatusCode != 200 || !strings.HasPrefix(got.Text[4:], "ERR ") {
					t.Errorf("version %s, deepen %s from %s: %d %q", v, depth, behind[:7], got.StatusCode, got.Text)
				}
			}
		}
		got := s.post(t, "engine", "git-upload-pack", unshallow(v, s.base, border, "1"), "Git-Protocol: version="+v)
		if !strings.Contains(got.Text, "PACK") {
			t.Errorf("version %s refused a shallow fetch after a branch was replaced: %q", v, got.Text)
		}
	}
}

func TestUnshallow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.clone(t, "engine")
	for _, n := range []string{"1", "2", "3"} {
		g.Commit(t, "a", n, n)
	}
	g.Run(t, "push", "-q", "origin", "main")
	for _, v := range []string{"0", "2"} {
		s := w.terminal(t, "protocol.version="+v)
		s.Run(t, "clone", "-q", "--depth", "1", w.url("engine"), "s")
		c := s.In("s")
		c.Run(t, "fetch", "-q", "--unshallow")
		equal(t, c.Run(t, "rev-list", "--count", "HEAD"), "3", "history in version "+v)
	}
}
