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
	"slices"
	"strings"
	"unicode/utf8"

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
	// Go's base64 skips ends of lines, even when it is strict: a chain has one form.
	if check(body) != sum || strings.ContainsAny(body, "\r\n") {
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
	if !wellFormed(c.Links) {
		return nil, ErrMalformed
	}
	return c, nil
}

// wellFormed reports whether the links begin with a node, whether their nodes are
// such, and whether none is there twice: one that were below itself could not be
// shown.
func wellFormed(links []string) bool {
	if len(links) == 0 || !isNode(links[0]) {
		return false
	}
	var seen []string
	for _, l := range links {
		if !utf8.ValidString(l) { // it will be stored and shown
			return false
		}
		parts := strings.SplitN(l, "\n", 3)
		if parts[0] != NodeLink {
			continue
		}
		if !isNode(l) || slices.Contains(seen, parts[1]) {
			return false
		}
		seen = append(seen, parts[1])
	}
	return true
}

// Len is how long the narrowed token is with which text begins; 0: it begins with
// none. It is how one is found that stands where it must not. Most of what begins
// with the prefix alone is told apart by its first characters.
func Len(text string) int {
	const first = headLen + 12 // up to the name of the first link
	if !Is(text) || len(text) < len(Prefix)+first {
		return 0
	}
	body := text[len(Prefix):min(len(text), MaxLength)]
	b, err := base64.RawURLEncoding.DecodeString(body[:first])
	if err != nil || b[HeadBytes] != version || !bytes.HasPrefix(b[fixedBytes+1:], []byte(NodeLink+"\n")) {
		return 0
	}
	if end := strings.IndexFunc(body, func(r rune) bool { return !strings.ContainsRune(alphabet+"-_", r) }); end >= 0 {
		body = body[:end]
	}
	if b, err = base64.RawURLEncoding.DecodeString(body[:len(body)/4*4]); err != nil {
		return 0
	}
	// Behind each link the token may end, with its checksum.
	for at := fixedBytes; at < len(b); {
		n, size := binary.Uvarint(b[at:])
		if size <= 0 || n > uint64(len(b)-at-size) {
			return 0
		}
		at += size + int(n)
		end := base64.RawURLEncoding.EncodedLen(at) + checkLen
		if end <= len(body) && check(body[:end-checkLen]) == body[end-checkLen:end] {
			return len(Prefix) + end
		}
	}
	return 0
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
	for _, l := range limits {
		if name, _, _ := strings.Cut(l, "\n"); name == "" || name == NodeLink || strings.IndexByte(l, 0) >= 0 {
			return secret.Value{}, fmt.Errorf("%q is not a limit", l)
		}
	}
	for _, l := range append([]string{begin}, limits...) {
		c.Links = append(c.Links, l)
		key = extend(key, l)
	}
	if !wellFormed(c.Links) {
		return secret.Value{}, errors.New("a token has its number alone, and is told in UTF-8")
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

// First is the number of the first narrowing of links, which the root's holder
// alone can have made; empty without links.
func First(links []string) string {
	if len(links) == 0 {
		return ""
	}
	n := (&Chain{Links: links[:1]}).Steps()[0].Node
	return n.String()
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
