package object

import "unicode/utf8"

// isHFSDot reports whether HFS+ takes a name for "." and needle, a lower-case
// word: it ignores case and some characters that nobody sees. A name that stops
// to be UTF-8 counts as ending there, as git counts it.
func isHFSDot(name []byte, needle string) bool {
	c, name := nextHFS(name)
	if c != '.' {
		return false
	}
	for i := range len(needle) {
		if c, name = nextHFS(name); c > 127 || lower(byte(c)) != needle[i] {
			return false
		}
	}
	c, _ = nextHFS(name)
	return c == 0 || c == '/'
}

// nextHFS returns the next character that HFS+ sees, 0 at the end.
func nextHFS(name []byte) (rune, []byte) {
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		if r == utf8.RuneError && n < 2 || r == 0xfffe || r == 0xffff {
			return 0, nil
		}
		name = name[n:]
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			continue
		}
		return r, name
	}
	return 0, nil
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// at returns a byte of a name, 0 past its end.
func at(name []byte, i int) byte {
	if i < len(name) {
		return name[i]
	}
	return 0
}

// isNTFSDotGit reports whether NTFS takes a name for ".git": by its short form
// git~1, with spaces and periods at the end, or as a stream of it.
func isNTFSDotGit(name []byte) bool {
	i := 0
	switch {
	case hasFold(name, ".git"):
		i = 4
	case hasFold(name, "git~1"):
		i = 5
	default:
		return false
	}
	for ; ; i++ {
		switch at(name, i) {
		case 0, '\\', '/', ':':
			return true
		case '.', ' ':
		default:
			return false
		}
	}
}

// isNTFSDot reports whether NTFS takes a name for "." and word, whose fallback
// short names begin with short.
func isNTFSDot(name []byte, word, short string) bool {
	if at(name, 0) == '.' && hasFold(name[1:], word) {
		return endsLikeNTFS(name, len(word)+1)
	}
	if c := at(name, 7); hasFold(name, word[:6]) && at(name, 6) == '~' && c >= '1' && c <= '4' {
		return endsLikeNTFS(name, 8)
	}
	tilde, i := false, 0
	for ; i < 8; i++ {
		switch c := at(name, i); {
		case c == 0:
			return false
		case tilde:
			if !isDigit(c) {
				return false
			}
		case c == '~':
			i++
			if d := at(name, i); d < '1' || d > '9' {
				return false
			}
			tilde = true
		case i >= 6, lower(c) != short[i]:
			return false
		}
	}
	return endsLikeNTFS(name, i)
}

func endsLikeNTFS(name []byte, i int) bool {
	for ; ; i++ {
		switch at(name, i) {
		case 0, ':':
			return true
		case ' ', '.':
		default:
			return false
		}
	}
}

// hasFold reports whether name begins with a lower-case ASCII word in any case.
func hasFold(name []byte, word string) bool {
	if len(name) < len(word) {
		return false
	}
	for i := range len(word) {
		if lower(name[i]) != word[i] {
			return false
		}
	}
	return true
}
