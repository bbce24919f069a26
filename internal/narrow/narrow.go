// Package narrow cuts weaker tokens out of stronger ones, offline: whoever holds a
// token appends restrictions to it, and the server, which knows the key that the
// token's secret gives, can tell that nothing was taken away again (a chain of
// HMACs, as in macaroons). The form is written down in docs/tokens.md with test
// vectors. This package does no I/O and knows no restriction's meaning.
package narrow

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"jeton/internal/secret"
)

// Prefix is how every narrowed token begins.
const Prefix = "jtn_"

// The labels under which a token's secret gives the two things that the server
// keeps of it. They are part of the stored form and never change.
const (
	lookupLabel = "jeton token lookup id v1"
	chainLabel  = "jeton token chain key v1"
)

const (
	version = 1
	// LookupBytes is the length of the name by which the server finds the root.
	LookupBytes = 16
	tagBytes    = sha256.Size
	// HeadBytes is the length of what names a narrowed token.
	HeadBytes  = LookupBytes + tagBytes
	headLen    = HeadBytes / 3 * 4 // in base64: without a rest
	fixedBytes = HeadBytes + 1
	checkLen   = 6
	// MaxLinks is how many links a chain may have.
	MaxLinks = 32
	// MaxLength is how long a narrowed token may be, in characters.
	MaxLength = 2048
)

// NodeLink is the name of the link that begins each narrowing: its first value is
// the number of the token that comes out, in hexadecimal, its second, if any, what
// its maker calls it.
const NodeLink = "node"

const (
	nodeBytes = 16
	maxNote   = 60
)

// The errors.
var (
	ErrMalformed = errors.New("not the form of a narrowed token")
	ErrTooLong   = errors.New("the token was narrowed too often: begin with the one from which it was made")
)

// Chain is a narrowed token that was read. Whether its tag is right, only the
// holder of the root's key can say.
type Chain struct {
	Lookup [LookupBytes]byte // names the root without telling it
	Links  []string
	tag    [tagBytes]byte
}

// derive is HMAC-SHA-256 of label under the token itself: whoever holds the token
// can compute it, nobody can go back.
func derive(token secret.Value, label string) []byte {
	h := hmac.New(sha256.New, []byte(token.Reveal()))
	h.Write([]byte(label))
	return h.Sum(nil)
}

// Lookup is the name by which the server finds a token that was not narrowed.
func Lookup(token secret.Value) []byte { return derive(token, lookupLabel)[:LookupBytes] }

// Key is the key with which the first link of a token's chain is made.
func Key(token secret.Value) []byte { return derive(token, chainLabel) }

// extend is the key that follows a link.
func extend(key []byte, link string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(link))
	return h.Sum(nil)
}

// Tag is what the links give, beginning with the root's key.
func Tag(key []byte, links []string) []byte {
	for _, l := range links {
		key = extend(key, l)
	}
	return key
}

// Good reports whether the chain was made from the token that has this key.
func (c *Chain) Good(key []byte) bool { return hmac.Equal(Tag(key, c.Links), c.tag[:]) }

// Is reports whether s begins as a narrowed token does.
func Is(s string) bool { return strings.HasPrefix(s, Prefix) }

// Head is the part of a narrowed token that names it: the root's name and the tag,
// which nobody can make for other links. It fails for what cannot be one, and
// allocates nothing.
func Head(s string) (head [HeadBytes]byte, ok bool) {
	if !Is(s) || len(s) > MaxLength || len(s) < len(Prefix)+headLen+checkLen {
		return head, false
	}
	_, err := base64.RawURLEncoding.Decode(head[:], []byte(s[len(Prefix):len(Prefix)+headLen]))
	return head, err == nil
}

// Parse reads a narrowed token.
func Parse(token secret.Value) (*Chain, error) {
	s := token.Reveal()
	if !Is(s) || len(s) > MaxLength || len(s) < len(Prefix)+checkLen {
		return nil, ErrMalformed
	}
	body, sum := s[len(Prefix):len(s)-checkLen], s[len(s)-checkLen:]
	if check(body) != sum {
		return nil, ErrMalformed
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(b) < fixedBytes || b[HeadBytes] != version {
		return nil, ErrMalformed
	}
	c := &Chain{}
	copy(c.Lookup[:], b)
	copy(c.tag[:], b[LookupBytes:])
	for rest := b[fixedBytes:]; len(rest) > 0; {
		n, size := binary.Uvarint(rest)
		// A length has one form, so that a chain does too; and no link has a zero byte,
		// so that they can be listed.
		if size <= 0 || n == 0 || n > uint64(len(rest)-size) || bytes.IndexByte(rest[size:size+int(n)], 0) >= 0 || size != len(binary.AppendUvarint(nil, n)) || len(c.Links) == MaxLinks {
			return nil, ErrMalformed
		}
		c.Links = append(c.Links, string(rest[size:size+int(n)]))
		rest = rest[size+int(n):]
	}
	if len(c.Links) == 0 || !isNode(c.Links[0]) {
		return nil, ErrMalformed
	}
	for _, l := range c.Links {
		if name, _, _ := strings.Cut(l, "\n"); name == NodeLink && !isNode(l) {
			return nil, ErrMalformed
		}
	}
	return c, nil
}

// token writes the chain as a token.
func (c *Chain) token() (secret.Value, error) {
	b := append(c.Lookup[:], c.tag[:]...)
	b = append(b, version)
	for _, l := range c.Links {
		b = binary.AppendUvarint(b, uint64(len(l)))
		b = append(b, l...)
	}
	body := base64.RawURLEncoding.EncodeToString(b)
	s := Prefix + body + check(body)
	if len(c.Links) > MaxLinks || len(s) > MaxLength {
		return secret.Value{}, ErrTooLong
	}
	return secret.New(s), nil
}

// Cut makes a weaker token out of token, which may be narrowed already: a node of
// that number, then the limits. note is what the new token is called; it may be
// empty. It returns ErrTooLong when there is no room for more.
func Cut(token secret.Value, node Node, note string, limits ...string) (secret.Value, error) {
	if note != strings.TrimSpace(note) || len(note) > maxNote || strings.ContainsAny(note, "\n\r\x00") {
		return secret.Value{}, fmt.Errorf("the note has at most %d bytes, on one line", maxNote)
	}
	c, key := &Chain{}, []byte(nil)
	if Is(token.Reveal()) {
		var err error
		if c, err = Parse(token); err != nil {
			return secret.Value{}, err
		}
		key = c.tag[:]
	} else {
		copy(c.Lookup[:], Lookup(token))
		key = Key(token)
	}
	begin := NodeLink + "\n" + node.String()
	if note != "" {
		begin += "\n" + note
	}
	for _, l := range append([]string{begin}, limits...) {
		c.Links = append(c.Links, l)
		key = extend(key, l)
	}
	copy(c.tag[:], key)
	return c.token()
}

// Node is the number of a narrowed token: drawn by who makes it, so that it can be
// ended alone.
type Node [nodeBytes]byte

// NewNode draws one.
func NewNode() Node {
	var n Node
	_, _ = rand.Read(n[:]) // never fails since Go 1.24
	return n
}

// String is the number in hexadecimal.
func (n Node) String() string { return hex.EncodeToString(n[:]) }

// ParseNode reads what String wrote.
func ParseNode(s string) (Node, bool) {
	var n Node
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != nodeBytes || hex.EncodeToString(b) != s {
		return n, false
	}
	copy(n[:], b)
	return n, true
}

func isNode(link string) bool {
	parts := strings.Split(link, "\n")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != NodeLink {
		return false
	}
	_, ok := ParseNode(parts[1])
	return ok && (len(parts) == 2 || parts[2] != "" && len(parts[2]) <= maxNote)
}

// Step is one narrowing of a chain.
type Step struct {
	Node   Node
	Note   string
	Limits []string
}

// Steps are the narrowings, from the root on.
func (c *Chain) Steps() []Step {
	var out []Step
	for _, l := range c.Links {
		parts := strings.Split(l, "\n")
		if parts[0] != NodeLink {
			last := &out[len(out)-1]
			last.Limits = append(last.Limits, l)
			continue
		}
		s := Step{}
		s.Node, _ = ParseNode(parts[1])
		if len(parts) == 3 {
			s.Note = parts[2]
		}
		out = append(out, s)
	}
	return out
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// check is the CRC-32 (IEEE) of body in base62, as the other tokens have it.
func check(body string) string {
	v := crc32.ChecksumIEEE([]byte(body))
	var out [checkLen]byte
	for i := checkLen - 1; i >= 0; i-- {
		out[i] = alphabet[v%62]
		v /= 62
	}
	return string(out[:])
}
