package printable_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"jeton/internal/printable"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                    "",
		"a plain note":                        "a plain note",
		"Grüße, 世界, \U0001F600, \uFFFD":       "Grüße, 世界, \U0001F600, \uFFFD",
		`C:\new`:                              `C:\new`,
		"a\r\nb\tc\x00\x1b[31m\x7f":           `a\u{000D}\u{000A}b\u{0009}c\u{0000}\u{001B}[31m\u{007F}`,
		"csi\u009b31m":                        `csi\u{009B}31m`,
		"user\u202egnp.exe\u2066\u200f\u061c": `user\u{202E}gnp.exe\u{2066}\u{200F}\u{061C}`,
		"a\u200bb\ufeffc\u00add\u2060":        `a\u{200B}b\u{FEFF}c\u{00AD}d\u{2060}`,
		"a\u2028b\u2029":                      `a\u{2028}b\u{2029}`,
		"a\u00a0b\u3000":                      `a\u{00A0}b\u{3000}`,
		"bad \xff\xc3":                        `bad \x{FF}\x{C3}`,
		"tag\U000E0041":                       `tag\u{E0041}`,
		"filler\u3164\ufe0f\u034f":            `filler\u{3164}\u{FE0F}\u{034F}`,
		"private\ue000":                       `private\u{E000}`,
	} {
		if got := printable.Line(in, 0); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"abcdef": "abcdef", "abcdefg": "abc…", "äöüß": "ä…", "abc\u202edef": "abc…", "a\u202e": "a…"} {
		if got := printable.Line(in, 6); got != want {
			t.Errorf("%q cut at 6: got %q, want %q", in, got, want)
		}
	}
}

func TestLineProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "in")
		max := rapid.IntRange(3, 40).Draw(t, "max")
		whole := printable.Line(in, 0)
		if !utf8.ValidString(whole) || printable.Line(whole, 0) != whole {
			t.Fatalf("%q gave %q", in, whole)
		}
		for _, r := range whole {
			if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("%q is left in %q", r, whole)
			}
		}
		cut := printable.Line(in, max)
		if len(cut) > max || !strings.HasPrefix(whole, strings.TrimSuffix(cut, "…")) {
			t.Fatalf("%q cut at %d is %q", whole, max, cut)
		}
	})
}
