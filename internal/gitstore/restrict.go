package gitstore

import (
	"io"
	"slices"
	"strings"

	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/wire"
)

// restrict takes out of a request what git would do beyond what was checked. For
// who does not see all refs: git adds the tags of what it sends, whoever may see
// them; the client asks for those that it misses by itself. For who is counted: an
// answer of which nobody knows before whether it will have a pack.
func (f *Fetch) restrict() {
	f.asked = f.Want
	if f.Refs.Part {
		f.Want = f.Want.With("", "include-tag")
	}
	if f.Before == nil {
		return
	}
	option := ""
	if f.Version == wire.V2 && f.Want.Haves > 0 && !f.Want.Done {
		option = waitForDone
	}
	f.Want = f.Want.With(option, "no-done")
}

const waitForDone = "wait-for-done"

// changed is the request as restrict has left it.
func (f *Fetch) changed(in io.Reader) io.Reader {
	var drop []string
	if f.Refs.Part {
		drop = append(drop, "include-tag")
	}
	if f.Before != nil {
		drop = append(drop, "no-done")
	}
	add := f.asked != nil && f.Want.Has(waitForDone) && !f.asked.Has(waitForDone)
	if !add && drop == nil {
		return in
	}
	return &optionReader{in: pktline.NewReader(in), v2: f.Version == wire.V2, add: add, drop: drop}
}

// optionReader is a request with other options.
type optionReader struct {
	in   *pktline.Reader
	v2   bool
	add  bool // waitForDone, behind the delimiter
	drop []string
	caps bool // those of version 0 were read
	out  []byte
	err  error
}

// Read implements io.Reader.
func (o *optionReader) Read(p []byte) (int, error) {
	for len(o.out) == 0 {
		if o.err != nil {
			return 0, o.err
		}
		o.out, o.err = o.next(o.out[:0])
	}
	n := copy(p, o.out)
	o.out = o.out[n:]
	return n, nil
}

func (o *optionReader) next(b []byte) ([]byte, error) {
	kind, payload, err := o.in.Next()
	switch {
	case err != nil:
		return b, err
	case kind == pktline.Flush:
		return pktline.AppendFlush(b), nil
	case kind == pktline.Delim:
		b = pktline.AppendDelim(b)
		if o.add {
			b = pktline.Append(b, waitForDone+"\n")
		}
		return b, nil
	}
	line := string(payload)
	if o.v2 {
		if slices.Contains(o.drop, strings.TrimSuffix(line, "\n")) {
			return b, nil
		}
		return pktline.Append(b, line), nil
	}
	if !o.caps && strings.HasPrefix(line, "want ") {
		o.caps = true
		line = o.without(line)
	}
	return pktline.Append(b, line), nil
}

// without is the first want of version 0 without the options, which stand behind
// the id with white space between them. git reads no further than to a zero byte.
func (o *optionReader) without(line string) string {
	line, _, _ = strings.Cut(line, "\x00")
	words := strings.Fields(line)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return slices.Contains(o.drop, w) }), " ") + "\n"
}
