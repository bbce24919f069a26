package repo

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"jeton/internal/problem"
)

const (
	maxName        = 100
	maxDescription = 350 // characters
	maxBranch      = 200 // bytes; a loose ref is a file, with ".lock" beside it
	maxLogin       = 100 // a bound for look-ups alone; account has the grammar
)

// CheckName reports whether name may be given to a repository: ASCII letters,
// digits, '-', '_' and '.', at most 100 of them, not "." or "..", and without
// an ending that git or a wiki would claim.
func CheckName(name string) error {
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return problem.Field("name", "name is too short (minimum is 1 character)")
	case len(name) > maxName:
		return problem.Field("name", "name is too long (maximum is 100 characters)")
	case !nameBytes(name):
		return problem.Field("name", "name can only contain ASCII letters, digits, and the characters ., -, and _")
	case name == "." || name == "..":
		return problem.Field("name", "name is reserved")
	case strings.HasSuffix(lower, ".git"):
		return problem.Field("name", "name cannot end with .git")
	case strings.HasSuffix(lower, ".wiki"):
		return problem.Field("name", "name cannot end with .wiki")
	}
	return nil
}

func nameBytes(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// lookupKeys turns an owner and a name as they stand in a URL into the keys of
// the database. It reports false for what can be no name, so that nothing odd
// reaches a query.
func lookupKeys(owner, name string) (ownerKey, nameKey string, ok bool) {
	ownerKey, nameKey = strings.ToLower(owner), strings.ToLower(name)
	nameKey = strings.TrimSuffix(nameKey, ".git")
	ok = owner != "" && len(owner) <= maxLogin && nameBytes(owner) && CheckName(nameKey) == nil
	return ownerKey, nameKey, ok
}

func checkDescription(s string) error {
	switch {
	case !utf8.ValidString(s):
		return problem.Field("description", "description is not valid UTF-8")
	case utf8.RuneCountInString(s) > maxDescription:
		return problem.Field("description", "description is too long (maximum is 350 characters)")
	case strings.ContainsFunc(s, unicode.IsControl):
		return problem.Field("description", "description control characters are not allowed")
	}
	return nil
}

// CheckBranch reports whether git accepts s as the name of a branch.
// It follows git-check-ref-format, with --branch.
func CheckBranch(s string) error {
	bad := problem.Field("default_branch", "the default branch's name is not one that git accepts")
	if s == "" || len(s) > maxBranch || s == "@" || s == "HEAD" || s[0] == '-' || !utf8.ValidString(s) {
		return bad
	}
	if strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.HasSuffix(s, ".") {
		return bad
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) {
		return bad
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return bad
		}
	}
	return nil
}
