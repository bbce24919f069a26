package shape

import (
	"bytes"
	"math/rand/v2"
)

// syllables make the words. Text of words compresses about as source code does.
var syllables = [...]string{
	"ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo", "zu",
	"ar", "en", "is", "ot", "um", "ack", "ent", "ing", "ord", "ust", "tra", "ple", "sti", "cro", "blu", "ment", "ness", "tion", "able", "form",
}

// vocabulary is how many words there are.
const vocabulary = 6000

// word returns the word of a rank; frequent words are short.
func word(buf []byte, rank int) []byte {
	n := len(syllables)
	buf = append(buf, syllables[rank%n]...)
	for rest := rank / n; rest > 0; rest /= n {
		buf = append(buf, syllables[(rest*7+rank)%n]...)
	}
	return buf
}

// rank draws a word as languages do: few words make most of the text. It
// counts in integers, since floating point differs between processors.
func rank(r *rand.Rand) int { return r.IntN(1<<r.IntN(14)) % vocabulary }

// line draws a line: an indentation and a few words.
func line(r *rand.Rand) []byte {
	if r.IntN(9) == 0 {
		return []byte("\n")
	}
	var out []byte
	for range r.IntN(4) {
		out = append(out, '\t')
	}
	for i := range 1 + r.IntN(9) {
		if i > 0 {
			out = append(out, " \t(.,;="[min(r.IntN(40), 6)])
		}
		out = word(out, rank(r))
	}
	return append(out, '\n')
}

// text is a file as lines.
type text [][]byte

// newText draws a file of about so many bytes.
func newText(r *rand.Rand, size int) text {
	var t text
	for n := 0; n < size; {
		l := line(r)
		t = append(t, l)
		n += len(l)
	}
	return t
}

// edit returns t with one change as people make them: mostly a few lines at one
// or two places, seldom a whole paragraph. t itself stays as it is.
func (t text) edit(r *rand.Rand) text {
	out := append(text(nil), t...)
	for range 1 + min(r.IntN(6), r.IntN(6)) {
		at := r.IntN(len(out) + 1)
		gone := min(len(out)-at, r.IntN(4))
		came := 1 + r.IntN(8)
		if r.IntN(10) == 0 {
			came += r.IntN(25)
		}
		if r.IntN(12) == 0 {
			gone = min(len(out)-at, r.IntN(25))
		}
		fresh := make(text, 0, came)
		for range came {
			fresh = append(fresh, line(r))
		}
		out = append(out[:at:at], append(fresh, out[at+gone:]...)...)
	}
	return out
}

func (t text) bytes() []byte { return bytes.Join(t, nil) }
