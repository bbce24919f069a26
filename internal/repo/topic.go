package repo

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"jeton/internal/problem"
)

const (
	maxTopics   = 20
	maxTopic    = 50
	maxHomepage = 255
)

// joinTopics reads topics as GitHub does: in lower case, each once, letters,
// digits and hyphens. It fails with problem.Invalid for the field names.
func joinTopics(names []string) (string, error) {
	var out []string
	for _, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		if !isTopic(n) {
			return "", problem.Field("names", fmt.Sprintf("Topics must start with a lowercase letter or number, consist of %d characters or less, and can include hyphens.", maxTopic))
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if len(out) > maxTopics {
		return "", problem.Field("names", fmt.Sprintf("A repository cannot have more than %d topics.", maxTopics))
	}
	return strings.Join(out, " "), nil
}

func isTopic(s string) bool {
	if s == "" || len(s) > maxTopic || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// storedTopics is the form in which each topic is found by itself.
func storedTopics(topics string) string {
	if topics == "" {
		return ""
	}
	return " " + topics + " "
}

// TopicList returns the topics one by one.
func (r *Repo) TopicList() []string { return strings.Fields(r.Topics) }

// checkHomepage refuses what a page could not make a link of.
func checkHomepage(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > maxHomepage || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return problem.Field("homepage", fmt.Sprintf("homepage must be an address that starts with https:// or http://, of at most %d characters", maxHomepage))
	}
	return nil
}
