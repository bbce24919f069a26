package printable

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	url := "https://git.example.com/settings/tokens/new?scopes=repo&description=git"
	cases := map[string]struct {
		in   string
		want []string
	}{
		"empty":        {"", nil},
		"short":        {"one  two", []string{"one two"}},
		"breaks":       {"aaaa bbbb cccc", []string{"aaaa bbbb", "cccc"}},
		"a long word":  {"see " + url + " now", []string{"see", url, "now"}},
		"a line break": {"aaaa\nbbbb cccc\n\ndd", []string{"aaaa", "bbbb cccc", "dd"}},
		"a command":    {"run this one:\n  git credential reject\nthen go on", []string{"run this", "one:", "  git credential reject", "then go on"}},
	}
	for name, c := range cases {
		if got := Wrap(c.in, 10); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
