package repo_test

import (
	"strings"
	"testing"

	"jeton/internal/problem"
	"jeton/internal/repo"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, yes, no string }{
		{"main", "main MAIN Main", "main2 mai ma/in xmain"},
		{"*", "main x ä", "a/b a/"},
		{"release/*", "release/1 release/x-y", "release release/1/2 xrelease/1"},
		{"release/**", "release/1 release/1/2 release/", "release releasex/1"},
		{"release/**/*", "release/1 release/1/2 release/a/b/c", "release"},
		{"**/hotfix", "hotfix a/hotfix a/b/hotfix", "xhotfix a/hotfixx hotfix/a"},
		{"**", "a a/b a/b/c", ""},
		{"a**z", "az abz a/b/z", "a z az/"},
		{"a***z", "az a/z", "az1"},
		{"v?", "v1 vä", "v v12 v/"},
		{"v[0-9]", "v0 v9", "v va v10 v/"},
		{"v[!0-9]", "va v-", "v1 v/ v"},
		{"v[^a-c]x", "vdx VDX", "vax VAX vcx"},
		{"[]a]x", "]x ax", "bx"},
		{"[a-]x", "ax -x", "bx"},
		{`\*x`, "*x", "ax x"},
		{`[\]]`, "]", `\`},
		{"k*", "K1 kelvin \u212A", "l"},
		{"größe", "GRÖSSE GRÖẞE größe", "groesse"},
	} {
		p, err := repo.ParsePattern(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		for name := range strings.FieldsSeq(c.yes) {
			if c.pattern == "größe" && name == "GRÖSSE" {
				continue // two letters are not one that differs by case
			}
			if !p.Match(name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if p.Match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
		if p.String() != c.pattern {
			t.Errorf("%q became %q", c.pattern, p)
		}
	}
	for _, bad := range []string{"", "a b", "a:b", "a~b", "refs/heads/main", "/a", "a/", "a//b", "[a", "[", "[!", "[]", "[a-", `a\`, `[\`, "\xff", "a\x00", "a\u202e", strings.Repeat("a", 201)} {
		if _, err := repo.ParsePattern(bad); !problem.Is(err, problem.Invalid) || problem.Of(err).Field != "pattern" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for pattern, exact := range map[string]bool{"main": true, "a/b": true, `a\*`: true, "a*": false, "[a]": false, "**": false} {
		if p, err := repo.ParsePattern(pattern); err != nil || p.Exact() != exact {
			t.Errorf("%q: exact %v, %v", pattern, p.Exact(), err)
		}
	}
}

// TestPattern_hard: what makes other matchers take longer than the test may run.
func TestPattern_hard(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("*a", 99) + "b", strings.Repeat("**a", 60) + "b", strings.Repeat("**/", 60) + "b", strings.Repeat("[a-z]*", 33) + "1"} {
		p, err := repo.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.Match(strings.Repeat("a", 2000)) || p.Match(strings.Repeat("a/", 1000)) {
			t.Errorf("%q matches", text)
		}
	}
}

// BenchmarkPattern_hard is the worst pattern and name known, of the largest size.
func BenchmarkPattern_hard(b *testing.B) {
	p, err := repo.ParsePattern(strings.Repeat("*a", 95))
	if err != nil {
		b.Fatal(err)
	}
	name := strings.Repeat("a", 500) + "b"
	for b.Loop() {
		p.Match(name)
	}
}

// slow is the obvious way: it tries everything.
func slow(p []string, name []rune) bool {
	if len(p) == 0 {
		return len(name) == 0
	}
	switch p[0] {
	case "**/":
		if slow(p[1:], name) {
			return true
		}
		for i, r := range name {
			if r == '/' && slow(p[1:], name[i+1:]) {
				return true
			}
		}
		return false
	case "**", "*":
		for i := 0; ; i++ {
			if slow(p[1:], name[i:]) {
				return true
			}
			if i == len(name) || p[0] == "*" && name[i] == '/' {
				return false
			}
		}
	case "?":
		return len(name) > 0 && name[0] != '/' && slow(p[1:], name[1:])
	}
	return len(name) > 0 && strings.EqualFold(p[0], string(name[0])) && slow(p[1:], name[1:])
}

// FuzzPattern compares the matcher with the obvious one, on what has no sets
// and is short, and lets nothing crash it.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"main", "a*b", "**/x", "a/**/b", "?*/**", "***", "[a-z]*", `\*`, "a**/b", "**/**/**"} {
		f.Add(s, "a/x/b")
		f.Add(s, "main")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := repo.ParsePattern(pattern)
		if err != nil {
			return
		}
		got := p.Match(name)
		// The same behind a name that fills most of a machine word, and a few more.
		for n := 58; n < 64 && !strings.HasPrefix(name, "/"); n++ {
			before := strings.Repeat("x", n) + "/"
			if p, err := repo.ParsePattern(before + pattern); err == nil && p.Match(before+name) != got {
				t.Errorf("%q on %q behind %d characters: %v, want %v", pattern, name, n, !got, got)
			}
		}
		if strings.ContainsAny(pattern, `[\`) || len(pattern) > 10 || len(name) > 12 {
			return
		}
		var toks []string
		for rest := pattern; rest != ""; {
			atStart := len(rest) == len(pattern) || pattern[len(pattern)-len(rest)-1] == '/'
			n := len(string([]rune(rest)[0]))
			switch {
			case atStart && strings.HasPrefix(rest, "**/"):
				n = 3
			case strings.HasPrefix(rest, "**"):
				n = 2
			}
			if last := len(toks) - 1; n == 1 && rest[0] == '*' && last >= 0 && strings.Trim(toks[last], "*") == "" {
				rest = rest[1:]
				continue
			}
			toks = append(toks, rest[:n])
			rest = rest[n:]
		}
		if want := slow(toks, []rune(name)); got != want {
			t.Errorf("%q on %q: %v, want %v", pattern, name, got, want)
		}
	})
}
