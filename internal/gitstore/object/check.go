package object

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// Violation is what git's strict checks (git fsck --strict, git index-pack
// --strict) hold against an object. Its text is git's own.
type Violation struct {
	ID   string // git's message id: "missingEmail"
	Text string
}

// Error implements error: "missingEmail: invalid author/committer line - missing email".
func (v *Violation) Error() string { return v.ID + ": " + v.Text }

func violation(id, text string) error { return &Violation{ID: id, Text: text} }

// Link is what an object refers to: an object that must exist, by its id in
// bytes, and the kind that it must have; empty where any will do.
type Link struct {
	ID   []byte // of the format's size; it is the callee's for the call only
	Kind Kind
}

// CheckCommit holds the content of a commit against git's strict rules, and
// calls link, if not nil, for its tree and its parents. Its error is a
// *Violation.
func CheckCommit(f Format, data []byte, link func(Link)) error {
	if err := checkHeaders(data); err != nil {
		return err
	}
	var id [32]byte
	rest, ok := bytes.CutPrefix(data, []byte("tree "))
	if !ok {
		return violation("missingTree", "invalid format - expected 'tree' line")
	}
	if rest, ok = readID(f, rest, id[:]); !ok {
		return violation("badTreeSha1", "invalid 'tree' line format - bad sha1")
	}
	if link != nil {
		link(Link{ID: id[:f.Size()], Kind: KindTree})
	}
	for {
		line, more := bytes.CutPrefix(rest, []byte("parent "))
		if !more {
			break
		}
		if rest, ok = readID(f, line, id[:]); !ok {
			return violation("badParentSha1", "invalid 'parent' line format - bad sha1")
		}
		if link != nil {
			link(Link{ID: id[:f.Size()], Kind: KindCommit})
		}
	}
	authors := 0
	for {
		line, more := bytes.CutPrefix(rest, []byte("author "))
		if !more {
			break
		}
		authors++
		var err error
		if rest, err = checkIdent(line); err != nil {
			return err
		}
	}
	switch {
	case authors < 1:
		return violation("missingAuthor", "invalid format - expected 'author' line")
	case authors > 1:
		return violation("multipleAuthors", "invalid format - multiple 'author' lines")
	}
	line, ok := bytes.CutPrefix(rest, []byte("committer "))
	if !ok {
		return violation("missingCommitter", "invalid format - expected 'committer' line")
	}
	if _, err := checkIdent(line); err != nil {
		return err
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return violation("nulInCommit", "NUL byte in the commit object body")
	}
	return nil
}

// CheckTag is CheckCommit for an annotated tag; its link is what it names.
func CheckTag(f Format, data []byte, link func(Link)) error {
	if err := checkHeaders(data); err != nil {
		return err
	}
	var id [32]byte
	rest, ok := bytes.CutPrefix(data, []byte("object "))
	if !ok {
		return violation("missingObject", "invalid format - expected 'object' line")
	}
	if rest, ok = readID(f, rest, id[:]); !ok {
		return violation("badObjectSha1", "invalid 'object' line format - bad sha1")
	}
	line, ok := bytes.CutPrefix(rest, []byte("type "))
	if !ok {
		return violation("missingTypeEntry", "invalid format - expected 'type' line")
	}
	name, rest, ok := bytes.Cut(line, []byte{'\n'})
	if !ok {
		return violation("missingType", "invalid format - unexpected end after 'type' line")
	}
	kind, ok := parseKind(name)
	if !ok {
		return violation("badType", "invalid 'type' value")
	}
	// Only a name that is there is asked for: what it is, git merely warns of.
	line, ok = bytes.CutPrefix(rest, []byte("tag "))
	if !ok {
		return violation("missingTagEntry", "invalid format - expected 'tag' line")
	}
	_, rest, ok = bytes.Cut(line, []byte{'\n'})
	if !ok {
		return violation("missingTag", "invalid format - unexpected end after 'type' line")
	}
	// The oldest tags have no tagger.
	if line, ok := bytes.CutPrefix(rest, []byte("tagger ")); ok {
		if _, err := checkIdent(line); err != nil {
			return err
		}
	}
	if len(data) < 2*f.Size()+24 { // git's parser, before any check
		return violation("badTagObject", "could not load tagged object")
	}
	if link != nil {
		link(Link{ID: id[:f.Size()], Kind: kind})
	}
	return nil
}

func parseKind(name []byte) (Kind, bool) {
	switch k := Kind(name); k {
	case KindCommit, KindTree, KindBlob, KindTag:
		return k, true
	}
	return "", false
}

// checkHeaders asks for an end of the header: an empty line, or at least the end
// of its last line.
func checkHeaders(data []byte) error {
	head := data
	if end := bytes.Index(data, []byte("\n\n")); end >= 0 {
		head = data[:end]
	} else if !bytes.HasSuffix(data, []byte{'\n'}) {
		if nul := bytes.IndexByte(data, 0); nul >= 0 {
			return nulInHeader(nul)
		}
		return violation("unterminatedHeader", "unterminated header")
	}
	if nul := bytes.IndexByte(head, 0); nul >= 0 {
		return nulInHeader(nul)
	}
	return nil
}

func nulInHeader(at int) error {
	return violation("nulInHeader", fmt.Sprintf("unterminated header: NUL at offset %d", at))
}

// readID decodes an id that ends its line. git reads digits of either case here.
func readID(f Format, line, id []byte) (rest []byte, ok bool) {
	n := 2 * f.Size()
	if len(line) <= n || line[n] != '\n' {
		return nil, false
	}
	for i := range n {
		d := line[i]
		switch {
		case d >= '0' && d <= '9':
			d -= '0'
		case d >= 'a' && d <= 'f':
			d -= 'a' - 10
		case d >= 'A' && d <= 'F':
			d -= 'A' - 10
		default:
			return nil, false
		}
		if i%2 == 0 {
			id[i/2] = d << 4
		} else {
			id[i/2] |= d
		}
	}
	return line[n+1:], true
}

const badLine = "invalid author/committer line - "

// checkIdent checks "Name <email> seconds zone" up to the end of its line, and
// returns what follows.
func checkIdent(line []byte) (rest []byte, err error) {
	p, rest, _ := bytes.Cut(line, []byte{'\n'})
	if bytes.HasPrefix(p, []byte{'<'}) {
		return nil, violation("missingNameBeforeEmail", badLine+"missing space before email")
	}
	i := bytes.IndexAny(p, "<>")
	switch {
	case i < 0:
		return nil, violation("missingEmail", badLine+"missing email")
	case p[i] == '>':
		return nil, violation("badName", badLine+"bad name")
	case p[i-1] != ' ':
		return nil, violation("missingSpaceBeforeEmail", badLine+"missing space before email")
	}
	p = p[i+1:]
	i = bytes.IndexAny(p, "<>")
	if i < 0 || p[i] != '>' {
		return nil, violation("badEmail", badLine+"bad email")
	}
	p, ok := bytes.CutPrefix(p[i+1:], []byte{' '})
	if !ok {
		return nil, violation("missingSpaceBeforeDate", badLine+"missing space before date")
	}
	return rest, checkDate(p)
}

// checkDate checks seconds and zone. It is as strict as git from 2.41 on: older
// ones also take a sign before the seconds, and line breaks.
func checkDate(p []byte) error {
	p = bytes.TrimLeft(p, " \t")
	n := 0
	for n < len(p) && isDigit(p[n]) {
		n++
	}
	switch {
	case n == 0:
		return violation("badDate", badLine+"bad date")
	case p[0] == '0' && (len(p) < 2 || p[1] != ' '):
		return violation("zeroPaddedDate", badLine+"zero-padded date")
	}
	if t, err := strconv.ParseUint(string(p[:n]), 10, 64); err != nil || t > math.MaxInt64 {
		return violation("badDateOverflow", badLine+"date causes integer overflow")
	}
	if n == len(p) || p[n] != ' ' {
		return violation("badDate", badLine+"bad date")
	}
	zone := p[n+1:]
	if len(zone) != 5 || zone[0] != '+' && zone[0] != '-' ||
		!isDigit(zone[1]) || !isDigit(zone[2]) || !isDigit(zone[3]) || !isDigit(zone[4]) {
		return violation("badTimezone", badLine+"bad time zone")
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
