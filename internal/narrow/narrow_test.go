package narrow_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"jeton/internal/narrow"
	"jeton/internal/secret"
)

// root has the length of a token and is none.
var root = secret.New(strings.Repeat("root", 10))

func cut(t testing.TB, from secret.Value, note string, limits ...string) secret.Value {
	t.Helper()
	out, err := narrow.Cut(from, narrow.NewNode(), note, limits...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCut(t *testing.T) {
	t.Parallel()
	one := cut(t, root, "for the build", "read", "repo\nada/site")
	two := cut(t, one, "", "until\n2000000000")
	c, err := narrow.Parse(two)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Good(narrow.Key(root)) || c.Good(narrow.Key(secret.New("other"))) || !slices.Equal(c.Lookup[:], narrow.Lookup(root)) {
		t.Error("the chain does not come from its root")
	}
	steps := c.Steps()
	if len(steps) != 2 || steps[0].Note != "for the build" || !slices.Equal(steps[0].Limits, []string{"read", "repo\nada/site"}) || !slices.Equal(steps[1].Limits, []string{"until\n2000000000"}) {
		t.Errorf("%+v", steps)
	}
	if head, ok := narrow.Head(two.Reveal()); !ok || !slices.Equal(head[:16], c.Lookup[:]) {
		t.Error("the head is another one's")
	}
	for _, note := range []string{" a", "a\nb", strings.Repeat("a", 61)} {
		if _, err := narrow.Cut(root, narrow.NewNode(), note); err == nil {
			t.Errorf("the note %q was taken", note)
		}
	}
	grown := root
	for range 16 {
		grown = cut(t, grown, "", "read")
	}
	if _, err := narrow.Cut(grown, narrow.NewNode(), ""); err != narrow.ErrTooLong {
		t.Errorf("33 links: %v", err)
	}
	if _, err := narrow.Cut(root, narrow.NewNode(), "", strings.Repeat("a", 2000)); err != narrow.ErrTooLong {
		t.Errorf("2,000 bytes: %v", err)
	}
}

// TestChain_nothingTaken: whatever is changed in a chain, but for what is put
// behind it by Cut, it is none of the root's any more.
func TestChain_nothingTaken(t *testing.T) {
	t.Parallel()
	key := narrow.Key(root)
	rapid.Check(t, func(t *rapid.T) {
		token := root
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			var err error
			limits := rapid.SliceOfN(rapid.SampledFrom([]string{"read", "repo\na/b", "uses\n3"}), 0, 3).Draw(t, "limits")
			if token, err = narrow.Cut(token, narrow.NewNode(), rapid.SampledFrom([]string{"", "ci"}).Draw(t, "note"), limits...); err != nil {
				t.Fatal(err)
			}
		}
		c, err := narrow.Parse(token)
		if err != nil || !c.Good(key) {
			t.Fatal("a chain that was made is not good")
		}
		altered := *c
		altered.Links = slices.Clone(c.Links)
		switch i := rapid.IntRange(0, len(c.Links)-1).Draw(t, "at"); rapid.SampledFrom([]string{"drop", "cut", "change", "insert", "swap", "join"}).Draw(t, "how") {
		case "drop":
			altered.Links = slices.Delete(altered.Links, i, i+1)
		case "cut":
			altered.Links = altered.Links[:i]
		case "change":
			altered.Links[i] += "x"
		case "insert":
			altered.Links = slices.Insert(altered.Links, i, "read")
		case "swap":
			j := (i + 1) % len(c.Links)
			altered.Links[i], altered.Links[j] = altered.Links[j], altered.Links[i]
		case "join":
			if i+1 < len(altered.Links) {
				altered.Links = slices.Replace(altered.Links, i, i+2, altered.Links[i]+altered.Links[i+1])
			}
		}
		if !slices.Equal(altered.Links, c.Links) && altered.Good(key) {
			t.Fatalf("%q passes for %q", altered.Links, c.Links)
		}
	})
}

// docs is docs/tokens.md's block of that kind.
func docs(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "tokens.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```"+kind+"\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatalf("docs/tokens.md has no block of %s", kind)
	}
	return block
}

// TestVectors holds the form to what docs/tokens.md promises to others.
func TestVectors(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	_, _ = fmt.Fprintf(&want, "root      %s\nlookup    %x\nkey 0     %x\n", root.Reveal(), narrow.Lookup(root), narrow.Key(root))
	token := root
	for _, step := range []struct {
		node, note string
		limits     []string
	}{
		{"000102030405060708090a0b0c0d0e0f", "ci", []string{"read", "repo\nada/site\nada/docs"}},
		{"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "", []string{"network\n" + strings.Repeat("2001:db8::/32\n", 9) + "192.0.2.1", "until\n2000000000"}},
	} {
		node, ok := narrow.ParseNode(step.node)
		if !ok {
			t.Fatal("no node")
		}
		var err error
		if token, err = narrow.Cut(token, node, step.note, step.limits...); err != nil {
			t.Fatal(err)
		}
		c, err := narrow.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(c.Links) - len(step.limits); i <= len(c.Links); i++ {
			_, _ = fmt.Fprintf(&want, "link %-4d %x\nkey %-5d %x\n", i, c.Links[i-1], i, narrow.Tag(narrow.Key(root), c.Links[:i]))
		}
		body := token.Reveal()
		b, err := base64.RawURLEncoding.DecodeString(body[4 : len(body)-6])
		if err != nil || !slices.Equal(b[16:48], narrow.Tag(narrow.Key(root), c.Links)) {
			t.Fatal("the tag is not the last key", err)
		}
		_, _ = fmt.Fprintf(&want, "rest      %x\ncheck     %s\n", b[48:], body[len(body)-6:])
	}
	if got := docs(t, "vectors"); got != want.String() {
		t.Errorf("docs/tokens.md has\n%s\nand should have\n%s", got, want.String())
	}
}

// TestNarrower runs the one of docs/tokens.md: what others write by the book is
// good.
func TestNarrower(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no Python here")
	}
	token := root
	for _, args := range [][]string{{"read", "repo=ada/site"}, {"permission=contents=read", "network=" + strings.Repeat("1", 300)}} {
		cmd := exec.CommandContext(t.Context(), python, append([]string{"-c", docs(t, "python")}, args...)...)
		cmd.Stdin = strings.NewReader(token.Reveal() + "\n")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		token = secret.New(strings.TrimSpace(string(out)))
		c, err := narrow.Parse(token)
		if err != nil || !c.Good(narrow.Key(root)) {
			t.Fatalf("what the book's narrower made is not good: %v", err)
		}
		if steps := c.Steps(); len(steps[len(steps)-1].Limits) != len(args) {
			t.Errorf("%+v", steps)
		}
	}
}

// TestLen: a token is found whatever stands behind it, and nothing else is.
func TestLen(t *testing.T) {
	t.Parallel()
	token := cut(t, cut(t, root, "", "read"), "for the build", "repo\nada/site", "until\n2000000000").Reveal()
	for _, behind := range []string{"", "\n", "\"", "A", "-_-", strings.Repeat("a", 3000), "@host/", "é"} {
		if n := narrow.Len(token + behind); n != len(token) {
			t.Errorf("%q behind it: %d of %d", behind[:min(len(behind), 5)], n, len(token))
		}
	}
	for _, no := range []string{"", "jtn_", token[1:], token[:len(token)-1], token[:80], strings.Replace(token, token[100:101], "~", 1), "jtn_" + strings.Repeat("A", 500)} {
		if n := narrow.Len(no); n != 0 {
			t.Errorf("%.90q: %d", no, n)
		}
	}
}

// TestParse_oneForm: a text that says the same in another way is no token.
func TestParse_oneForm(t *testing.T) {
	t.Parallel()
	token := cut(t, root, "", "read").Reveal()
	for _, other := range []string{token[:50] + "\n" + token[50:], token + "=", " " + token, strings.ToUpper(token)} {
		if _, err := narrow.Parse(secret.New(other)); err == nil {
			t.Errorf("%q was read", other)
		}
	}
	node := narrow.NewNode()
	one, err := narrow.Cut(root, node, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := narrow.Cut(one, node, ""); err == nil {
		t.Error("a token lies below itself")
	}
	for _, limit := range []string{"", "\nread", "node\n" + node.String(), "repo\na/b\x00", "repo\n\xff/b"} {
		if _, err := narrow.Cut(root, narrow.NewNode(), "", limit); err == nil {
			t.Errorf("the limit %q was put in", limit)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(cut(f, root, "ci", "read").Reveal())
	f.Add("jtn_")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := narrow.Parse(secret.New(s))
		if err != nil {
			return
		}
		if _, ok := narrow.Head(s); !ok || narrow.Len(s) != len(s) || len(c.Links) > narrow.MaxLinks || len(c.Steps()) == 0 {
			t.Errorf("%q was read as %+v", s, c)
		}
	})
}

func BenchmarkHead(b *testing.B) {
	s := cut(b, root, "ci", "read", "repo\nada/site").Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := narrow.Head(s); !ok {
			b.Fatal("no head")
		}
	}
}
