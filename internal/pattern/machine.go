package pattern

import (
	"cmp"
	"slices"
	"unicode"
)

// machine matches a pattern. It goes through a name once, with all places of the
// pattern where it may be at that moment as a set of bits, so that no pattern
// takes longer than the name's length for each 64 places: a push may bring a
// hundred thousand names, and patterns are written by strangers.
type machine struct {
	fold  bool  // upper and lower case are the same
	end   int   // the place behind the last token
	words int   // of a set that are in use
	stay  marks // where any character changes nothing: **, and the folders of **/
	star  marks // where any but "/" does: *
	into  marks // where a "/" leads on: the folders of **/
	one   marks // where any but "/" leads on: ?
	pass  marks // from where it goes on without a character
	skip  marks // from where it goes on by two: **/ without any folder
	runes []runeMarks
	sets  []setMark
}

// runeMarks are the places where a character leads on.
type runeMarks struct {
	r  rune // folded, if the machine folds
	at marks
}

type setMark struct {
	at int
	patternSet
}

// marks is a set of places. A pattern has at most Max tokens, and a place
// behind them.
type marks [Max/64 + 1]uint64

func (m *marks) add(i int)      { m[i/64] |= 1 << (i % 64) }
func (m *marks) has(i int) bool { return m[i/64]>>(i%64)&1 != 0 }

func newMachine(toks []patternToken, c Case) machine {
	m := machine{fold: c == Folded, end: len(toks), words: len(toks)/64 + 1}
	for i, t := range toks {
		switch t.kind {
		case tokenStar:
			m.star.add(i)
			m.pass.add(i)
		case tokenAny:
			m.stay.add(i)
			m.pass.add(i)
		case tokenFolders:
			m.pass.add(i)
			m.skip.add(i)
		case tokenInto:
			m.stay.add(i)
			m.into.add(i)
		case tokenOne:
			m.one.add(i)
		case tokenSet:
			m.sets = append(m.sets, setMark{i, t.set})
		case tokenRune:
			r := m.folded(t.r)
			at, ok := slices.BinarySearchFunc(m.runes, r, byRune)
			if !ok {
				m.runes = slices.Insert(m.runes, at, runeMarks{r: r})
			}
			m.runes[at].at.add(i)
		}
	}
	return m
}

func byRune(m runeMarks, r rune) int { return cmp.Compare(m.r, r) }

func (m *machine) match(name string) bool {
	var now marks
	now.add(0)
	m.enter(&now)
	for _, r := range name {
		next := m.leads(&now, r)
		alive := uint64(0)
		carry := uint64(0)
		for w := range m.words {
			on := now[w] & next[w]
			still := now[w] & m.stay[w]
			if r != '/' {
				still |= now[w] & m.star[w]
			}
			next[w] = on<<1 | carry | still
			carry = on >> 63
			alive |= next[w]
		}
		if alive == 0 {
			return false
		}
		m.enter(&next)
		now = next
	}
	return now.has(m.end)
}

// leads returns the places where r leads on. Sets are looked at only where the
// name may be.
func (m *machine) leads(now *marks, r rune) marks {
	var on marks
	if i, ok := slices.BinarySearchFunc(m.runes, m.folded(r), byRune); ok {
		on = m.runes[i].at
	}
	if r == '/' {
		for w := range m.words {
			on[w] |= m.into[w]
		}
		return on
	}
	for w := range m.words {
		on[w] |= m.one[w]
	}
	for i := range m.sets {
		if s := &m.sets[i]; now.has(s.at) && s.has(r, m.fold) {
			on.add(s.at)
		}
	}
	return on
}

// enter adds the places that are reached without a character.
func (m *machine) enter(places *marks) {
	for {
		before := *places
		carry := uint64(0)
		for w := range m.words {
			pass, skip := before[w]&m.pass[w], before[w]&m.skip[w]
			places[w] |= pass<<1 | skip<<2 | carry
			carry = pass>>63 | skip>>62
		}
		if *places == before {
			return
		}
	}
}

// patternSet is [...]: characters, or with negate all others but "/".
type patternSet struct {
	ranges [][2]rune
	negate bool
}

// has reports whether r is meant, with fold whatever its case.
func (s *patternSet) has(r rune, fold bool) bool {
	for c := r; ; {
		if slices.ContainsFunc(s.ranges, func(x [2]rune) bool { return x[0] <= c && c <= x[1] }) {
			return !s.negate
		}
		if c = unicode.SimpleFold(c); c == r || !fold {
			return s.negate
		}
	}
}

func (m *machine) folded(r rune) rune {
	if m.fold {
		return fold(r)
	}
	return r
}

// fold returns the smallest of the characters that differ by case alone.
func fold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
