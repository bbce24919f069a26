package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

func pkt(b *bytes.Buffer, text string) { fmt.Fprintf(b, "%04x%s", len(text)+4, text) }

// LsRefs is the body that asks for refs as git does: all of them, or those of
// some prefixes.
func LsRefs(prefixes ...string) []byte {
	var b bytes.Buffer
	pkt(&b, "command=ls-refs\n")
	pkt(&b, "agent=git/2.39.5")
	pkt(&b, "object-format=sha1")
	b.WriteString("0001")
	pkt(&b, "peel\n")
	pkt(&b, "symrefs\n")
	for _, p := range prefixes {
		pkt(&b, "ref-prefix "+p+"\n")
	}
	b.WriteString("0000")
	return b.Bytes()
}

// Fetch is the body that asks for everything under the wanted ids, as a clone
// does; a depth of 0 is the whole history.
func Fetch(depth int, wants ...string) []byte {
	var b bytes.Buffer
	pkt(&b, "command=fetch")
	pkt(&b, "agent=git/2.39.5")
	pkt(&b, "object-format=sha1")
	b.WriteString("0001")
	pkt(&b, "thin-pack")
	pkt(&b, "no-progress")
	pkt(&b, "include-tag")
	pkt(&b, "ofs-delta")
	if depth > 0 {
		pkt(&b, "deepen "+strconv.Itoa(depth))
	}
	for _, w := range wants {
		pkt(&b, "want "+w+"\n")
	}
	pkt(&b, "done\n")
	b.WriteString("0000")
	return b.Bytes()
}

// Ref is one line of an answer to LsRefs.
type Ref struct{ ID, Name string }

// Refs reads the answer to LsRefs.
func Refs(body []byte) ([]Ref, error) {
	var out []Ref
	for len(body) >= 4 {
		n, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || int(n) > len(body) {
			return nil, errors.New("the answer to ls-refs is no pkt-line")
		}
		if n < 4 {
			return out, nil
		}
		f := strings.Fields(string(body[4:n]))
		if len(f) < 2 {
			return nil, fmt.Errorf("no ref: %q", body[4:n])
		}
		out = append(out, Ref{f[0], f[1]})
		body = body[n:]
	}
	return nil, errors.New("the answer to ls-refs has no end")
}
