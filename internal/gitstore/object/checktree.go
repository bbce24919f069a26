package object

import (
	"bytes"
)

// Special marks files of a tree whose content git's strict checks look at.
type Special uint8

// The special files. An entry may be both, by a name with a backslash.
const (
	Gitmodules Special = 1 << iota
	Gitattributes
)

// RawEntry is one line of a tree as it stands there. Its slices are the
// caller's for the call only.
type RawEntry struct {
	Name    []byte
	ID      []byte // of the format's size
	Mode    Mode
	Special Special
}

// Kind is the kind that the entry's object must have; empty for a commit of
// another repository, which need not exist here. Odd modes count as git counts
// them.
func (e *RawEntry) Kind() Kind {
	switch {
	case e.Mode.IsDir():
		return KindTree
	case e.Mode.IsFile(), e.Mode.IsSymlink():
		return KindBlob
	}
	return ""
}

// maxTreeName is the longest name of a file, in bytes, that git's checks take
// (from 2.43 on; no file system has longer ones).
const maxTreeName = 4096

// NextEntry reads the first line of a tree's content, and returns what follows
// it. It fails on what git can't read, and on modes with more digits than any.
// It leaves Special alone.
func NextEntry(f Format, data []byte) (e RawEntry, rest []byte, ok bool) {
	n := 0
	for n < len(data) && data[n] != ' ' {
		if data[n] < '0' || data[n] > '7' || n == 7 {
			return e, nil, false
		}
		e.Mode = e.Mode<<3 | Mode(data[n]-'0')
		n++
	}
	if n == 0 || n == len(data) {
		return e, nil, false
	}
	data = data[n+1:]
	end := bytes.IndexByte(data, 0)
	if end < 1 || len(data) < end+1+f.Size() {
		return e, nil, false
	}
	e.Name, data = data[:end], data[end+1:]
	e.ID = data[:f.Size()]
	return e, data[f.Size():], true
}

// CheckTree holds the content of a tree against git's strict rules, and calls
// visit, if not nil, for each entry. Its error is a *Violation.
func CheckTree(f Format, data []byte, visit func(*RawEntry)) error {
	c := treeCheck{}
	for len(data) > 0 {
		e, rest, ok := NextEntry(f, data)
		if !ok {
			c.add(brokenTree)
			break
		}
		if data[0] == '0' {
			c.add(zeroPadded)
		}
		c.entry(&e)
		if visit != nil {
			visit(&e)
		}
		data = rest
	}
	return c.verdict()
}

// treeFault is one thing that can be wrong with a tree, in the order in which
// git tells of them.
type treeFault uint16

const (
	modulesLink treeFault = 1 << iota
	brokenTree
	nullID
	fullPath
	hasDot
	hasDotDot
	hasDotGit
	zeroPadded
	duplicates
	unsorted
	longName
	modulesFolder
	modulesCommit
	attributesFolder
	attributesCommit
)

type treeCheck struct {
	faults treeFault
	name   []byte // the entry before
	mode   Mode
	stack  [][]byte // files whose name a folder further down may have too
}

func (c *treeCheck) add(f treeFault) { c.faults |= f }

func (c *treeCheck) verdict() error {
	if c.faults == 0 {
		return nil
	}
	for _, t := range [...]struct {
		fault    treeFault
		id, text string
	}{
		{modulesLink, "gitmodulesSymlink", ".gitmodules is a symbolic link"},
		{brokenTree, "badTree", "cannot be parsed as a tree"},
		{nullID, "nullSha1", "contains entries pointing to null sha1"},
		{fullPath, "fullPathname", "contains full pathnames"},
		{hasDot, "hasDot", "contains '.'"},
		{hasDotDot, "hasDotdot", "contains '..'"},
		{hasDotGit, "hasDotgit", "contains '.git'"},
		{zeroPadded, "zeroPaddedFilemode", "contains zero-padded file modes"},
		{duplicates, "duplicateEntries", "contains duplicate file entries"},
		{unsorted, "treeNotSorted", "not properly sorted"},
		{longName, "largePathname", "contains excessively large pathname"},
		{modulesFolder, "gitmodulesBlob", "non-blob found at .gitmodules"},
		{modulesCommit, "gitmodulesMissing", "unable to read .gitmodules blob"},
		{attributesFolder, "gitattributesBlob", "non-blob found at .gitattributes"},
		{attributesCommit, "gitattributesMissing", "unable to read .gitattributes blob"},
	} {
		if c.faults&t.fault != 0 {
			return violation(t.id, t.text)
		}
	}
	return nil
}

func (c *treeCheck) entry(e *RawEntry) {
	if isNull(e.ID) {
		c.add(nullID)
	}
	if len(e.Name) > maxTreeName {
		c.add(longName)
	}
	c.checkName(e)
	if c.name != nil {
		c.order(e)
	}
	c.name, c.mode = e.Name, e.Mode
}

func isNull(id []byte) bool {
	for _, b := range id {
		if b != 0 {
			return false
		}
	}
	return true
}

// checkName looks at what a name means on the file systems that there are.
func (c *treeCheck) checkName(e *RawEntry) {
	name := e.Name
	backslash := bytes.IndexByte(name, '\\')
	if bytes.IndexByte(name, '/') >= 0 {
		c.add(fullPath)
	}
	// All that the rest looks for begins with one of these; most names don't.
	if first := name[0]; first == '.' || first == 'g' || first == 'G' || first == '~' || first >= 0x80 {
		switch {
		case string(name) == ".":
			c.add(hasDot)
		case string(name) == "..":
			c.add(hasDotDot)
		case isHFSDot(name, "git") || isNTFSDotGit(name):
			c.add(hasDotGit)
		}
		if isHFSDot(name, "gitmodules") || isNTFSDot(name, "gitmodules", "gi7eba") {
			c.modules(e)
		}
		if isHFSDot(name, "gitattributes") || isNTFSDot(name, "gitattributes", "gi7d29") {
			c.attributes(e)
		}
	}
	for backslash >= 0 {
		name = name[backslash+1:]
		if isNTFSDotGit(name) {
			c.add(hasDotGit)
		}
		if isNTFSDot(name, "gitmodules", "gi7eba") {
			c.modules(e)
		}
		backslash = bytes.IndexByte(name, '\\')
	}
}

// modules and attributes note a file that clients obey. Anything but a file there
// git finds out about when it reads what it names.
func (c *treeCheck) modules(e *RawEntry) {
	switch {
	case e.Mode.IsSymlink():
		c.add(modulesLink)
	case e.Kind() == KindTree:
		c.add(modulesFolder)
	case e.Kind() == "":
		c.add(modulesCommit)
	default:
		e.Special |= Gitmodules
	}
}

func (c *treeCheck) attributes(e *RawEntry) {
	switch {
	case e.Mode.IsSymlink(): // git only warns of it
	case e.Kind() == KindTree:
		c.add(attributesFolder)
	case e.Kind() == "":
		c.add(attributesCommit)
	default:
		e.Special |= Gitattributes
	}
}

// order compares an entry with the one before. git sorts a folder as if its name
// ended in a slash, so that a file of the same name may stand far before it.
func (c *treeCheck) order(e *RawEntry) {
	n := min(len(c.name), len(e.Name))
	if cmp := bytes.Compare(c.name[:n], e.Name[:n]); cmp != 0 {
		if cmp > 0 {
			c.add(unsorted)
		}
		return
	}
	if len(c.name) == len(e.Name) {
		c.add(duplicates)
		return
	}
	c1, c2 := charAt(c.name, n, c.mode), charAt(e.Name, n, e.Mode)
	switch {
	case c1 == 0 && c2 < '/':
		c.stack = append(c.stack, c.name)
	case c2 == '/' && c1 != 0 && c1 < '/':
		c.popTo(e.Name)
	}
	if c1 >= c2 {
		c.add(unsorted)
	}
}

// popTo looks among the files before for one of a folder's name.
func (c *treeCheck) popTo(name []byte) {
	for len(c.stack) > 0 {
		top := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		rest, ok := bytes.CutPrefix(name, top)
		if !ok {
			continue
		}
		if len(rest) == 0 {
			c.add(duplicates)
			return
		}
		if rest[0] < '/' {
			c.stack = append(c.stack, top)
			return
		}
	}
}

func charAt(name []byte, i int, m Mode) byte {
	switch {
	case i < len(name):
		return name[i]
	case m.IsDir():
		return '/'
	}
	return 0
}
