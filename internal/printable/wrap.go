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
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
