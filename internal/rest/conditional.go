package rest

import (
	"net/http"
	"strings"
	"time"
)

// changed notes when what is answered was last changed: the latest of times. The
// frame does the rest. A handler that cannot tell of every part notes nothing.
func (c *call) changed(times ...time.Time) {
	for _, t := range times {
		if t.After(c.changedAt) {
			c.changedAt = t
		}
	}
}

// lastModified is the value of the header of that name, or empty. A second that
// has not passed is not told: within it there could be another change, which
// nobody who has that second would ever see.
func (c *call) lastModified() string {
	if c.changedAt.IsZero() || !c.door.o.Now().Truncate(time.Second).After(c.changedAt) {
		return ""
	}
	return c.changedAt.UTC().Format(http.TimeFormat)
}

// has reports whether the caller has the answer already. What it says about the
// entity tag outweighs what it says about the time (RFC 9110, section 13.2.2).
func (c *call) has(etag, modified string) bool {
	if tags := c.r.Header.Values("If-None-Match"); len(tags) > 0 {
		return matches(strings.Join(tags, ","), etag)
	}
	since := c.r.Header.Values("If-Modified-Since")
	if len(since) != 1 || modified == "" {
		return false
	}
	t, err := http.ParseTime(since[0])
	return err == nil && !c.changedAt.Truncate(time.Second).After(t)
}

func matches(header, etag string) bool {
	for _, part := range strings.Split(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || part != "" && strings.TrimPrefix(part, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
