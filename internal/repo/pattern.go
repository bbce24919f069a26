package repo

import (
	"slices"
	"strings"
	"unicode"
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
	text string
	toks []patternToken
}

const maxPattern = 200 // bytes, as the longest branch

type tokenKind uint8

const (
	tokenRune    tokenKind = iota // one character
	tokenOne                      // ?
	tokenSet                      // [...]
	tokenStar                     // *
	tokenAny                      // **
	tokenFolders                  // **/ — stands before a tokenInto
	tokenInto                     // the folders themselves: anything up to a "/"
)

type patternToken struct {
	kind   tokenKind
	r      rune
	ranges [][2]rune
	negate bool
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
	p := Pattern{text: text}
	for rest := text; rest != ""; {
		t, n, ok := nextToken(rest, len(rest) == len(text) || text[len(text)-len(rest)-1] == '/')
		if !ok {
			return bad("A set that begins with [ needs its ], and a \\ the character that it takes as it is.")
		}
		rest = rest[n:]
		if last := len(p.toks) - 1; t.kind == tokenStar && last >= 0 && (p.toks[last].kind == tokenStar || p.toks[last].kind == tokenAny) {
			continue // a third star says nothing new
		}
		p.toks = append(p.toks, t)
		if t.kind == tokenFolders {
			p.toks = append(p.toks, patternToken{kind: tokenInto})
		}
	}
	return p, nil
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
		t.negate = true
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
		t.ranges = append(t.ranges, [2]rune{low, high})
	}
}

// fold returns the smallest of the characters that differ by case alone.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Exact reports whether the pattern is one name, without anything special.
func (p Pattern) Exact() bool {
	return !slices.ContainsFunc(p.toks, func(t patternToken) bool { return t.kind != tokenRune })
}

// Match reports whether name, without refs/heads/ or refs/tags/, matches. It
// goes through name once with all places of the pattern where it may be, so
// that no pattern takes longer than its length times the name's.
func (p Pattern) Match(name string) bool {
	now, next := make([]bool, len(p.toks)+1), make([]bool, len(p.toks)+1)
	p.enter(now, 0)
	for _, r := range name {
		clear(next)
		for i, t := range p.toks {
			if !now[i] {
				continue
			}
			switch t.kind {
			case tokenStar:
				if r != '/' {
					p.enter(next, i)
				}
			case tokenAny:
				p.enter(next, i)
			case tokenInto:
				next[i] = true
				if r == '/' {
					p.enter(next, i+1)
				}
			case tokenFolders: // nothing is read here: enter went on
			default:
				if t.matches(r) {
					p.enter(next, i+1)
				}
			}
		}
		now, next = next, now
	}
	return now[len(p.toks)]
}

// enter marks place i, and those that are reached from it without a character.
func (p Pattern) enter(places []bool, i int) {
	for {
		places[i] = true
		if i == len(p.toks) {
			return
		}
		switch p.toks[i].kind {
		case tokenStar, tokenAny:
			i++
		case tokenFolders:
			places[i+1] = true
			i += 2
		default:
			return
		}
	}
}

func (t *patternToken) matches(r rune) bool {
	switch t.kind {
	case tokenOne:
		return r != '/'
	case tokenSet:
		return r != '/' && t.in(r) != t.negate
	}
	return fold(r) == t.r
}

// in reports whether r, or what differs from it by case alone, is in the set.
func (t *patternToken) in(r rune) bool {
	for c := r; ; {
		if slices.ContainsFunc(t.ranges, func(x [2]rune) bool { return x[0] <= c && c <= x[1] }) {
			return true
		}
		if c = unicode.SimpleFold(c); c == r {
			return false
		}
	}
}
