package token

import (
	"strings"
	"testing"

	"jeton/internal/secret"
)

func TestGenerate_parses(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2000 {
		v := Generate(Personal)
		if err := Parse(v); err != nil {
			t.Fatal("a new token does not parse")
		}
		if len(v.Reveal()) != 40 {
			t.Fatalf("a new token has %d characters, want 40", len(v.Reveal()))
		}
		if seen[v.Reveal()] {
			t.Fatal("the same token was drawn twice")
		}
		seen[v.Reveal()] = true
	}
}

// TestGenerate_uniform: each of the 62 characters turns up about as often as
// the others. With 60,000 draws the bound is ten standard deviations away.
func TestGenerate_uniform(t *testing.T) {
	t.Parallel()
	var count [256]int
	for range 2000 {
		s := Generate(Personal).Reveal()
		for _, c := range []byte(s[len(Prefix) : len(Prefix)+randomLen]) {
			count[c]++
		}
	}
	for _, c := range []byte(alphabet) {
		if count[c] < 650 || count[c] > 1300 {
			t.Errorf("%q was drawn %d times of 60,000, want about 968", c, count[c])
		}
	}
}

func TestParse_anyChange(t *testing.T) {
	t.Parallel()
	s := Generate(Personal).Reveal()
	for i := range s {
		for _, c := range []byte("0Zz_ \x00\xff") {
			if s[i] == c {
				continue
			}
			changed := s[:i] + string([]byte{c}) + s[i+1:]
			if Parse(secret.New(changed)) == nil {
				t.Errorf("a token with character %d changed to %q parses", i, c)
			}
		}
	}
	for _, bad := range []string{"", Prefix, s[:39], s + "0", " " + s, strings.ToUpper(s)} {
		if Parse(secret.New(bad)) == nil {
			t.Errorf("a string of %d characters parses", len(bad))
		}
	}
}

// TestChecksum_vector fixes the published form: CRC-32 (IEEE) of the random
// part in base62, digits before upper case before lower case, padded to six.
func TestChecksum_vector(t *testing.T) {
	t.Parallel()
	// "123456789" has the well-known check value 0xCBF43926.
	got := checksum([]byte("123456789"))
	if want := base62(0xCBF43926); string(got[:]) != want {
		t.Errorf("checksum(123456789) = %s, want %s", got, want)
	}
}

// base62 is a second way to write a number, by repeated comparison.
func base62(v uint64) string {
	powers := []uint64{916132832, 14776336, 238328, 3844, 62, 1}
	out := ""
	for _, p := range powers {
		d := 0
		for v >= p {
			v -= p
			d++
		}
		out += alphabet[d : d+1]
	}
	return out
}

func TestForeign(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("A1b2", 9)
	for s, want := range map[string]string{
		"ghp" + "_" + filler:        "GitHub",
		"github" + "_pat_" + filler: "GitHub",
		"glpat" + "-" + filler:      "GitLab",
		strings.Repeat("a0", 20):    "Gitea, Forgejo or Gogs",
		"hunter2hunter2":            "",
		Generate(Personal).Reveal(): "",
	} {
		if got := Foreign(s); got != want {
			t.Errorf("Foreign(a string of %d characters) = %q, want %q", len(s), got, want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	v := Generate(Personal)
	if got, ok := Find("https://host/jtp_x?a=" + v.Reveal() + "&b"); !ok || !got.Equal(v) {
		t.Error("a token inside a URL was not found")
	}
	if _, ok := Find("jtp_jtp_jtp_" + strings.Repeat("a", 40)); ok {
		t.Error("something was found where nothing is")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add(Prefix)
	f.Add(strings.Repeat("0", 40))
	f.Fuzz(func(t *testing.T, s string) {
		if Parse(secret.New(s)) != nil {
			return
		}
		sum := checksum([]byte(s[len(Prefix) : len(Prefix)+randomLen]))
		if s != Prefix+s[len(Prefix):len(Prefix)+randomLen]+string(sum[:]) {
			t.Error("a string parses that no token can be")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	v := Generate(Personal)
	b.ReportAllocs()
	for b.Loop() {
		if Parse(v) != nil {
			b.Fatal("does not parse")
		}
	}
}
