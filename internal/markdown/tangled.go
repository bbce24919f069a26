package markdown

import "bytes"

// Markdown can be written so that reading it takes time with the square of its
// length, in this parser as in others. These bounds keep the worst case at
// about a second; no README that was made for people comes near them.
const (
	maxContainers = 24         // quotes and lists that one line opens or continues
	maxNesting    = 400_000    // the sum of the squares of that, and of the depth by indentation, over all lines
	maxInline     = 64_000_000 // the same of brackets and of emphasis marks over all paragraphs
	maxColumns    = 128        // of a table
	maxCells      = 100_000    // of all tables: short rows are filled up
)

// tangled reports whether src is past one of the bounds. It is a rough reading,
// line by line, that may see more than is there but never less.
func tangled(src []byte) bool {
	var nesting, brackets, marks, columns, cells int
	var inlineCost int
	for line := range bytes.Lines(src) {
		n := containers(line)
		nesting += n * n
		if n > 0 {
			// An item may continue as many lists as its indentation has room
			// for. Counted as a quarter: code is indented too.
			depth := (len(line) - len(bytes.TrimLeft(line, " \t"))) / 2
			nesting += depth * depth / 4
		}
		if n > maxContainers || nesting > maxNesting {
			return true
		}
		inner := bytes.TrimLeft(line, "> \t")
		inner = bytes.TrimRight(inner, " \t\r\n")
		if len(inner) == 0 || startsItem(line) {
			inlineCost += brackets*brackets + marks*marks
			brackets, marks = 0, 0
		}
		b, m := inline(inner)
		brackets, marks = brackets+b, marks+m
		if inlineCost+brackets*brackets+marks*marks > maxInline {
			return true
		}
		if len(inner) == 0 {
			columns = 0
		}
		if c := delimiterRow(inner); c > columns {
			columns = c
		}
		cells += columns
		if columns > maxColumns || cells > maxCells {
			return true
		}
	}
	return false
}

// containers counts the marks of quotes and list items before a line's text. A
// line of one mark alone, repeated, is a rule across the page.
func containers(line []byte) int {
	line = bytes.TrimRight(line, " \t\r\n")
	n, digits := 0, 0
	rule := len(line) > 0 && (line[0] == '-' || line[0] == '*')
	for i, c := range line {
		switch c {
		case ' ', '\t':
			continue
		case '>':
			n, rule = n+1, false
			continue
		case '-', '*', '+':
			rule = rule && c == line[0]
			if i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t' {
				n++
				continue
			}
		case '.', ')':
			if digits > 0 && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
				n, digits = n+1, 0
				continue
			}
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			rule = false
			if digits++; digits <= 9 {
				continue
			}
		}
		return n
	}
	if rule {
		return 0
	}
	return n
}

// startsItem reports whether the line begins a list item whatever was before
// it, and with it a new paragraph.
func startsItem(line []byte) bool {
	text := bytes.TrimLeft(line, " ")
	return len(line)-len(text) <= 3 && len(text) > 2 && (text[0] == '-' || text[0] == '*' || text[0] == '+') &&
		text[1] == ' ' && text[2] > ' '
}

func inline(line []byte) (brackets, marks int) {
	for _, c := range line {
		switch c {
		case '[', ']', '(':
			brackets++
		case '*', '_', '~':
			marks++
		}
	}
	return brackets, marks
}

// delimiterRow returns how many columns the line under a table's head would
// give, or zero when it is not such a line.
func delimiterRow(line []byte) int {
	columns, dashes := 1, false
	for _, c := range line {
		switch c {
		case '|':
			columns++
		case '-':
			dashes = true
		case ':', ' ', '\t':
		default:
			return 0
		}
	}
	if !dashes {
		return 0
	}
	return columns
}
