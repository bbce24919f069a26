// Package object knows git's objects as values: their names (ids), their
// kinds, and what stands in a commit, a tag or a tree. It also knows the rules
// for the names of refs. It does no I/O, and everything that it parses may
// come from a stranger.
package object

// Format is the hash that a repository names its objects by.
type Format string

// The formats.
const (
	SHA1   Format = "sha1"
	SHA256 Format = "sha256"
)

// Valid reports whether f is one of the formats.
func (f Format) Valid() bool { return f == SHA1 || f == SHA256 }

// Size returns the length of an id in bytes.
func (f Format) Size() int {
	if f == SHA256 {
		return 32
	}
	return 20
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// Zero returns the id that stands for "nothing" in the protocol.
func (f Format) Zero() ID { return ID(zeros[:2*f.Size()]) }

// ID names an object: 40 or 64 lower-case hexadecimal digits. The empty ID
// names nothing.
type ID string

// ParseID reads a full id of either format. Upper-case digits are refused, as
// git's own protocol code never writes them.
func ParseID(s string) (ID, bool) {
	if len(s) != 40 && len(s) != 64 {
		return "", false
	}
	if !IsHex(s) {
		return "", false
	}
	return ID(s), true
}

// IsHex reports whether s consists of lower-case hexadecimal digits.
func IsHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ParseID reads a full id of this format.
func (f Format) ParseID(s string) (ID, bool) {
	id, ok := ParseID(s)
	return id, ok && len(s) == 2*f.Size()
}

// IsZero reports whether the id is empty or the protocol's "nothing".
func (id ID) IsZero() bool {
	for i := range len(id) {
		if id[i] != '0' {
			return false
		}
	}
	return true
}

// Short returns the first digits of the id, for people.
func (id ID) Short() string { return string(id[:min(len(id), 7)]) }

// Format is the format that an id of this length is of.
func (id ID) Format() Format {
	if len(id) == 2*SHA256.Size() {
		return SHA256
	}
	return SHA1
}

// Kind is the kind of an object.
type Kind string

// The kinds, in git's words.
const (
	KindCommit Kind = "commit"
	KindTree   Kind = "tree"
	KindBlob   Kind = "blob"
	KindTag    Kind = "tag"
)
