package object

import "strings"

// setting is one line of a file in the format of git's configuration. name is
// "section.subsection.key", all but the subsection in lower case.
type setting struct {
	name, value string
	has         bool // it has a value, which may be empty
}

// eachSetting calls f for each setting of a file until f returns false, or up to
// the first place that git can't read. It reads as git does, character by
// character: what git sees in the file is what matters here.
func eachSetting(data []byte, f func(setting) bool) {
	s := configScan{data: data}
	if strings.HasPrefix(string(data[:min(len(data), 3)]), "\ufeff") {
		s.pos = 3
	}
	section := ""
	for {
		c := s.next()
		switch {
		case c == '\n' && s.eof:
			return
		case isSpace(c):
		case c == '#' || c == ';':
			for s.next() != '\n' {
			}
			if s.eof {
				return
			}
		case c == '[':
			name, ok := s.section()
			if !ok {
				return
			}
			section = name
		case isAlpha(c):
			one, ok := s.setting(section, c)
			if !ok || !f(one) {
				return
			}
			if s.eof {
				return
			}
		default:
			return
		}
	}
}

type configScan struct {
	data []byte
	pos  int
	eof  bool
}

// next returns the next character; the end counts as a line break.
func (s *configScan) next() byte {
	if s.pos >= len(s.data) {
		s.eof = true
		return '\n'
	}
	c := s.data[s.pos]
	s.pos++
	if c == '\r' && s.pos < len(s.data) && s.data[s.pos] == '\n' {
		s.pos++
		c = '\n'
	}
	return c
}

// section reads what follows a '['.
func (s *configScan) section() (string, bool) {
	var b strings.Builder
	for {
		c := s.next()
		switch {
		case s.eof:
			return "", false
		case c == ']':
			b.WriteByte('.')
			return b.String(), true
		case isSpace(c):
			if !s.subsection(&b, c) {
				return "", false
			}
			b.WriteByte('.')
			return b.String(), true
		case !isKey(c) && c != '.':
			return "", false
		}
		b.WriteByte(lower(c))
	}
}

func (s *configScan) subsection(b *strings.Builder, c byte) bool {
	for isSpace(c) {
		if c == '\n' {
			return false
		}
		c = s.next()
	}
	if c != '"' {
		return false
	}
	b.WriteByte('.')
	for {
		c = s.next()
		if c == '"' {
			return s.next() == ']'
		}
		if c == '\\' {
			c = s.next()
		}
		if c == '\n' {
			return false
		}
		b.WriteByte(c)
	}
}

// setting reads a key, whose first character is given, and its value.
func (s *configScan) setting(section string, c byte) (setting, bool) {
	var b strings.Builder
	b.WriteString(section)
	for ; !s.eof && isKey(c); c = s.next() {
		b.WriteByte(lower(c))
	}
	one := setting{name: cString(b.String())}
	for c == ' ' || c == '\t' {
		c = s.next()
	}
	if c == '\n' {
		return one, true
	}
	if c != '=' {
		return one, false
	}
	value, ok := s.value()
	one.value, one.has = cString(value), true
	return one, ok
}

func (s *configScan) value() (string, bool) {
	var b strings.Builder
	quote, space := false, 0
	for {
		c := s.next()
		switch {
		case c == '\n':
			return b.String(), !quote
		case isSpace(c) && !quote:
			if b.Len() > 0 {
				space++
			}
			continue
		case (c == ';' || c == '#') && !quote:
			for s.next() != '\n' {
			}
			return b.String(), true
		}
		for ; space > 0; space-- {
			b.WriteByte(' ')
		}
		switch c {
		case '\\':
			c = s.next()
			switch c {
			case '\n':
				if s.eof {
					return b.String(), !quote
				}
				continue
			case 't':
				c = '\t'
			case 'b':
				c = '\b'
			case 'n':
				c = '\n'
			case '\\', '"':
			default:
				return "", false
			}
			b.WriteByte(c)
		case '"':
			quote = !quote
		default:
			b.WriteByte(c)
		}
	}
}

// cString cuts a text where git, which is written in C, sees its end.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isAlpha(c byte) bool { return lower(c) >= 'a' && lower(c) <= 'z' }
func isKey(c byte) bool   { return isAlpha(c) || isDigit(c) || c == '-' }
