package narrow_test

import (
	"encoding/base64"
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

// TestVectors holds the form: docs/tokens.md has the same lines.
func TestVectors(t *testing.T) {
	t.Parallel()
	node, ok := narrow.ParseNode("000102030405060708090a0b0c0d0e0f")
	if !ok {
		t.Fatal("no node")
	}
	got, err := narrow.Cut(root, node, "ci", "read", "repo\nada/site")
	if err != nil {
		t.Fatal(err)
	}
	body := got.Reveal()
	b, err := base64.RawURLEncoding.DecodeString(body[4 : len(body)-6])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("lookup %x\nkey %x\ntag %x\nrest %q\nsum %s", b[:16], narrow.Key(root), b[16:48], b[48:], body[len(body)-6:])
}

func FuzzParse(f *testing.F) {
	f.Add(cut(f, root, "ci", "read").Reveal())
	f.Add("jtn_")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := narrow.Parse(secret.New(s))
		if err != nil {
			return
		}
		if _, ok := narrow.Head(s); !ok || len(c.Links) > narrow.MaxLinks || len(c.Steps()) == 0 {
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
