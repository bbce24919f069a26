package object

import "strings"

// MaxRefName is the longest ref name, in bytes, that can be. A file system
// allows 255 for each part; the whole must fit a lock file's path.
const MaxRefName = 1024

// CheckRefName reports whether name is a full ref name ("refs/heads/main") by
// the rules of git check-ref-format, and no longer than MaxRefName.
func CheckRefName(name string) bool {
	if len(name) > MaxRefName || !strings.HasPrefix(name, "refs/") || !strings.Contains(name[5:], "/") {
		return false
	}
	return checkParts(name)
}

// CheckBranchName reports whether name can be a branch, given without
// "refs/heads/". A leading hyphen and the name HEAD are refused too, as
// git branch refuses them.
func CheckBranchName(name string) bool {
	if name == "" || name[0] == '-' || name == "HEAD" {
		return false
	}
	return CheckRefName("refs/heads/" + name)
}

func checkParts(name string) bool {
	if strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c < 0x20, c == 0x7f, c == ' ', c == '~', c == '^', c == ':', c == '?', c == '*', c == '[', c == '\\':
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || len(part) > 200 {
			return false
		}
	}
	return true
}

// visible are the prefixes of the refs that clients may see and move. All
// others belong to the server: they are never advertised, fetched or pushed.
var visible = [...]string{"refs/heads/", "refs/tags/", "refs/notes/"}

// Visible reports whether clients may see and move a ref of this name.
func Visible(name string) bool {
	for _, p := range visible {
		if strings.HasPrefix(name, p) && len(name) > len(p) {
			return true
		}
	}
	return false
}
