// Package pattern matches names of branches, tags and files with what people write
// to mean several of them. It takes linear time for any pattern and name: both are
// written by strangers.
package pattern

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern says which names are meant, as fnmatch with FNM_PATHNAME does: "*" is
// anything but "/", "**" anything, "**/" any number of folders, none as well, "?"
// one character but "/", "[a-z]" one of a set, "[!a-z]" and "[^a-z]" one that is
// not in it, and "\" takes the next character as it is.
//
// The zero Pattern matches the empty name alone.
type Pattern struct {
	text    string
	exact   bool
	machine machine
}

// Max is the most bytes that a pattern may have, as the longest branch.
const Max = 200

// Case says whether upper and lower case are the same.
type Case bool

// The choices. Where file systems fold case, Main is main: so branches are looked
// at with Folded. Limits that must not be wider than they read are Sensitive.
const (
	Folded    Case = false
	Sensitive Case = true
)

// ErrMalformed is returned for an empty or too long pattern, one that is not UTF-8,
// and one with a set or a \ that is not complete.
var ErrMalformed = errors.New("not the form of a pattern")

type tokenKind uint8

const (
	tokenRune    tokenKind = iota // one character
	tokenOne                      // ?
	tokenSet                      // [...]
	tokenStar                     // *
	tokenAny                      // **
	tokenFolders                  // **/, which stands before a tokenInto
	tokenInto                     // the folders themselves: anything up to a "/"
)

type patternToken struct {
	kind tokenKind
	r    rune // of a tokenRune
	set  patternSet
}

// Parse reads a pattern.
func Parse(text string, c Case) (Pattern, error) {
	if text == "" || len(text) > Max || !utf8.ValidString(text) {
		return Pattern{}, ErrMalformed
	}
	var toks []patternToken
	for rest := text; rest != ""; {
		t, n, ok := nextToken(rest, len(rest) == len(text) || text[len(text)-len(rest)-1] == '/')
		if !ok {
			return Pattern{}, ErrMalformed
		}
		rest = rest[n:]
		if last := len(toks) - 1; t.kind == tokenStar && last >= 0 && (toks[last].kind == tokenStar || toks[last].kind == tokenAny) {
			continue // a third star says nothing new
		}
		toks = append(toks, t)
		if t.kind == tokenFolders {
			toks = append(toks, patternToken{kind: tokenInto})
		}
	}
	special := func(t patternToken) bool { return t.kind != tokenRune }
	return Pattern{text: text, exact: !slices.ContainsFunc(toks, special), machine: newMachine(toks, c)}, nil
}

// nextToken reads one token and its length in bytes. atStart is true where a
// part of the path begins.
func nextToken(s string, atStart bool) (t patternToken, n int, ok bool) {
	switch {
	case atStart && strings.HasPrefix(s, "**/"):
		return patternToken{kind: tokenFolders}, 3, true
	case strings.HasPrefix(s, "**"):
		return patternToken{kind: tokenAny}, 2, true
	case s[0] == '*':
		return patternToken{kind: tokenStar}, 1, true
	case s[0] == '?':
		return patternToken{kind: tokenOne}, 1, true
	case s[0] == '[':
		return nextSet(s)
	}
	if s[0] == '\\' {
		n = 1
	}
	if n == len(s) {
		return t, 0, false
	}
	r, size := utf8.DecodeRuneInString(s[n:])
	return patternToken{kind: tokenRune, r: r}, n + size, true
}

// nextSet reads "[...]". A "]" right at the beginning stands for itself.
func nextSet(s string) (t patternToken, n int, ok bool) {
	t.kind = tokenSet
	n = 1
	if n < len(s) && (s[n] == '!' || s[n] == '^') {
		t.set.negate = true
		n++
	}
	one := func() (rune, bool) {
		if n < len(s) && s[n] == '\\' {
			n++
		}
		if n >= len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		n += size
		return r, true
	}
	for first := true; ; first = false {
		if n < len(s) && s[n] == ']' && !first {
			return t, n + 1, true
		}
		low, ok := one()
		if !ok {
			return t, 0, false
		}
		high := low
		if n+1 < len(s) && s[n] == '-' && s[n+1] != ']' {
			n++
			if high, ok = one(); !ok {
				return t, 0, false
			}
		}
		t.set.ranges = append(t.set.ranges, [2]rune{low, high})
	}
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Exact reports whether the pattern is one name, without anything special.
func (p Pattern) Exact() bool { return p.exact }

// Match reports whether the whole of name matches.
func (p Pattern) Match(name string) bool { return p.machine.match(name) }
