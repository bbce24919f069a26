package repo

import (
	"strconv"
	"strings"

	"jeton/internal/problem"
)

// What a search may be, as on GitHub.
const (
	maxSearch = 256 // bytes
	maxWords  = 8
)

// Search is what a person wrote to find repositories, taken apart. What it names
// is the caller's to look up, who knows what the person may know of.
type Search struct {
	Query
	Owners []string // logins, all of which must own what is found
	Repo   string   // OWNER/NAME, and only this one
}

// ParseSearch reads GitHub's syntax: words, and qualifiers such as user:,
// topic:, in:, fork:, archived:, is: and sort:. It fails with problem.Invalid for
// what is not available here.
func ParseSearch(text string) (Search, error) {
	var s Search
	if text = strings.TrimSpace(text); text == "" {
		return s, problem.Field("q", "q is needed")
	}
	if len(text) > maxSearch {
		return s, problem.Field("q", "The search is longer than "+strconv.Itoa(maxSearch)+" characters.")
	}
	no := false
	s.IsFork = &no // as GitHub: forks are left out unless they are asked for
	s.Sort, s.Descending = SortUpdated, true
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, `"`, ` `)) {
		if key, value, ok := strings.Cut(word, ":"); ok && value != "" {
			if err := s.qualify(strings.ToLower(key), value); err != nil {
				return s, err
			}
			continue
		}
		if s.Words = append(s.Words, word); len(s.Words) > maxWords {
			return s, problem.Field("q", "The search has more than "+strconv.Itoa(maxWords)+" words.")
		}
	}
	return s, nil
}

// qualify reads one qualifier.
func (s *Search) qualify(key, value string) error {
	switch key {
	case "user", "org", "owner":
		s.Owners = append(s.Owners, value)
	case "repo":
		if owner, name, ok := strings.Cut(value, "/"); !ok || owner == "" || name == "" || strings.Contains(name, "/") {
			return problem.Field("q", "repo: takes OWNER/NAME")
		}
		s.Repo = value
	case "in":
		for part := range strings.SplitSeq(value, ",") {
			of, ok := map[string]TextOf{"name": InName, "description": InDescription, "topics": InTopics, "readme": 0}[part]
			if !ok {
				return problem.Field("q", "in: takes name, description and topics")
			}
			s.In |= of
		}
	case "topic":
		s.Topics = append(s.Topics, value)
	case "fork":
		only := true
		switch value {
		case "true":
			s.IsFork = nil
		case "only":
			s.IsFork = &only
		default:
			return problem.Field("q", "fork: takes true or only")
		}
	case "archived":
		is := value == "true"
		s.IsArchived = &is
	case "is", "visibility":
		switch value {
		case "public":
			s.Visibility = OnlyPublic
		case "private":
			s.Visibility = OnlyPrivate
		default:
			return problem.Field("q", key+": takes public or private")
		}
	case "sort":
		by, direction, _ := strings.Cut(value, "-")
		if by != "updated" && by != "stars" && by != "forks" {
			return problem.Field("q", "sort: takes updated, updated-asc or updated-desc")
		}
		s.Descending = direction != "asc"
	default:
		return problem.Field("q", "the qualifier "+key[:min(len(key), 50)]+": is not available here")
	}
	return nil
}
