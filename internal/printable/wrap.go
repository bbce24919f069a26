package printable

import "strings"

// Wrap breaks text at its spaces into lines of at most width bytes. A word that
// is longer, as a URL may be, stands alone on its line, whole. A line break in
// text stays, and a line that begins with a space is kept as it is: a command
// that someone is to copy must not be broken.
func Wrap(text string, width int) []string {
	var lines []string
	for part := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(part, " ") {
			lines = append(lines, part)
			continue
		}
		lines = append(lines, wrapLine(part, width)...)
	}
	return lines
}

func wrapLine(text string, width int) []string {
	if !isEven(text) {
		text = strings.Join(strings.Fields(text), " ")
	}
	var lines []string
	for len(text) > width {
		cut := strings.LastIndexByte(text[:width+1], ' ')
		if cut < 0 {
			cut = strings.IndexByte(text, ' ')
		}
		if cut < 0 {
			break
		}
		lines, text = append(lines, text[:cut]), text[cut+1:]
	}
	if text != "" {
		lines = append(lines, text)
	}
	return lines
}

// isEven reports whether single spaces alone stand between the words of text, and
// none at its ends. It says no to what is not ASCII.
func isEven(text string) bool {
	last := byte(' ')
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c >= 0x7f || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return last != ' '
}
