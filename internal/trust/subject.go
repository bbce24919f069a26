package trust

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"jeton/internal/problem"
)

// The bounds of what a trust says, and of a subject that is looked at, in bytes.
const (
	maxSubject   = 512
	maxPresented = 2048
	maxWild      = 8 // wildcards of one pattern
)

// separator reports whether c parts two segments of a subject.
func separator(c byte) bool { return c == ':' || c == '/' }

// SubjectFits reports whether a whole subject fits a pattern. A "*" stands for any
// characters within one segment, also for none; segments are parted by ":" and "/".
// "**" stands for any characters at all. Everything else stands for itself, byte by
// byte. It takes at most the product of the two lengths.
func SubjectFits(pattern, subject string) bool {
	if len(pattern) > maxSubject || len(subject) > maxPresented || subject == "" || !plain(subject) {
		return false
	}
	// at[i]: what was read of the subject so far fits what is before place i.
	at, next := make([]bool, len(pattern)+1), make([]bool, len(pattern)+1)
	at[0] = true
	pass(pattern, at)
	for i := range len(subject) {
		c := subject[i]
		clear(next)
		for p := range len(pattern) {
			switch {
			case !at[p]:
			case pattern[p] != '*':
				next[p+1] = next[p+1] || pattern[p] == c
			case twice(pattern, p):
				next[p] = true
			default:
				next[p] = next[p] || !separator(c)
			}
		}
		pass(pattern, next)
		at, next = next, at
	}
	return at[len(pattern)]
}

// twice reports whether "**" begins at p.
func twice(pattern string, p int) bool { return strings.HasPrefix(pattern[p:], "**") }

// pass goes on over wildcards, which may stand for nothing. The second star of "**"
// is never a place where anything stops.
func pass(pattern string, at []bool) {
	for p := 0; p < len(pattern); p++ {
		if !at[p] || pattern[p] != '*' {
			continue
		}
		if twice(pattern, p) {
			at[p+2] = true
			continue
		}
		at[p+1] = true
	}
}

// shared are issuers that vouch for everybody's machines, and how their subjects
// must begin so that they name whose machine it is.
var shared = [...]struct {
	host   string
	starts []string
}{
	{"token.actions.githubusercontent.com", []string{"repo:", "repository:", "repository_owner:", "repository_owner_id:", "repository_id:"}},
	{"gitlab.com", []string{"project_path:", "project_id:", "namespace_path:", "namespace_id:"}},
	{"agent.buildkite.com", []string{"organization:"}},
	{"app.terraform.io", []string{"organization:"}},
	{"oidc.codefresh.io", []string{"account:"}},
}

// checkSubject refuses a pattern that does not pin down whom it is about.
func checkSubject(issuer, pattern string) error {
	wrong := func(text string) error { return problem.Field("subject", text) }
	switch {
	case pattern == "":
		return wrong("The subject can't be empty: without it anybody whom the issuer knows could come")
	case len(pattern) > maxSubject:
		return wrong("The subject is too long (maximum is 512 bytes)")
	case !plain(pattern):
		return wrong("The subject holds a character that can't be printed")
	case strings.Contains(pattern, "***") || strings.Count(pattern, "*") > maxWild:
		return wrong("The subject has too many wildcards")
	case pattern[0] == '*':
		return wrong("The subject can't begin with a wildcard: say whose machine it is first")
	case pinned(pattern) < 1:
		return wrong("The subject must begin with at least one whole segment without a wildcard, for example “team:”")
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil // which is said of the issuer
	}
	for _, s := range shared {
		if u.Hostname() != s.host {
			continue
		}
		starts := slices.ContainsFunc(s.starts, func(start string) bool { return strings.HasPrefix(pattern, start) })
		if !starts || pinned(pattern) < 2 {
			return wrong("Everybody can have tokens of this issuer: begin with “" + s.starts[0] + "OWNER”, without a wildcard in the owner")
		}
	}
	return nil
}

// pinned is how many whole segments stand before the first wildcard. Empty ones say
// nothing, and don't count.
func pinned(pattern string) int {
	before, _, wild := strings.Cut(pattern, "*")
	n, length := 0, 0
	for i := range len(before) {
		if !separator(before[i]) {
			length++
			continue
		}
		if length > 0 {
			n++
		}
		length = 0
	}
	if !wild && length > 0 {
		n++
	}
	return n
}

// plain reports whether s is text without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
}

// CheckURL refuses an address from which no keys are fetched: one that is not https,
// or that holds more than host and path. http is for this machine itself, if the
// administrator opened private networks.
func CheckURL(field, address string, private bool) error {
	wrong := func(text string) error { return problem.Field(field, text) }
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || !plain(address) || strings.ContainsAny(address, " \\"):
		return wrong("The " + field + " must be an https address")
	case len(address) > 512:
		return wrong("The " + field + " is too long (maximum is 512 bytes)")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(address, "#"):
		return wrong("The " + field + " can't hold a user name, a query or a fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && private && loopback(u.Hostname()):
		return nil
	}
	return wrong("The " + field + " must be an https address")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
