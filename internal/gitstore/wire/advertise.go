package wire

import (
	"slices"
	"sort"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

// Ref is one ref. Peeled is the object that an annotated tag finally names, and
// empty for everything else.
type Ref struct {
	Name   string
	ID     object.ID
	Peeled object.ID
}

// Commit returns what the ref finally names.
func (r Ref) Commit() object.ID {
	if r.Peeled != "" {
		return r.Peeled
	}
	return r.ID
}

// Short returns the name without "refs/heads/" or "refs/tags/".
func (r Ref) Short() string {
	if s, ok := strings.CutPrefix(r.Name, "refs/heads/"); ok {
		return s
	}
	return strings.TrimPrefix(r.Name, "refs/tags/")
}

// Advertisement is what a server tells of a repository's refs.
type Advertisement struct {
	Format object.Format
	Head   string // the ref that HEAD names; it need not exist
	Refs   []Ref  // sorted by name
}

func (a *Advertisement) headID() object.ID {
	i := a.from(a.Head)
	if i < len(a.Refs) && a.Refs[i].Name == a.Head {
		return a.Refs[i].ID
	}
	return ""
}

// from returns the place of the first ref whose name is not before name.
func (a *Advertisement) from(name string) int {
	return sort.Search(len(a.Refs), func(i int) bool { return a.Refs[i].Name >= name })
}

// ServiceHead is what goes before a version 0 or 1 advertisement over HTTP.
func ServiceHead(b []byte, s Service) []byte {
	return pktline.AppendFlush(pktline.Append(b, "# service="+string(s)+"\n"))
}

// Offer is what a server offers in version 2 beside what it always does.
type Offer struct {
	BundleURI bool // it has bundles to clone from
	Counted   bool // in the versions before: no pack is sent to who has not said that it is done
}

// AppendV2Caps appends the capability advertisement of version 2.
func (a *Advertisement) AppendV2Caps(b []byte, offer Offer) []byte {
	b = pktline.Append(b, "version 2\n")
	b = pktline.Append(b, "agent="+Agent+"\n")
	b = pktline.Append(b, "ls-refs=unborn\n")
	// No ref-in-want: git answers a request with both want-ref and deepen in an
	// order that git does not understand (seen with 2.39).
	b = pktline.Append(b, "fetch=shallow wait-for-done filter\n")
	b = pktline.Append(b, "server-option\n")
	b = pktline.Append(b, "object-format="+string(a.Format)+"\n")
	b = pktline.Append(b, "object-info\n")
	if offer.BundleURI {
		b = pktline.Append(b, "bundle-uri\n")
	}
	return pktline.AppendFlush(b)
}

// AppendUpload appends the version 0 or 1 advertisement of upload-pack.
func (a *Advertisement) AppendUpload(b []byte, v Version, offer Offer) []byte {
	caps := "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not" +
		" deepen-relative no-progress include-tag multi_ack_detailed allow-tip-sha1-in-want" +
		" allow-reachable-sha1-in-want"
	if !offer.Counted {
		caps += " no-done"
	}
	head := a.headID()
	if head != "" {
		caps += " symref=HEAD:" + a.Head
	}
	caps += " filter object-format=" + string(a.Format) + " agent=" + Agent
	l := a.list(b, v, caps)
	if head != "" {
		l.add(head, "HEAD", "")
	}
	for i := range a.Refs {
		r := &a.Refs[i]
		l.add(r.ID, r.Name, "")
		if r.Peeled != "" {
			l.add(r.Peeled, r.Name, "^{}")
		}
	}
	return l.end(a.Format)
}

// AppendReceive appends the advertisement of receive-pack, which has no
// version 2.
func (a *Advertisement) AppendReceive(b []byte, v Version) []byte {
	l := a.list(b, v, "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options"+
		" object-format="+string(a.Format)+" agent="+Agent)
	for i := range a.Refs {
		l.add(a.Refs[i].ID, a.Refs[i].Name, "")
	}
	return l.end(a.Format)
}

// list builds the lines of version 0 and 1: the first has the capabilities.
type list struct {
	b    []byte
	caps string
}

func (a *Advertisement) list(b []byte, v Version, caps string) *list {
	size := 0
	for i := range a.Refs {
		size += len(a.Refs[i].Name) + len(a.Refs[i].ID) + 6
		if a.Refs[i].Peeled != "" {
			size += len(a.Refs[i].Name) + len(a.Refs[i].ID) + 9
		}
	}
	b = slices.Grow(b, size+len(caps)+200)
	if v == V1 {
		b = pktline.Append(b, "version 1\n")
	}
	return &list{b: b, caps: caps}
}

func (l *list) add(id object.ID, name, suffix string) {
	start := len(l.b)
	b := append(l.b, "0000"...)
	b = append(append(b, id...), ' ')
	b = append(append(b, name...), suffix...)
	if l.caps != "" {
		b = append(append(b, 0), l.caps...)
		l.caps = ""
	}
	b = append(b, '\n')
	l.b = pktline.Frame(b, start)
}

func (l *list) end(f object.Format) []byte {
	if l.caps != "" {
		l.add(f.Zero(), "capabilities^{}", "")
	}
	return pktline.AppendFlush(l.b)
}

// Span is a part of a sorted list of refs, from Lo to before Hi.
type Span struct{ Lo, Hi int }

// Spans returns the parts of the list that a query asks for, in order and
// without overlap, and how many refs are in them.
func (a *Advertisement) Spans(q *LsRefs) (spans []Span, n int) {
	if len(q.Prefixes) == 0 {
		return []Span{{0, len(a.Refs)}}, len(a.Refs)
	}
	prefixes := slices.Clone(q.Prefixes)
	slices.Sort(prefixes)
	last := ""
	for i, p := range prefixes {
		if i > 0 && strings.HasPrefix(p, last) {
			continue // a shorter one has it all
		}
		last = p
		lo := a.from(p)
		hi := lo + sort.Search(len(a.Refs)-lo, func(i int) bool { return !strings.HasPrefix(a.Refs[lo+i].Name, p) })
		if hi > lo {
			spans, n = append(spans, Span{lo, hi}), n+hi-lo
		}
	}
	return spans, n
}

// AppendLsRefs appends the answer to a version 2 ls-refs, whose Spans the caller
// has.
func (a *Advertisement) AppendLsRefs(b []byte, q *LsRefs, spans []Span) []byte {
	n := 0
	for _, s := range spans {
		n += s.Hi - s.Lo
	}
	b = slices.Grow(b, n*(2*a.Format.Size()+48)+256)
	if q.wants("HEAD") {
		switch id := a.headID(); {
		case id != "":
			b = a.appendHead(b, string(id), q.Symrefs)
		case q.Unborn && q.Symrefs && a.Head != "":
			b = a.appendHead(b, "unborn", true)
		}
	}
	for _, s := range spans {
		for i := s.Lo; i < s.Hi; i++ {
			r := &a.Refs[i]
			start := len(b)
			b = append(b, "0000"...)
			b = append(append(b, r.ID...), ' ')
			b = append(b, r.Name...)
			if q.Peel && r.Peeled != "" {
				b = append(append(b, " peeled:"...), r.Peeled...)
			}
			b = pktline.Frame(append(b, '\n'), start)
		}
	}
	return pktline.AppendFlush(b)
}

func (a *Advertisement) appendHead(b []byte, id string, symref bool) []byte {
	line := id + " HEAD"
	if symref {
		line += " symref-target:" + a.Head
	}
	return pktline.Append(b, line+"\n")
}
