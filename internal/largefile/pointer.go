package largefile

import (
	"strconv"
	"strings"
)

// MaxPointer is how many bytes the file has at most that stands in git for an
// object.
const MaxPointer = 1024

// ParsePointer reads the small file that stands in git for an object, as
// git-lfs's docs/spec.md has it: a line "version", then others by their names'
// order, among them the object's name and size.
func ParsePointer(file []byte) (Object, bool) {
	text, ok := strings.CutSuffix(string(file[:min(len(file), MaxPointer+1)]), "\n")
	if !ok || len(file) > MaxPointer {
		return Object{}, false
	}
	var o Object
	size, last := "", ""
	for i, line := range strings.Split(text, "\n") {
		key, value, ok := strings.Cut(line, " ")
		switch {
		case !ok, i == 0 && (key != "version" || value != "https://git-lfs.github.com/spec/v1"), i > 1 && key <= last:
			return Object{}, false
		case i > 0 && key == "oid":
			name, ok := strings.CutPrefix(value, "sha256:")
			if o.OID, ok = parsed(name, ok); !ok {
				return Object{}, false
			}
		case i > 0 && key == "size":
			size = value
		}
		last = key
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || o.OID == "" || strconv.FormatInt(n, 10) != size {
		return Object{}, false
	}
	o.Size = n
	return o, true
}

func parsed(name string, ok bool) (OID, bool) {
	if !ok {
		return "", false
	}
	return ParseOID(name)
}
