package object

import "bytes"

// Head is what the first lines of a commit link it to, in bytes: the part that
// walks over history need, read without a look at the rest.
type Head struct {
	Tree    [32]byte // the first 20 bytes, for SHA-1
	Parents [][32]byte
	Time    int64 // of the committer, in seconds; 0 when unreadable
}

// ParseHead reads the head of a commit. It fails when tree or parents can't be
// read.
func ParseHead(f Format, data []byte) (Head, bool) {
	var h Head
	rest, ok := bytes.CutPrefix(data, []byte("tree "))
	if ok {
		rest, ok = readID(f, rest, h.Tree[:])
	}
	for ok {
		line, more := bytes.CutPrefix(rest, []byte("parent "))
		if !more {
			break
		}
		var p [32]byte
		if rest, ok = readID(f, line, p[:]); ok {
			h.Parents = append(h.Parents, p)
		}
	}
	if !ok {
		return Head{}, false
	}
	if _, after, found := bytes.Cut(rest, []byte("\ncommitter ")); found {
		line, _, _ := bytes.Cut(after, []byte{'\n'})
		h.Time = lineTime(line)
	}
	return h, true
}

// lineTime reads the seconds behind the address of a line about a person.
func lineTime(line []byte) int64 {
	p := bytes.TrimLeft(line[bytes.LastIndexByte(line, '>')+1:], " ")
	var t int64
	for _, c := range p {
		if !isDigit(c) || t > 1<<40 {
			break
		}
		t = t*10 + int64(c-'0')
	}
	return t
}
