// Package wire is git's smart protocol as values: what a client asks for, read
// from pkt-lines, and what a server answers, written as such. It reads only
// what it was given, bounds everything that it keeps, and knows neither
// repositories nor rights.
package wire

import (
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// Version is a version of git's protocol.
type Version int

// The versions. V0 is what a client speaks that asks for none.
const (
	V0 Version = iota
	V1
	V2
)

// ParseVersion reads the Git-Protocol header: keys separated by colons, of
// which the highest known version counts.
func ParseVersion(header string) Version {
	v := V0
	for key := range strings.SplitSeq(header, ":") {
		if n, ok := strings.CutPrefix(key, "version="); ok {
			if i, err := strconv.Atoi(n); err == nil && i >= 0 && i <= int(V2) {
				v = max(v, Version(i))
			}
		}
	}
	return v
}

// Service is one of the two services that git speaks over HTTP.
type Service string

// The services.
const (
	UploadPack  Service = "git-upload-pack"
	ReceivePack Service = "git-receive-pack"
)

// Agent is how the server names itself to git clients.
const Agent = "jeton"

// ErrMalformed means that a request is not one of git's.
var ErrMalformed = problem.New(problem.Invalid, "This is not a request of git's protocol.", "")

func malformed(format string, args ...any) error {
	return problem.Newf(problem.Invalid, format, args...)
}

var errTooMuch = problem.New(problem.TooLarge, "The request is too large.", "")

// Caps is a list of capabilities: names with or without a value.
type Caps []string

// ParseCaps splits a capability list.
func ParseCaps(s string) Caps { return strings.Fields(s) }

// Has reports whether a capability without a value was given.
func (c Caps) Has(name string) bool {
	for _, x := range c {
		if x == name {
			return true
		}
	}
	return false
}

// Value returns what follows "name=".
func (c Caps) Value(name string) (string, bool) {
	for _, x := range c {
		if v, ok := strings.CutPrefix(x, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// checkFormat refuses a client that speaks of another hash.
func checkFormat(value string, given bool, format object.Format) error {
	if given && value != string(format) || !given && format != object.SHA1 {
		return malformed("mismatched object format: this repository uses %s", format)
	}
	return nil
}

// shown is a piece of a request, fit to stand in an error.
func shown(s string) string {
	q := strconv.QuoteToASCII(s[:min(len(s), 60)])
	return q[1 : len(q)-1]
}

func isTooLong(s string, limit int) bool { return len(s) > limit }
