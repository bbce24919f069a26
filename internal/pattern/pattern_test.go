package pattern_test

import (
	"strings"
	"testing"

	"jeton/internal/pattern"
)

// TestSensitive: what limits a token means nothing more than it says.
func TestSensitive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, yes, no string }{
		{"docs/**", "docs/a docs/a/b", "Docs/a DOCS/a"},
		{"[a-c]x", "ax cx", "Ax CX"},
		{"[!a]x", "Ax", "ax"},
		{"ä*", "ä1", "Ä1"},
	} {
		p, err := pattern.Parse(c.text, pattern.Sensitive)
		if err != nil {
			t.Fatal(err)
		}
		for name := range strings.FieldsSeq(c.yes) {
			if !p.Match(name) {
				t.Errorf("%q does not match %q", c.text, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if p.Match(name) {
				t.Errorf("%q matches %q", c.text, name)
			}
		}
	}
}
