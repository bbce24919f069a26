package object

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signature is who did something and when. Name and Email may hold any bytes.
type Signature struct {
	Name, Email string
	When        time.Time // in the zone that was written; zero when unreadable
}

// Line is the value of an author's line. What would end a part of it is left out,
// as git does.
func (s Signature) Line() string {
	clean := func(text string) string {
		text = strings.Map(func(r rune) rune {
			if r == '<' || r == '>' || r == '\n' || r == '\r' || r == 0 {
				return -1
			}
			return r
		}, text)
		return strings.TrimSpace(text)
	}
	return fmt.Sprintf("%s <%s> %d %s", clean(s.Name), clean(s.Email), s.When.Unix(), s.When.Format("-0700"))
}

// Commit is one commit. Message may hold any bytes.
type Commit struct {
	ID        ID
	Tree      ID
	Parents   []ID
	Author    Signature
	Committer Signature
	Signed    bool   // it carries a signature, which nobody checked
	Proof     *Proof // that signature, and what it is of; nil when there is none
	Encoding  string // as written; empty for UTF-8
	Message   string
}

// Subject returns the first line of the message.
func (c *Commit) Subject() string {
	s, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	return strings.TrimSpace(s)
}

// Body returns what follows the subject.
func (c *Commit) Body() string {
	_, b, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	return strings.Trim(b, "\n")
}

// Tag is one annotated tag.
type Tag struct {
	ID      ID
	Target  ID
	Kind    Kind // of Target
	Name    string
	Tagger  Signature
	Message string // with the signature, if it has one at its end
	Proof   *Proof // the signature, and what it is of; nil when there is none
}

// Subject returns the first line of the message.
func (t *Tag) Subject() string {
	s, _, _ := strings.Cut(strings.TrimLeft(t.Message, "\n"), "\n")
	return strings.TrimSpace(s)
}

var errMalformed = errors.New("object is malformed")

// ParseCommit reads the content of a commit. It accepts what old git versions
// wrote, and fails only when tree or parents cannot be read.
func ParseCommit(id ID, data []byte) (Commit, error) {
	c := Commit{ID: id}
	message, err := headers(data, func(key, value string) error {
		var ok = true
		switch key {
		case "tree":
			c.Tree, ok = ParseID(value)
		case "parent":
			var p ID
			p, ok = ParseID(value)
			c.Parents = append(c.Parents, p)
		case "author":
			c.Author = ParseSignature(value)
		case "committer":
			c.Committer = ParseSignature(value)
		case "encoding":
			c.Encoding = value
		case "gpgsig", "gpgsig-sha256":
			c.Signed = true
		}
		if !ok {
			return errMalformed
		}
		return nil
	})
	if err == nil && c.Tree == "" {
		err = errMalformed
	}
	c.Message = message
	if c.Signed {
		c.Proof = commitProof(id.Format(), data)
	}
	return c, err
}

// ParseTag reads the content of an annotated tag.
func ParseTag(id ID, data []byte) (Tag, error) {
	t := Tag{ID: id}
	message, err := headers(data, func(key, value string) error {
		switch key {
		case "object":
			var ok bool
			if t.Target, ok = ParseID(value); !ok {
				return errMalformed
			}
		case "type":
			t.Kind = Kind(value)
		case "tag":
			t.Name = value
		case "tagger":
			t.Tagger = ParseSignature(value)
		}
		return nil
	})
	if err == nil && t.Target == "" {
		err = errMalformed
	}
	t.Message = message
	t.Proof = tagProof(data)
	return t, err
}

// headers calls f for each header line and returns the message. A line that
// begins with a space continues the one before it and is skipped.
func headers(data []byte, f func(key, value string) error) (string, error) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' {
			continue
		}
		key, value, _ := strings.Cut(string(line), " ")
		if err := f(key, value); err != nil {
			return "", err
		}
	}
	return string(data), nil
}

// ParseSignature reads "Name <email> seconds zone". What cannot be read stays
// empty: a broken line in an old commit must not hide the commit.
func ParseSignature(s string) Signature {
	var sig Signature
	open := strings.IndexByte(s, '<')
	end := strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		sig.Name = strings.TrimSpace(s)
		return sig
	}
	sig.Name = strings.TrimSpace(s[:open])
	sig.Email = s[open+1 : end]
	seconds, zone, _ := strings.Cut(strings.TrimSpace(s[end+1:]), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return sig
	}
	sig.When = time.Unix(n, 0).In(parseZone(zone))
	return sig
}

func parseZone(s string) *time.Location {
	if len(s) != 5 || (s[0] != '+' && s[0] != '-') {
		return time.UTC
	}
	n, err := strconv.Atoi(s[1:])
	if err != nil || n < 0 {
		return time.UTC
	}
	offset := (n/100)*3600 + (n%100)*60
	if s[0] == '-' {
		offset = -offset
	}
	return time.FixedZone(s, offset)
}

// Mode is the type and permission of a tree's entry, in git's octal numbers.
type Mode uint32

// The modes that git knows.
const (
	ModeDir        Mode = 0o040000
	ModeFile       Mode = 0o100644
	ModeExecutable Mode = 0o100755
	ModeSymlink    Mode = 0o120000
	ModeSubmodule  Mode = 0o160000
)

// IsDir, IsFile, IsSymlink and IsSubmodule tell the type of an entry, also for
// the odd permission bits that old histories hold.
func (m Mode) IsDir() bool { return m&0o170000 == ModeDir }

// IsFile reports whether the entry is a regular file.
func (m Mode) IsFile() bool { return m&0o170000 == 0o100000 }

// IsSymlink reports whether the entry is a symbolic link.
func (m Mode) IsSymlink() bool { return m&0o170000 == ModeSymlink }

// IsSubmodule reports whether the entry names a commit of another repository.
func (m Mode) IsSubmodule() bool { return m&0o170000 == ModeSubmodule }

// String returns the mode as git prints it: six octal digits.
func (m Mode) String() string {
	s := strconv.FormatUint(uint64(m), 8)
	return zeros[:max(0, 6-len(s))] + s
}

// ParseMode reads an octal mode.
func ParseMode(s string) (Mode, bool) {
	n, err := strconv.ParseUint(s, 8, 32)
	return Mode(n), err == nil && len(s) <= 7
}

// File is one entry of a tree, by its whole path.
type File struct {
	Path string
	Mode Mode
	ID   ID
}

// Entry is one line of a tree. Name may hold any byte but NUL and '/'.
type Entry struct {
	Name string
	Mode Mode
	ID   ID
}

// ParseTree calls f for each entry of a tree's content until f returns false.
func ParseTree(format Format, data []byte, f func(Entry) bool) error {
	size := format.Size()
	for len(data) > 0 {
		space := bytes.IndexByte(data, ' ')
		if space < 1 || space > 7 {
			return errMalformed
		}
		mode, ok := ParseMode(string(data[:space]))
		nul := bytes.IndexByte(data, 0)
		if !ok || nul < space+2 || len(data) < nul+1+size {
			return errMalformed
		}
		e := Entry{
			Name: string(data[space+1 : nul]),
			Mode: mode,
			ID:   ID(hex.EncodeToString(data[nul+1 : nul+1+size])),
		}
		data = data[nul+1+size:]
		if !f(e) {
			return nil
		}
	}
	return nil
}
