package repo

import (
	"strings"
	"unicode/utf8"

	"jeton/internal/pattern"
	"jeton/internal/printable"
	"jeton/internal/problem"
)

// ParsePattern reads a pattern for branches or tags by their names. Case does not
// matter. It fails with problem.Invalid for the field pattern.
func ParsePattern(text string) (pattern.Pattern, error) {
	bad := func(public string) (pattern.Pattern, error) {
		return pattern.Pattern{}, problem.Field("pattern", public)
	}
	switch {
	case text == "":
		return bad("Write a name or a pattern.")
	case len(text) > pattern.Max:
		return bad("The pattern is longer than 200 bytes.")
	case !utf8.ValidString(text), printable.Line(text, 0) != text, strings.ContainsAny(text, " ~:"):
		return bad("The pattern has a character that no branch or tag has in its name.")
	case strings.HasPrefix(text, "refs/"):
		return bad("Write the name alone, as main or v1.0, without refs/heads/ or refs/tags/ before it.")
	case text[0] == '/', strings.HasSuffix(text, "/"), strings.Contains(text, "//"):
		return bad("No branch or tag has an empty part between slashes in its name.")
	}
	p, err := pattern.Parse(text, pattern.Folded)
	if err != nil {
		return bad("A set that begins with [ needs its ], and a \\ the character that it takes as it is.")
	}
	return p, nil
}
