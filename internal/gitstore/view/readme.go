package view

import (
	"strings"

	"jeton/internal/gitstore/object"
)

// ReadmeOf chooses a folder's README, Markdown before plain text; "" when there is
// none.
func ReadmeOf(entries []object.Entry) string {
	best, rank := "", 4
	for _, e := range entries {
		if !e.Mode.IsFile() {
			continue
		}
		n := 4
		switch strings.ToLower(e.Name) {
		case "readme.md":
			n = 0
		case "readme.markdown":
			n = 1
		case "readme":
			n = 2
		case "readme.txt":
			n = 3
		}
		if n < rank {
			best, rank = e.Name, n
		}
	}
	return best
}
