package bare

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Alternates is the variable that lets git see the objects of repositories, beside those of the one that
// it runs in.
func Alternates(repos ...*Repo) (string, error) {
	var list []string
	for _, r := range repos {
		path, err := filepath.Abs(filepath.Join(r.Dir, "objects"))
		if err != nil {
			return "", err
		}
		list = append(list, strconv.Quote(path)) // a colon would end it
	}
	return "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + strings.Join(list, ":"), nil
}
