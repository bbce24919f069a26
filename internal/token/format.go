// Package token is the room of access tokens, those that people make for
// themselves and those that applications are given: the form of the string,
// scopes, life cycle, verification and the record of use. A token's plain text
// leaves this package once, when it is made, and is kept nowhere: the database
// holds a keyed digest and the last eight characters.
package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unsafe"

	"jeton/internal/narrow"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// Kind says what a token of this program is for. The numbers are stored.
type Kind uint8

// The kinds. Refresh and AppSecret open nothing by themselves; they have the
// same form, so that they are found where they must not be.
const (
	Personal    Kind = iota // classic, made by a person for themselves
	OAuth                   // given to an application
	Refresh                 // with which an application gets its next token
	AppSecret               // with which an application proves which one it is
	FineGrained             // made by a person for themselves, with permissions
	Exchanged               // given for minutes to a machine that another issuer vouched for
	Deploy                  // of one repository, and nobody's
)

var prefixes = [...]string{Personal: "jtp_", OAuth: "jto_", Refresh: "jtr_", AppSecret: "jtc_", FineGrained: "jtf_", Exchanged: "jts_", Deploy: "jtd_"}

// Kinds is how many kinds there are.
const Kinds = int(Deploy) + 1

var kindNames = [Kinds]string{"classic", "oauth", "refresh", "application secret", "fine-grained", "exchanged", "deploy"}

// String names the kind, for programs.
func (k Kind) String() string { return kindNames[k] }

// Personal reports whether people make tokens of the kind for themselves.
func (k Kind) Personal() bool { return k == Personal || k == FineGrained }

// Fine reports whether tokens of the kind have permissions within a reach, rather
// than scopes.
func (k Kind) Fine() bool { return k == FineGrained || k == Exchanged || k == Deploy }

// credentials is what a token of a kind is to a decision.
var credentials = [Kinds]right.CredentialKind{Personal: right.ClassicToken, OAuth: right.OAuthToken, FineGrained: right.FineToken, Exchanged: right.ExchangedToken, Deploy: right.DeployToken}

// Credential is what a token of the kind is to a decision.
func (k Kind) Credential() right.CredentialKind { return credentials[k] }

// KindFor is Credential the other way. For what is no token it means nothing.
func KindFor(c right.CredentialKind) Kind { return Kind(max(0, slices.Index(credentials[:], c))) }

// Prefix is how every token of the kind begins.
func (k Kind) Prefix() string { return prefixes[k] }

// Prefix starts every classic personal access token of this program.
const Prefix = "jtp_"

// Marker is what every kind begins with.
const Marker = "jt"

const (
	randomLen = 30
	checkLen  = 6
	// Length is the length of a token in bytes, of whatever kind: that of GitHub's.
	Length   = len(Prefix) + randomLen + checkLen
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformed is returned for a string that cannot be a token of this program.
var ErrMalformed = errors.New("not the form of a token")

// Generate draws a new token of the kind: the prefix, 30 random base62
// characters (178 bits) and the CRC-32 of those 30 in base62.
func Generate(k Kind) secret.Value {
	var b [Length]byte
	n := copy(b[:], k.Prefix())
	for n < len(Prefix)+randomLen {
		var buf [64]byte
		if _, err := rand.Read(buf[:]); err != nil {
			panic(fmt.Sprintf("token: no randomness: %v", err)) // crypto/rand.Read never fails since Go 1.24
		}
		for _, c := range buf {
			// 248 is the largest multiple of 62 below 256: a plain remainder
			// would favour the first characters.
			if c < 248 && n < len(Prefix)+randomLen {
				b[n] = alphabet[c%62]
				n++
			}
		}
	}
	sum := checksum(b[len(Prefix):n])
	copy(b[n:], sum[:])
	return secret.New(string(b[:]))
}

// checksum is the CRC-32 (IEEE) of random in base62, left-padded to six.
func checksum(random []byte) [checkLen]byte {
	v := crc32.ChecksumIEEE(random)
	var out [checkLen]byte
	for i := checkLen - 1; i >= 0; i-- {
		out[i] = alphabet[v%62]
		v /= 62
	}
	return out
}

// Parse reports whether plain has the shape and the checksum of a token of any
// kind. It looks nothing up and does not allocate.
func Parse(plain secret.Value) error {
	s := plain.Reveal()
	if _, ok := KindOf(s); !ok || len(s) != Length {
		return ErrMalformed
	}
	random := stringBytes(s[len(Prefix) : len(Prefix)+randomLen])
	for _, c := range random {
		if !alphanumeric(c) {
			return ErrMalformed
		}
	}
	want := checksum(random)
	if s[len(Prefix)+randomLen:] != string(want[:]) {
		return ErrMalformed
	}
	return nil
}

// KindOf tells a token's kind by how s begins, be the rest right or wrong.
func KindOf(s string) (Kind, bool) {
	if len(s) < len(Prefix) {
		return 0, false
	}
	switch s[:len(Prefix)] {
	case "jtp_":
		return Personal, true
	case "jto_":
		return OAuth, true
	case "jtr_":
		return Refresh, true
	case "jtc_":
		return AppSecret, true
	case "jtf_":
		return FineGrained, true
	case "jts_":
		return Exchanged, true
	case "jtd_":
		return Deploy, true
	}
	return 0, false
}

// opens reports whether s begins as what is presented with a request does.
func opens(s string) bool {
	k, ok := KindOf(s)
	return ok && k != Refresh && k != AppSecret
}

// deed names what was done to a token of the kind, as GitHub's security log does.
func (k Kind) deed(verb string) string {
	if k.Fine() {
		return "personal_access_token." + verb
	}
	return "oauth_access." + verb
}

// stringBytes views s as bytes without a copy, for those who only read: a
// verification must not allocate.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// MaxLength is how long a narrowed token may be; all others have Length.
const MaxLength = narrow.MaxLength

// Begins is how long the well-formed token is, of any kind or narrowed, with which
// text begins; 0: it begins with none.
func Begins(text string) int {
	if narrow.Is(text) {
		return narrow.Len(text)
	}
	if len(text) >= Length && Parse(secret.New(text[:Length])) == nil {
		return Length
	}
	return 0
}

// Find returns the first well-formed token inside text, of any kind or narrowed, and
// whether there is one. It is how a token that stands where it must not is noticed.
func Find(text string) (secret.Value, bool) {
	for {
		i := strings.Index(text, Marker)
		if i < 0 || len(text)-i < Length {
			return secret.Value{}, false
		}
		if n := Begins(text[i:]); n > 0 {
			return secret.New(text[i : i+n]), true
		}
		text = text[i+len(Marker):]
	}
}

// LooksLike reports whether s begins as a token of this program does, be the
// rest right or wrong.
func LooksLike(s string) bool {
	return len(s) > len(Prefix) && s[:2] == "jt" && s[3] == '_'
}

// foreign lists how the tokens of other hosts begin.
var foreign = [...]struct{ prefix, host string }{
	{"ghp_", "GitHub"}, {"gho_", "GitHub"}, {"ghu_", "GitHub"}, {"ghs_", "GitHub"}, {"ghr_", "GitHub"}, {"github_pat_", "GitHub"},
	{"glpat-", "GitLab"}, {"gldt-", "GitLab"}, {"glcbt-", "GitLab"}, {"glptt-", "GitLab"},
	{"ss_", "Soft Serve"}, {"ATBB", "Bitbucket"}, {"ATCTT", "Bitbucket"}, {"sourcehut_", "SourceHut"}, {"npm_", "npm"}, {"hf_", "Hugging Face"},
}

// Foreign names the host whose tokens begin as s does, or returns "".
func Foreign(s string) string {
	for _, f := range foreign {
		if len(s) >= len(f.prefix)+16 && strings.HasPrefix(s, f.prefix) {
			return f.host
		}
	}
	if len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" {
		return "Gitea, Forgejo or Gogs"
	}
	return ""
}
