package httpkit

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// NodeID is GitHub's global identifier of one thing, in its older form: the
// kind's name and its number.
func NodeID(kind string, n int64) string { return NodeIDOf(kind, strconv.FormatInt(n, 10)) }

// NodeIDOf is NodeID for what has no number of its own.
func NodeIDOf(kind, key string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%02d:%s%s", len(kind), kind, key))
}

// ParseNodeID reads what NodeIDOf wrote.
func ParseNodeID(s string) (kind, key string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", "", false
	}
	size, rest, ok := strings.Cut(string(raw), ":")
	n, err := strconv.Atoi(size)
	if !ok || err != nil || n <= 0 || n >= len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}
