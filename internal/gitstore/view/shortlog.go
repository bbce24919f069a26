package view

import (
	"strconv"
	"strings"
)

// parseShortlog reads lines of a number, a tab, and "NAME <ADDRESS>".
func parseShortlog(text string) ([]Contributor, error) {
	var out []Contributor
	for line := range strings.Lines(text) {
		count, who, ok := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if !ok || err != nil {
			continue
		}
		if len(out) == maxContributors {
			return nil, tooManyContributors()
		}
		c := Contributor{Name: who, Commits: n}
		if at := strings.LastIndex(who, " <"); at >= 0 && strings.HasSuffix(who, ">") {
			c.Name, c.Email = who[:at], who[at+2:len(who)-1]
		}
		out = append(out, c)
	}
	return out, nil
}
