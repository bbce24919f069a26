package web

import (
	"bytes"
	"html/template"
	"strconv"
	"unicode/utf8"

	"jeton/internal/gitstore"
)

// The most that one page shows of a file.
const (
	maxShown     = 1 << 20 // bytes
	maxLines     = 20_000
	maxLineShown = 4_000 // bytes of one line
)

// isBinary looks for a NUL byte in the beginning, as git does.
func isBinary(b []byte) bool { return bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 }

// writeCode makes the table of a file's lines. It is written by hand, not by a
// template for each line: a file has up to twenty thousand of them. cut reports
// that something is left out.
func writeCode(src []byte) (code template.HTML, lines int, cut bool) {
	b := make([]byte, 0, len(src)*2)
	b = append(b, `<table class="code"><tbody>`...)
	for line := range bytes.Lines(src) {
		if lines++; lines > maxLines {
			cut = true
			continue
		}
		n := strconv.Itoa(lines)
		b = append(b, `<tr id="L`...)
		b = append(b, n...)
		b = append(b, `"><td class="n"><a href="#L`...)
		b = append(b, n...)
		b = append(b, `">`...)
		b = append(b, n...)
		b = append(b, `</a></td><td class="t">`...)
		var short bool
		b, short = appendLine(b, line, maxLineShown)
		cut = cut || short
		b = append(b, "</td></tr>\n"...)
	}
	b = append(b, "</tbody></table>"...)
	return template.HTML(b), lines, cut
}

// appendLine escapes one line for HTML, without its end and cut to limit bytes.
// Control characters are left to visible, which sees the whole page; a carriage
// return before the end is part of the end.
func appendLine(b, line []byte, limit int) ([]byte, bool) {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	short := len(line) > limit
	if short {
		line = line[:limit]
	}
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '&':
			b = append(b, "&amp;"...)
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRune(line[i:])
			b = utf8.AppendRune(b, r) // bytes that are no text become U+FFFD
			i += n
			continue
		}
		i++
	}
	if short {
		b = append(b, ` <span class="cut">the rest of this line is not shown</span>`...)
	}
	return b, short
}

// writeDiff makes the table of one file's changes.
func writeDiff(f *gitstore.FileDiff) template.HTML {
	var b []byte
	b = append(b, `<table class="code diff"><tbody>`...)
	for i := range f.Hunks {
		b = appendHunk(b, &f.Hunks[i])
	}
	if f.Truncated {
		b = append(b, `<tr class="hunk"><td colspan="4">The rest of this file's changes is not shown.</td></tr>`...)
	}
	b = append(b, "</tbody></table>"...)
	return template.HTML(b)
}

func appendHunk(b []byte, h *gitstore.Hunk) []byte {
	b = append(b, `<tr class="hunk"><td colspan="4">@@ -`...)
	b = strconv.AppendInt(b, int64(h.OldStart), 10)
	b = append(b, " +"...)
	b = strconv.AppendInt(b, int64(h.NewStart), 10)
	b = append(b, " @@ "...)
	b, _ = appendLine(b, []byte(h.Section), 200)
	b = append(b, "</td></tr>\n"...)
	before, after := h.OldStart, h.NewStart
	for _, l := range h.Lines {
		switch l.Op {
		case '+':
			b = appendChange(b, "add", "+", "added", 0, after, l)
			after++
		case '-':
			b = appendChange(b, "del", "−", "removed", before, 0, l)
			before++
		case '\\':
			b = append(b, `<tr class="hunk"><td colspan="4">No line end at the end of the file</td></tr>`...)
		default:
			b = appendChange(b, "", "", "", before, after, l)
			before++
			after++
		}
	}
	return b
}

// appendChange writes one line with both its numbers. The sign is text, and a
// word for screen readers, since colour alone says nothing.
func appendChange(b []byte, class, sign, word string, before, after int, l gitstore.Line) []byte {
	b = append(b, "<tr"...)
	if class != "" {
		b = append(b, ` class="`+class+`"`...)
	}
	b = append(b, `><td class="n">`...)
	if before > 0 {
		b = strconv.AppendInt(b, int64(before), 10)
	}
	b = append(b, `</td><td class="n">`...)
	if after > 0 {
		b = strconv.AppendInt(b, int64(after), 10)
	}
	b = append(b, `</td><td class="sign">`...)
	if sign != "" {
		b = append(b, `<span aria-hidden="true">`+sign+`</span><span class="sr">`+word+`</span>`...)
	}
	b = append(b, `</td><td class="t">`...)
	b, _ = appendLine(b, []byte(l.Text), maxLineShown)
	if l.Truncated {
		b = append(b, ` <span class="cut">the rest of this line is not shown</span>`...)
	}
	return append(b, "</td></tr>\n"...)
}
