package wire

import (
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

// Ref is one line of an advertisement.
type Ref struct {
	Name   string
	ID     object.ID
	Peeled object.ID // empty unless it is an annotated tag
}

// Advertisement is what a server tells of a repository's refs.
type Advertisement struct {
	Format object.Format
	Head   string // the ref that HEAD names; it need not exist
	Refs   []Ref  // sorted by name
}

func (a *Advertisement) headID() object.ID {
	for i := range a.Refs {
		if a.Refs[i].Name == a.Head {
			return a.Refs[i].ID
		}
	}
	return ""
}

// ServiceHead is what goes before a version 0 or 1 advertisement over HTTP.
func ServiceHead(b []byte, s Service) []byte {
	return pktline.AppendFlush(pktline.Append(b, "# service="+string(s)+"\n"))
}

// AppendV2Caps appends the capability advertisement of version 2.
func (a *Advertisement) AppendV2Caps(b []byte) []byte {
	b = pktline.Append(b, "version 2\n")
	b = pktline.Append(b, "agent="+Agent+"\n")
	b = pktline.Append(b, "ls-refs=unborn\n")
	// No ref-in-want: git answers a request with both want-ref and deepen in an
	// order that git does not understand (seen with 2.39).
	b = pktline.Append(b, "fetch=shallow wait-for-done filter\n")
	b = pktline.Append(b, "server-option\n")
	b = pktline.Append(b, "object-format="+string(a.Format)+"\n")
	return pktline.AppendFlush(b)
}

// AppendUpload appends the version 0 or 1 advertisement of upload-pack.
func (a *Advertisement) AppendUpload(b []byte, v Version) []byte {
	caps := []string{
		"multi_ack", "thin-pack", "side-band", "side-band-64k", "ofs-delta", "shallow", "deepen-since", "deepen-not",
		"deepen-relative", "no-progress", "include-tag", "multi_ack_detailed", "allow-tip-sha1-in-want",
		"allow-reachable-sha1-in-want", "no-done",
	}
	head := a.headID()
	if head != "" {
		caps = append(caps, "symref=HEAD:"+a.Head)
	}
	caps = append(caps, "filter", "object-format="+string(a.Format), "agent="+Agent)
	refs := make([]Ref, 0, len(a.Refs)+1)
	if head != "" {
		refs = append(refs, Ref{Name: "HEAD", ID: head})
	}
	for _, r := range a.Refs {
		refs = append(refs, r)
		if r.Peeled != "" {
			refs = append(refs, Ref{Name: r.Name + "^{}", ID: r.Peeled})
		}
	}
	return a.appendRefs(b, v, refs, caps)
}

// AppendReceive appends the advertisement of receive-pack, which has no
// version 2.
func (a *Advertisement) AppendReceive(b []byte, v Version) []byte {
	caps := []string{
		"report-status", "report-status-v2", "delete-refs", "side-band-64k", "quiet", "atomic", "ofs-delta", "push-options",
		"object-format=" + string(a.Format), "agent=" + Agent,
	}
	return a.appendRefs(b, v, a.Refs, caps)
}

func (a *Advertisement) appendRefs(b []byte, v Version, refs []Ref, caps []string) []byte {
	if v == V1 {
		b = pktline.Append(b, "version 1\n")
	}
	list := "\x00" + strings.Join(caps, " ")
	if len(refs) == 0 {
		b = pktline.Append(b, string(a.Format.Zero())+" capabilities^{}"+list+"\n")
	}
	for _, r := range refs {
		b = pktline.Append(b, string(r.ID)+" "+r.Name+list+"\n")
		list = ""
	}
	return pktline.AppendFlush(b)
}

// AppendLsRefs appends the answer to a version 2 ls-refs.
func (a *Advertisement) AppendLsRefs(b []byte, q *LsRefs) []byte {
	if q.wants("HEAD") {
		switch id := a.headID(); {
		case id != "":
			line := string(id) + " HEAD"
			if q.Symrefs {
				line += " symref-target:" + a.Head
			}
			b = pktline.Append(b, line+"\n")
		case q.Unborn && a.Head != "":
			line := "unborn HEAD"
			if q.Symrefs {
				line += " symref-target:" + a.Head
			}
			b = pktline.Append(b, line+"\n")
		}
	}
	for _, r := range a.Refs {
		if !q.wants(r.Name) {
			continue
		}
		line := string(r.ID) + " " + r.Name
		if q.Peel && r.Peeled != "" {
			line += " peeled:" + string(r.Peeled)
		}
		b = pktline.Append(b, line+"\n")
	}
	return pktline.AppendFlush(b)
}
