package main

import (
	"strconv"
	"strings"
	"time"
)

// parseLife reads a time to live: Go's form, or a number of days as "30d".
func parseLife(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, usageError("not a time to live: "+strconv.Quote(text), "Write it as 12h or 7d.")
}

// parseExpiry reads when a token ends: "never" (the zero time), a number of
// days as "30d", or a date, at whose end in UTC it ends.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		return d.AddDate(0, 0, 1).Add(-time.Second), nil // through that day, as on the pages
	}
	if life, err := parseLife(text); err == nil {
		return now.Add(life), nil
	}
	return time.Time{}, usageError("not an expiration: "+strconv.Quote(text), "Write it as 30d, as 2027-01-31, or as never.")
}
