// Package printable makes text from outside fit for a terminal, a page or a
// log: what could move a cursor, hide itself or turn the reading direction is
// shown as an escape. It must never be used for what a program reads again.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// Line returns s on one line, with every control character, line or paragraph
// separator, bidirectional control, invisible character and invalid byte
// written as an escape such as \u{202E} or \x{FF}. A result longer than max
// bytes is cut between characters and ends in "…"; max 0 is no limit. A
// backslash stays as it is, so Line can't be undone; Line of a Line is itself.
func Line(s string, max int) string {
	if clean(s) && (max <= 0 || len(s) <= max) {
		return s
	}
	var b strings.Builder
	cut := 0 // the longest prefix that leaves room for the ellipsis
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x{%02X}`, s[i])
		case hidden(r):
			fmt.Fprintf(&b, `\u{%04X}`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
		if max <= 0 {
			continue
		}
		if b.Len() > max {
			return b.String()[:cut] + ellipsis
		}
		if b.Len() <= max-len(ellipsis) {
			cut = b.Len()
		}
	}
	return b.String()
}

func clean(s string) bool {
	for i, r := range s {
		if hidden(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// hidden reports whether r is anything but a visible character or a plain
// space. The categories: Cc controls, Cf format (bidirectional controls, zero
// width, soft hyphen, tags), Zl and Zp separators, Zs spaces that look like
// another or like nothing, Cs, Co and unassigned by way of IsPrint. Joiners
// that some scripts and emoji need are Cf too: a log line that spells them
// out is better than one that hides them.
func hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < 0x20 || r == 0x7f
	}
	if r == utf8.RuneError { // a real U+FFFD is visible
		return false
	}
	return !unicode.IsPrint(r) || invisible(r)
}

// invisible lists the characters that count as letters or marks and show
// nothing: fillers, the combining grapheme joiner, variation selectors.
func invisible(r rune) bool {
	switch {
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x3164, r == 0xFFA0, r == 0x2800,
		r >= 0x180B && r <= 0x180F,
		r >= 0xFE00 && r <= 0xFE0F,
		r >= 0xE0100 && r <= 0xE01EF:
		return true
	}
	return false
}
