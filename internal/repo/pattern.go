package repo

import (
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/printable"
	"jeton/internal/problem"
)

// Pattern says which branches or tags a rule is about, as fnmatch with
// FNM_PATHNAME does: "*" is anything but "/", "**" anything, "**/" any number of
// folders, none as well, "?" one character but "/", "[a-z]" one of a set,
// "[!a-z]" and "[^a-z]" one that is not in it, and "\" takes the next character
// as it is. Case does not matter: where file systems fold it, Main is main.
//
// The zero Pattern matches the empty name alone.
type Pattern struct {
	text    string
	exact   bool
	machine machine
}

const maxPattern = 200 // bytes, as the longest branch

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
	r    rune // of a tokenRune, folded
	set  patternSet
}

// ParsePattern reads a pattern. It fails with problem.Invalid for the field
// pattern.
func ParsePattern(text string) (Pattern, error) {
	bad := func(public string) (Pattern, error) { return Pattern{}, problem.Field("pattern", public) }
	switch {
	case text == "":
		return bad("Write a name or a pattern.")
	case len(text) > maxPattern:
		return bad("The pattern is longer than 200 bytes.")
	case !utf8.ValidString(text), printable.Line(text, 0) != text, strings.ContainsAny(text, " ~:"):
		return bad("The pattern has a character that no branch or tag has in its name.")
	case strings.HasPrefix(text, "refs/"):
		return bad("Write the name alone, as main or v1.0, without refs/heads/ or refs/tags/ before it.")
	case text[0] == '/', strings.HasSuffix(text, "/"), strings.Contains(text, "//"):
		return bad("No branch or tag has an empty part between slashes in its name.")
	}
	var toks []patternToken
	for rest := text; rest != ""; {
		t, n, ok := nextToken(rest, len(rest) == len(text) || text[len(text)-len(rest)-1] == '/')
		if !ok {
			return bad("A set that begins with [ needs its ], and a \\ the character that it takes as it is.")
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
	return Pattern{text: text, exact: !slices.ContainsFunc(toks, special), machine: newMachine(toks)}, nil
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
	return patternToken{kind: tokenRune, r: fold(r)}, n + size, true
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

// Match reports whether name, without refs/heads/ or refs/tags/, matches.
func (p Pattern) Match(name string) bool { return p.machine.match(name) }
