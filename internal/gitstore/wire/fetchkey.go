package wire

import (
	"crypto/sha256"
	"io"
	"slices"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/pktline"
)

// note adds to the digest of what the client has.
func (f *Fetch) note(text string) {
	if f.haves == nil {
		f.haves = sha256.New()
	}
	_, _ = io.WriteString(f.haves, text+"\n")
}

// told are capabilities by which a client tells of itself: they shape no answer.
var told = []string{"agent=", "session-id=", "object-format="}

// options are the lines and capabilities that shape the answer, sorted.
func (f *Fetch) options() []string {
	out := slices.Clone(f.lines)
	for _, c := range f.Caps {
		if !slices.ContainsFunc(told, func(prefix string) bool { return strings.HasPrefix(c, prefix) }) {
			out = append(out, "cap "+c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Has reports whether the client asks for an option of the protocol, such as
// include-tag, in whatever version.
func (f *Fetch) Has(option string) bool {
	return slices.Contains(f.lines, option) || f.Caps.Has(option)
}

// With returns the request with an option of version 2 more, and some less of
// whatever version.
func (f *Fetch) With(option string, without ...string) *Fetch {
	out := *f
	left := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(l string) bool { return slices.Contains(without, l) })
	}
	out.lines, out.Caps = left(f.lines), left(f.Caps)
	if option != "" && !slices.Contains(out.lines, option) {
		out.lines = append(out.lines, option)
	}
	return &out
}

// Packs reports whether the answer holds a pack, for one who is not given any
// before it is done.
func (f *Fetch) Packs(v Version) bool { return f.Done || v == V2 && f.Haves == 0 }

// Whole reports whether a request is for all that its wants reach, by a client
// that has nothing of it, and that takes the answer in frames of side-band-64k.
func (f *Fetch) Whole(v Version) bool {
	if f.haves != nil || len(f.Shallow) > 0 {
		return false
	}
	if v != V2 {
		return f.Done && len(f.lines) == 0 && f.Caps.Has("side-band-64k")
	}
	for _, line := range f.lines {
		switch line {
		case "thin-pack", "no-progress", "include-tag", "ofs-delta":
		default:
			return false
		}
	}
	return true
}

// ReadsRefs reports whether the names of refs, or when they moved, shape the
// answer beside the wants.
func (f *Fetch) ReadsRefs() bool {
	return f.Haves > 0 || len(f.DeepenNot) > 0 || slices.ContainsFunc(f.lines, func(l string) bool { return strings.HasPrefix(l, "deepen-since ") })
}

// Digest is the same for two requests of one version that get answers of equal
// worth: neither who asks nor the order of the wants matters to it.
func (f *Fetch) Digest() [32]byte {
	h := sha256.New()
	for _, ids := range [][]object.ID{f.Wants, f.Shallow} {
		for _, id := range sorted(ids) {
			_, _ = io.WriteString(h, string(id)+"\n")
		}
		_, _ = io.WriteString(h, "\n")
	}
	for _, line := range f.options() {
		_, _ = io.WriteString(h, line+"\n")
	}
	if f.Done {
		_, _ = io.WriteString(h, "\ndone\n")
	}
	if f.haves != nil {
		_, _ = h.Write(f.haves.Sum([]byte("\nhaves ")))
	}
	return [32]byte(h.Sum(nil))
}

func sorted(ids []object.ID) []object.ID {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}

// Like returns a request for other wants that is otherwise like f, which has no
// haves and no shallow ends: as a client of that version would send it.
func (f *Fetch) Like(v Version, format object.Format, wants []object.ID) []byte {
	var b []byte
	wants = sorted(wants)
	if v == V2 {
		b = pktline.AppendDelim(pktline.Append(pktline.Append(b, "command=fetch"), "object-format="+string(format)))
		for _, line := range f.options() {
			b = pktline.Append(b, line+"\n")
		}
		for _, id := range wants {
			b = pktline.Append(b, "want "+string(id)+"\n")
		}
		return pktline.AppendFlush(pktline.Append(b, "done\n"))
	}
	caps := " " + strings.Join(f.Caps, " ")
	for _, id := range wants {
		b = pktline.Append(b, "want "+string(id)+caps+"\n")
		caps = ""
	}
	for _, line := range f.lines {
		b = pktline.Append(b, line+"\n")
	}
	return pktline.Append(pktline.AppendFlush(b), "done\n")
}
